import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

export type Encoding = 'br' | 'gzip';

/** Below this a header more costs what it saves. */
const leastCompressedBytes = 1024;

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.svg': 'image/svg+xml; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.woff2': 'font/woff2',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
};

/** Its name has a digest of what it holds, as Vite gives them: it never changes. */
const hashed = /^assets\/.+-[\w-]{8,}\.[\w.]+$/;

/**
 * The regular files below a folder by their paths in it, with `/`; none if there is no such folder. Links are not followed: what is served
 * is what was built.
 */
export async function readConsoleFiles(directory: string): Promise<ReadonlyMap<string, ConsoleFile>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(noFolder);
  const files = entries
    .filter((entry) => entry.isFile())
    .map(async (entry): Promise<[string, ConsoleFile]> => {
      const path = join(entry.parentPath, entry.name);
      const name = relative(directory, path).split(sep).join('/');
      return [name, new ConsoleFile(name, await readFile(path))];
    });
  return new Map(await Promise.all(files));
}

function noFolder(error: NodeJS.ErrnoException): [] {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
  throw error;
}

/** One file, and what it is in each encoding: made when it is first asked for, then kept. */
export class ConsoleFile {
  private readonly contentType: string;
  private readonly digest: string;
  private readonly encoded = new Map<Encoding, Promise<Buffer>>();

  constructor(
    private readonly name: string,
    private readonly bytes: Buffer,
  ) {
    this.contentType = contentTypes[extname(name)] ?? 'application/octet-stream';
    this.digest = createHash('sha256').update(bytes).digest('base64url').slice(0, 22);
  }

  /** The best that the client takes (RFC 9110 section 12.5.3). */
  encodingFor(acceptEncoding: string): Encoding | undefined {
    if (!this.isCompressible) return undefined;
    const weights = new Map(acceptEncoding.split(',').map(weighed));
    const weight = (encoding: Encoding): number => weights.get(encoding) ?? weights.get('*') ?? 0;
    const best = weight('gzip') > weight('br') ? 'gzip' : 'br';
    return weight(best) > 0 ? best : undefined;
  }

  headers(encoding: Encoding | undefined): Record<string, string> {
    return {
      'Content-Type': this.contentType,
      'Cache-Control': hashed.test(this.name) ? 'public, max-age=31536000, immutable' : 'no-cache',
      ETag: `"${this.digest}${encoding ? `-${encoding}` : ''}"`,
      ...(this.isCompressible ? { Vary: 'Accept-Encoding' } : {}),
      ...(encoding ? { 'Content-Encoding': encoding } : {}),
    };
  }

  content(encoding: Encoding | undefined): Promise<Buffer> {
    if (!encoding) return Promise.resolve(this.bytes);
    const content = this.encoded.get(encoding) ?? compressed[encoding](this.bytes);
    this.encoded.set(encoding, content);
    return content;
  }

  private get isCompressible(): boolean {
    return /charset=utf-8$/.test(this.contentType) && this.bytes.length >= leastCompressedBytes;
  }
}

const asBrotli = promisify(brotliCompress);
const asGzip = promisify<Buffer, { level: number }, Buffer>(gzip);
const compressed: Readonly<Record<Encoding, (bytes: Buffer) => Promise<Buffer>>> = {
  // Two levels below the best: a twentieth of its time for a twentieth more bytes.
  br: (bytes) => asBrotli(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
  gzip: (bytes) => asGzip(bytes, { level: 9 }),
};

function weighed(text: string): [coding: string, weight: number] {
  const [coding = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
  return [coding, weight === undefined ? 1 : Number(weight) || 0];
}
