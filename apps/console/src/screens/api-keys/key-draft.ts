import { type ApiKeyRecord, type ChangeOfKey, type CreateKey, type KeyForm } from '../../api/api-keys';
import { type GrantDraft } from '../grant/grant-draft';

export interface RateLimit {
  readonly requests: number;
  readonly per_seconds: number;
}

/** A key as a form holds it. */
export interface KeyDraft extends GrantDraft {
  readonly name: string;
  readonly description: string;
  /** A service account's id; null: whoever makes it. */
  readonly serviceAccount: string | null;
  readonly forms: readonly KeyForm[];
  readonly buckets: 'all' | readonly string[];
  /** None: any. */
  readonly networks: readonly string[];
  readonly rateLimit: RateLimit | null;
  /** Null: it does not end. */
  readonly expiresInDays: number | null;
  /** JSON, as it is typed. */
  readonly metadata: string;
}

export const emptyDraft: KeyDraft = {
  name: '',
  description: '',
  serviceAccount: null,
  roles: [],
  permissions: [],
  forms: ['bearer'],
  buckets: 'all',
  networks: [],
  rateLimit: null,
  expiresInDays: 90,
  metadata: '',
};

export const draftOf = (key: ApiKeyRecord): KeyDraft => ({
  ...emptyDraft,
  name: key.name,
  description: key.description ?? '',
  roles: key.roles,
  permissions: key.permissions,
  forms: key.forms,
  buckets: key.buckets ?? 'all',
  networks: key.networks ?? [],
  rateLimit: key.rate_limit,
  metadata: Object.keys(key.metadata).length === 0 ? '' : JSON.stringify(key.metadata, null, 2),
});

/** Undefined: it is no JSON object. Nothing typed is an empty one. */
export function metadataOf(typed: string): Record<string, unknown> | undefined {
  if (typed.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(typed);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** What creates it. @param reachesBuckets whether the grant holds anything that is bound to buckets */
export function createBody(draft: KeyDraft, reachesBuckets: boolean): CreateKey {
  const { name, description, serviceAccount, forms, roles, permissions, buckets, networks, rateLimit } = draft;
  return {
    name: name.trim(),
    description: description.trim() || null,
    forms: [...forms],
    roles: [...roles],
    permissions: [...permissions],
    expires_in_days: draft.expiresInDays,
    metadata: metadataOf(draft.metadata) ?? {},
    ...(reachesBuckets && { buckets: buckets === 'all' ? buckets : [...buckets] }),
    ...(serviceAccount !== null && { service_account_id: serviceAccount }),
    ...(networks.length > 0 && { networks: [...networks] }),
    ...(rateLimit && { rate_limit: rateLimit }),
  };
}

/** Of what a form holds, what the key is not already. */
export function changeOf(key: ApiKeyRecord, draft: KeyDraft): ChangeOfKey {
  const now = draftOf(key);
  const { name, description, roles, permissions, buckets, networks, rateLimit, metadata } = draft;
  const differs = (field: keyof KeyDraft) => plain(draft[field]) !== plain(now[field]);
  return {
    ...(differs('name') && { name: name.trim() }),
    ...(differs('description') && { description: description.trim() || null }),
    ...(differs('roles') && { roles: [...roles] }),
    ...(differs('permissions') && { permissions: [...permissions] }),
    ...(differs('buckets') && { buckets: buckets === 'all' ? buckets : [...buckets] }),
    ...(differs('networks') && { networks: networks.length > 0 ? [...networks] : null }),
    ...(differs('rateLimit') && { rate_limit: rateLimit }),
    ...(differs('metadata') && { metadata: metadataOf(metadata) ?? {} }),
  };
}

/** Lists here are sets. */
const plain = (value: unknown): string =>
  JSON.stringify(Array.isArray(value) ? [...(value as unknown[])].sort() : value);
