import {
  consistencyPath,
  emptyRoot,
  Frontier,
  type FrontierState,
  GrowingTiles,
  inclusionPath,
  type PathStep,
  peakNodes,
  readPath,
  signCheckpoint,
  tilesOf,
} from '@portcullis/merkle-log';
import { type Database, type Transaction } from '@portcullis/persistence';
import { type EntityManager } from 'typeorm';
import { type LogKeys } from './log-keys.js';
import { type LogHead, type LogStore } from './log.store.js';

/**
 * The Merkle log. It grows in the transaction that keeps the events, under one lock for all replicas; its new size and root are written
 * down with the checkpoint over them, and no checkpoint leaves before that is committed: so none ever contradicts another.
 */
export class Log {
  /** The right edge as this process left it. Only good for a head of the same size and root: another replica may have gone on. */
  private edge: { state: FrontierState; root: Buffer } | undefined;

  constructor(
    private readonly database: Database,
    readonly store: LogStore,
    readonly keys: LogKeys,
  ) {}

  /** Appends leaves behind `head`, which is locked, and signs the tree that they make. */
  async grow(manager: EntityManager, head: LogHead, leafHashes: readonly Buffer[]): Promise<void> {
    const tree = await this.edgeOf(manager, head);
    const tiles = new GrowingTiles();
    tree.append(leafHashes, tiles.completed);
    await this.store.extend(manager, tiles.list());
    await this.sign(manager, head, tree);
  }

  /** Gives the log a name, a key and its first checkpoint if it has none yet. */
  async begin(name: string): Promise<void> {
    await this.locked(async (tx, head) => {
      if (head.origin === null) await this.takeName(tx, head, name);
    });
  }

  /**
   * Makes the next key if it is time for one, or if `name` is not the log's name: that begins another log over the same leaves, by
   * which nobody who knows the old one is deceived.
   */
  async renew(name: string | undefined): Promise<void> {
    await this.locked(async (tx, head) => {
      if (head.origin === null) throw new Error('the log has no name yet');
      if (name !== undefined && name !== head.origin) await this.takeName(tx, head, name);
      else await this.keys.ensure(tx, head.origin);
    });
  }

  private async takeName(tx: Transaction, head: LogHead, origin: string): Promise<void> {
    await this.store.name(tx.manager, origin);
    const keyId = await this.keys.ensure(tx, origin);
    await this.resign(tx.manager, { ...head, origin, keyId });
  }

  /** Runs `work` while nobody else makes the log grow. */
  locked<T>(work: (tx: Transaction, head: LogHead, given: number) => Promise<T>): Promise<T> {
    return this.database.transaction(async (tx) => {
      const { given, head } = await this.store.lock(tx.manager);
      return work(tx, head, given);
    });
  }

  /** Signs the same tree once more: by a new key, or under a new name. */
  async resign(manager: EntityManager, head: LogHead): Promise<void> {
    await this.sign(manager, head, await this.edgeOf(manager, head));
  }

  /** Hashes that prove a leaf to be in the tree of `size` leaves, in order. */
  inclusion(index: number, size: number): Promise<Buffer[]> {
    return this.read(inclusionPath(index, size));
  }

  consistency(from: number, to: number): Promise<Buffer[]> {
    return this.read(consistencyPath(from, to));
  }

  async leafHash(index: number): Promise<Buffer> {
    const leaf = { level: 0, index };
    return (await this.store.tiles(tilesOf([leaf]))).node(0, index);
  }

  /** The tree of `size` leaves, from the tiles. */
  async treeOf(size: number, manager?: EntityManager): Promise<Frontier> {
    const peaks = peakNodes(size);
    const tiles = await this.store.tiles(tilesOf(peaks), manager);
    return new Frontier({ size, peaks: peaks.map(({ level, index }) => tiles.node(level, index)) });
  }

  private async edgeOf(manager: EntityManager, head: LogHead): Promise<Frontier> {
    const known = this.edge;
    if (known?.state.size === head.size && head.root?.equals(known.root)) return new Frontier(known.state);
    const tree = await this.treeOf(head.size, manager);
    // What was signed is what goes on: a tree that was changed underneath is not signed over.
    if (!tree.root().equals(head.root ?? emptyRoot()))
      throw new Error(`the hashes that are stored are not those of the checkpoint of ${head.size} leaves`);
    return tree;
  }

  /** Also remembers the edge. If the commit fails, the head is another and it is read anew. */
  private async sign(manager: EntityManager, { origin, keyId }: LogHead, tree: Frontier): Promise<void> {
    if (origin === null || keyId === null) throw new Error('the log has no name or no key yet');
    const { state } = tree;
    const root = tree.root();
    const note = signCheckpoint({ origin, size: state.size, root }, [await this.keys.signer(manager, keyId)]);
    await this.store.advance(manager, { size: state.size, root, note }, this.database.now());
    this.edge = { state, root };
  }

  private async read(path: readonly PathStep[]): Promise<Buffer[]> {
    const tiles = await this.store.tiles(tilesOf(path.flat()));
    return readPath(path, (level, index) => tiles.node(level, index));
  }
}
