interface Page<Item> {
  readonly items: readonly Item[];
  readonly next_cursor: string | null;
}

/** Where each list goes on, for those that have not ended, and the id that all before it were at or above. */
interface Place {
  readonly at: Readonly<Record<string, string | null>>;
  readonly below: string | null;
}

/**
 * One page of several lists put together, each by descending id (ULIDs: newest first). A record in several of them comes once.
 * @param names of the lists
 * @param cursor what the page before answered as `next_cursor`
 * @param page asks for one list's page at a cursor of its own
 */
export async function mergedPage<Item extends { readonly id: string }>(
  names: readonly string[],
  cursor: string | undefined,
  page: (name: string, cursor: string | undefined) => Promise<Page<Item>>,
): Promise<{ items: Item[]; next_cursor: string | null }> {
  const place = cursor === undefined ? startOf(names) : (JSON.parse(cursor) as Place);
  const { below } = place;
  const pages = await Promise.all(
    Object.entries(place.at).map(async ([name, at]) => ({ name, at, ...(await page(name, at ?? undefined)) })),
  );
  // Below the last of a page that is not its list's end, that list may have more: nothing there can be told yet.
  const known = pages
    .flatMap(({ items, next_cursor }) => (next_cursor === null ? [] : (items.at(-1)?.id ?? [])))
    .reduce<string | null>((highest, id) => (highest === null || id > highest ? id : highest), null);
  const isIn = (id: string) => (known === null || id >= known) && (below === null || id < below);

  const items = new Map<string, Item>();
  const at: Record<string, string | null> = {};
  for (const { name, at: from, items: found, next_cursor } of pages) {
    for (const item of found) if (isIn(item.id)) items.set(item.id, item);
    const isUsedUp = known === null || found.every(({ id }) => id >= known);
    if (!isUsedUp) at[name] = from;
    else if (next_cursor !== null) at[name] = next_cursor;
  }
  const next: Place = { at, below: known };
  return {
    items: [...items.values()].sort((a, b) => (a.id < b.id ? 1 : -1)),
    next_cursor: Object.keys(at).length === 0 ? null : JSON.stringify(next),
  };
}

const startOf = (names: readonly string[]): Place => ({
  at: Object.fromEntries(names.map((name) => [name, null])),
  below: null,
});
