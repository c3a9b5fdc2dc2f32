import { queryOptions } from '@tanstack/react-query';
import { answered, api } from './client';

/** Roles and permissions change with the policy alone: asked once in a while. */
const staleTime = 60_000;

export const catalogue = {
  roles: queryOptions({
    queryKey: ['roles'],
    staleTime,
    queryFn: async ({ signal }) => (await answered(api.GET('/v1/roles', { signal }))).items,
  }),
  permissions: queryOptions({
    queryKey: ['permissions'],
    staleTime,
    queryFn: async ({ signal }) => (await answered(api.GET('/v1/permissions', { signal }))).items,
  }),
};
