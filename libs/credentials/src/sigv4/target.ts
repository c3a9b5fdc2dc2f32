import { S3Fault } from './s3-fault.js';

/** What a request names, from the very bytes whose signature is checked. */
export interface S3Path {
  /** Null for the root: the list of buckets; in virtual-host style always, the host has it. */
  readonly bucket: string | null;
  /** Decoded once; null for a bucket itself, with or without a slash behind it. Never empty. */
  readonly key: string | null;
}

/**
 * Bucket and key of a request line's target. `virtual-host`: the bucket is in the host and the whole path is the key.
 *
 * Throws {@link S3Fault} InvalidURI for what two parties could read differently: a lone `%`, bytes that are no UTF-8, control
 * characters and `\` in a name, a slash in a bucket's name, and names that would be the bucket itself or lead out of it if an
 * upstream, or a proxy before it, took them for a path: an object's operation would be one of a bucket, or of another's.
 */
export function s3PathOf(target: string, style: 'path' | 'virtual-host' = 'path'): S3Path {
  const { path } = splitTarget(target);
  const segments = path
    .slice(1)
    .split('/')
    .map((segment) => nameOf(decoded(segment)));
  const bucket = style === 'path' ? segments.shift() || null : null;
  if (bucket?.includes('/')) throw invalidUri('bucket_has_slash', 'A bucket name holds no slash, not even as %2F.');
  const key = segments.join('/') || null;
  if (bucket === null && style === 'path' && path !== '/') {
    throw invalidUri('bucket_empty', 'The path begins with the name of a bucket: /bucket/key.');
  }
  if ((bucket !== null && climbs(bucket)) || (key !== null && climbs(key))) {
    throw invalidUri(
      'name_climbs',
      'Taken for a path, this name is its bucket or leads out of it. Use one without "." and "..".',
    );
  }
  return { bucket, key };
}

/**
 * The query as names and values, decoded once, in the order sent. A literal `+` is a plus, as in the canonical request; what
 * has no `=` has the value ''. Throws {@link S3Fault} InvalidURI for a lone `%` and for bytes that are no UTF-8.
 */
export function s3QueryOf(target: string): [name: string, value: string][] {
  return splitTarget(target)
    .query.split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=');
      return at < 0 ? [decoded(pair), ''] : [decoded(pair.slice(0, at)), decoded(pair.slice(at + 1))];
    });
}

/** A path in S3's canonical form: each segment decoded once and encoded once, nothing normalised (S3 alone does it so). */
export function canonicalUri(target: string): string {
  return splitTarget(target)
    .path.split('/')
    .map((segment) => uriEncoded(decoded(segment)))
    .join('/');
}

/** Sorted by encoded name, then encoded value. */
export function canonicalQuery(pairs: readonly (readonly [string, string])[]): string {
  return pairs
    .map(([name, value]): [string, string] => [uriEncoded(name), uriEncoded(value)])
    .sort(([a, av], [b, bv]) => compare(a, b) || compare(av, bv))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** A decoded path, as `/bucket/key`, in canonical form: slashes stay, all else but A-Z a-z 0-9 - . _ ~ is encoded. */
export function encodedPath(path: string): string {
  return path.split('/').map(uriEncoded).join('/');
}

export function splitTarget(target: string): { path: string; query: string } {
  if (!target.startsWith('/') || target.includes('#')) {
    throw invalidUri('not_a_path', 'The request target is a path with a query: /bucket/key?name=value.');
  }
  const mark = target.indexOf('?');
  return mark < 0 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

/** UriEncode of AWS's documentation, over UTF-8. `encodeURIComponent` leaves !'()* as they are. */
export function uriEncoded(text: string): string {
  if (plain.test(text)) return text;
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

const plain = /^[A-Za-z0-9\-._~]*$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Percent-decoded once. The target is what Node read: one character for each byte, so raw bytes above 0x7f count as the bytes
 * they are. decodeURIComponent would take them for characters.
 */
function decoded(text: string): string {
  if (plain.test(text)) return text;
  if (/%(?![0-9A-Fa-f]{2})/.test(text))
    throw invalidUri('bad_percent', 'A "%" is followed by two hex digits; write "%25".');
  const bytes = Buffer.from(
    text.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw invalidUri('not_utf8', 'Names are in UTF-8, percent-encoded.', cause);
  }
}

function nameOf(segment: string): string {
  if (/[\u0000-\u001f\u007f\\]/.test(segment)) {
    throw invalidUri('forbidden_character', 'A name holds neither control characters nor a backslash.');
  }
  return segment;
}

/** Whether nothing is left of a name, or less. Empty segments and `.` give no depth: some who normalise paths drop them first. */
function climbs(name: string): boolean {
  let depth = 0;
  for (const segment of name.split('/')) {
    if (segment === '..') depth -= 1;
    else if (segment !== '' && segment !== '.') depth += 1;
    if (depth < 0) return true;
  }
  return depth === 0;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function invalidUri(reason: string, message: string, cause?: unknown): S3Fault {
  return new S3Fault('InvalidURI', reason, message, {}, { cause });
}
