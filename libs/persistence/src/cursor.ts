import { createHmac, timingSafeEqual } from 'node:crypto';
import { Refusal } from '@portcullis/contracts';
import { type Database } from './database.js';

/** Opaque list cursors: the last id of a page, bound to its list by an HMAC. One that was not made here is refused with `invalid_cursor`. */
export class Cursors {
  constructor(
    private readonly key: Buffer,
    private readonly list: string,
  ) {}

  write(lastId: string): string {
    return Buffer.concat([this.mac(lastId), Buffer.from(lastId)]).toString('base64url');
  }

  read(cursor: string | undefined): string | undefined {
    if (cursor === undefined) return undefined;
    const bytes = Buffer.from(cursor, 'base64url');
    const id = bytes.subarray(macBytes).toString();
    if (
      bytes.length <= macBytes ||
      bytes.toString('base64url') !== cursor ||
      !timingSafeEqual(bytes.subarray(0, macBytes), this.mac(id))
    ) {
      throw new Refusal(
        'invalid_cursor',
        'The cursor is not one of this list. Use next_cursor of the page before, unchanged.',
      );
    }
    return id;
  }

  private mac(id: string): Buffer {
    return createHmac('sha256', this.key).update(`${this.list}\n${id}`).digest().subarray(0, macBytes);
  }
}

const macBytes = 12;

/** How a list is read a page at a time. */
export interface PageSource<Row, Item> {
  /** The list's name, whose it is, its filter: a cursor is good for these alone. */
  readonly list: readonly unknown[];
  /** Up to `limit` rows behind the place `after`, in the list's order. */
  readonly find: (after: string | undefined, limit: number) => Promise<readonly Row[]>;
  /** Where a row stands, as `find` understands it. */
  readonly place: (row: Row) => string;
  readonly item: (row: Row) => Item;
}

/** One page and the cursor of the next; null on the last one, which is known by asking for one row more than is shown. */
export async function readPage<Row, Item>(
  database: Pick<Database, 'localKey'>,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
  { list, find, place, item }: PageSource<Row, Item>,
): Promise<{ items: Item[]; next_cursor: string | null }> {
  const cursors = new Cursors(await database.localKey('cursors'), JSON.stringify(list));
  const found = await find(cursors.read(cursor), limit + 1);
  const shown = found.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(item),
    next_cursor: found.length > limit && last !== undefined ? cursors.write(place(last)) : null,
  };
}
