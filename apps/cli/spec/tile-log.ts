import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import {
  consistencyPath,
  Frontier,
  leafHash,
  noteSigner,
  peakNodes,
  readPath,
  readTilePath,
  signCheckpoint,
  signNote,
} from '@portcullis/merkle-log';

/** One history of a log: its leaves from the first on. */
export class History {
  private readonly nodes = new Map<string, Buffer>();
  private readonly tree = new Frontier();

  constructor(leaves: readonly string[] = []) {
    this.grow(leaves);
  }

  get size(): number {
    return this.tree.size;
  }

  grow(leaves: readonly string[]): void {
    const hashes = leaves.map((leaf) => leafHash(Buffer.from(leaf)));
    this.tree.append(hashes, (level, index, hash) => this.nodes.set(`${level}/${index}`, hash));
  }

  root(size: number): Buffer {
    const peaks = peakNodes(size).map(({ level, index }) => this.node(level, index)!);
    return new Frontier({ size, peaks }).root();
  }

  node(level: number, index: number): Buffer | undefined {
    return this.nodes.get(`${level}/${index}`);
  }

  async proof(from: number, to: number): Promise<string[]> {
    if (from === 0 || from >= to) return [];
    const hashes = await readPath(consistencyPath(from, to), (level, index) => this.node(level, index)!);
    return hashes.map((hash) => hash.toString('base64'));
  }
}

export const leaves = (from: number, to: number, of = 'leaf'): string[] =>
  Array.from({ length: to - from }, (_, at) => `${of} ${from + at}`);

/** A key of a log, and what it signs. */
export function logKey(origin: string) {
  const signer = noteSigner(origin, generateKeyPairSync('ed25519').privateKey);
  return {
    origin,
    verifierKey: signer.verifierKey,
    /** Whatever it is. */
    signText: (text: string): string => signNote(text, [signer]),
    sign: (history: History, size = history.size): string =>
      signCheckpoint({ origin, size, root: history.root(size) }, [signer]),
  };
}

/** A log as static files (c2sp.org/tlog-tiles), as any web server has them: parts of tiles that are full are gone. */
export async function serveTiles(key: ReturnType<typeof logKey>, history: History) {
  const served = {
    history,
    size: history.size as number | null,
    asked: [] as string[],
    authorization: '',
    tilesAway: false,
  };
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/^\/prefix\//, '');
    served.asked.push(path);
    served.authorization = request.headers.authorization ?? '';
    const size = served.size ?? served.history.size;
    if (path === 'checkpoint') return response.end(key.sign(served.history, size));
    const read = readTilePath(path);
    const hashes = Array.from({ length: read?.width ?? 0 }, (_, at) =>
      served.history.node((read?.tile.level ?? 0) * 8, (read?.tile.index ?? 0) * 256 + at),
    );
    const isPart = read !== null && read.width < 256;
    const isGone = isPart && served.history.node(read.tile.level * 8, (read.tile.index + 1) * 256 - 1) !== undefined;
    if (!read || isGone || served.tilesAway || hashes.includes(undefined))
      return response.writeHead(404).end('no such file');
    return response.end(Buffer.concat(hashes as Buffer[]));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  served.size = null;
  return Object.assign(served, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}
