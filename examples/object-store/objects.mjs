// Objects: what is put is given back as it came.
import { receiveBody, wholeBody } from './body.mjs';
import { readCondition, readRange, writeCondition } from './conditions.mjs';
import { createHash } from 'node:crypto';
import { S3Fault } from './faults.mjs';
import { xmlAnswer } from './listing.mjs';
import { readTags, readTagsXml, writeTags } from './tags.mjs';
import { fromBinary, readCopySource, toBinary } from './target.mjs';
import { child, childrenOf, element, readXml } from './xml.mjs';

const keptHeaders = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
];

/** What a request says of the object that it makes, beside its bytes. Refuses what would be promised and not kept. */
export function describe(headers) {
  for (const name of Object.keys(headers))
    if (/^x-amz-(server-side-encryption|object-lock|grant|website)/.test(name))
      throw new S3Fault('NotImplemented', `This store does not know ${name}.`);
  if (!['private', 'bucket-owner-full-control', undefined].includes(headers['x-amz-acl']))
    throw new S3Fault('NotImplemented', 'Everything here is private: there are no other access control lists.');
  if (!['STANDARD', undefined].includes(headers['x-amz-storage-class'])) throw new S3Fault('InvalidStorageClass');
  const meta = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'));
  const size = meta.reduce((sum, [name, value]) => sum + name.length - 'x-amz-meta-'.length + value.length, 0);
  if (size > 2048) throw new S3Fault('MetadataTooLarge');
  const kept = keptHeaders.filter((name) => headers[name] !== undefined).map((name) => [name, headers[name]]);
  return {
    headers: { 'content-type': 'binary/octet-stream', ...Object.fromEntries(kept), ...Object.fromEntries(meta) },
    tags: readTags(headers['x-amz-tagging']),
  };
}

/** S3's clock for objects has whole seconds: then lists and headers say the same. */
export const secondOf = (now) => new Date(Math.floor(now / 1000) * 1000).toISOString();

/** Receives a body into the store. `keep(received)` makes it something; if that fails nothing is left. */
export async function receive(exchange, keep) {
  const data = await exchange.storage.newData();
  try {
    const { size, md5, checksums } = await receiveBody(exchange, data.write);
    return await keep({ segments: await data.finish(), size, etag: md5, checksums });
  } catch (error) {
    await data.discard();
    throw error;
  }
}

export const checksumHeaders = ({ checksums, checksumType }) =>
  Object.fromEntries([
    ...Object.entries(checksums).map(([name, value]) => [`x-amz-checksum-${name}`, value]),
    ...(Object.keys(checksums).length > 0 ? [['x-amz-checksum-type', checksumType ?? 'FULL_OBJECT']] : []),
  ]);

export async function putObject(exchange) {
  const { storage, key, headers, now } = exchange;
  const bucket = storage.bucket(exchange.bucket);
  const described = describe(headers);
  const mayReplace = writeCondition(headers);
  mayReplace(bucket.find(key)); // before the body is sent for nothing, and again when it counts
  return receive(exchange, async (received) => {
    await bucket.put(key, { ...received, ...described, modified: secondOf(now) }, mayReplace);
    return { status: 200, headers: { etag: `"${received.etag}"`, ...checksumHeaders(received) } };
  });
}

export async function getObject(exchange) {
  const { storage, key, headers, query } = exchange;
  const record = storage.bucket(exchange.bucket).object(key);
  const asksForChecksum = headers['x-amz-checksum-mode']?.toUpperCase() === 'ENABLED';
  const shown = {
    ...record.headers,
    etag: `"${record.etag}"`,
    'last-modified': new Date(record.modified).toUTCString(),
    'accept-ranges': 'bytes',
    ...(record.tags.length > 0 ? { 'x-amz-tagging-count': String(record.tags.length) } : {}),
    ...overrides(query),
  };
  if (readCondition(headers, record) === 'not-modified') {
    const { etag, 'last-modified': modified } = shown;
    return { status: 304, headers: { etag, 'last-modified': modified } };
  }
  const ifRange = headers['if-range'];
  const applies = ifRange === undefined || ifRange === shown.etag || ifRange === shown['last-modified'];
  const range = applies ? readRange(headers.range, record.size) : null;
  const { start, end } = range ?? { start: 0, end: record.size - 1 };
  return {
    status: range ? 206 : 200,
    headers: {
      ...shown,
      'content-length': String(end - start + 1),
      // Of the whole: with a range clients would hold it against a part.
      ...(!range && asksForChecksum ? checksumHeaders(record) : {}),
      ...(range ? { 'content-range': `bytes ${start}-${end}/${record.size}` } : {}),
    },
    stream: () => storage.read(record, start, end),
  };
}

/** response-content-type and its like: the answer says what the request asked it to say. */
function overrides(query) {
  const asked = keptHeaders.filter((name) => query[`response-${name}`] !== undefined);
  return Object.fromEntries(
    asked.map((name) => {
      const value = query[`response-${name}`];
      if (/[^\t\u0020-\u007e]/.test(value))
        throw new S3Fault('InvalidArgument', `response-${name} must be plain ASCII.`);
      return [name, value];
    }),
  );
}

export async function deleteObject({ storage, bucket, key, headers }) {
  await storage.bucket(bucket).remove(key, writeCondition(headers));
  return { status: 204 };
}

export async function deleteObjects(exchange) {
  const bucket = exchange.storage.bucket(exchange.bucket);
  const request = readXml(await wholeBody(exchange));
  const objects = childrenOf(request, 'Object');
  if (request.name !== 'Delete' || objects.length < 1 || objects.length > 1000) throw new S3Fault('MalformedXML');
  const keys = objects.map((one) => {
    const key = toBinary(child(one, 'Key') ?? '');
    if (key === '' || key.length > 1024) throw new S3Fault('MalformedXML');
    if (!['null', undefined].includes(child(one, 'VersionId')))
      throw new S3Fault('NotImplemented', 'This store keeps no versions.');
    return key;
  });
  for (const key of keys) await bucket.remove(key);
  const quiet = child(request, 'Quiet')?.trim() === 'true';
  return xmlAnswer(
    'DeleteResult',
    quiet ? [] : keys.map((key) => element('Deleted', [element('Key', fromBinary(key))])),
  );
}

/** The record that a copy reads, its conditions checked, and its bytes as a stream. */
export function sourceOf({ storage, headers }) {
  const { bucket, key } = readCopySource(headers['x-amz-copy-source']);
  const record = storage.bucket(bucket).object(key);
  if (readCondition(headers, record, 'x-amz-copy-source-') === 'not-modified') throw new S3Fault('PreconditionFailed');
  return { bucket, key, record };
}

/** Copies bytes into data of their own. `keep` as for `receive`. */
export async function copyBytes(storage, record, { start, end }, keep) {
  const from = storage.read(record, start, end);
  const data = await storage.newData();
  const md5 = createHash('md5');
  try {
    for await (const piece of from) {
      md5.update(piece);
      await data.write(piece);
    }
    return await keep({ segments: await data.finish(), size: end - start + 1, etag: md5.digest('hex') });
  } catch (error) {
    from.destroy();
    await data.discard();
    throw error;
  }
}

export async function copyObject(exchange) {
  const { storage, key, headers, now } = exchange;
  const bucket = storage.bucket(exchange.bucket);
  await wholeBody(exchange, 0);
  const replaces = (name) => {
    const value = headers[name] ?? 'COPY';
    if (value !== 'COPY' && value !== 'REPLACE')
      throw new S3Fault('InvalidArgument', `${name} must be COPY or REPLACE.`);
    return value === 'REPLACE';
  };
  const [newMetadata, newTags] = [replaces('x-amz-metadata-directive'), replaces('x-amz-tagging-directive')];
  const described = describe(headers);
  const source = sourceOf(exchange);
  if (source.bucket === exchange.bucket && source.key === key && !newMetadata)
    throw new S3Fault(
      'InvalidRequest',
      'An object can be copied to itself only with x-amz-metadata-directive: REPLACE.',
    );
  const { record } = source;
  return copyBytes(storage, record, { start: 0, end: record.size - 1 }, async (copied) => {
    const whole = record.checksumType === 'COMPOSITE' ? {} : record.checksums;
    const made = {
      ...copied,
      checksums: whole,
      headers: newMetadata ? described.headers : record.headers,
      tags: newTags ? described.tags : record.tags,
      modified: secondOf(now),
    };
    await bucket.put(key, made, writeCondition(headers));
    return xmlAnswer('CopyObjectResult', [element('LastModified', made.modified), element('ETag', `"${made.etag}"`)]);
  });
}

export function getObjectTagging({ storage, bucket, key }) {
  return xmlAnswer('Tagging', writeTags(storage.bucket(bucket).object(key).tags));
}

export async function putObjectTagging(exchange) {
  const bucket = exchange.storage.bucket(exchange.bucket);
  const tags = readTagsXml(await wholeBody(exchange));
  await bucket.amend(exchange.key, { tags });
  return { status: 200 };
}

export async function deleteObjectTagging({ storage, bucket, key }) {
  await storage.bucket(bucket).amend(key, { tags: [] });
  return { status: 204 };
}
