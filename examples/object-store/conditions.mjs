// Conditional requests (RFC 9110 section 13) and ranges (section 14), as S3 reads them.
import { S3Fault } from './faults.mjs';

const named = (list, etag) =>
  list.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '').replace(/^"|"$/g, '') === etag);

const later = (modified, date) => !Number.isNaN(Date.parse(date)) && Date.parse(modified) > Date.parse(date);

/** `proceed`, `not-modified` or a PreconditionFailed. `prefix` of the headers: `x-amz-copy-source-` for the source of a copy. */
export function readCondition(headers, { etag, modified }, prefix = '') {
  const [match, noneMatch, modifiedSince, unmodifiedSince] = [
    'if-match',
    'if-none-match',
    'if-modified-since',
    'if-unmodified-since',
  ].map((name) => headers[prefix + name]);
  const failed =
    match !== undefined ? !named(match, etag) : unmodifiedSince !== undefined && later(modified, unmodifiedSince);
  if (failed) throw new S3Fault('PreconditionFailed');
  const same =
    noneMatch !== undefined ? named(noneMatch, etag) : modifiedSince !== undefined && !later(modified, modifiedSince);
  return same ? 'not-modified' : 'proceed';
}

/** For what replaces or removes an object: a function to be asked with its record, if any, at the moment when it counts. */
export function writeCondition(headers) {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers;
  return (record) => {
    if (match !== undefined && !record) throw new S3Fault('NoSuchKey');
    if (match !== undefined && !named(match, record.etag)) throw new S3Fault('PreconditionFailed');
    if (noneMatch !== undefined && record && named(noneMatch, record.etag)) throw new S3Fault('PreconditionFailed');
  };
}

/** `{ start, end }`, both included; null for all of it: no range, several, or one that is none. */
export function readRange(text, size) {
  const [, first, last] = /^bytes=([0-9]{0,15})-([0-9]{0,15})$/.exec(text ?? '') ?? [];
  if (first === undefined || (first === '' && last === '')) return null;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return null;
  const start = first === '' ? Math.max(size - Number(last), 0) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start >= size || (first === '' && Number(last) === 0))
    throw new S3Fault('InvalidRange', undefined, { RangeRequested: text, ActualObjectSize: String(size) });
  return { start, end };
}
