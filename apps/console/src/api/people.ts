import { queryOptions } from '@tanstack/react-query';
import type { operations } from '../../generated/openapi';
import { type Repeatable } from './change';
import { answered, api } from './client';
import { type Listed, useList } from './list';

export type Person = operations['getV1UsersId']['responses'][200]['content']['application/json'];
export type AddedPerson = operations['postV1Users']['responses'][201]['content']['application/json'];
export type InvitedPerson = operations['postV1UsersIdInvitation']['responses'][200]['content']['application/json'];
type Create = operations['postV1Users']['requestBody']['content']['application/json'];
type Change = operations['patchV1UsersId']['requestBody']['content']['application/json'];
type Password = operations['postV1UsersIdPassword']['requestBody']['content']['application/json'];

export const kind = 'users';

export interface PeopleFilter {
  readonly q?: string;
  readonly status?: string;
  /** Those that were given this very role. */
  readonly role?: string;
}

const statuses = ['active', 'invited', 'disabled'] as const;
const statusOf = (status: string | undefined) => statuses.find((one) => one === status);

export function usePeople({ q, status, role }: PeopleFilter): Listed<Person> {
  return useList([kind, 'list', q, status, role], (cursor, signal) =>
    answered(
      api.GET('/v1/users', {
        signal,
        params: { query: { cursor, q: q || undefined, status: statusOf(status), role: role || undefined } },
      }),
    ),
  );
}

export const onePerson = (id: string) =>
  queryOptions({
    queryKey: [kind, id],
    queryFn: ({ signal }) => answered(api.GET('/v1/users/{id}', { signal, params: { path: { id } } })),
  });

export const addPerson = (body: Create, headers: Repeatable) => answered(api.POST('/v1/users', { body, headers }));

export const changePerson = ({ id, ...body }: Change & { id: string }, headers: Repeatable) =>
  answered(api.PATCH('/v1/users/{id}', { params: { path: { id } }, body, headers }));

export const removePerson = ({ id }: { id: string }, headers: Repeatable) =>
  answered(api.DELETE('/v1/users/{id}', { params: { path: { id } }, headers }));

export const invitePerson = ({ id }: { id: string }, headers: Repeatable) =>
  answered(api.POST('/v1/users/{id}/invitation', { params: { path: { id } }, headers }));

/** One's own with the current one; another's by whoever manages people. It knows no `Idempotency-Key`. */
export const setPassword = ({ id, ...body }: Password & { id: string }) =>
  answered(api.POST('/v1/users/{id}/password', { params: { path: { id } }, body }));
