import * as fc from 'fast-check';
import { describeVectors, type VectorFolder } from '../../credentials/spec/vectors.js';
import { leafHash } from './hashes.js';
import { consistencyVerifies, frontierOf, inclusionVerifies } from './proofs.js';
import { consistencyPath, Frontier, inclusionPath, readPath } from './tree.js';

interface InclusionVector {
  leafIdx: number;
  treeSize: number;
  root: string;
  leafHash: string;
  proof: string[] | null;
  desc: string;
  wantErr: boolean;
}

interface ConsistencyVector {
  size1: number;
  size2: number;
  root1: string;
  root2: string;
  proof: string[] | null;
  desc: string;
  wantErr: boolean;
}

const bytes = (text: string) => Buffer.from(text, 'base64');

/** Every file below `under`, by its path. */
function files(vectors: VectorFolder, under: string): string[] {
  return vectors
    .names(under)
    .flatMap((name) => (name.endsWith('.json') ? [`${under}/${name}`] : files(vectors, `${under}/${name}`)));
}

// Left out: the 322 files of `subtreeinclusion` and `subtreeconsistency`. They are of the drafts for Merkle tree certificates, which
// prove subtrees that do not begin at leaf 0; RFC 9162 and this library have no such proofs.
describeVectors('merkle-proofs', (vectors) => {
  const [inclusion, consistency] = [files(vectors, 'inclusion'), files(vectors, 'consistency')];

  test('all 196 files are there, proofs that hold among them', () => {
    expect(inclusion.length + consistency.length).toBe(196);
    expect(inclusion.filter((file) => !vectors.json<InclusionVector>(file).wantErr).length).toBeGreaterThan(5);
  });

  test.each(inclusion)('%s: the verdict is that of transparency-dev', (file) => {
    const { leafIdx, treeSize, root, leafHash, proof, wantErr } = vectors.json<InclusionVector>(file);
    const given = { index: leafIdx, size: treeSize, leafHash: bytes(leafHash), root: bytes(root) };
    expect(inclusionVerifies({ ...given, hashes: (proof ?? []).map(bytes) })).toBe(!wantErr);
  });

  // Its two equal roots have 12 bytes, which no hash here has; transparency-dev looks at no length of a root.
  const stricter = ['consistency/additional/sizes-are-equal-one-and-proof-is-empty.json'];

  test.each(consistency)('%s: the verdict is that of transparency-dev', (file) => {
    const { size1, size2, root1, root2, proof, wantErr } = vectors.json<ConsistencyVector>(file);
    const given = { from: size1, to: size2, fromRoot: bytes(root1), toRoot: bytes(root2) };
    const expected = !wantErr && !stricter.includes(file);
    expect(consistencyVerifies({ ...given, hashes: (proof ?? []).map(bytes) })).toBe(expected);
  });
});

const nodes = new Map<string, Buffer>();
const roots: Buffer[] = [];
const leaves = Array.from({ length: 70 }, (_, index) => leafHash(Buffer.from(`leaf ${index}`)));
const tree = new Frontier();
for (const leaf of leaves) {
  roots.push(tree.root());
  tree.appendOne(leaf, (level, index, hash) => nodes.set(`${level}/${index}`, hash));
}
const read = (level: number, index: number) => nodes.get(`${level}/${index}`)!;

type Change = { hashes: Buffer[]; at: number };
const changes: Record<string, (change: Change) => Buffer[]> = {
  'a bit flipped': ({ hashes, at }) =>
    hashes.map((hash, index) =>
      index === at % hashes.length ? Buffer.from(hash.map((byte, n) => (n === at % 32 ? byte ^ 1 : byte))) : hash,
    ),
  'one hash more': ({ hashes, at }) => hashes.toSpliced(at % (hashes.length + 1), 0, leaves[at % leaves.length]!),
  'one hash less': ({ hashes, at }) => hashes.toSpliced(at % hashes.length, 1),
  'a hash cut': ({ hashes, at }) => hashes.with(at % hashes.length, hashes[at % hashes.length]!.subarray(1)),
  'its order turned': ({ hashes }) => (hashes.length > 1 ? hashes.toReversed() : []),
};

describe.each(Object.entries(changes))('a proof with %s', (_, change) => {
  const sizes = fc.tuple(fc.integer({ min: 2, max: 69 }), fc.nat(), fc.nat());

  test('of inclusion does not verify', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, async ([size, leaf, at]) => {
        const index = leaf % size;
        const given = { index, size, leafHash: leaves[index]!, root: roots[size]! };
        const hashes = await readPath(inclusionPath(index, size), read);
        expect(inclusionVerifies({ ...given, hashes })).toBe(true);
        expect(inclusionVerifies({ ...given, hashes: change({ hashes, at }) })).toBe(false);
      }),
    );
  });

  test('of consistency does not verify', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, async ([to, before, at]) => {
        const from = 1 + (before % (to - 1));
        const given = { from, to, fromRoot: roots[from]!, toRoot: roots[to]! };
        const hashes = await readPath(consistencyPath(from, to), read);
        expect(consistencyVerifies({ ...given, hashes })).toBe(true);
        expect(consistencyVerifies({ ...given, hashes: change({ hashes, at }) })).toBe(false);
      }),
    );
  });
});

test('a proof for one index, size or pair of sizes does not serve another', async () => {
  for (const size of [1, 2, 7, 8, 33, 69])
    for (let index = 0; index < size; index++) {
      const hashes = await readPath(inclusionPath(index, size), read);
      for (let other = 0; other < 70; other++) {
        const given = { leafHash: leaves[index]!, root: roots[size]!, hashes };
        if (other !== index) expect(inclusionVerifies({ ...given, index: other, size })).toBe(false);
      }
    }
  const hashes = await readPath(consistencyPath(5, 12), read);
  expect(consistencyVerifies({ from: 5, to: 12, fromRoot: roots[4]!, toRoot: roots[12]!, hashes })).toBe(false);
  expect(consistencyVerifies({ from: 12, to: 5, fromRoot: roots[12]!, toRoot: roots[5]!, hashes })).toBe(false);
});

test('a proof of consistency shows the tree that it leads from, to go on from', async () => {
  for (let to = 2; to < 70; to++)
    for (let from = 1; from < to; from++) {
      const hashes = await readPath(consistencyPath(from, to), read);
      const shown = frontierOf({ from, to, fromRoot: roots[from]!, toRoot: roots[to]!, hashes });
      const tree = new Frontier(shown!);
      expect(tree.root()).toEqual(roots[from]);
      tree.append(leaves.slice(from, to));
      expect(tree.root()).toEqual(roots[to]);
      expect(frontierOf({ from, to, fromRoot: roots[from]!, toRoot: roots[from]!, hashes })).toBeNull();
    }
  expect(frontierOf({ from: 4, to: 4, fromRoot: roots[4]!, toRoot: roots[4]!, hashes: [] })).toBeNull();
});

test('numbers that count no leaves are no proof, and no error', () => {
  const [leaf, root] = [leaves[0]!, leaves[0]!];
  for (const index of [-1, 0.5, NaN, 2 ** 53])
    expect(inclusionVerifies({ index, size: 2 ** 53, leafHash: leaf, root, hashes: [] })).toBe(false);
  for (const from of [-1, 0, 0.5, NaN, Infinity])
    expect(consistencyVerifies({ from, to: from, fromRoot: root, toRoot: root, hashes: [] })).toBe(false);
});
