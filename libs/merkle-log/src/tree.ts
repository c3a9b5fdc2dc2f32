import { emptyRoot, hashBytes, nodeHash } from './hashes.js';

/**
 * A node that covers the leaves `index × 2^level` to `(index + 1) × 2^level − 1`; a leaf has level 0. It is complete once
 * the tree has all of them, and never changes after that.
 */
export interface NodeId {
  readonly level: number;
  readonly index: number;
}

/** What must be kept of a tree to append to it: O(log n) hashes. */
export interface FrontierState {
  readonly size: number;
  /** The roots of the complete subtrees that the tree consists of (RFC 9162 section 2.1.1), from left to right. */
  readonly peaks: readonly Uint8Array[];
}

/** Called once for each node that an append completes, children before parents. */
export type CompletedNode = (level: number, index: number, hash: Buffer) => void;

/** The right edge of an append-only Merkle tree (RFC 9162 section 2.1): takes leaf hashes, knows the root. */
export class Frontier {
  private readonly peaks: Buffer[];
  private leaves: number;

  /** An empty tree, or the one of `state`. Throws RangeError for a state that no tree has. */
  constructor(state: FrontierState = { size: 0, peaks: [] }) {
    if (state.peaks.length !== peakNodes(state.size).length)
      throw new RangeError(`A tree of ${state.size} leaves has not ${state.peaks.length} peaks`);
    if (state.peaks.some((peak) => peak.length !== hashBytes)) throw new RangeError('A hash has 32 bytes');
    this.leaves = state.size;
    this.peaks = state.peaks.map((peak) => Buffer.from(peak));
  }

  get size(): number {
    return this.leaves;
  }

  /** A copy: later appends do not change it. */
  get state(): FrontierState {
    return { size: this.leaves, peaks: this.peaks.map((peak) => Buffer.from(peak)) };
  }

  /** Appends leaf hashes in order. Each node that is complete now and was not before is handed to `completed`. */
  append(leafHashes: Iterable<Uint8Array>, completed?: CompletedNode): void {
    for (const leafHash of leafHashes) this.appendOne(leafHash, completed);
  }

  appendOne(leafHash: Uint8Array, completed?: CompletedNode): void {
    if (leafHash.length !== hashBytes) throw new RangeError('A hash has 32 bytes');
    let hash: Buffer = Buffer.from(leafHash);
    let index = this.leaves;
    completed?.(0, index, hash);
    // At an odd index the left sibling is complete and is the last peak.
    for (let level = 1; index % 2 === 1; level++) {
      index = (index - 1) / 2;
      hash = nodeHash(this.peaks.pop()!, hash);
      completed?.(level, index, hash);
    }
    this.peaks.push(hash);
    this.leaves++;
  }

  root(): Buffer {
    return this.leaves === 0 ? emptyRoot() : fold(this.peaks);
  }
}

/** The nodes whose hashes are the peaks of a tree of `size` leaves: what to read to take up a tree that is stored. */
export function peakNodes(size: number): NodeId[] {
  needSize(size);
  return cover(0, size);
}

/**
 * One hash of a proof, as the complete nodes that it is made of, from left to right. Most are one node; on the right edge
 * of the tree it is several, and the hash is node(first, node(second, …)).
 */
export type PathStep = readonly NodeId[];

/** The hashes that prove the leaf `index` to be in the tree of `size` leaves (RFC 9162 section 2.1.3.1), in order. */
export function inclusionPath(index: number, size: number): PathStep[] {
  needSize(size);
  if (!Number.isSafeInteger(index) || index < 0 || index >= size)
    throw new RangeError(`A tree of ${size} leaves has none of index ${index}`);
  const path: PathStep[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + largestPowerBelow(to - from);
    path.push(index < middle ? cover(middle, to) : cover(from, middle));
    [from, to] = index < middle ? [from, middle] : [middle, to];
  }
  return path.reverse();
}

/**
 * The hashes that prove the tree of `to` leaves to begin with the tree of `from` leaves (RFC 9162 section 2.1.4.1), in
 * order; none for two equal sizes. A proof from the empty tree would say nothing: `from` is at least 1.
 */
export function consistencyPath(from: number, to: number): PathStep[] {
  needSize(to);
  if (!Number.isSafeInteger(from) || from < 1 || from > to)
    throw new RangeError(`No proof leads from ${from} leaves to ${to}`);
  const path: PathStep[] = [];
  let [start, end] = [0, to];
  while (end !== from) {
    const middle = start + largestPowerBelow(end - start);
    path.push(from <= middle ? cover(middle, end) : cover(start, middle));
    [start, end] = from <= middle ? [start, middle] : [middle, end];
  }
  // The old root itself is known to who asks; a part of it is not.
  if (start > 0) path.push(cover(start, end));
  return path.reverse();
}

/** Reads the hash of a complete node. */
export type NodeReader = (level: number, index: number) => Uint8Array | Promise<Uint8Array>;

/** The hashes of a path. All nodes are asked for at once, so that a reader may fetch them together. */
export function readPath(path: readonly PathStep[], read: NodeReader): Promise<Buffer[]> {
  return Promise.all(
    path.map(async (step) => fold(await Promise.all(step.map(async ({ level, index }) => await read(level, index))))),
  );
}

/** node(h0, node(h1, … hn)): the root over subtrees that get smaller from left to right. */
function fold(hashes: readonly Uint8Array[]): Buffer {
  let root: Buffer = Buffer.from(hashes[hashes.length - 1]!);
  for (let at = hashes.length - 2; at >= 0; at--) root = nodeHash(hashes[at]!, root);
  return root;
}

/**
 * The complete nodes over the leaves `from` to `to − 1`, largest first. `from` must be a multiple of the smallest power of
 * two that is no less than `to − from`, as each half of a split is.
 */
function cover(from: number, to: number): NodeId[] {
  const nodes: NodeId[] = [];
  while (from < to) {
    const leaves = largestPowerBelow(to - from + 1);
    nodes.push({ level: Math.log2(leaves), index: from / leaves });
    from += leaves;
  }
  return nodes;
}

/** The largest power of two less than `count`, which is at least 2. Doubles: sizes may pass 2^32. */
function largestPowerBelow(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

function needSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`${size} is no size of a tree`);
}
