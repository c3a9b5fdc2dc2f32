import { hashBytes, nodeHash, sameHash } from './hashes.js';
import { inclusionSides } from './inclusion-sides.js';
import { type FrontierState } from './tree.js';

export interface InclusionProof {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  /** The root of the tree of `size` leaves, from a checkpoint whose signature was verified. */
  readonly root: Uint8Array;
  readonly hashes: readonly Uint8Array[];
}

/**
 * Whether the leaf is at `index` of the tree with this root (RFC 9162 section 2.1.3.2). False, never an error, for whatever
 * is not exactly the one proof: a hash too many or too few, of another length, an index outside of the tree.
 */
export function inclusionVerifies({ index, size, leafHash, root, hashes }: InclusionProof): boolean {
  const sides = inclusionSides(index, size);
  if (sides?.length !== hashes.length || ![leafHash, root, ...hashes].every(isHash)) return false;
  const reached = hashes.reduce(
    (below, hash, level) => (sides[level] === 'left' ? nodeHash(hash, below) : nodeHash(below, hash)),
    leafHash,
  );
  return sameHash(reached, root);
}

export interface ConsistencyProof {
  readonly from: number;
  readonly to: number;
  readonly fromRoot: Uint8Array;
  readonly toRoot: Uint8Array;
  readonly hashes: readonly Uint8Array[];
}

/**
 * Whether the tree of `to` leaves begins with the tree of `from` leaves (RFC 9162 section 2.1.4.2). Between equal sizes the
 * roots are equal and the proof is empty. False for `from` 0, as in transparency-dev: every tree begins with the empty one,
 * so such a proof says nothing and who asks for it means something else.
 */
export function consistencyVerifies(proof: ConsistencyProof): boolean {
  const { from, to, fromRoot, toRoot, hashes } = proof;
  if (from !== to) return frontierOf(proof) !== null;
  return isCount(from) && from > 0 && isHash(fromRoot) && hashes.length === 0 && sameHash(fromRoot, toRoot);
}

/**
 * The tree of `from` leaves, as a proof from it to a larger tree shows it; null for a proof that does not verify, and for equal
 * sizes, whose proof is empty. So an export from any index on is checked with what a log serves: two checkpoints and the
 * proof between them.
 */
export function frontierOf({ from, to, fromRoot, toRoot, hashes }: ConsistencyProof): FrontierState | null {
  if (!isCount(from) || !isCount(to) || from === 0 || from >= to || hashes.length === 0) return null;
  if (![fromRoot, toRoot, ...hashes].every(isHash)) return null;
  let [node, last] = [from - 1, to - 1];
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  // `node` is 0 exactly if `from` is a power of two: then the old root is itself a node of the new tree.
  const [first, ...rest] = node === 0 ? [fromRoot, ...hashes] : hashes;
  let [oldReached, newReached] = [first!, first!];
  // What lies left of the first hash, and only that, is of the old tree: with it, the old peaks from right to left.
  const peaks = [first!];
  for (const hash of rest) {
    if (last === 0) return null;
    if (node % 2 === 1 || node === last) {
      peaks.push(hash);
      oldReached = nodeHash(hash, oldReached);
      newReached = nodeHash(hash, newReached);
      while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, half(last)];
    } else {
      newReached = nodeHash(newReached, hash);
    }
    [node, last] = [half(node), half(last)];
  }
  const verifies = last === 0 && sameHash(oldReached, fromRoot) && sameHash(newReached, toRoot);
  return verifies ? { size: from, peaks: peaks.reverse() } : null;
}

// Not `>> 1`: sizes may pass 2^32.
function half(count: number): number {
  return Math.floor(count / 2);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isHash(value: Uint8Array): boolean {
  return value.length === hashBytes;
}
