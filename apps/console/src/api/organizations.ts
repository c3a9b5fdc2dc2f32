import { queryOptions, useQuery } from '@tanstack/react-query';
import { type Repeatable } from './change';
import { actIn, answered, api, isChosen } from './client';
import { type AnswerOf, type BodyOf } from './documented';
import { type Listed, useList } from './list';
import { useMay, whoami } from './me';

export type OrganizationRecord = AnswerOf<'getV1OrganizationsId', 200>;
type Create = BodyOf<'postV1Organizations'>;
type Change = BodyOf<'patchV1OrganizationsId'>;

export const kind = 'organizations';

export function useOrganizations(): Listed<OrganizationRecord> {
  return useList([kind, 'list'], (cursor, signal) =>
    answered(api.GET('/v1/organizations', { signal, params: { query: { cursor } } })),
  );
}

export const oneOrganization = (id: string) =>
  queryOptions({
    queryKey: [kind, id],
    queryFn: ({ signal }) => answered(api.GET('/v1/organizations/{id}', { signal, params: { path: { id } } })),
  });

/** The one that this tab acts in; undefined until it is known, and to those who may not see it. */
export function useOwnOrganization(): OrganizationRecord | undefined {
  const may = useMay();
  const id = useQuery(whoami).data?.organization_id ?? '';
  return useQuery({ ...oneOrganization(id), enabled: id !== '' && may('organizations:view') }).data;
}

/**
 * Whoever makes one is its owner, and so a member of several from then on: this tab goes on to act where it did.
 * @param actsIn the organization that the page acts in
 */
export const createOrganization = async (
  { actsIn, ...body }: Create & { actsIn: string },
  headers: Repeatable,
): Promise<OrganizationRecord> => {
  const made = await answered(api.POST('/v1/organizations', { body, headers }));
  if (!isChosen()) actIn(actsIn);
  return made;
};

export const renameOrganization = ({ id, ...body }: Change & { id: string }, headers: Repeatable) =>
  answered(api.PATCH('/v1/organizations/{id}', { params: { path: { id } }, body, headers }));

export const suspendOrganization = ({ id }: { id: string }, headers: Repeatable) =>
  answered(api.POST('/v1/organizations/{id}/suspend', { params: { path: { id } }, headers }));

export const resumeOrganization = ({ id }: { id: string }, headers: Repeatable) =>
  answered(api.POST('/v1/organizations/{id}/resume', { params: { path: { id } }, headers }));
