import { queryOptions, useQuery } from '@tanstack/react-query';
import { answered, api } from './client';
import { useMay, whoami } from './me';

/** As far as names are looked up: beyond it there are ids. */
const mostPages = 10;

interface Page<Item> {
  readonly items: readonly Item[];
  readonly next_cursor: string | null;
}

async function everything<Item>(page: (cursor: string | undefined) => Promise<Page<Item>>): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | undefined;
  for (let read = 0; read < mostPages; read++) {
    const { items: found, next_cursor } = await page(cursor);
    items.push(...found);
    if (next_cursor === null) break;
    cursor = next_cursor;
  }
  return items;
}

const staleTime = 30_000;

const serviceAccounts = queryOptions({
  queryKey: ['service-accounts', 'names'],
  staleTime,
  queryFn: ({ signal }) =>
    everything((cursor) =>
      answered(api.GET('/v1/service-accounts', { signal, params: { query: { limit: 100, cursor } } })),
    ),
});

const people = queryOptions({
  queryKey: ['users', 'names'],
  staleTime,
  queryFn: ({ signal }) =>
    everything((cursor) => answered(api.GET('/v1/users', { signal, params: { query: { limit: 100, cursor } } }))),
});

export interface Owner {
  readonly kind: 'user' | 'service_account';
  readonly id: string;
  /** Its name where this person may know it, else its id. */
  readonly name: string;
  readonly isActive: boolean;
}

/** Those who can own keys here, as far as this person may see them, oneself first. */
export function useOwners(): readonly Owner[] {
  const may = useMay();
  const me = useQuery(whoami).data;
  const accounts = useQuery({ ...serviceAccounts, enabled: may('serviceaccounts:view') }).data ?? [];
  const users = useQuery({ ...people, enabled: may('users:view') }).data ?? [];
  const myself: Owner[] =
    me?.kind === 'user' || me?.kind === 'service_account'
      ? [{ kind: me.kind, id: me.id, name: 'You', isActive: true }]
      : [];
  return [
    ...myself,
    ...accounts.map(({ id, name, status }): Owner => ({
      kind: 'service_account',
      id,
      name,
      isActive: status === 'active',
    })),
    ...users
      .filter(({ id }) => id !== me?.id)
      .map(({ id, name, email, status }): Owner => ({
        kind: 'user',
        id,
        name: name ?? email,
        isActive: status === 'active',
      })),
  ];
}
