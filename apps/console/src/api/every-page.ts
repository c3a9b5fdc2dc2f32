/** As far as lists are read for their names: beyond it there are ids. */
const mostPages = 10;

interface Page<Item> {
  readonly items: readonly Item[];
  readonly next_cursor: string | null;
}

/** All that a list has, as far as ten pages of it. */
export async function everyPage<Item>(page: (cursor: string | undefined) => Promise<Page<Item>>): Promise<Item[]> {
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
