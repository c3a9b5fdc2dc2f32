import { useInfiniteQuery } from '@tanstack/react-query';

/** Some pages of a list, and how to get more. */
export interface Listed<Item> {
  readonly items: readonly Item[];
  /** There is nothing to show yet. */
  readonly isLoading: boolean;
  readonly isLoadingMore: boolean;
  readonly hasMore: boolean;
  readonly error: Error | null;
  readonly loadMore: () => void;
  readonly loadAgain: () => void;
}

interface PageOf<Item> {
  readonly items: readonly Item[];
  readonly next_cursor: string | null;
}

/**
 * @param key the kind of record first (what `useChange` names), then what the list was narrowed by
 * @param page asks for the page at a cursor; without one, for the first
 */
export function useList<Item>(
  key: readonly [string, ...unknown[]],
  page: (cursor: string | undefined, signal: AbortSignal) => Promise<PageOf<Item>>,
): Listed<Item> {
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => page(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
  });
  return {
    items: query.data?.pages.flatMap(({ items }) => items) ?? [],
    isLoading: query.isPending,
    isLoadingMore: query.isFetchingNextPage,
    hasMore: query.hasNextPage,
    error: query.error,
    loadMore: () => void query.fetchNextPage(),
    loadAgain: () => void query.refetch(),
  };
}
