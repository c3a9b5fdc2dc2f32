import { hashBytes, nodeHash } from './hashes.js';
import { type CompletedNode, type NodeId } from './tree.js';

/** Hashes in a full tile: a tile of level n holds the roots of 256 neighbouring subtrees of 256^n leaves (as c2sp.org/tlog-tiles). */
export const tileHashes = 256;
const tileLevels = 8;
const maxTileLevel = 63;

export interface TileId {
  readonly level: number;
  readonly index: number;
}

/** Hashes that are added to a tile behind those that it has. */
export interface TilePart extends TileId {
  /** How many it must have before. */
  readonly offset: number;
  readonly hashes: Buffer;
}

/** Gathers from an append what goes into which tile: of all nodes that it completes, those whose level is a tile's. */
export class GrowingTiles {
  private readonly parts = new Map<string, TileId & { offset: number; hashes: Buffer[] }>();

  readonly completed: CompletedNode = (level, index, hash) => {
    if (level % tileLevels !== 0) return;
    const id = { level: level / tileLevels, index: Math.floor(index / tileHashes) };
    const known = this.parts.get(keyOf(id));
    if (known) known.hashes.push(hash);
    else this.parts.set(keyOf(id), { ...id, offset: index % tileHashes, hashes: [hash] });
  };

  list(): TilePart[] {
    return [...this.parts.values()].map((part) => ({ ...part, hashes: Buffer.concat(part.hashes) }));
  }
}

/** How many hashes the tile has in a tree of `size` leaves: 256 in a full one, 0 where there is none yet. */
export function tileWidth({ level, index }: TileId, size: number): number {
  const complete = Math.floor(size / tileHashes ** level);
  return Math.min(tileHashes, Math.max(0, complete - index * tileHashes));
}

/**
 * The path of a tile of `width` hashes below a log's prefix, without a first slash: `tile/0/x001/x234/067`, or `tile/0/067.p/8` for one that
 * is not full.
 */
export function tilePath({ level, index }: TileId, width: number): string {
  const groups = [String(index % 1000).padStart(3, '0')];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000))
    groups.unshift(`x${String(rest % 1000).padStart(3, '0')}`);
  return `tile/${level}/${groups.join('/')}${width === tileHashes ? '' : `.p/${width}`}`;
}

/** Reads {@link tilePath}. Null for whatever it would not have written: a tile of one width has one path. */
export function readTilePath(path: string): { tile: TileId; width: number } | null {
  const [, level, groups = '', partial = String(tileHashes)] =
    /^tile\/(\d{1,2})\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d{1,3}))?$/.exec(path) ?? [];
  const tile = { level: Number(level), index: Number(groups.replaceAll(/[x/]/g, '')) };
  const width = Number(partial);
  const isTile = tile.level <= maxTileLevel && Number.isSafeInteger(tile.index) && width >= 1 && width <= tileHashes;
  return isTile && tilePath(tile, width) === path ? { tile, width } : null;
}

/** The tiles that these nodes are read from, each once. */
export function tilesOf(nodes: Iterable<NodeId>): TileId[] {
  const tiles = new Map<string, TileId>();
  for (const node of nodes) {
    const { tile } = placeOf(node);
    tiles.set(keyOf(tile), tile);
  }
  return [...tiles.values()];
}

/** Some tiles, as they were read. */
export class Tiles {
  private readonly hashes = new Map<string, Buffer>();

  constructor(tiles: Iterable<TileId & { readonly hashes: Buffer }>) {
    for (const tile of tiles) this.hashes.set(keyOf(tile), tile.hashes);
  }

  /** The hash of a complete node. Throws {@link TileMissing} if the tile is not there, or ends before it. */
  node(level: number, index: number): Buffer {
    const { tile, offset, width } = placeOf({ level, index });
    const end = (offset + width) * hashBytes;
    const hashes = this.hashes.get(keyOf(tile));
    if (!hashes || hashes.length < end) throw new TileMissing(tile);
    return rootOf(hashes.subarray(offset * hashBytes, end));
  }
}

/** What the tree is made of is not there. */
export class TileMissing extends Error {
  override readonly name = 'TileMissing';

  constructor(readonly tile: TileId) {
    super(`the hashes of tile ${tile.index} of level ${tile.level} are not there`);
  }
}

/** The root over hashes that lie one behind the other; their number is a power of two. */
export function rootOf(hashes: Buffer): Buffer {
  let level = hashesIn(hashes);
  while (level.length > 1) {
    level = level.filter((_, at) => at % 2 === 0).map((left, at) => nodeHash(left, level[2 * at + 1] ?? left));
  }
  return level[0] ?? Buffer.alloc(0);
}

export function hashesIn(hashes: Buffer): Buffer[] {
  return Array.from({ length: hashes.length / hashBytes }, (_, at) =>
    hashes.subarray(at * hashBytes, (at + 1) * hashBytes),
  );
}

function placeOf({ level, index }: NodeId): { tile: TileId; offset: number; width: number } {
  const width = 2 ** (level % tileLevels);
  const start = index * width;
  return {
    tile: { level: Math.floor(level / tileLevels), index: Math.floor(start / tileHashes) },
    offset: start % tileHashes,
    width,
  };
}

const keyOf = ({ level, index }: TileId): string => `${level}/${index}`;
