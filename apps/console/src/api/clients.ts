import { queryOptions } from '@tanstack/react-query';
import { type Repeatable } from './change';
import { answered, api } from './client';
import { type AnswerOf, type BodyOf } from './documented';
import { type Listed, useList } from './list';

export type ClientRecord = AnswerOf<'getV1ClientsId', 200>;
type Create = BodyOf<'postV1Clients'>;
type Change = BodyOf<'patchV1ClientsId'>;

export const kind = 'clients';

export interface ClientFilter {
  readonly q: string;
  readonly status: string;
}

const statuses = ['active', 'disabled', 'revoked'] as const;
const statusOf = (status: string) => statuses.find((one) => one === status);

export function useClients({ q, status }: ClientFilter): Listed<ClientRecord> {
  return useList([kind, 'list', q, status], (cursor, signal) =>
    answered(
      api.GET('/v1/clients', { signal, params: { query: { cursor, q: q || undefined, status: statusOf(status) } } }),
    ),
  );
}

export const oneClient = (id: string) =>
  queryOptions({
    queryKey: [kind, id],
    queryFn: ({ signal }) => answered(api.GET('/v1/clients/{id}', { signal, params: { path: { id } } })),
  });

export const createClient = (body: Create, headers: Repeatable) => answered(api.POST('/v1/clients', { body, headers }));

export const changeClient = ({ id, ...body }: Change & { id: string }, headers: Repeatable) =>
  answered(api.PATCH('/v1/clients/{id}', { params: { path: { id } }, body, headers }));

export const rotateClient = (
  { id, ...body }: { id: string; public_key: string; overlap_seconds: number },
  headers: Repeatable,
) => answered(api.POST('/v1/clients/{id}/rotate', { params: { path: { id } }, body, headers }));

export const enableClient = ({ id }: { id: string }, headers: Repeatable) =>
  answered(api.POST('/v1/clients/{id}/enable', { params: { path: { id } }, headers }));

export const disableClient = ({ id }: { id: string }, headers: Repeatable) =>
  answered(api.POST('/v1/clients/{id}/disable', { params: { path: { id } }, headers }));

export const deleteClient = ({ id }: { id: string }, headers: Repeatable) =>
  answered(api.DELETE('/v1/clients/{id}', { params: { path: { id } }, headers }));
