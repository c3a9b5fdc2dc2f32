import { queryOptions } from '@tanstack/react-query';
import { answered, api } from './client';
import { readMetrics } from './metrics-text';

/** What the gateway counts of itself and of the services behind it. Asking is no event. */
export const metrics = queryOptions({
  queryKey: ['metrics'],
  refetchInterval: 15_000,
  queryFn: async ({ signal }) => readMetrics(String(await answered(api.GET('/metrics', { signal, parseAs: 'text' })))),
  // A function is nothing that could be compared with the one before.
  structuralSharing: false,
});

/** Whether the gateway that answers can decide, and if not, what is missing. */
export const readiness = queryOptions({
  queryKey: ['readiness'],
  refetchInterval: 15_000,
  retry: false,
  queryFn: ({ signal }) => answered(api.GET('/readyz', { signal })),
});
