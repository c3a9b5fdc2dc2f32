// Lists of keys, by ListObjects of both versions and by ListMultipartUploads.
import { lowerBound } from './bucket.mjs';
import { S3Fault } from './faults.mjs';
import { encoded, fromBinary, toBinary } from './target.mjs';
import { document, element, optional } from './xml.mjs';

export const owner = (name = 'Owner') => element(name, [element('ID', 'store'), element('DisplayName', 'store')]);

export function listObjects({ storage, bucket: name, query }) {
  const bucket = storage.bucket(name);
  const asked = readAsked(query);
  const after = toBinary(query.marker ?? '');
  const page = pageOf(bucket.keys, { ...asked, after });
  return xmlAnswer('ListBucketResult', [
    ...head(name, asked, query),
    element('Marker', asked.write(after)),
    page.truncated ? element('NextMarker', asked.write(page.last)) : undefined,
    element('IsTruncated', page.truncated),
    ...contents(bucket, page, asked, true),
  ]);
}

export function listObjectsV2({ storage, bucket: name, query }) {
  const bucket = storage.bucket(name);
  if (query['list-type'] !== '2') throw new S3Fault('InvalidArgument', 'list-type must be 2.');
  const asked = readAsked(query);
  const token = query['continuation-token'];
  const after = token === undefined ? toBinary(query['start-after'] ?? '') : readToken(token);
  const page = pageOf(bucket.keys, { ...asked, after });
  return xmlAnswer('ListBucketResult', [
    ...head(name, asked, query),
    optional('StartAfter', query['start-after'] && asked.write(toBinary(query['start-after']))),
    optional('ContinuationToken', token),
    page.truncated ? element('NextContinuationToken', makeToken(page.last)) : undefined,
    element('KeyCount', page.keys.length + page.prefixes.length),
    element('IsTruncated', page.truncated),
    ...contents(bucket, page, asked, query['fetch-owner'] === 'true'),
  ]);
}

export function listUploads({ storage, bucket: name, query }) {
  const bucket = storage.bucket(name);
  const asked = readAsked({ ...query, 'max-keys': query['max-uploads'] }, 'max-uploads');
  const uploads = [...bucket.uploads.values()]
    .map((one) => ({ ...one, place: `${one.key}\u0000${one.id}` }))
    .sort((a, b) => (a.place < b.place ? -1 : 1));
  const marker = query['key-marker'] ?? '';
  const markerId = query['upload-id-marker'];
  // Without an id: after all uploads of that key.
  const after = marker === '' ? '' : `${toBinary(marker)}\u0000${markerId ?? '\u00ff'}`;
  const page = pageOf(
    uploads.map(({ place }) => place),
    { ...asked, after },
  );
  const byPlace = new Map(uploads.map((one) => [one.place, one]));
  const last = page.truncated ? page.last.split('\u0000') : [];
  return xmlAnswer('ListMultipartUploadsResult', [
    element('Bucket', name),
    element('KeyMarker', asked.write(toBinary(marker))),
    element('UploadIdMarker', markerId ?? ''),
    optional('NextKeyMarker', last[0] === undefined ? undefined : asked.write(last[0])),
    optional('NextUploadIdMarker', last[1]),
    optional('Prefix', query.prefix && asked.write(asked.prefix)),
    optional('Delimiter', query.delimiter && asked.write(asked.delimiter)),
    optional('EncodingType', query['encoding-type']),
    element('MaxUploads', asked.most),
    element('IsTruncated', page.truncated),
    ...page.keys.map((place) => {
      const { key, id, initiated } = byPlace.get(place);
      return element('Upload', [
        element('Key', asked.write(key)),
        element('UploadId', id),
        owner('Initiator'),
        owner(),
        element('StorageClass', 'STANDARD'),
        element('Initiated', initiated),
      ]);
    }),
    ...commonPrefixes(page, asked),
  ]);
}

export const xmlAnswer = (name, children) => ({
  status: 200,
  headers: { 'content-type': 'application/xml' },
  body: document(name, children),
});

/** A whole number of a query within S3's limits. */
export function readNumber(text, name, { least = 0, most, otherwise }) {
  if (text === undefined) return otherwise;
  const number = /^[0-9]{1,10}$/.test(text) ? Number(text) : -1;
  if (number < least || number > 2_147_483_647) throw new S3Fault('InvalidArgument', `${name} must be a whole number.`);
  return Math.min(number, most);
}

function readAsked(query, mostName = 'max-keys') {
  const type = query['encoding-type'];
  if (type !== undefined && type !== 'url') throw new S3Fault('InvalidArgument', 'encoding-type must be url.');
  return {
    prefix: toBinary(query.prefix ?? ''),
    delimiter: toBinary(query.delimiter ?? ''),
    most: readNumber(query['max-keys'], mostName, { most: 1000, otherwise: 1000 }),
    write: (key) => (type ? encoded(fromBinary(key)).replaceAll('%2F', '/') : fromBinary(key)),
  };
}

function head(name, { prefix, delimiter, most, write }, query) {
  return [
    element('Name', name),
    element('Prefix', write(prefix)),
    optional('Delimiter', query.delimiter && write(delimiter)),
    element('MaxKeys', most),
    optional('EncodingType', query['encoding-type']),
  ];
}

function contents(bucket, page, asked, withOwner) {
  const objects = page.keys.map((key) => {
    const { modified, etag, size } = bucket.find(key);
    return element('Contents', [
      element('Key', asked.write(key)),
      element('LastModified', modified),
      element('ETag', `"${etag}"`),
      element('Size', size),
      withOwner ? owner() : undefined,
      element('StorageClass', 'STANDARD'),
    ]);
  });
  return [...objects, ...commonPrefixes(page, asked)];
}

const commonPrefixes = ({ prefixes }, { write }) =>
  prefixes.map((prefix) => element('CommonPrefixes', [element('Prefix', write(prefix))]));

/** Keys of one page, those below a common prefix rolled up. `last` is where the next page begins after. */
function pageOf(keys, { prefix, delimiter, most, after }) {
  const page = { keys: [], prefixes: [], truncated: false, last: '' };
  if (most === 0) return page;
  let at = lowerBound(keys, prefix > after ? prefix : after);
  while (at < keys.length && keys[at].startsWith(prefix)) {
    const key = keys[at];
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const common = cut < 0 ? null : key.slice(0, cut + delimiter.length);
    if (key === after || common === after) {
      at = common === after && common !== null ? lowerBound(keys, beyond(common)) : at + 1;
      continue;
    }
    if (page.keys.length + page.prefixes.length === most) return { ...page, truncated: true };
    (common === null ? page.keys : page.prefixes).push((page.last = common ?? key));
    at = common === null ? at + 1 : lowerBound(keys, beyond(common));
  }
  return page;
}

/** The first string after all that begin with `prefix`: no byte of UTF-8 is 0xff. */
const beyond = (prefix) => prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);

const makeToken = (key) => Buffer.from(key, 'latin1').toString('base64url');
function readToken(token) {
  const key = Buffer.from(token, 'base64url').toString('latin1');
  if (token === '' || makeToken(key) !== token)
    throw new S3Fault('InvalidArgument', 'The continuation token is not one of this store.');
  return key;
}
