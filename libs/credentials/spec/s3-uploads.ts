import { Readable } from 'node:stream';
import { s3SigningKey, signingKeyBytes } from '../src/sigv4/canonical-request.js';
import { type ChecksumName, startChecksum } from '../src/sigv4/checksum.js';
import { payloadDecoder, type PayloadDecoderOptions } from '../src/sigv4/payload-decoder.js';
import { readS3Signature, type S3RequestHead, type S3Signature } from '../src/sigv4/read-signature.js';
import { S3Fault } from '../src/sigv4/s3-fault.js';
import { Secret } from '../src/secret.js';
import { chunked, type ChunkedParts, inHeader, now, region, secretText, sha256 } from './s3-requests.js';

export const secret = s3SigningKey(Secret.of(secretText), '20261128', region);
export const key = signingKeyBytes(secret);
export const hello = Buffer.from('hello world, '.repeat(600));
export const plain = [hello.subarray(0, 3000), hello.subarray(3000, 6000), hello.subarray(6000)];
export const checksum = (name: ChecksumName, of: Buffer = hello): string => {
  const running = startChecksum(name);
  running.update(of);
  return running.digest().toString('base64');
};

export interface Upload {
  readonly head: S3RequestHead;
  readonly signature: S3Signature;
}

export async function upload(headers: Record<string, string>): Promise<Upload> {
  const head = await inHeader({ headers });
  const signature = readS3Signature(head, { now, region, allowUnsignedPayload: true });
  if (!signature) throw new Error('It is signed.');
  return { head, signature };
}

/** What came out, and how it ended. */
export interface Outcome {
  readonly out: Buffer;
  readonly fault: S3Fault | null;
}

export async function decoded(
  { head, signature }: Upload,
  body: readonly Buffer[],
  options?: PayloadDecoderOptions,
): Promise<Outcome> {
  const out: Buffer[] = [];
  try {
    const decoder = payloadDecoder(signature, secret, head.rawHeaders, options);
    Readable.from(body).pipe(decoder);
    for await (const piece of decoder) out.push(piece as Buffer);
    return { out: Buffer.concat(out), fault: null };
  } catch (fault) {
    if (!(fault instanceof S3Fault)) throw fault;
    return { out: Buffer.concat(out), fault };
  }
}

const bodyLength = String(hello.length);
export const trailer = { name: 'x-amz-checksum-crc32c', value: checksum('crc32c') };

interface Mode {
  readonly headers: Record<string, string>;
  readonly parts: (seed: string) => ChunkedParts;
}

const chunkedHeaders = { 'transfer-encoding': 'chunked', 'x-amz-decoded-content-length': bodyLength };
export const modes: Record<string, Mode> = {
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': {
    headers: chunkedHeaders,
    parts: (seed) => chunked(plain, { seed, key }),
  },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': {
    headers: { ...chunkedHeaders, 'x-amz-trailer': trailer.name },
    parts: (seed) => chunked(plain, { seed, key, trailer }),
  },
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': {
    headers: { ...chunkedHeaders, 'x-amz-trailer': trailer.name },
    parts: () => chunked(plain, { trailer }),
  },
  'UNSIGNED-PAYLOAD': {
    headers: { 'content-length': bodyLength },
    parts: () => ({ chunks: plain, trailer: '' }),
  },
  [sha256(hello)]: {
    headers: { 'content-length': bodyLength },
    parts: () => ({ chunks: plain, trailer: '' }),
  },
};
export const names = Object.keys(modes);
export const streams = names.filter((name) => name.startsWith('STREAMING'));
export const signedStreams = streams.filter((name) => name.includes('AWS4'));

export async function ofMode(
  name: string,
  also: Record<string, string> = {},
): Promise<Upload & { parts: ChunkedParts }> {
  const mode = modes[name];
  if (!mode) throw new Error(name);
  const sent = await upload({ 'x-amz-content-sha256': name, ...mode.headers, ...also });
  return { ...sent, parts: mode.parts(sent.signature.signature) };
}

/** A refused body never came out whole, and nothing came out that was not sent. */
export function expectRefused({ out, fault }: Outcome, expected: Partial<S3Fault>): void {
  expect(fault).toMatchObject(expected);
  expect(out.length).toBeLessThan(hello.length);
  expect(hello.subarray(0, out.length).equals(out)).toBe(true);
}

export function pieces(body: Buffer, positions: readonly number[]): Buffer[] {
  const cuts = [0, ...positions.toSorted((a, b) => a - b), body.length];
  return cuts.slice(1).map((cut, at) => body.subarray(cuts[at], cut));
}
