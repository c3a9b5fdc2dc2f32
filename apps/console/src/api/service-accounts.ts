import { queryOptions } from '@tanstack/react-query';
import { type Repeatable } from './change';
import { answered, api } from './client';
import { type AnswerOf, type BodyOf } from './documented';
import { type Listed, useList } from './list';

export type ServiceAccountRecord = AnswerOf<'getV1ServiceAccountsId', 200>;
type Create = BodyOf<'postV1ServiceAccounts'>;
type Change = BodyOf<'patchV1ServiceAccountsId'>;

export const kind = 'service-accounts';

export interface ServiceAccountFilter {
  readonly q?: string;
  readonly status?: string;
}

const statuses = ['active', 'disabled', 'deleted'] as const;
const statusOf = (status: string | undefined) => statuses.find((one) => one === status);

export function useServiceAccounts({ q, status }: ServiceAccountFilter): Listed<ServiceAccountRecord> {
  return useList([kind, 'list', q, status], (cursor, signal) =>
    answered(
      api.GET('/v1/service-accounts', {
        signal,
        params: { query: { cursor, q: q || undefined, status: statusOf(status) } },
      }),
    ),
  );
}

export const oneServiceAccount = (id: string) =>
  queryOptions({
    queryKey: [kind, id],
    queryFn: ({ signal }) => answered(api.GET('/v1/service-accounts/{id}', { signal, params: { path: { id } } })),
  });

export const createServiceAccount = (body: Create, headers: Repeatable) =>
  answered(api.POST('/v1/service-accounts', { body, headers }));

export const changeServiceAccount = ({ id, ...body }: Change & { id: string }, headers: Repeatable) =>
  answered(api.PATCH('/v1/service-accounts/{id}', { params: { path: { id } }, body, headers }));

export const enableServiceAccount = ({ id }: { id: string }, headers: Repeatable) =>
  answered(api.POST('/v1/service-accounts/{id}/enable', { params: { path: { id } }, headers }));

export const disableServiceAccount = ({ id }: { id: string }, headers: Repeatable) =>
  answered(api.POST('/v1/service-accounts/{id}/disable', { params: { path: { id } }, headers }));

export const deleteServiceAccount = ({ id }: { id: string }, headers: Repeatable) =>
  answered(api.DELETE('/v1/service-accounts/{id}', { params: { path: { id } }, headers }));
