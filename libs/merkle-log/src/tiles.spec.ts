import * as fc from 'fast-check';
import { describeVectors } from '../../credentials/spec/vectors.js';
import { parseCheckpoint } from './checkpoint.js';
import { leafHash } from './hashes.js';
import { consistencyVerifies } from './proofs.js';
import { GrowingTiles, readTilePath, rootOf, TileMissing, tilePath, Tiles, tilesOf, tileWidth } from './tiles.js';
import { consistencyPath, Frontier, peakNodes, readPath } from './tree.js';

describe('the path of a tile', () => {
  test.each([
    [{ level: 0, index: 0 }, 256, 'tile/0/000'],
    [{ level: 0, index: 1_234_067 }, 256, 'tile/0/x001/x234/067'],
    [{ level: 2, index: 67 }, 8, 'tile/2/067.p/8'],
    [{ level: 63, index: 1000 }, 1, 'tile/63/x001/000.p/1'],
    [{ level: 0, index: 2 ** 45 }, 255, 'tile/0/x035/x184/x372/x088/832.p/255'],
  ])('of %j, %i wide, is %s', (tile, width, path) => {
    expect(tilePath(tile, width)).toBe(path);
    expect(readTilePath(path)).toEqual({ tile, width });
  });

  test('is read as it was written', () => {
    const one = fc.tuple(fc.nat({ max: 63 }), fc.maxSafeNat(), fc.integer({ min: 1, max: 256 }));
    fc.assert(
      fc.property(one, ([level, index, width]) => {
        expect(readTilePath(tilePath({ level, index }, width))).toEqual({ tile: { level, index }, width });
      }),
    );
  });

  test.each([
    '',
    'tile',
    'tile/0',
    'tile/0/',
    'tile/0/0',
    'tile/0/00',
    'tile/0/0000',
    'tile/0/x000/067',
    'tile/0/001/067',
    'tile/0/x001/x067',
    'tile/0/x001/67',
    'tile/00/067',
    'tile/64/067',
    'tile/-1/067',
    'tile/1e1/067',
    'tile/0/067.p',
    'tile/0/067.p/',
    'tile/0/067.p/0',
    'tile/0/067.p/08',
    'tile/0/067.p/256',
    'tile/0/067.p/300',
    'tile/0/067.P/8',
    'tile/0/067/',
    '/tile/0/067',
    'tile/0/٠٦٧',
    'tile/entries/067',
    'tile/0/x009/x007/x199/x254/x740/992',
    `tile/0/${'x999/'.repeat(60)}999`,
  ])('is none: %j', (path) => {
    expect(readTilePath(path)).toBeNull();
  });
});

/** A tree whose tiles were stored as a service stores them. */
function stored(hashes: readonly Buffer[]) {
  const tree = new Frontier();
  const growing = new GrowingTiles();
  tree.append(hashes, growing.completed);
  return { root: tree.root(), tiles: growing.list() };
}

test('a tree of 70,000 leaves has the tiles that c2sp.org/tlog-tiles counts in it, and all of it is in them', async () => {
  const leaves = Array.from({ length: 70_000 }, (_, index) => leafHash(Buffer.from(`leaf ${index}`)));
  const { root, tiles } = stored(leaves);
  const widths = new Map(
    tiles.map(({ level, index, hashes }) => [tilePath({ level, index }, 256), hashes.length / 32]),
  );
  expect([...widths.values()].filter((width) => width === 256)).toHaveLength(273 + 1);
  expect([widths.get('tile/0/273'), widths.get('tile/1/001'), widths.get('tile/2/000')]).toEqual([112, 17, 1]);
  expect(tiles).toHaveLength(273 + 1 + 1 + 1 + 1);
  for (const { level, index, hashes } of tiles) {
    expect(tileWidth({ level, index }, 70_000)).toBe(hashes.length / 32);
    if (level > 0) continue;
    const above = tiles.find((one) => one.level === 1 && one.index === Math.floor(index / 256));
    if (hashes.length === 256 * 32)
      expect(above?.hashes.subarray((index % 256) * 32, ((index % 256) + 1) * 32)).toEqual(rootOf(hashes));
  }
  const all = new Tiles(tiles);
  const peaks = peakNodes(70_000).map(({ level, index }) => all.node(level, index));
  expect(new Frontier({ size: 70_000, peaks }).root()).toEqual(root);
  for (const from of [1, 255, 256, 257, 65_535, 65_536, 69_999]) {
    const path = consistencyPath(from, 70_000);
    // A reader fetches these and no others.
    const wanted = tilesOf(path.flat());
    const some = new Tiles(
      tiles.filter((tile) => wanted.some((id) => id.level === tile.level && id.index === tile.index)),
    );
    const hashes = await readPath(path, (level, index) => some.node(level, index));
    const fromRoot = stored(leaves.slice(0, from)).root;
    expect(consistencyVerifies({ from, to: 70_000, fromRoot, toRoot: root, hashes })).toBe(true);
  }
}, 30_000);

test.each([
  [0, { level: 0, index: 0 }, 0],
  [1, { level: 0, index: 0 }, 1],
  [256, { level: 0, index: 0 }, 256],
  [256, { level: 0, index: 1 }, 0],
  [256, { level: 1, index: 0 }, 1],
  [255, { level: 1, index: 0 }, 0],
  [2 ** 40, { level: 4, index: 0 }, 256],
  [2 ** 40, { level: 5, index: 0 }, 1],
  [2 ** 40, { level: 63, index: 0 }, 0],
])('of %i leaves the tile %j has %i hashes', (size, tile, width) => {
  expect(tileWidth(tile, size)).toBe(width);
});

test('a hash that the tiles do not have is missing, and says which tile', () => {
  const { tiles } = stored([leafHash(Buffer.from('x'))]);
  expect(() => new Tiles(tiles).node(0, 1)).toThrow(TileMissing);
  expect(() => new Tiles([]).node(8, 300)).toThrow('tile 1 of level 1');
});

describeVectors('tessera-golden-log', (vectors) => {
  const sizes = Array.from({ length: 15 }, (_, at) => at + 1);

  test('each of its tiles lies where it is looked for, and gives the root of the checkpoint of its size', () => {
    for (const size of sizes) {
      const id = { level: 0, index: 0 };
      const hashes = vectors.bytes(`log/${tilePath(id, tileWidth(id, size))}`);
      const tiles = new Tiles([{ ...id, hashes }]);
      const peaks = peakNodes(size).map(({ level, index }) => tiles.node(level, index));
      const { root } = parseCheckpoint(`${vectors.text(`log/checkpoint.${size}`).split('\n\n')[0]}\n`);
      expect(new Frontier({ size, peaks }).root()).toEqual(Buffer.from(root));
    }
  });

  test('its files are the tiles that its sizes need', () => {
    const found = vectors.names('log/tile/0/000.p').map((width) => readTilePath(`tile/0/000.p/${width}`)?.width);
    expect(found.sort((one, other) => Number(one) - Number(other))).toEqual(sizes);
  });
});
