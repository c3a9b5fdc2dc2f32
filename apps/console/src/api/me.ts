import { queryOptions, useQuery } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { answered, api } from './client';
import { currentSession, onSession, type Session } from './session';

export const useSession = (): Session => useSyncExternalStore(onSession, currentSession);

/** Who is signed in, and what they may do in the organization that was chosen. */
export const whoami = queryOptions({
  queryKey: ['whoami'],
  queryFn: ({ signal }) => answered(api.GET('/v1/whoami', { signal })),
  staleTime: 30_000,
});

/** Whether the page offers something. The server decides again when it is asked for. */
export function useMay(): (permission: string) => boolean {
  const held = useQuery(whoami).data?.permissions ?? [];
  return (permission) => held.includes(permission);
}
