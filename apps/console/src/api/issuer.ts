import { queryOptions } from '@tanstack/react-query';
import { answered, api } from './client';

/** Where OAuth clients find the installation (RFC 8414). */
export const issuer = queryOptions({
  queryKey: ['issuer'],
  staleTime: Infinity,
  queryFn: async ({ signal }) =>
    String((await answered(api.GET('/.well-known/oauth-authorization-server', { signal })))['issuer']),
});
