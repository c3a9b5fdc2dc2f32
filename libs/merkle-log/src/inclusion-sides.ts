/** Where a hash of an inclusion proof stands beside what was reached so far. */
export type Side = 'left' | 'right';

/**
 * How the hashes of the proof that the leaf `index` is in the tree of `size` leaves are put together, from the leaf to the root: for each
 * of them, its side (RFC 9162 section 2.1.3.2). Null if the tree has no such leaf. Hashes nothing, so whoever can hash can verify.
 */
export function inclusionSides(index: number, size: number): Side[] | null {
  if (![index, size].every((count) => Number.isSafeInteger(count) && count >= 0) || index >= size) return null;
  const sides: Side[] = [];
  let [node, last] = [index, size - 1];
  while (last !== 0) {
    const isLeft = node % 2 === 1 || node === last;
    sides.push(isLeft ? 'left' : 'right');
    if (isLeft) while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, half(last)];
    [node, last] = [half(node), half(last)];
  }
  return sides;
}

// Not `>> 1`: sizes may pass 2^32.
function half(count: number): number {
  return Math.floor(count / 2);
}
