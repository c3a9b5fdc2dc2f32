import { type ReactNode } from 'react';
import { ProblemNotice, Skeleton } from './notice';
import { Page } from './page';

interface Asked<Item> {
  readonly data: Item | undefined;
  readonly error: Error | null;
  readonly refetch: () => unknown;
}

/** What stands where one record will be, while it is asked for and where it cannot be had. */
export function RecordPage<Item>({
  title,
  query,
  children,
}: {
  /** Until the record is there. */
  title: string;
  query: Asked<Item>;
  children: (item: Item) => ReactNode;
}) {
  if (query.data !== undefined) return children(query.data);
  return (
    <Page title={title}>
      {query.error ? (
        <ProblemNotice error={query.error} onRepeat={() => void query.refetch()} />
      ) : (
        <Skeleton lines={8} />
      )}
    </Page>
  );
}
