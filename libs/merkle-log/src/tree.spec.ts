import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { emptyRoot, leafEntry, leafHash, nodeHash, saltedHash } from './hashes.js';
import { consistencyVerifies, inclusionVerifies } from './proofs.js';
import { consistencyPath, Frontier, inclusionPath, type PathStep, peakNodes, readPath } from './tree.js';

const leaves = Array.from({ length: 130 }, (_, index) => leafHash(Buffer.from(`leaf ${index}`)));

/** RFC 9162 section 2.1.1, as it is written there. */
function definition(hashes: readonly Buffer[]): Buffer {
  if (hashes.length === 0) return createHash('sha256').digest();
  if (hashes.length === 1) return hashes[0]!;
  let middle = 1;
  while (middle * 2 < hashes.length) middle *= 2;
  return createHash('sha256')
    .update(Buffer.from([1]))
    .update(definition(hashes.slice(0, middle)))
    .update(definition(hashes.slice(middle)))
    .digest();
}

/** A tree of `size` leaves whose complete nodes were stored as a service stores them. */
function stored(size: number) {
  const nodes = new Map<string, Buffer>();
  const tree = new Frontier();
  tree.append(leaves.slice(0, size), (level, index, hash) => {
    expect(nodes.has(`${level}/${index}`)).toBe(false);
    nodes.set(`${level}/${index}`, hash);
  });
  const reads: string[] = [];
  const read = (level: number, index: number) => {
    reads.push(`${level}/${index}`);
    const hash = nodes.get(`${level}/${index}`);
    if (!hash) throw new Error(`The node ${level}/${index} is not complete in a tree of ${size}`);
    return hash;
  };
  return { tree, nodes, reads, read };
}

describe('the bytes of RFC 9162', () => {
  test('a leaf, a node and the empty tree are hashed apart', () => {
    const sha256 = (...parts: (string | Buffer)[]) =>
      createHash('sha256')
        .update(Buffer.concat(parts.map((part) => Buffer.from(part as string))))
        .digest('hex');
    expect(emptyRoot().toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(leafHash(Buffer.from('x')).toString('hex')).toBe(sha256('\u0000x'));
    expect(nodeHash(leaves[0]!, leaves[1]!).toString('hex')).toBe(sha256('\u0001', leaves[0]!, leaves[1]!));
  });

  test('a leaf commits to the id and the salted hash of its event, in these bytes', () => {
    const salt = Buffer.alloc(32, 7);
    const salted = saltedHash({ time: 't', id: 'evt_1' }, salt);
    expect(salted.toString('hex')).toBe(
      createHash('sha256').update(salt).update('{"id":"evt_1","time":"t"}').digest('hex'),
    );
    expect(leafEntry('evt_1', salted).toString()).toBe(`{"event":"evt_1","hash":"${salted.toString('base64')}"}`);
  });

  test('a hash or a salt of another length is refused', () => {
    const short = Buffer.alloc(31);
    expect(() => nodeHash(short, leaves[0]!)).toThrow(RangeError);
    expect(() => nodeHash(leaves[0]!, Buffer.alloc(33))).toThrow(RangeError);
    expect(() => saltedHash({}, short)).toThrow(RangeError);
    expect(() => leafEntry('evt_1', short)).toThrow(RangeError);
    expect(() => new Frontier().append([short])).toThrow(RangeError);
  });
});

describe('a frontier', () => {
  test('has the root that RFC 9162 defines, at every size', () => {
    const tree = new Frontier();
    expect(tree.root()).toEqual(definition([]));
    for (const [index, leaf] of leaves.entries()) {
      tree.append([leaf]);
      expect(tree.size).toBe(index + 1);
      expect(tree.root()).toEqual(definition(leaves.slice(0, index + 1)));
    }
  });

  test('goes on from its stored state as if it had never stopped, in any batches', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 20 }), { maxLength: 12 }), (batches) => {
        const straight = new Frontier();
        let resumed = new Frontier();
        let at = 0;
        for (const batch of batches) {
          const next = leaves.slice(at, at + batch);
          straight.append(next);
          resumed = new Frontier(resumed.state);
          resumed.append(next);
          at += batch;
        }
        expect(resumed.state).toEqual(straight.state);
        expect(resumed.root()).toEqual(straight.root());
      }),
    );
  });

  test('hands out each complete node once, with its hash, and no others', () => {
    for (const size of [0, 1, 2, 3, 7, 8, 9, 64, 100, 130]) {
      const { nodes } = stored(size);
      for (const [name, hash] of nodes) {
        const [level, index] = name.split('/').map(Number) as [number, number];
        expect(hash).toEqual(definition(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)));
      }
      let complete = 0;
      for (let width = 1; width <= size; width *= 2) complete += Math.floor(size / width);
      expect(nodes.size).toBe(complete);
    }
  });

  test('can be taken up from the stored nodes at any size up to that of the log', () => {
    const { read } = stored(130);
    for (let size = 0; size <= 130; size++) {
      const peaks = peakNodes(size).map(({ level, index }) => read(level, index));
      expect(new Frontier({ size, peaks }).root()).toEqual(definition(leaves.slice(0, size)));
    }
  });

  test('keeps its state apart from the copies that it gives and takes', () => {
    const tree = new Frontier();
    tree.append(leaves.slice(0, 3));
    const { state } = tree;
    state.peaks[0]!.fill(0);
    tree.append(leaves.slice(3, 5));
    expect(tree.root()).toEqual(definition(leaves.slice(0, 5)));
  });

  test.each([
    ['too few peaks', { size: 3, peaks: [leaves[0]!] }],
    ['too many', { size: 2, peaks: [leaves[0]!, leaves[1]!] }],
    ['a peak of another length', { size: 1, peaks: [Buffer.alloc(20)] }],
    ['a size that is none', { size: 1.5, peaks: [leaves[0]!] }],
    ['a negative one', { size: -1, peaks: [] }],
  ])('is not restored from a state with %s', (_, state) => {
    expect(() => new Frontier(state)).toThrow(RangeError);
  });
});

describe('proofs', () => {
  test('of every leaf in every tree up to 65 verify, and read 2 log2(n) nodes at most', async () => {
    for (let size = 1; size <= 65; size++) {
      const { tree, reads, read } = stored(size);
      for (let index = 0; index < size; index++) {
        reads.length = 0;
        const hashes = await readPath(inclusionPath(index, size), read);
        expect(reads.length).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(size)));
        expect(inclusionVerifies({ index, size, leafHash: leaves[index]!, root: tree.root(), hashes })).toBe(true);
      }
    }
  });

  test('between all sizes up to 65 verify', async () => {
    const { read } = stored(65);
    const roots = Array.from({ length: 66 }, (_, size) => definition(leaves.slice(0, size)));
    for (let to = 1; to <= 65; to++)
      for (let from = 1; from <= to; from++) {
        const hashes = await readPath(consistencyPath(from, to), read);
        expect(consistencyVerifies({ from, to, fromRoot: roots[from]!, toRoot: roots[to]!, hashes })).toBe(true);
      }
  });

  test('of an older size need nothing but nodes that were complete then', () => {
    const complete = (size: number) => (step: PathStep) =>
      step.every((node) => (node.index + 1) * 2 ** node.level <= size);
    for (let size = 1; size <= 65; size++) {
      for (let index = 0; index < size; index++) expect(inclusionPath(index, size).every(complete(size))).toBe(true);
      for (let from = 1; from <= size; from++) expect(consistencyPath(from, size).every(complete(size))).toBe(true);
    }
  });

  test('are as short in a tree beyond 2^32 leaves', () => {
    const size = 2 ** 40 + 12345;
    expect(inclusionPath(2 ** 40 - 1, size)).toHaveLength(41);
    expect(inclusionPath(0, size)[0]).toEqual([{ level: 0, index: 1 }]);
    expect(consistencyPath(2 ** 40, size)).toHaveLength(1);
  });

  test('that cannot be are refused', () => {
    expect(() => inclusionPath(5, 5)).toThrow(RangeError);
    expect(() => inclusionPath(-1, 5)).toThrow(RangeError);
    expect(() => inclusionPath(0.5, 5)).toThrow(RangeError);
    expect(() => inclusionPath(0, 0)).toThrow(RangeError);
    expect(() => consistencyPath(0, 5)).toThrow(RangeError);
    expect(() => consistencyPath(6, 5)).toThrow(RangeError);
  });

  test('fail with the reader', async () => {
    await expect(readPath(inclusionPath(0, 8), () => Promise.reject(new Error('away')))).rejects.toThrow('away');
  });
});
