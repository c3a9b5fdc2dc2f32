import { queryOptions } from '@tanstack/react-query';
import { type Repeatable } from './change';
import { answered, api } from './client';
import { type AnswerOf, type BodyOf } from './documented';
import { type Listed, useList } from './list';

export type Person = AnswerOf<'getV1UsersId', 200>;
export type AddedPerson = AnswerOf<'postV1Users', 201>;
type Create = BodyOf<'postV1Users'>;
type Change = BodyOf<'patchV1UsersId'>;
type Password = BodyOf<'postV1UsersIdPassword'>;

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
