import { mergedPage } from './merged-page';

interface Item {
  readonly id: string;
}

/** Lists of two-item pages, each by descending id. */
const from =
  (lists: Readonly<Record<string, readonly string[]>>) =>
  (name: string, cursor: string | undefined): Promise<{ items: Item[]; next_cursor: string | null }> => {
    const start = Number(cursor ?? 0);
    const ids = lists[name] ?? [];
    return Promise.resolve({
      items: ids.slice(start, start + 2).map((id) => ({ id })),
      next_cursor: start + 2 < ids.length ? String(start + 2) : null,
    });
  };

async function all(lists: Readonly<Record<string, readonly string[]>>): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const { items, next_cursor } = await mergedPage(Object.keys(lists), cursor, from(lists));
    pages.push(items.map(({ id }) => id));
    cursor = next_cursor ?? undefined;
  } while (cursor !== undefined && pages.length < 20);
  return pages;
}

test.each<[string, Readonly<Record<string, readonly string[]>>]>([
  ['interleaved', { a: ['9', '7', '5', '3', '1'], b: ['8', '6', '4', '2'] }],
  ['one after the other', { a: ['9', '8', '7', '6'], b: ['5', '4', '3'] }],
  ['one empty', { a: ['3', '2', '1'], b: [] }],
  ['one record in both', { a: ['5', '4', '3', '1'], b: ['4', '3', '2'] }],
  ['nothing at all', { a: [], b: [] }],
])('%s: every record once, newest first, to the end', async (_name, lists) => {
  const expected = [...new Set(Object.values(lists).flat())].sort().reverse();
  expect((await all(lists)).flat()).toEqual(expected);
});

test('a page holds nothing that an older page of another list could have to stand before', async () => {
  const [first] = await all({ a: ['9', '8', '7', '6'], b: ['5', '4', '3'] });
  expect(first).toEqual(['9', '8']);
});
