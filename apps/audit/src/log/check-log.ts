import { type AuditEvent } from '@portcullis/contracts';
import {
  CheckpointError,
  emptyRoot,
  eventLeafHash,
  Frontier,
  hashBytes,
  hashesIn,
  NoteError,
  openCheckpoint,
  peakNodes,
  rootOf,
  tileHashes,
  TileMissing,
  tilesOf,
} from '@portcullis/merkle-log';
import { type Database } from '@portcullis/persistence';
import { type Log } from './log.js';
import { type LogHead } from './log.store.js';

/** What is in the database is not what was signed. Says from which index on that shows. */
export class LogDamaged extends Error {
  override readonly name = 'LogDamaged';

  constructor(
    readonly index: number,
    what: string,
  ) {
    super(what);
  }
}

/** Tiles that are read at once: 2 MB. */
const tilesAtOnce = 256;
/** Leaves from which the tree is recomputed at a start: of older ones the roots over 256 of them are taken as they are stored. */
const recomputedTiles = 4096;

/** Holds what is stored against what was signed, by reading it all again. */
export class CheckLog {
  constructor(
    private readonly database: Database,
    private readonly log: Log,
  ) {}

  /**
   * Before anything is appended: is the tree that is stored the one of the newest checkpoint, does a key of ours have signed that, and
   * are the newest events there? Throws {@link LogDamaged}.
   */
  async atStart(): Promise<void> {
    const head = await this.log.store.head();
    await this.headIsSigned(head);
    const firstTile = Math.max(0, Math.floor(head.size / tileHashes) - recomputedTiles);
    const root = (await this.treeFrom(firstTile, head.size)).root();
    if (!root.equals(head.root ?? emptyRoot()))
      throw new LogDamaged(
        firstTile * tileHashes,
        `The hashes in the table tile are not those of the checkpoint of ${head.size} leaves`,
      );
    await this.events(Math.max(0, head.size - tileHashes), head.size);
  }

  /** Every event in the range is there, or was erased, and gives its leaf. Throws {@link LogDamaged} for the first that does not. */
  async events(from: number, to: number): Promise<void> {
    for (let tile = Math.floor(from / tileHashes); tile * tileHashes < to; tile++) {
      const [row] = await this.log.store.row(0, tile, tile + 1);
      const [start, end] = [Math.max(from, tile * tileHashes), Math.min(to, (tile + 1) * tileHashes)];
      const kept = await this.keptIn(start, end);
      for (let index = start; index < end; index++) {
        const leaf = row?.hashes.subarray((index % tileHashes) * hashBytes, ((index % tileHashes) + 1) * hashBytes);
        const event = kept.get(index);
        if (leaf?.length !== hashBytes) throw new LogDamaged(index, `The leaf ${index} is not in the table tile`);
        if (event === undefined)
          throw new LogDamaged(index, `The event of index ${index} is not there, and was not erased`);
        if (event !== 'erased' && !givesLeaf(event, leaf))
          throw new LogDamaged(index, `The event of index ${index} is not the one that was kept`);
      }
    }
  }

  /** The tree begins as a checkpoint says that was kept: `size` is the largest that is wanted. */
  async checkpointUpTo(size: number): Promise<void> {
    const kept = await this.log.store.checkpointUpTo(size);
    if (!kept) return;
    let root: Buffer;
    try {
      root = (await this.log.treeOf(kept.size)).root();
    } catch (error) {
      if (error instanceof TileMissing)
        throw new LogDamaged(error.tile.index * tileHashes, `In the table tile ${error.message}`);
      throw error;
    }
    if (!root.equals(kept.root))
      throw new LogDamaged(0, `The tree does not begin with that of the checkpoint of ${kept.size} leaves`);
  }

  /** The leaves of these full tiles give the roots that the tree is made of. */
  async leaves(fromTile: number, toTile: number): Promise<void> {
    for (const { index, hashes } of await this.log.store.row(0, fromTile, toTile)) {
      const above = await this.log.store.tiles([{ level: 1, index: Math.floor(index / tileHashes) }]);
      if (!rootOf(hashes).equals(above.node(8, index)))
        throw new LogDamaged(
          index * tileHashes,
          `Leaves from index ${index * tileHashes} on are not those that were signed`,
        );
    }
  }

  async headIsSigned({ origin, size, root, note }: LogHead): Promise<void> {
    if (note === null || origin === null) {
      if (size > 0) throw new LogDamaged(0, 'The row of log_head has no checkpoint');
      return;
    }
    try {
      const signed = openCheckpoint(note, await this.log.keys.trusted(origin));
      if (signed.size === size && root !== null && Buffer.from(signed.root).equals(root)) return;
    } catch (error) {
      if (!(error instanceof NoteError) && !(error instanceof CheckpointError)) throw error;
      throw new LogDamaged(0, `The newest checkpoint is none: ${error.message}`);
    }
    throw new LogDamaged(0, 'The row of log_head and its checkpoint say different sizes or roots');
  }

  /** The tree of `size` leaves; those from the tile `first` on are hashed anew. */
  private async treeFrom(first: number, size: number): Promise<Frontier> {
    try {
      const start = first * tileHashes;
      const peaks = peakNodes(start);
      const stored = await this.log.store.tiles(tilesOf(peaks));
      const tree = new Frontier({ size: start, peaks: peaks.map(({ level, index }) => stored.node(level, index)) });
      for (let from = first; from * tileHashes < size; from += tilesAtOnce) {
        for (const { index, hashes } of await this.log.store.row(0, from, from + tilesAtOnce)) {
          if (index * tileHashes !== tree.size) throw new TileMissing({ level: 0, index });
          tree.append(hashesIn(hashes).slice(0, size - tree.size));
        }
      }
      if (tree.size !== size) throw new LogDamaged(tree.size, `The leaf ${tree.size} is not in the table tile`);
      return tree;
    } catch (error) {
      if (error instanceof TileMissing)
        throw new LogDamaged(error.tile.index * tileHashes, `In the table tile ${error.message}`);
      throw error;
    }
  }

  private async keptIn(from: number, to: number): Promise<Map<number, Kept | 'erased'>> {
    const rows = await this.database.read((manager) =>
      manager.query<{ leaf_index: string; salt: Buffer | null; body: AuditEvent | null }[]>(
        `select leaf_index, salt, body from event where leaf_index >= $1 and leaf_index < $2
         union all select leaf_index, null, null from erased where leaf_index >= $1 and leaf_index < $2`,
        [from, to],
      ),
    );
    return new Map(
      rows.map(({ leaf_index, salt, body }) => [Number(leaf_index), body && salt ? { salt, body } : 'erased']),
    );
  }
}

interface Kept {
  readonly salt: Buffer;
  readonly body: AuditEvent;
}

function givesLeaf({ body, salt }: Kept, leaf: Buffer): boolean {
  try {
    return eventLeafHash(body, salt).equals(leaf);
  } catch {
    return false;
  }
}
