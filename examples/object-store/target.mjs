// Request targets, and keys. Inside the store a key is a binary string, one character a byte of its UTF-8: such strings
// compare in the order in which S3 lists, which strings of UTF-16 do not.
import { S3Fault } from './faults.mjs';

export const toBinary = (text) => Buffer.from(text, 'utf8').toString('latin1');
export const fromBinary = (key) => Buffer.from(key, 'latin1').toString('utf8');

/** Splits a target of origin form. `path` is the canonical one: each segment decoded once and encoded again, nothing normalised. */
export function readTarget(target) {
  if (!target.startsWith('/')) throw new S3Fault('InvalidURI');
  const mark = target.indexOf('?');
  const rawPath = mark < 0 ? target : target.slice(0, mark);
  const segments = rawPath.slice(1).split('/').map(decoded);
  const bucket = segments[0];
  const key = segments.length > 1 ? toBinary(segments.slice(1).join('/')) : '';
  if (key.length > 1024) throw new S3Fault('KeyTooLongError');
  return {
    path: `/${segments.map(encoded).join('/')}`,
    bucket,
    key,
    query: readQuery(mark < 0 ? '' : target.slice(mark + 1)),
  };
}

/** Name → value, or values if there are several: what the signature is taken of. A plus is a plus. */
function readQuery(text) {
  const query = Object.create(null);
  for (const part of text.split('&')) {
    if (part === '') continue;
    const at = part.indexOf('=');
    const name = decoded(at < 0 ? part : part.slice(0, at));
    const value = at < 0 ? '' : decoded(part.slice(at + 1));
    query[name] = name in query ? [query[name], value].flat() : value;
  }
  return query;
}

/** `bucket/key` or `/bucket/key` of x-amz-copy-source, decoded once. */
export function readCopySource(header) {
  const [path, version] = header.split('?', 2);
  if (version !== undefined && version !== 'versionId=null')
    throw new S3Fault('NotImplemented', 'This store keeps no versions.');
  const text = decoded(path).replace(/^\//, '');
  const at = text.indexOf('/');
  if (at < 1 || at === text.length - 1)
    throw new S3Fault('InvalidArgument', 'x-amz-copy-source must be bucket/key, percent-encoded.');
  return { bucket: text.slice(0, at), key: toBinary(text.slice(at + 1)) };
}

export function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Fault('InvalidURI');
  }
}

export const encoded = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
