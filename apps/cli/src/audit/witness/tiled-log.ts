import {
  consistencyPath,
  hashBytes,
  readPath,
  tileHashes,
  type TileId,
  tilePath,
  Tiles,
  tilesOf,
  tileWidth,
} from '@portcullis/merkle-log';
import { Refused } from '../../command.js';
import { GatewayRefusal, receive } from '../../remote/send.js';

/** A checkpoint with its signatures: far more than any log puts on one. */
const maxCheckpointBytes = 64 * 1024;
/** A proof lies in a dozen tiles at most. */
const tilesAtOnce = 8;

/** A log that is published as tiles (c2sp.org/tlog-tiles), read over HTTP. Nothing that it says is believed here. */
export class TiledLog {
  constructor(
    /** The log's prefix, without a slash at the end. */
    private readonly prefix: string,
    private readonly token: string | null,
  ) {}

  async checkpoint(): Promise<string> {
    return (await this.get('checkpoint', maxCheckpointBytes)).toString('utf8');
  }

  /** The hashes that lead from the tree of `from` leaves to that of `to`, made from tiles; none from nothing or between equal sizes. */
  async consistency(from: number, to: number): Promise<Buffer[]> {
    if (from === 0 || from >= to) return [];
    const path = consistencyPath(from, to);
    const tiles = await this.tiles(tilesOf(path.flat()), to);
    return readPath(path, (level, index) => tiles.node(level, index));
  }

  private async tiles(ids: readonly TileId[], size: number): Promise<Tiles> {
    const read: (TileId & { hashes: Buffer })[] = [];
    for (let from = 0; from < ids.length; from += tilesAtOnce) {
      const some = ids.slice(from, from + tilesAtOnce);
      read.push(...(await Promise.all(some.map(async (id) => ({ ...id, hashes: await this.tile(id, size) })))));
    }
    return new Tiles(read);
  }

  private async tile(id: TileId, size: number): Promise<Buffer> {
    const width = tileWidth(id, size);
    const hashes = await this.hashes(id, width).catch((error: unknown) => {
      // A log may drop a part of a tile once it has all of it.
      const isGone = error instanceof GatewayRefusal && error.status === 404 && width < tileHashes;
      if (isGone) return this.hashes(id, tileHashes);
      throw error;
    });
    return hashes.subarray(0, width * hashBytes);
  }

  private async hashes(id: TileId, width: number): Promise<Buffer> {
    const path = tilePath(id, width);
    const hashes = await this.get(path, width * hashBytes);
    if (hashes.length === width * hashBytes) return hashes;
    throw new Refused(`${this.prefix}/${path} has ${hashes.length} bytes and not ${width * hashBytes}.`);
  }

  private async get(path: string, maxBytes: number): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const question = { method: 'GET', path: `/${path}`, ...(this.token === null ? {} : { token: this.token }) };
    for await (const chunk of receive(this.prefix, question)) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new Refused(`${this.prefix}/${path} is longer than it can be.`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }
}
