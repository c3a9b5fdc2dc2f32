import { useInfiniteQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect } from 'react';
import { Link } from 'react-router';
import { answered, api } from '../../api/client';
import { type Listed, useList } from '../../api/list';
import { useMay } from '../../api/me';
import { usePeople } from '../../api/people';
import { kind as serviceAccounts } from '../../api/service-accounts';
import { Button } from '../../ui/button';
import { ProblemNotice, Skeleton, StatusBadge } from '../../ui/notice';
import { Card } from '../../ui/page';

interface Holder {
  readonly id: string;
  readonly name: string;
  readonly status: string;
}

/** Who was given a role by its name, kind by kind, as far as the reader may see them. Who holds a role above it is not among them. */
export function Holders({ role }: { role: string }) {
  const may = useMay();
  const lists: readonly [string, ReactNode][] = [
    ['users:view', <PeopleWith key="people" role={role} />],
    ['serviceaccounts:view', <ServiceAccountsWith key="service-accounts" role={role} />],
    ['clients:view', <ClientsWith key="clients" role={role} />],
    ['apikeys:view', <KeysWith key="keys" role={role} />],
  ];
  const seen = lists.filter(([permission]) => may(permission));
  return (
    <Card title="Given to">
      {seen.length === 0 ? (
        <p className="soft">You may see neither people nor service accounts, clients or API keys.</p>
      ) : (
        <p className="soft">Those that name this very role, in this organization.</p>
      )}
      {seen.map(([, list]) => list)}
    </Card>
  );
}

function HolderList({ title, place, list }: { title: string; place?: string; list: Listed<Holder> }) {
  return (
    <section className="stack" aria-busy={list.isLoading}>
      <h3>{title}</h3>
      {list.isLoading && <Skeleton lines={1} />}
      {list.error && <ProblemNotice error={list.error} onRepeat={list.loadAgain} />}
      {!list.isLoading && !list.error && list.items.length === 0 && <span className="soft">none</span>}
      {list.items.length > 0 && (
        <ul className="holders">
          {list.items.map(({ id, name, status }) => (
            <li key={id} className="row">
              {place === undefined ? name : <Link to={`${place}/${id}`}>{name}</Link>} <StatusBadge status={status} />
            </li>
          ))}
        </ul>
      )}
      {list.hasMore && (
        <div>
          <Button onPress={list.loadMore} isPending={list.isLoadingMore}>
            Show more
          </Button>
        </div>
      )}
    </section>
  );
}

function PeopleWith({ role }: { role: string }) {
  const list = usePeople({ role });
  const named = list.items.map(({ id, name, email, status }) => ({ id, name: name ?? email, status }));
  return <HolderList title="People" place="/people" list={{ ...list, items: named }} />;
}

function ClientsWith({ role }: { role: string }) {
  const list = useList(['clients', 'with', role], (cursor, signal) =>
    answered(api.GET('/v1/clients', { signal, params: { query: { cursor, role } } })),
  );
  return <HolderList title="Clients" place="/clients" list={list} />;
}

function KeysWith({ role }: { role: string }) {
  const list = useList(['api-keys', 'with', role], (cursor, signal) =>
    answered(api.GET('/v1/api-keys', { signal, params: { query: { cursor, role } } })),
  );
  return <HolderList title="API keys" list={list} />;
}

/** Their list cannot be asked by role: it is read to its end, and those with the role are taken. */
function ServiceAccountsWith({ role }: { role: string }) {
  const query = useInfiniteQuery({
    queryKey: [serviceAccounts, 'all'],
    queryFn: ({ pageParam, signal }) =>
      answered(api.GET('/v1/service-accounts', { signal, params: { query: { cursor: pageParam, limit: 100 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
  });
  const { hasNextPage, isFetching, isError, fetchNextPage } = query;
  useEffect(() => {
    if (hasNextPage && !isFetching && !isError) void fetchNextPage();
  }, [hasNextPage, isFetching, isError, fetchNextPage]);
  const items = (query.data?.pages ?? []).flatMap((page) => page.items).filter(({ roles }) => roles.includes(role));
  return (
    <HolderList
      title="Service accounts"
      place="/service-accounts"
      list={{
        items,
        isLoading: query.isPending || hasNextPage,
        isLoadingMore: false,
        hasMore: false,
        error: query.error,
        loadMore: () => undefined,
        loadAgain: () => void query.refetch(),
      }}
    />
  );
}
