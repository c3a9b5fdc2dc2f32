import { z } from 'zod';
import { EnforcementReceipt, Position } from './enforcement.js';
import { Id } from './ids.js';
import { principalOperation, revokingSeconds, serviceOperation } from './operation.js';
import { OwnerId } from './owners.contract.js';
import { Page, pageRequest } from './page.js';
import { Buckets } from './principal.js';
import { Name, Sealed, Sha256, Text, Time } from './text.js';

export const keyForms = ['bearer', 'client_credentials', 's3'] as const;
export const KeyForm = z.enum(keyForms);
export type KeyForm = z.infer<typeof KeyForm>;

export const credentialStatuses = ['active', 'disabled', 'expired', 'revoked'] as const;
export const CredentialStatus = z.enum(credentialStatuses);
export type CredentialStatus = z.infer<typeof CredentialStatus>;

export const KeyOwner = z.object({ kind: z.enum(['user', 'service_account']), id: z.string() });
export type KeyOwner = z.infer<typeof KeyOwner>;

const RateLimit = z.strictObject({
  requests: z.number().int().min(1).max(1_000_000),
  per_seconds: z.number().int().min(1).max(86_400),
});

const RoleName = Text(128).min(1, 'must not be empty');

/** JSON values in metadata are the operator's; only their size is ours. */
const Metadata = z
  .record(z.string().max(64), z.json())
  .refine((value) => JSON.stringify(value).length <= 4096, 'must be at most 4096 characters of JSON');

export const CreateApiKey = z.strictObject({
  name: Name,
  description: Text(500).nullable().default(null),
  forms: z
    .array(KeyForm)
    .min(1, 'must name at least one form')
    .max(keyForms.length)
    .refine((forms) => new Set(forms).size === forms.length, 'must not repeat a form')
    .default(['bearer']),
  roles: z.array(RoleName).max(64).default([]),
  permissions: z.array(RoleName).max(256).default([]),
  buckets: Buckets.optional(),
  service_account_id: Id('sa').optional(),
  networks: z.array(z.string().max(64)).min(1, 'must name a network, or be left out').max(100).optional(),
  rate_limit: RateLimit.optional(),
  expires_in_days: z
    .number('must be a whole number of days from 1 to 365, or null for no expiry')
    .int('must be a whole number of days from 1 to 365, or null for no expiry')
    .min(1, 'must be 1 to 365 days, or null for no expiry')
    .max(365, 'must be 1 to 365 days, or null for no expiry')
    .nullable()
    .default(90),
  metadata: Metadata.default({}),
});

/** What may be known of a key by whoever may view it. No secret, no digest. */
export const ApiKeyRecord = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  organization_id: z.string(),
  owner: KeyOwner,
  forms: z.array(KeyForm),
  key_prefix: z.string().nullable(),
  client_id: z.string().nullable(),
  access_key_id: z.string().nullable(),
  roles: z.array(z.string()),
  permissions: z.array(z.string()),
  buckets: Buckets.nullable(),
  networks: z.array(z.string()).nullable(),
  rate_limit: z.object({ requests: z.number(), per_seconds: z.number() }).nullable(),
  metadata: z.record(z.string(), z.unknown()),
  status: CredentialStatus,
  created_at: Time,
  created_by: z.string(),
  expires_at: Time.nullable(),
  revoked_at: Time.nullable(),
  revoked_by: z.string().nullable(),
  enforced_at: Time.nullable(),
  last_used_at: Time.nullable(),
  last_used_ip: z.string().nullable(),
  last_used_user_agent: z.string().nullable(),
  secrets: z.array(
    z.object({
      id: z.string(),
      form: KeyForm,
      access_key_id: z.string().optional(),
      created_at: Time,
      expires_at: Time.nullable(),
      last_used_at: Time.nullable(),
    }),
  ),
});
export type ApiKeyRecord = z.infer<typeof ApiKeyRecord>;

/** The secrets of a key, in its creating answer alone. A repeat under the same `Idempotency-Key` says only that they were shown. */
export const ShownCredentials = z.object({
  bearer_token: Sealed.optional(),
  client_id: z.string().optional(),
  client_secret: Sealed.optional(),
  secret_already_shown: z.literal(true).optional(),
});

/** What an enforcer needs to judge a key by: digests to compare with, never a secret. */
export const ResolvedKey = z.object({
  id: z.string(),
  organization_id: z.string(),
  owner: KeyOwner,
  client_id: z.string().nullable(),
  roles: z.array(z.string()),
  permissions: z.array(z.string()),
  buckets: Buckets.nullable(),
  networks: z.array(z.string()).nullable(),
  status: CredentialStatus,
  expires_at: Time.nullable(),
  secrets: z.array(z.object({ id: z.string(), form: KeyForm, sha256: Sha256, expires_at: Time.nullable() })),
});
export type ResolvedKey = z.infer<typeof ResolvedKey>;

export const ApiKey = {
  create: principalOperation({
    subject: 'api-key.create',
    permission: 'apikeys:manage',
    request: CreateApiKey,
    reply: ApiKeyRecord.extend({ credentials: ShownCredentials }),
  }),
  list: principalOperation({
    subject: 'api-key.list',
    permission: 'apikeys:view',
    request: z.strictObject({
      ...pageRequest,
      status: CredentialStatus.optional(),
      owner: Text(64).optional(),
      role: RoleName.optional(),
      q: Text(100).optional(),
    }),
    reply: Page(ApiKeyRecord),
  }),
  read: principalOperation({
    subject: 'api-key.read',
    permission: 'apikeys:view',
    request: z.strictObject({ id: z.string().max(64) }),
    reply: ApiKeyRecord,
  }),
  /** Answers only when every live enforcer refuses the key. Revoking it again answers with the first revocation. */
  revoke: principalOperation({
    subject: 'api-key.revoke',
    permission: 'apikeys:revoke',
    request: z.strictObject({ id: z.string().max(64) }),
    reply: ApiKeyRecord.extend({ enforcement: EnforcementReceipt }),
    timeoutSeconds: revokingSeconds,
  }),
  /**
   * Ends every live key of an owner who is gone, in one organization or in all: one that was made before `made_before`, since a
   * person may come back. Idempotent; answers when every live enforcer refuses them, with those that this very call ended.
   */
  revokeOwned: serviceOperation({
    subject: 'api-key.revoke-owned',
    callers: ['identity'],
    request: z.strictObject({
      owner_id: OwnerId,
      organization_id: Id('org').nullable(),
      revoked_by: z.string().max(64),
      because: z.enum(['user.removed', 'service-account.deleted']),
      made_before: Time,
    }),
    reply: z.object({ keys: z.array(z.string()) }),
    timeoutSeconds: revokingSeconds,
  }),
  /** The ids of an owner's live keys, for the record of what an owner's end takes with it. Nobody waits long for it. */
  listOwned: serviceOperation({
    subject: 'api-key.list-owned',
    callers: ['identity'],
    request: z.strictObject({ owner_id: OwnerId, organization_id: Id('org').nullable() }),
    reply: z.object({ keys: z.array(z.string()) }),
    timeoutSeconds: 2,
  }),
  /** The record by lookup part of the bearer form, by id, or by client id. `position` is where that was read. */
  resolve: serviceOperation({
    subject: 'api-key.resolve',
    callers: ['gateway', 'identity'],
    request: z.union([
      z.strictObject({ lookup: z.string().max(64) }),
      z.strictObject({ id: z.string().max(64) }),
      z.strictObject({ client_id: z.string().max(128) }),
    ]),
    reply: z.object({ position: Position, key: ResolvedKey.nullable() }),
  }),
} as const;
