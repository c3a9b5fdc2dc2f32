import { useQuery } from '@tanstack/react-query';
import { answered, api } from './client';
import { everyPage } from './every-page';
import { useMay } from './me';

/** Names of the organization's buckets; none to those who may not list them, and where there is no object storage. */
export function useBucketNames(): readonly string[] {
  const may = useMay();
  const query = useQuery({
    queryKey: ['buckets', 'names'],
    staleTime: 30_000,
    enabled: may('storage:buckets:view'),
    queryFn: ({ signal }) =>
      everyPage((cursor) =>
        answered(api.GET('/v1/storage/buckets', { signal, params: { query: { limit: 100, cursor } } })),
      ),
  });
  return (query.data ?? []).map(({ name }) => name);
}
