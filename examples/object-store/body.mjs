// Bodies: read once, in pieces, held against every digest that came with them.
import { createHash } from 'node:crypto';
import { checksum, checksumLengths } from './checksums.mjs';
import { S3Fault } from './faults.mjs';

const mostOfAnObject = 5 * 1024 ** 3;

/**
 * Hands the body to `take`, piece by piece, and resolves when it is whole and is what its digests say: `{ size, md5 (hex),
 * checksums (name → base64, those that were sent) }`. Until then nothing of it may be shown to anybody.
 */
export async function receiveBody({ request, headers, payload, goAhead }, take, mostBytes = mostOfAnObject) {
  if (Number(headers['content-length'] ?? 0) > mostBytes) throw new S3Fault('EntityTooLarge');
  const md5 = createHash('md5');
  const sha256 = payload.sha256 === null ? null : createHash('sha256');
  const sent = checksumsOf(headers);
  const made = Object.keys(sent).map((name) => [name, checksum(name)]);
  const sentMd5 = headers['content-md5'];
  if (sentMd5 !== undefined && !isBase64(sentMd5, 16)) throw new S3Fault('InvalidDigest');
  const all = [md5, ...(sha256 ? [sha256] : []), ...made.map(([, one]) => one)];

  goAhead();
  let size = 0;
  // A fault must not take the connection with it: the answer goes out on it.
  for await (const piece of request.iterator({ destroyOnReturn: false })) {
    size += piece.length;
    if (size > mostBytes) throw new S3Fault('EntityTooLarge');
    for (const one of all) one.update(piece);
    await take(piece);
  }

  if (sha256 && sha256.digest('hex') !== payload.sha256) throw new S3Fault('XAmzContentSHA256Mismatch');
  const digest = md5.digest();
  if (sentMd5 !== undefined && digest.toString('base64') !== sentMd5) throw new S3Fault('BadDigest');
  for (const [name, one] of made) if (one.digest().toString('base64') !== sent[name]) throw new S3Fault('BadDigest');
  return { size, md5: digest.toString('hex'), checksums: sent };
}

/** A small body as a whole: XML, JSON, or none. */
export async function wholeBody(exchange, mostBytes = 2 * 1024 * 1024) {
  const pieces = [];
  await receiveBody(exchange, (piece) => pieces.push(piece), mostBytes);
  return Buffer.concat(pieces);
}

function checksumsOf(headers) {
  const sent = {};
  for (const [name, length] of Object.entries(checksumLengths)) {
    const value = headers[`x-amz-checksum-${name}`];
    if (value === undefined) continue;
    if (!isBase64(value, length)) throw new S3Fault('InvalidDigest');
    sent[name] = value;
  }
  if (Object.keys(sent).length > 1)
    throw new S3Fault('InvalidRequest', 'Send one x-amz-checksum-* header, not several.');
  return sent;
}

function isBase64(text, bytes) {
  const read = Buffer.from(text, 'base64');
  return read.length === bytes && read.toString('base64') === text;
}
