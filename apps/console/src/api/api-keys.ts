import { queryOptions } from '@tanstack/react-query';
import { type Repeatable } from './change';
import { answered, api } from './client';
import { type AnswerOf, type BodyOf } from './documented';
import { type Listed, useList } from './list';
import { mergedPage } from './merged-page';

export type ApiKeyRecord = AnswerOf<'getV1ApiKeysId', 200>;
/** The record with its secrets: what creating and rotating answer, once. */
export type IssuedKey = AnswerOf<'postV1ApiKeys', 201>;
export type Credentials = IssuedKey['credentials'];
export type KeyRequest = AnswerOf<'getV1ApiKeysRequests', 200>['items'][number];
export type FoundLeaks = AnswerOf<'postV1ApiKeysLeaks', 200>;
export type CreateKey = BodyOf<'postV1ApiKeys'>;
export type ChangeOfKey = BodyOf<'patchV1ApiKeysId'>;
export type KeyForm = ApiKeyRecord['forms'][number];

export const kind = 'api-keys';
/** Asking about a key's requests is costlier, and they change without anybody's doing here. */
const requestsKind = 'key-requests';

/** As they stand in the address: '' is no filter. */
export interface KeyFilter {
  readonly q: string;
  readonly status: string;
  readonly owner: string;
  readonly role: string;
  readonly unused_days: string;
  readonly expiring_in_days: string;
}

const statuses = ['active', 'disabled', 'expired', 'revoked'] as const;

const queryOf = ({ q, status, owner, role, unused_days, expiring_in_days }: Partial<KeyFilter>) => ({
  q: q || undefined,
  status: statuses.find((one) => one === status),
  owner: owner || undefined,
  role: role || undefined,
  unused_days: Number(unused_days) || undefined,
  expiring_in_days: Number(expiring_in_days) || undefined,
});

const pageOfKeys = (filter: Partial<KeyFilter>, cursor: string | undefined, signal: AbortSignal) =>
  answered(api.GET('/v1/api-keys', { signal, params: { query: { ...queryOf(filter), cursor } } }));

export function useApiKeys(filter: KeyFilter): Listed<ApiKeyRecord> {
  return useList([kind, 'list', filter], (cursor, signal) => pageOfKeys(filter, cursor, signal));
}

/**
 * The keys that have one of several roles, newest first. The API narrows by one role, so each is asked for and their pages are put
 * together.
 */
export function useApiKeysOf(roles: readonly string[], filter: Partial<KeyFilter>): Listed<ApiKeyRecord> {
  return useList([kind, 'of', roles, filter], (cursor, signal) =>
    mergedPage(roles, cursor, (role, at) => pageOfKeys({ ...filter, role }, at, signal)),
  );
}

export const oneApiKey = (id: string) =>
  queryOptions({
    queryKey: [kind, id],
    queryFn: ({ signal }) => answered(api.GET('/v1/api-keys/{id}', { signal, params: { path: { id } } })),
  });

export function useKeyRequests(apiKeyId: string): Listed<KeyRequest> {
  return useList([requestsKind, apiKeyId], (cursor, signal) =>
    answered(
      api.GET('/v1/api-keys/requests', {
        signal,
        params: { query: { api_key_id: apiKeyId, limit: 20, cursor } },
      }),
    ),
  );
}

export const createApiKey = (body: CreateKey, headers: Repeatable): Promise<IssuedKey> =>
  answered(api.POST('/v1/api-keys', { body, headers }));

export const changeApiKey = ({ id, ...body }: ChangeOfKey & { id: string }, headers: Repeatable) =>
  answered(api.PATCH('/v1/api-keys/{id}', { params: { path: { id } }, body, headers }));

export const rotateApiKey = ({ id, ...body }: { id: string; overlap_seconds: number }, headers: Repeatable) =>
  answered(api.POST('/v1/api-keys/{id}/rotate', { params: { path: { id } }, body, headers }));

export const enableApiKey = ({ id }: { id: string }, headers: Repeatable) =>
  answered(api.POST('/v1/api-keys/{id}/enable', { params: { path: { id } }, headers }));

export const disableApiKey = ({ id }: { id: string }, headers: Repeatable) =>
  answered(api.POST('/v1/api-keys/{id}/disable', { params: { path: { id } }, headers }));

export const revokeApiKey = ({ id }: { id: string }, headers: Repeatable) =>
  answered(api.DELETE('/v1/api-keys/{id}', { params: { path: { id } }, headers }));

/** Which keys of the organization stand in a text. It has no `Idempotency-Key`: a repeat finds the same. */
export const findLeaks = (body: { text: string; since: string; revoke: boolean }): Promise<FoundLeaks> =>
  answered(api.POST('/v1/api-keys/leaks', { body }));
