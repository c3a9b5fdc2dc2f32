import { type Listed } from './list';

const nothing = () => undefined;

/** A list that is all here already, as part of a record that was read. */
export const wholeList = <Item>(items: readonly Item[]): Listed<Item> => ({
  items,
  isLoading: false,
  isLoadingMore: false,
  hasMore: false,
  error: null,
  loadMore: nothing,
  loadAgain: nothing,
});
