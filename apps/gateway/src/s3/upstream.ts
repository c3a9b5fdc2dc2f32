import { createHash } from 'node:crypto';
import { type Readable } from 'node:stream';
import { type Secret, signS3Request } from '@portcullis/credentials';
import { Pool } from 'undici';
import { type HeaderList } from './headers.js';
import { type Ending, type S3UpstreamAnswer, StorageExchange } from './upstream-answer.js';

export interface S3UpstreamSettings {
  /** An origin, http or https. */
  readonly url: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secret: Secret;
}

export type S3UpstreamBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  /** `sha256` where it is known before the first byte. */
  | {
      readonly kind: 'stream';
      readonly stream: Readable;
      readonly length: number;
      readonly sha256: string | undefined;
    };

export interface S3UpstreamRequest {
  readonly method: string;
  /** Decoded, `/bucket/key`. */
  readonly path: string;
  readonly query?: readonly (readonly [name: string, value: string])[];
  readonly headers?: HeaderList;
  readonly body?: S3UpstreamBody;
}

export interface S3UpstreamReply {
  readonly status: number;
  readonly headers: S3UpstreamAnswer['headers'];
  readonly body: Buffer;
}

const connectMilliseconds = 5_000;
/** A large copy is made before it is answered; the storage may say nothing meanwhile. */
const headersMilliseconds = 300_000;
const silenceMilliseconds = 60_000;
/** A list of a thousand objects with long keys is below this. */
const maxReplyBytes = 16_777_216;

const emptySha256 = createHash('sha256').digest('hex');

/**
 * The storage behind the gateway, spoken to under its own credentials. Nothing is retried and no redirect is followed. Throws `S3Fault`
 * `ServiceUnavailable` if it cannot be reached or falls silent; what a body's stream fails with, this fails with.
 */
export class S3Upstream {
  readonly isTls: boolean;
  readonly region: string;
  readonly #pool: Pool;
  readonly #host: string;

  constructor(
    private readonly settings: S3UpstreamSettings,
    private readonly now: () => Date,
  ) {
    const { origin, host, protocol } = new URL(settings.url);
    this.isTls = protocol === 'https:';
    this.region = settings.region;
    this.#host = host;
    this.#pool = new Pool(origin, { pipelining: 1, connect: { timeout: connectMilliseconds }, allowH2: false });
  }

  send(request: S3UpstreamRequest, ending?: Ending): Promise<S3UpstreamAnswer> {
    const { method, path, query = [], headers = [], body = { kind: 'none' } } = request;
    const joined: Record<string, string> = {};
    for (const [name, value] of headers) joined[name] = name in joined ? `${joined[name]},${value}` : value;
    const signed = signS3Request({
      method,
      host: this.#host,
      path,
      query,
      headers: joined,
      payloadSha256: digestOf(body),
      region: this.settings.region,
      accessKeyId: this.settings.accessKeyId,
      secret: this.settings.secret,
      now: this.now(),
    });
    return new Promise((resolve, reject) => {
      const stream = body.kind === 'stream' ? body.stream : undefined;
      this.#pool.dispatch(
        {
          method,
          path: signed.target,
          headers: { ...signed.headers, ...lengthOf(body) },
          body: body.kind === 'whole' ? body.bytes : (stream ?? null),
          headersTimeout: headersMilliseconds,
          bodyTimeout: silenceMilliseconds,
        },
        new StorageExchange(stream, ending, resolve, reject),
      );
    });
  }

  /** The same with the whole answer, which is small. */
  async exchange(request: S3UpstreamRequest): Promise<S3UpstreamReply> {
    const { status, headers, body } = await this.send(request);
    return { status, headers, body: await body.whole(maxReplyBytes) };
  }

  /** Lets what is under way finish. */
  close(): Promise<void> {
    return this.#pool.close();
  }
}

function digestOf(body: S3UpstreamBody): string {
  if (body.kind === 'none') return emptySha256;
  if (body.kind === 'whole') return createHash('sha256').update(body.bytes).digest('hex');
  return body.sha256 ?? 'UNSIGNED-PAYLOAD';
}

function lengthOf(body: S3UpstreamBody): Record<string, string> {
  if (body.kind === 'none') return {};
  return { 'content-length': String(body.kind === 'whole' ? body.bytes.length : body.length) };
}
