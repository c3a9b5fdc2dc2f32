import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Secret } from './secret.js';

/** What may be kept of an API key's bearer form, and what is looked at to find it again. */
export interface ApiKeyParts {
  readonly prefix: string;
  /** 12 base62 characters, public: they find the record, and prove nothing. */
  readonly lookup: string;
  /** SHA-256 over the whole key as presented, 64 lower-case hex digits. */
  readonly sha256: string;
}

/**
 * Makes an API key: `<prefix>_`, 12 base62 of lookup, 32 of secret (190 bits), 6 of checksum.
 * Throws a RangeError for a prefix that is not 1 to 32 letters, digits and single inner underscores.
 */
export function mintApiKey(prefix: string): ApiKeyParts & { readonly text: Secret } {
  if (!prefixPattern.test(prefix) || prefix.length > maxPrefixLength) {
    throw new RangeError('An API key prefix is 1 to 32 letters and digits, with single underscores between them.');
  }
  const lookup = randomText(base62, lookupLength);
  const body = `${prefix}_${lookup}${randomText(base62, secretLength)}`;
  const text = body + checksum(body);
  return { text: Secret.of(text), prefix, lookup, sha256: sha256Hex(text) };
}

/**
 * Takes a presented string apart from the right, so a prefix may contain `_`. Null if length, alphabet or checksum is
 * wrong: such a string was never a key, and nobody need be asked about it. The caller compares the prefix with its own.
 */
export function parseApiKey(text: string): ApiKeyParts | null {
  const at = text.length - tailLength - 1;
  if (at < 1 || at > maxPrefixLength || text[at] !== '_') return null;
  const prefix = text.slice(0, at);
  const tail = text.slice(at + 1);
  if (!prefixPattern.test(prefix) || !base62Text.test(tail)) return null;
  // The checksum is no secret and proves nothing, so an ordinary comparison is enough.
  if (checksum(text.slice(0, -checksumLength)) !== text.slice(-checksumLength)) return null;
  return { prefix, lookup: tail.slice(0, lookupLength), sha256: sha256Hex(text) };
}

/**
 * The source of a regular expression that finds keys with these prefixes in any text, for secret scanners: it keeps
 * to what RE2 knows (no look-around), and asks for no boundary, because keys get pasted against other words. What it
 * finds is a candidate; {@link parseApiKey} decides by the checksum.
 */
export function apiKeyPattern(prefixes: readonly string[]): string {
  const bad = prefixes.find((prefix) => !prefixPattern.test(prefix));
  if (prefixes.length === 0 || bad !== undefined) throw new RangeError('Name at least one API key prefix.');
  const longestFirst = [...prefixes].sort((a, b) => b.length - a.length);
  return `(?:${longestFirst.join('|')})_[0-9A-Za-z]{${tailLength}}`;
}

/** Makes the client form of an API key: 22 letters of id, 48 letters and digits of secret (285 bits). */
export function mintClientCredentials(): { clientId: string; clientSecret: Secret; sha256: string } {
  const clientSecret = Secret.of(randomText(base62, 48));
  return { clientId: randomText(letters, 22), clientSecret, sha256: sha256Hex(clientSecret) };
}

/**
 * Makes the S3 form of an API key: `AKIA` and 16 upper-case hex digits of id, 40 letters and digits of secret (238 bits). What AWS
 * makes has `/` and `+` in the secret too; they are left out for the tools that take it in a URL.
 */
export function mintS3Credentials(): { accessKeyId: string; secretAccessKey: Secret } {
  return {
    accessKeyId: `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
    secretAccessKey: Secret.of(randomText(base62, 40)),
  };
}

/**
 * SHA-256 of the text's UTF-8 bytes as 64 lower-case hex digits. One-shot `crypto.hash`: a third of createHash's time.
 */
export function sha256Hex(text: string | Secret): string {
  return hash('sha256', typeof text === 'string' ? text : text.reveal(), 'hex');
}

/** Compares two hex digests in constant time. Different lengths are different; two empty ones are not equal either. */
export function sameDigest(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length > 0 && left.length === right.length && timingSafeEqual(left, right);
}

const digits = '0123456789';
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const base62 = digits + letters;
const base62Text = /^[0-9A-Za-z]+$/;
const prefixPattern = /^[0-9A-Za-z]+(?:_[0-9A-Za-z]+)*$/;
const maxPrefixLength = 32;
const lookupLength = 12;
const secretLength = 32;
const checksumLength = 6;
const tailLength = lookupLength + secretLength + checksumLength;

/** CRC-32 (as in zlib) in base62, most significant digit first; 62^6 is above 2^32, so six digits always do. */
function checksum(body: string): string {
  let rest = crc32(body);
  let text = '';
  for (let index = 0; index < checksumLength; index++) {
    text = base62.charAt(rest % 62) + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}

/**
 * Every character equally likely: bytes past the last whole multiple of the alphabet are thrown away, not folded in.
 */
function randomText(alphabet: string, length: number): string {
  const limit = 256 - (256 % alphabet.length);
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < limit && text.length < length) text += alphabet.charAt(byte % alphabet.length);
    }
  }
  return text;
}
