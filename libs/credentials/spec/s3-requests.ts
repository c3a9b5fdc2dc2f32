import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4, type SignatureV4Init } from '@smithy/signature-v4';
import { type S3RequestHead } from '../src/sigv4/read-signature.js';

/** S3 requests signed by AWS's own JavaScript, not by us. */

export const accessKeyId = 'AKIAIOSFODNN7EXAMPLE';
export const secretText = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
export const region = 'us-east-1';
export const now = new Date('2026-11-28T12:00:00Z');
export const timestamp = '20261128T120000Z';
export const scope = `20261128/${region}/s3/aws4_request`;
export const host = 's3.example.com:9000';

class Sha256 {
  private readonly hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.hash.update(bytesOf(data));
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.hash.digest());
  }

  reset(): void {
    throw new Error('Not used by the signer.');
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data);
}

export function smithy(secret = secretText, also: Partial<SignatureV4Init> = {}): SignatureV4 {
  return new SignatureV4({
    service: 's3',
    region,
    credentials: { accessKeyId, secretAccessKey: secret },
    sha256: Sha256,
    uriEscapePath: false,
    applyChecksum: true,
    ...also,
  });
}

export interface Described {
  readonly method?: string;
  /** Encoded as it is to be sent. */
  readonly path?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly secret?: string;
  readonly also?: Partial<SignatureV4Init>;
}

/** With the signature in the header. */
export async function inHeader(described: Described): Promise<S3RequestHead> {
  const { method = 'PUT', path = '/bucket/key', query = {}, headers = {}, secret, also } = described;
  const signed = await smithy(secret, also).sign(
    { method, protocol: 'http:', hostname: host, path, query: { ...query }, headers: { host, ...headers } },
    { signingDate: now },
  );
  return { method, target: targetOf(path, query), rawHeaders: Object.entries(signed.headers).flat() };
}

/** With the signature in the query, for an hour. */
export async function presigned(described: Described): Promise<S3RequestHead> {
  const { method = 'PUT', path = '/bucket/key', query = {}, headers = {}, secret } = described;
  const unhoistableHeaders = new Set(Object.keys(headers));
  // As @aws-sdk/s3-request-presigner does; it ends up in the query.
  const unsigned: Record<string, string> =
    'x-amz-content-sha256' in headers ? {} : { 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' };
  const signed = await smithy(secret).presign(
    {
      method,
      protocol: 'http:',
      hostname: host,
      path,
      query: { ...query },
      headers: { host, ...unsigned, ...headers },
    },
    { signingDate: now, expiresIn: 3600, unhoistableHeaders },
  );
  return {
    method,
    target: targetOf(path, signed.query as Record<string, string>),
    rawHeaders: Object.entries(signed.headers).flat(),
  };
}

function targetOf(path: string, query: Readonly<Record<string, string>>): string {
  const search = Object.entries(query)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
  return search === '' ? path : `${path}?${search}`;
}

export function withHeader(head: S3RequestHead, name: string, value: string): S3RequestHead {
  return { ...head, rawHeaders: [...withoutHeader(head, name).rawHeaders, name, value] };
}

export function withoutHeader(head: S3RequestHead, name: string): S3RequestHead {
  const rawHeaders = head.rawHeaders.flatMap((text, at) =>
    at % 2 === 0 && text.toLowerCase() !== name.toLowerCase() ? [text, head.rawHeaders[at + 1] ?? ''] : [],
  );
  return { ...head, rawHeaders };
}

export interface ChunkedParts {
  /** Each chunk as on the wire; the last is the one of no bytes. */
  readonly chunks: readonly Buffer[];
  readonly trailer: string;
}

/** A body in chunks, signed if there is a seed. `key` is the signing key's 32 bytes. */
export function chunked(
  plain: readonly Buffer[],
  { seed, key, trailer }: { seed?: string; key?: Buffer; trailer?: { name: string; value: string } },
): ChunkedParts {
  let previous = seed ?? '';
  const hmac = (text: string): string =>
    createHmac('sha256', key ?? '')
      .update(text)
      .digest('hex');
  const chunks = [...plain, Buffer.alloc(0)].map((data) => {
    let head = data.length.toString(16);
    if (seed !== undefined) {
      const label = 'AWS4-HMAC-SHA256-PAYLOAD';
      previous = hmac([label, timestamp, scope, previous, sha256(''), sha256(data)].join('\n'));
      head += `;chunk-signature=${previous}`;
    }
    return Buffer.concat([Buffer.from(`${head}\r\n`), data, Buffer.from(data.length > 0 ? '\r\n' : '')]);
  });
  if (!trailer) return { chunks, trailer: '\r\n' };
  const line = `${trailer.name}:${trailer.value}`;
  const signature = hmac(['AWS4-HMAC-SHA256-TRAILER', timestamp, scope, previous, sha256(`${line}\n`)].join('\n'));
  return {
    chunks,
    trailer: `${line}\r\n${seed === undefined ? '' : `x-amz-trailer-signature:${signature}\r\n`}\r\n`,
  };
}

export function wire({ chunks, trailer }: ChunkedParts): Buffer {
  return Buffer.concat([...chunks, Buffer.from(trailer)]);
}

export function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
