import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Secret, signS3Request, s3SigningKey } from '@portcullis/credentials';
import { type S3Key } from './s3-services.js';

export interface Described {
  method?: string;
  /** Decoded. */
  path: string;
  query?: readonly (readonly [string, string])[];
  headers?: Record<string, string>;
  body?: string | Buffer;
  payload?: string;
  region?: string;
  now?: Date;
  host?: string;
}

type Signer = Pick<S3Key, 'accessKeyId' | 'secretAccessKey'>;

/** A signed request as it stands on the wire, its body not in it. */
export function signedHead(
  port: number,
  key: Signer,
  described: Described,
): { head: string; signature: string; date: string } {
  const {
    method = 'GET',
    path,
    query = [],
    headers = {},
    body = '',
    region = 'us-east-1',
    now = new Date(),
  } = described;
  const host = described.host ?? `127.0.0.1:${port}`;
  const { target, headers: signed } = signS3Request({
    method,
    host,
    path,
    query,
    headers,
    payloadSha256: described.payload ?? createHash('sha256').update(body).digest('hex'),
    region,
    accessKeyId: key.accessKeyId,
    secret: Secret.of(key.secretAccessKey),
    now,
  });
  const length =
    'content-length' in headers || 'transfer-encoding' in headers ? {} : { 'content-length': String(body.length) };
  const lines = Object.entries({ ...signed, ...length }).map(([name, value]) => `${name}: ${value}\r\n`);
  return {
    head: `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`,
    signature: /Signature=([0-9a-f]+)/.exec(signed['authorization'] ?? '')?.[1] ?? '',
    date: signed['x-amz-date'] ?? '',
  };
}

/** The body of STREAMING-AWS4-HMAC-SHA256-PAYLOAD, each chunk signed after the one before. */
export function signedChunks(
  key: Signer,
  { signature, date }: { signature: string; date: string },
  chunks: readonly string[],
): string {
  const scope = `${date.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const signingKey = s3SigningKey(Secret.of(key.secretAccessKey), date.slice(0, 8), 'us-east-1');
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  let previous = signature;
  return [...chunks, '']
    .map((chunk) => {
      const text = ['AWS4-HMAC-SHA256-PAYLOAD', date, scope, previous, sha256(''), sha256(chunk)].join('\n');
      previous = createHmac('sha256', Buffer.from(signingKey.reveal(), 'base64')).update(text).digest('hex');
      return `${chunk.length.toString(16)};chunk-signature=${previous}\r\n${chunk}\r\n`;
    })
    .join('');
}

/** A connection that is kept: one answer after another. */
export class Wire {
  readonly socket: Socket;
  #got = '';

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (part: Buffer) => (this.#got += part.toString('latin1')));
    this.socket.on('error', () => undefined);
  }

  write(text: string | Buffer): void {
    this.socket.write(text, 'latin1');
  }

  /** The next answer, once it is whole; undefined if the connection ends first. */
  async answer(toHead = false): Promise<{ status: number; head: string; code: string; body: string } | undefined> {
    for (;;) {
      const end = this.#got.indexOf('\r\n\r\n');
      if (end >= 0) {
        const head = this.#got.slice(0, end + 4);
        const status = Number(head.slice(9, 12));
        const length = toHead || status < 200 ? 0 : Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
        if (this.#got.length >= head.length + length) {
          const body = this.#got.slice(head.length, head.length + length);
          this.#got = this.#got.slice(head.length + length);
          return { status, head, body, code: /<Code>(\w+)<\/Code>/.exec(body)?.[1] ?? '' };
        }
      }
      if (this.socket.closed || this.socket.readableEnded) return undefined;
      // A connection that is cut is one that ends.
      const next = ['data', 'close', 'end'].map((event) => once(this.socket, event));
      await Promise.race(next).catch(() => undefined);
    }
  }

  end(): void {
    this.socket.destroy();
  }
}
