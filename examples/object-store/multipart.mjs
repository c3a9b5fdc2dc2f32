// Uploads in parts. A completed object consists of the data of its parts as they lie: nothing is copied.
import { createHash } from 'node:crypto';
import { wholeBody } from './body.mjs';
import { checksumLengths, composite } from './checksums.mjs';
import { readRange, writeCondition } from './conditions.mjs';
import { S3Fault } from './faults.mjs';
import { owner, readNumber, xmlAnswer } from './listing.mjs';
import { checksumHeaders, copyBytes, describe, receive, secondOf, sourceOf } from './objects.mjs';
import { fromBinary } from './target.mjs';
import { child, childrenOf, element, optional, readXml } from './xml.mjs';

export async function createUpload(exchange) {
  const { storage, key, headers } = exchange;
  const bucket = storage.bucket(exchange.bucket);
  await wholeBody(exchange, 0);
  const checksum = headers['x-amz-checksum-algorithm']?.toLowerCase();
  if (checksum !== undefined && !(checksum in checksumLengths))
    throw new S3Fault('InvalidRequest', 'x-amz-checksum-algorithm names none that S3 knows.');
  const id = await bucket.beginUpload(key, { ...describe(headers), checksum });
  const answer = xmlAnswer('InitiateMultipartUploadResult', [
    element('Bucket', exchange.bucket),
    element('Key', fromBinary(key)),
    element('UploadId', id),
  ]);
  if (checksum) answer.headers['x-amz-checksum-algorithm'] = checksum.toUpperCase();
  return answer;
}

const partNumber = (query) => {
  const number = readNumber(query.partNumber, 'partNumber', { least: 1, most: 10_001 });
  if (number > 10_000) throw new S3Fault('InvalidArgument', 'partNumber must be 1 to 10000.');
  return number;
};

export async function uploadPart(exchange) {
  const { storage, key, query, now } = exchange;
  const bucket = storage.bucket(exchange.bucket);
  const number = partNumber(query);
  bucket.upload(query.uploadId, key);
  return receive(exchange, async (received) => {
    await bucket.putPart(query.uploadId, key, number, { ...received, modified: secondOf(now) });
    return { status: 200, headers: { etag: `"${received.etag}"`, ...checksumHeaders(received) } };
  });
}

export async function uploadPartCopy(exchange) {
  const { storage, key, query, headers, now } = exchange;
  const bucket = storage.bucket(exchange.bucket);
  const number = partNumber(query);
  await wholeBody(exchange, 0);
  bucket.upload(query.uploadId, key);
  const { record } = sourceOf(exchange);
  const asked = headers['x-amz-copy-source-range'];
  const range = readRange(asked, record.size);
  if (asked !== undefined && range === null)
    throw new S3Fault('InvalidArgument', 'x-amz-copy-source-range must be bytes=first-last.');
  return copyBytes(storage, record, range ?? { start: 0, end: record.size - 1 }, async (copied) => {
    const part = { ...copied, checksums: {}, modified: secondOf(now) };
    await bucket.putPart(query.uploadId, key, number, part);
    return xmlAnswer('CopyPartResult', [element('LastModified', part.modified), element('ETag', `"${part.etag}"`)]);
  });
}

export function listParts({ storage, bucket: name, key, query }) {
  const { parts } = storage.bucket(name).upload(query.uploadId, key);
  const most = readNumber(query['max-parts'], 'max-parts', { most: 1000, otherwise: 1000 });
  const after = readNumber(query['part-number-marker'], 'part-number-marker', { most: 10_000, otherwise: 0 });
  const rest = [...parts].filter(([number]) => number > after).sort(([a], [b]) => a - b);
  const page = rest.slice(0, most);
  return xmlAnswer('ListPartsResult', [
    element('Bucket', name),
    element('Key', fromBinary(key)),
    element('UploadId', query.uploadId),
    owner('Initiator'),
    owner(),
    element('StorageClass', 'STANDARD'),
    element('PartNumberMarker', after),
    element('NextPartNumberMarker', page.at(-1)?.[0] ?? after),
    element('MaxParts', most),
    element('IsTruncated', page.length < rest.length),
    ...page.map(([number, { modified, etag, size, checksums }]) =>
      element('Part', [
        element('PartNumber', number),
        element('LastModified', modified),
        element('ETag', `"${etag}"`),
        element('Size', size),
        ...checksumElements(checksums),
      ]),
    ),
  ]);
}

export async function completeUpload(exchange) {
  const { storage, bucket: name, key, query, headers, now } = exchange;
  const bucket = storage.bucket(name);
  const { described } = bucket.upload(query.uploadId, key);
  // Checksums in the headers are here those of the object, not of this body.
  const own = Object.fromEntries(Object.entries(headers).filter(([header]) => !header.startsWith('x-amz-checksum-')));
  const listed = readListed(await wholeBody({ ...exchange, headers: own }));
  const { checksum, ...kept } = described;
  const make = ({ parts }) => {
    const chosen = listed.map(({ number, etag }) => {
      const part = parts.get(number);
      if (!part || part.etag !== etag) throw new S3Fault('InvalidPart', undefined, { PartNumber: String(number) });
      return part;
    });
    const md5 = createHash('md5');
    for (const { etag } of chosen) md5.update(etag, 'hex');
    const sums = chosen.map(({ checksums }) => checksums[checksum]);
    const whole =
      checksum && headers['x-amz-checksum-type'] !== 'FULL_OBJECT' && sums.every((one) => one !== undefined);
    const record = {
      segments: chosen.flatMap(({ segments }) => segments),
      size: chosen.reduce((sum, { size }) => sum + size, 0),
      etag: `${md5.digest('hex')}-${chosen.length}`,
      checksums: whole ? { [checksum]: composite(checksum, sums) } : {},
      checksumType: 'COMPOSITE',
      ...kept,
      modified: secondOf(now),
    };
    return { record, used: new Set(listed.map(({ number }) => number)) };
  };
  const record = await bucket.completeUpload(query.uploadId, key, make, writeCondition(headers));
  return xmlAnswer('CompleteMultipartUploadResult', [
    element('Location', `/${name}/${fromBinary(key)}`),
    element('Bucket', name),
    element('Key', fromBinary(key)),
    element('ETag', `"${record.etag}"`),
    ...checksumElements(record.checksums),
    optional('ChecksumType', Object.keys(record.checksums).length > 0 ? record.checksumType : undefined),
  ]);
}

function readListed(bytes) {
  const request = readXml(bytes);
  const parts = childrenOf(request, 'Part');
  if (request.name !== 'CompleteMultipartUpload' || parts.length < 1 || parts.length > 10_000)
    throw new S3Fault('MalformedXML');
  const listed = parts.map((part) => ({
    number: readNumber(child(part, 'PartNumber')?.trim() ?? '', 'PartNumber', { least: 1, most: 10_001 }),
    etag: (child(part, 'ETag') ?? '').trim().replace(/^"|"$/g, ''),
  }));
  if (listed.some(({ number }, n) => n > 0 && number <= listed[n - 1].number)) throw new S3Fault('InvalidPartOrder');
  return listed;
}

const checksumElements = (checksums) =>
  Object.entries(checksums).map(([name, value]) => element(`Checksum${name.toUpperCase()}`, value));

export async function abortUpload({ storage, bucket, key, query }) {
  await storage.bucket(bucket).abortUpload(query.uploadId, key);
  return { status: 204 };
}
