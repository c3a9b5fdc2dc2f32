import { createHmac, hash } from 'node:crypto';
import { Secret } from '../secret.js';
import { canonicalQuery, canonicalUri } from './target.js';

export const algorithm = 'AWS4-HMAC-SHA256';
export const emptySha256 = hash('sha256', '', 'hex');

/** What a signature is over, besides the signed headers. */
export interface CanonicalParts {
  readonly method: string;
  /** As sent. */
  readonly target: string;
  /** Decoded, without X-Amz-Signature. */
  readonly query: readonly (readonly [string, string])[];
  /** Name, value, name, value, as Node's `rawHeaders`. */
  readonly rawHeaders: readonly string[];
  /** Lower case and sorted. */
  readonly signedHeaders: readonly string[];
  /** A hash or one of the words that x-amz-content-sha256 may hold. */
  readonly payload: string;
}

/** One character for each byte, like Node's headers: hash it as latin1. */
export function canonicalRequest(parts: CanonicalParts): string {
  const { method, target, query, rawHeaders, signedHeaders, payload } = parts;
  const values = valuesByName(rawHeaders);
  const headers = signedHeaders.map((name) => `${name}:${(values.get(name) ?? []).map(folded).join(',')}\n`).join('');
  return [method, canonicalUri(target), canonicalQuery(query), headers, signedHeaders.join(';'), payload].join('\n');
}

/** @param timestamp as X-Amz-Date: 20130524T000000Z */
export function stringToSign(timestamp: string, scope: string, canonical: string): string {
  return [algorithm, timestamp, scope, hash('sha256', Buffer.from(canonical, 'latin1'), 'hex')].join('\n');
}

export function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/**
 * The signing key of one day, region and service: 32 bytes, in base64. It signs nothing outside of its scope, and the secret
 * does not follow from it. @param scopeDate as 20130524
 */
export function s3SigningKey(secret: Secret, scopeDate: string, region: string, service = 's3'): Secret {
  const steps = [scopeDate, region, service, 'aws4_request'];
  const key = steps.reduce<Buffer | string>(hmac, `AWS4${secret.reveal()}`);
  return Secret.of(Buffer.from(key as Buffer).toString('base64'));
}

/** Of what {@link s3SigningKey} gave, or the bytes themselves; a RangeError for anything that is not 32 bytes. */
export function signingKeyBytes(key: Secret | Buffer): Buffer {
  const bytes = Buffer.isBuffer(key) ? key : Buffer.from(key.reveal(), 'base64');
  if (bytes.length !== 32) throw new RangeError('A SigV4 signing key has 32 bytes.');
  return bytes;
}

/** The values of the header lines with this lower-case name, in the order received. */
export function linesOf(raw: readonly string[], name: string): string[] {
  const lines: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    // A dozen names are looked for in every head: most lines differ in length already.
    if (raw[at]?.length === name.length && raw[at]?.toLowerCase() === name) lines.push(raw[at + 1] ?? '');
  }
  return lines;
}

/** In one pass: to search all lines for each signed name would take anybody's head of 2,000 headers a quarter of a second. */
function valuesByName(raw: readonly string[]): ReadonlyMap<string, string[]> {
  const values = new Map<string, string[]>();
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase();
    const value = raw[at + 1] ?? '';
    const lines = values.get(name);
    if (lines) lines.push(value);
    else values.set(name, [value]);
  }
  return values;
}

/** Not `\s`: 0xa0 is a byte of many a UTF-8 letter here. */
function folded(value: string): string {
  return value.replace(/[ \t\r\n]+/g, ' ').replace(/^ | $/g, '');
}
