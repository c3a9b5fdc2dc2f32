import { createHash } from 'node:crypto';
import { S3Fault } from '@portcullis/credentials';
import { childText, localName, parseXml, s3Root, xmlDocument, xmlElement, XmlFault } from './xml.js';

/** A bucket as an upstream lists it. `createdAt` as it wrote it. */
export interface ListedBucket {
  readonly name: string;
  readonly createdAt: string;
}

/** What an upstream answered to ListBuckets, and where it goes on. Throws `XmlFault`. */
export function readBucketList(body: Uint8Array): { buckets: ListedBucket[]; next: string | undefined } {
  const root = parseXml(body);
  if (localName(root) !== 'ListAllMyBucketsResult') throw new XmlFault('it is no list of buckets');
  const list = root.children.find((child) => localName(child) === 'Buckets');
  const buckets = (list?.children ?? []).flatMap((entry) => {
    const name = localName(entry) === 'Bucket' ? childText(entry, 'Name') : undefined;
    return name === undefined ? [] : [{ name, createdAt: childText(entry, 'CreationDate') ?? '' }];
  });
  const next = childText(root, 'ContinuationToken');
  return { buckets, next: next === '' ? undefined : next };
}

export interface BucketPage {
  readonly buckets: readonly ListedBucket[];
  /** Where the next page begins; null on the last. */
  readonly next: string | null;
}

/** The part of a list that follows `after`, at most `limit` long. */
export function pageOf(
  buckets: readonly ListedBucket[],
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
): BucketPage {
  const sorted = [...buckets].sort((a, b) => (a.name < b.name ? -1 : 1));
  const rest = after === undefined ? sorted : sorted.filter(({ name }) => name > after);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  return { buckets: page, next: rest.length > limit && last ? cursorAfter(last.name) : null };
}

/** ListBuckets' answer, in our words: the upstream's has its account's name in it. */
export function bucketListDocument(
  { buckets, next }: BucketPage,
  about: { readonly organizationId: string; readonly prefix: string | undefined },
): string {
  const owner = [xmlElement('ID', about.organizationId), xmlElement('DisplayName', about.organizationId)];
  const entries = buckets.map(({ name, createdAt }) =>
    xmlElement('Bucket', [xmlElement('Name', name), xmlElement('CreationDate', createdAt)]),
  );
  return xmlDocument(
    s3Root('ListAllMyBucketsResult', [
      xmlElement('Owner', owner),
      xmlElement('Buckets', entries),
      ...(about.prefix === undefined ? [] : [xmlElement('Prefix', about.prefix)]),
      ...(next === null ? [] : [xmlElement('ContinuationToken', next)]),
    ]),
  );
}

/** How the query of a ListBuckets says which part it wants. */
export function listWanted(query: ReadonlyMap<string, string>): {
  prefix: string | undefined;
  after: string | undefined;
  limit: number;
} {
  const most = query.get('max-buckets');
  if (most !== undefined && !(/^\d{1,5}$/.test(most) && Number(most) >= 1 && Number(most) <= 10_000))
    throw new S3Fault('InvalidArgument', 'list_buckets', 'max-buckets is a number from 1 to 10000.');
  const token = query.get('continuation-token');
  const after = token === undefined || token === '' ? undefined : nameOfCursor(token);
  if (after === null)
    throw new S3Fault('InvalidArgument', 'list_buckets', 'The continuation token is not one of ours.');
  return { prefix: query.get('prefix'), after, limit: most === undefined ? 10_000 : Number(most) };
}

/** The same on every gateway, without a secret among them: a check sum tells what was cut off or mistyped. It grants nothing. */
export function cursorAfter(name: string): string {
  return Buffer.from(`${checkOf(name)}${name}`).toString('base64url');
}

/** Null: it is none of ours. */
export function nameOfCursor(cursor: string): string | null {
  const text = Buffer.from(cursor, 'base64url').toString();
  const name = text.slice(checkLength);
  return cursorAfter(name) === cursor ? name : null;
}

const checkLength = 8;
const checkOf = (name: string): string =>
  createHash('sha256').update(`bucket list after ${name}`).digest('hex').slice(0, checkLength);
