import { createHmac, timingSafeEqual } from 'node:crypto';
import { Refusal } from '@portcullis/contracts';

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
