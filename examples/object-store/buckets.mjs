// Buckets, and the documents that are kept for them: put, given back, and without any effect.
import { wholeBody } from './body.mjs';
import { S3Fault } from './faults.mjs';
import { owner, xmlAnswer } from './listing.mjs';
import { describe } from './objects.mjs';
import { child, childrenOf, element, readXml } from './xml.mjs';

export function listBuckets({ storage }) {
  const buckets = [...storage.buckets.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return xmlAnswer('ListAllMyBucketsResult', [
    owner(),
    element(
      'Buckets',
      buckets.map(({ name, created }) =>
        element('Bucket', [element('Name', name), element('CreationDate', created.toISOString())]),
      ),
    ),
  ]);
}

export async function createBucket(exchange) {
  const { storage, bucket, headers, region } = exchange;
  describe(headers);
  if (headers['x-amz-bucket-object-lock-enabled']?.toLowerCase() === 'true')
    throw new S3Fault('NotImplemented', 'This store has no object lock.');
  const body = await wholeBody(exchange);
  const asked = body.length === 0 ? undefined : child(readXml(body), 'LocationConstraint')?.trim();
  if (asked && asked !== region) throw new S3Fault('IllegalLocationConstraintException');
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket) || bucket.includes('..'))
    throw new S3Fault('InvalidBucketName');
  await storage.createBucket(bucket);
  return { status: 200, headers: { location: `/${bucket}` } };
}

export async function deleteBucket({ storage, bucket }) {
  await storage.deleteBucket(bucket);
  return { status: 204 };
}

export function headBucket({ storage, bucket, region }) {
  storage.bucket(bucket);
  return { status: 200, headers: { 'x-amz-bucket-region': region } };
}

export function getLocation({ storage, bucket, region }) {
  storage.bucket(bucket);
  return xmlAnswer('LocationConstraint', region === 'us-east-1' ? '' : region);
}

/** A document of which this store has none and takes none: empty, or a fault that says so. */
export const nothingOf =
  (name) =>
  ({ storage, bucket }) => {
    storage.bucket(bucket);
    return xmlAnswer(name, name === 'RequestPaymentConfiguration' ? [element('Payer', 'BucketOwner')] : []);
  };
export const missing =
  (code) =>
  ({ storage, bucket }) => {
    storage.bucket(bucket);
    throw new S3Fault(code);
  };

export function getAcl({ storage, bucket: name, key }) {
  const bucket = storage.bucket(name);
  if (key !== '') bucket.object(key);
  const grantee = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"';
  return xmlAnswer('AccessControlPolicy', [
    owner(),
    element('AccessControlList', [
      element('Grant', [
        element('Grantee', [element('ID', 'store'), element('DisplayName', 'store')], grantee),
        element('Permission', 'FULL_CONTROL'),
      ]),
    ]),
  ]);
}

/** Everything is private: that may be said again, and nothing else. */
export async function putAcl(exchange) {
  const bucket = exchange.storage.bucket(exchange.bucket);
  if (exchange.key !== '') bucket.object(exchange.key);
  describe(exchange.headers);
  const body = await wholeBody(exchange);
  if (body.length > 0 || exchange.headers['x-amz-acl'] === undefined)
    throw new S3Fault('NotImplemented', 'Everything here is private: there are no other access control lists.');
  return { status: 200 };
}

/** Reads, writes and removes one kind of document. `root` of its XML; null for JSON. */
export function configuration(name, root, noSuch) {
  return {
    async get({ storage, bucket }) {
      const text = await storage.bucket(bucket).configuration(name);
      if (text === null) throw new S3Fault(noSuch);
      return { status: 200, headers: { 'content-type': root ? 'application/xml' : 'application/json' }, body: text };
    },
    async put(exchange) {
      const bucket = exchange.storage.bucket(exchange.bucket);
      const body = await wholeBody(exchange);
      if (root === null) parsedPolicy(body);
      else if (readXml(body).name !== root) throw new S3Fault('MalformedXML');
      else if (root === 'Tagging' && childrenOf(readXml(body), 'TagSet').length !== 1)
        throw new S3Fault('MalformedXML');
      await bucket.configure(name, body.toString('utf8'));
      return { status: root === null ? 204 : 200 };
    },
    async delete({ storage, bucket }) {
      await storage.bucket(bucket).configure(name, null);
      return { status: 204 };
    },
  };
}

function parsedPolicy(body) {
  try {
    const policy = JSON.parse(body.toString('utf8'));
    if (typeof policy === 'object' && policy !== null && !Array.isArray(policy)) return;
  } catch {
    // the same answer
  }
  throw new S3Fault('MalformedPolicy');
}
