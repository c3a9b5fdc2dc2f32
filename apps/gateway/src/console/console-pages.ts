import { type IncomingMessage, type ServerResponse } from 'node:http';
import { Refusal } from '@portcullis/contracts';
import { headerValues } from '../header-values.js';
import { namedOf } from '../visit.js';
import { type ConsoleFile, readConsoleFiles } from './console-file.js';

/** What every answer below `/console` says, name, value, name, value. The files hold no inline script and no inline style. */
export const consoleHeaders: readonly string[] = Object.entries({
  'Content-Security-Policy': [
    ...["default-src 'self'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "font-src 'self'"],
    ...["connect-src 'self'", "worker-src 'self'", "manifest-src 'self'", "object-src 'none'", "frame-src 'none'"],
    ...["base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"],
  ].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  // Copy buttons write to the clipboard; nothing reads it.
  'Permissions-Policy': [
    'accelerometer=(), bluetooth=(), camera=(), clipboard-read=(), clipboard-write=(self), display-capture=(), fullscreen=()',
    'geolocation=(), gyroscope=(), hid=(), idle-detection=(), magnetometer=(), microphone=(), midi=(), payment=()',
    'publickey-credentials-get=(), screen-wake-lock=(), serial=(), usb=(), web-share=(), xr-spatial-tracking=()',
  ].join(', '),
}).flat();

const prefix = '/console/';
/** The rule under which pages are listed and counted. */
export const consoleMatch = 'GET /console/**';

export const isConsolePath = (path: string): boolean => path === '/console' || path.startsWith(prefix);

/** The console as it was built, answered from memory. */
export class ConsolePages {
  private constructor(private readonly files: ReadonlyMap<string, ConsoleFile>) {}

  /** Reads the folder once. One that is absent or has no `index.html` is a console that was not built. */
  static async read(directory: string): Promise<ConsolePages> {
    return new ConsolePages(await readConsoleFiles(directory));
  }

  /**
   * Answers GET and HEAD of a path for which `isConsolePath` holds; rejects with `not_found`, having written nothing. A path that names no
   * file and has no dot in its last segment is a place within the console, for which its script has the words.
   */
  async answer(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const index = this.files.get('index.html');
    if (!index) {
      throw new Refusal('not_found', 'The console was not built. Run "npm run build" where Portcullis is installed.');
    }
    if (path === '/console') return void write(response, 302, { Location: prefix, 'Cache-Control': 'no-cache' });
    const name = path.slice(prefix.length);
    const isAsset = name.startsWith('assets/') || (name.split('/').at(-1) ?? '').includes('.');
    const file = this.files.get(name) ?? (isAsset ? undefined : index);
    if (!file) throw new Refusal('not_found', 'The console has no such file.');
    const encoding = file.encodingFor(headerValues(request.rawHeaders, 'accept-encoding').join());
    const headers = file.headers(encoding);
    if (isKnown(headers['ETag'] ?? '', request)) return void write(response, 304, headers);
    write(response, 200, headers, await file.content(encoding), request.method === 'HEAD');
  }
}

/** RFC 9110 section 13.1.2, by weak comparison. */
function isKnown(etag: string, { rawHeaders }: IncomingMessage): boolean {
  const known = headerValues(rawHeaders, 'if-none-match').flatMap((header) => header.split(','));
  return known.map((one) => one.trim().replace(/^W\//, '')).some((one) => one === '*' || one === etag);
}

function write(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: Buffer = Buffer.alloc(0),
  isHead = false,
): void {
  const length = status === 304 ? {} : { 'Content-Length': body.length };
  response.writeHead(status, { ...headers, ...length, ...namedOf(consoleHeaders) }).end(isHead ? undefined : body);
}
