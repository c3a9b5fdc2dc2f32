import { describe, expect, test } from '@jest/globals';
import { copySourceHeader, readCopySource } from './copy-source.js';
import { deleteDocument, readDeleteOrder } from './delete-objects.js';
import { aclFor, checkedDocument, ownerInAcl } from './documents.js';
import { clientResponseHeaders, upstreamRequestHeaders } from './headers.js';
import { cursorAfter, nameOfCursor, readBucketList } from './list-buckets.js';
import { operationOf } from './operations.js';
import { parseXml, XmlFault } from './xml.js';

const put = operationOf({ method: 'PUT', resource: 'object', parameters: [], copies: false });
const copy = operationOf({ method: 'PUT', resource: 'object', parameters: [], copies: true });
const part = operationOf({ method: 'PUT', resource: 'object', parameters: ['partNumber', 'uploadId'], copies: false });
const context = { operation: put, organizationId: 'org_1', may: () => false, upstreamIsTls: false };
const pass = (raw: string[], more: Partial<Parameters<typeof upstreamRequestHeaders>[1]> = {}) =>
  Object.fromEntries(upstreamRequestHeaders(raw, { ...context, ...more }));

describe('headers of a request', () => {
  test('what belongs to the object goes on, and nothing of the client or the way', () => {
    const raw = {
      Host: 'x',
      Authorization: 'AWS4…',
      'Content-Type': 'text/x',
      'User-Agent': 'ua',
      Accept: '*/*',
      Cookie: 'c',
      'Accept-Encoding': 'gzip',
      Expect: '100-continue',
      Te: 'trailers',
      Connection: 'keep-alive, te',
      'X-Forwarded-For': '1.1.1.1',
      'X-Amz-Date': 'd',
      'x-amz-content-sha256': 's',
      'x-amz-decoded-content-length': '5',
      'x-amz-trailer': 'x-amz-checksum-crc32',
      'Content-Encoding': 'aws-chunked,gzip',
      'x-amz-meta-A': '1',
      'x-amz-storage-class': 'STANDARD',
      'x-amz-acl': 'private',
      'x-amz-sdk-checksum-algorithm': 'CRC32',
      'x-amz-checksum-crc32': 'AAAAAA==',
      Range: 'bytes=0-1',
      'If-Match': '"e"',
      'X-Portcullis-Identity': 'forged',
    };
    expect(pass(Object.entries(raw).flat())).toEqual({
      'content-type': 'text/x',
      'content-encoding': 'gzip',
      'x-amz-meta-a': '1',
      'x-amz-storage-class': 'STANDARD',
      'x-amz-checksum-crc32': 'AAAAAA==',
      range: 'bytes=0-1',
      'if-match': '"e"',
    });
  });

  test.each([
    'x-amz-acl',
    'x-amz-grant-read',
    'x-amz-tagging',
    'x-amz-object-lock-mode',
    'x-amz-bypass-governance-retention',
    'x-amz-website-redirect-location',
    'x-amz-server-side-encryption-aws-kms-key-id',
  ])('%s needs the right to configure', (name) => {
    expect(() => pass([name, 'public-read'])).toThrow(expect.objectContaining({ code: 'AccessDenied' }));
    expect(pass([name, 'public-read'], { may: () => true })).toEqual({ [name]: 'public-read' });
  });

  test('a customer’s key goes to an upstream behind TLS alone', () => {
    const raw = ['x-amz-server-side-encryption-customer-key', 'k'];
    expect(() => pass(raw)).toThrow(expect.objectContaining({ code: 'InvalidRequest' }));
    expect(pass(raw, { upstreamIsTls: true })).toEqual({ 'x-amz-server-side-encryption-customer-key': 'k' });
  });

  test('an owner that is expected is the organization, or nobody is let in', () => {
    expect(pass(['x-amz-expected-bucket-owner', 'org_1'])).toEqual({});
    expect(pass(['content-md5', 'm'])).toEqual({ 'content-md5': 'm' });
    expect(() => pass(['x-amz-expected-bucket-owner', '123456789012'])).toThrow(
      expect.objectContaining({ code: 'AccessDenied' }),
    );
  });

  test('parts have no checksums, and copies name an algorithm only', () => {
    const raw = ['x-amz-checksum-crc32', 'AAAAAA==', 'x-amz-checksum-algorithm', 'CRC32'];
    expect(pass(raw, { operation: part })).toEqual({});
    expect(pass(raw, { operation: copy })).toEqual({ 'x-amz-checksum-algorithm': 'CRC32' });
  });

  test('a Connection that names what has to arrive is refused', () => {
    expect(() => pass(['Connection', 'x-amz-meta-a', 'x-amz-meta-a', '1'])).toThrow(
      expect.objectContaining({ code: 'InvalidRequest' }),
    );
  });

  test('metadata is at most 2 KB', () => {
    expect(() => pass(['x-amz-meta-a', 'x'.repeat(2_048)])).toThrow(
      expect.objectContaining({ code: 'InvalidArgument' }),
    );
  });
});

test('of an upstream’s headers clients get what they act on', () => {
  const headers = {
    server: 's',
    via: 'v',
    etag: '"e"',
    'x-amz-id-2': 'i',
    'x-amz-meta-a': '1',
    'set-cookie': 'c',
    location: 'l',
  };
  expect(clientResponseHeaders(headers, { status: 200, region: 'r', isHeadBucket: false })).toEqual([
    'etag',
    '"e"',
    'x-amz-meta-a',
    '1',
  ]);
});

describe('the source of a copy', () => {
  test.each([
    ['b/k', 'b', 'k', undefined, '/b/k'],
    ['/b/a%20b%2Fc', 'b', 'a b/c', undefined, '/b/a%20b/c'],
    ['b/k%3F?versionId=v%2B1', 'b', 'k?', 'v+1', '/b/k%3F?versionId=v%2B1'],
    ['b/a+b', 'b', 'a+b', undefined, '/b/a%2Bb'],
    ['b/a%2525', 'b', 'a%25', undefined, '/b/a%2525'],
    [Buffer.from('b/ä').toString('latin1'), 'b', 'ä', undefined, '/b/%C3%A4'],
  ])('%s', (written, bucket, key, versionId, again) => {
    const source = readCopySource(written);
    expect(source).toEqual({ bucket, key, versionId });
    expect(copySourceHeader(source)).toBe(again);
  });

  test.each([
    '',
    'b',
    '/b/',
    'b/k?x=1',
    'b/k?versionId=a&x',
    'b/%zz',
    'b/%ff',
    'b/..%2f..%2fc/k',
    'b/a%00',
    'b/../c',
    'b/.',
    'b/a/..',
    'b//',
  ])('"%s" is none', (written) => {
    expect(() => readCopySource(written)).toThrow(expect.objectContaining({ code: 'InvalidArgument' }));
  });
});

describe('a list of objects to delete', () => {
  const of = (inner: string) =>
    Buffer.from(`<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</Delete>`);

  test('is written anew, with the same keys and conditions', () => {
    const keys = ['a', 'a<b>&"\'', 'ü', ' padded '];
    const order = readDeleteOrder(
      of(
        `<Quiet>true</Quiet>${keys.map((key) => `<Object><Key>${key.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</Key><VersionId>v</VersionId></Object>`).join('')}`,
      ),
    );
    expect(order).toEqual({ quiet: true, objects: keys.map((key) => ({ key, conditions: [['VersionId', 'v']] })) });
    expect(readDeleteOrder(deleteDocument(order).body)).toEqual(order);
  });

  test.each([
    ['no object', ''],
    ['an object without a key', '<Object/>'],
    ['two keys in one', '<Object><Key>a</Key><Key>b</Key></Object>'],
    ['an empty key', '<Object><Key></Key></Object>'],
    ['a key with an element in it', '<Object><Key><b>a</b></Key></Object>'],
    ['a word that is unknown', '<Object><Key>a</Key></Object><Force>1</Force>'],
    ['a key of 1,025 bytes', `<Object><Key>${'k'.repeat(1_025)}</Key></Object>`],
    ['a key that leads out of its bucket', '<Object><Key>../other/k</Key></Object>'],
    ['a key that is its bucket', '<Object><Key>k/..</Key></Object>'],
    ['a control character', '<Object><Key>a&#10;b</Key></Object>'],
    ['a backslash', '<Object><Key>..\\other</Key></Object>'],
    ['1,001 objects', '<Object><Key>a</Key></Object>'.repeat(1_001)],
    ['another quiet', '<Quiet>maybe</Quiet><Object><Key>a</Key></Object>'],
  ])('with %s is refused', (_what, inner) => {
    expect(() => readDeleteOrder(of(inner))).toThrow(expect.objectContaining({ code: 'MalformedXML' }));
  });
});

test.each([
  ['<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', 'document type'],
  ['<?xml-stylesheet href="x"?><a/>', 'processing instruction'],
  ['<a>&unknown;</a>', 'well-formed'],
  ['<a><b></a></b>', 'well-formed'],
  ['<a>', 'well-formed'],
  ['', 'well-formed'],
  ['<a/><b/>', 'well-formed'],
  ['<a>text<b/></a>', 'beside elements'],
  ['<?xml version="1.0" encoding="utf-16"?><a/>', 'UTF-8'],
  ['<a>'.repeat(17) + '</a>'.repeat(17), 'deeply'],
  ['<a x="1" x="2"/>', 'well-formed'],
])('%s is no document', (text, why) => {
  expect(() => parseXml(Buffer.from(text))).toThrow(XmlFault);
  expect(() => parseXml(Buffer.from(text))).toThrow(why);
});

describe('documents', () => {
  const regions = { own: 'us-east-1', upstream: 'eu-1' };
  const operation = (method: string, resource: 'bucket' | 'object', ...parameters: string[]) =>
    operationOf({ method, resource, parameters, copies: false });

  test('a bucket is made where the upstream is, by clients who name our region', () => {
    const made = (region: string) =>
      checkedDocument(
        operation('PUT', 'bucket'),
        Buffer.from(
          `<CreateBucketConfiguration><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`,
        ),
        regions,
      );
    expect(made('us-east-1').bytes.toString()).toContain('<LocationConstraint>eu-1</LocationConstraint>');
    expect(() => made('mars-1')).toThrow(expect.objectContaining({ code: 'InvalidArgument' }));
  });

  test('parts give up their checksums', () => {
    const body =
      '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"e"</ETag><ChecksumCRC32>x</ChecksumCRC32></Part></CompleteMultipartUpload>';
    const { bytes } = checkedDocument(operation('POST', 'object', 'uploadId'), Buffer.from(body), regions);
    expect(bytes.toString()).toContain('<Part><PartNumber>1</PartNumber><ETag>&quot;e&quot;</ETag></Part>');
    expect(bytes.toString()).not.toContain('Checksum');
  });

  test('say what they are themselves', () => {
    const acl = operation('PUT', 'bucket', 'acl');
    const may = { organizationId: 'org_1', upstreamIsTls: true, may: () => true };
    const sent = ['Content-Type', 'text/plain', 'Content-MD5', 'AAAA', 'x-amz-storage-class', 'STANDARD'];
    expect(upstreamRequestHeaders(sent, { ...may, operation: acl })).toEqual([['x-amz-storage-class', 'STANDARD']]);
    const { headers } = checkedDocument(acl, Buffer.from('<AccessControlPolicy/>'), regions);
    expect(headers.map(([name]) => name)).toEqual(['content-md5', 'content-type']);
  });

  test('in an access control list the organization is the upstream’s account', () => {
    const list = (id: string) =>
      `<AccessControlPolicy><Owner><ID>${id}</ID><DisplayName>d</DisplayName></Owner><AccessControlList><Grant><Grantee><ID>${id}</ID></Grantee></Grant><Grant><Grantee><ID>another</ID></Grantee></Grant></AccessControlList></AccessControlPolicy>`;
    expect(ownerInAcl(Buffer.from(list('account')))).toBe('account');
    for (const none of ['<AccessControlPolicy/>', 'no XML']) expect(ownerInAcl(Buffer.from(none))).toBeUndefined();
    const { bytes, headers } = aclFor(Buffer.from(list('org_1')), 'org_1', 'account');
    expect(bytes.toString()).toContain(list('account').replaceAll('<DisplayName>d</DisplayName>', ''));
    expect(headers.map(([name]) => name)).toEqual(['content-md5', 'content-type']);
  });

  test('buckets that logs and copies would be written to are named', () => {
    const log =
      '<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket></LoggingEnabled></BucketLoggingStatus>';
    expect(checkedDocument(operation('PUT', 'bucket', 'logging'), Buffer.from(log), regions).buckets).toEqual(['logs']);
    const rule =
      '<ReplicationConfiguration><Rule><Destination><Bucket>arn:aws:s3:::copy</Bucket></Destination></Rule></ReplicationConfiguration>';
    expect(checkedDocument(operation('PUT', 'bucket', 'replication'), Buffer.from(rule), regions).buckets).toEqual([
      'copy',
    ]);
    const odd = rule.replace('arn:aws:s3:::copy', 'arn:aws:s3:eu:1:copy');
    expect(() => checkedDocument(operation('PUT', 'bucket', 'replication'), Buffer.from(odd), regions)).toThrow(
      expect.objectContaining({ code: 'MalformedXML' }),
    );
  });
});

test('a cursor of a bucket list is ours to the letter', () => {
  expect(nameOfCursor(cursorAfter('my-bucket'))).toBe('my-bucket');
  const cursor = cursorAfter('my-bucket');
  for (const other of ['', 'x', `${cursor}A`, cursor.slice(0, -1), `B${cursor.slice(1)}`, `${cursor}=`])
    expect(nameOfCursor(other)).toBeNull();
});

test('an upstream’s list of buckets is read with its continuation', () => {
  const list =
    '<ListAllMyBucketsResult><Buckets><Bucket><Name>a</Name><CreationDate>d</CreationDate></Bucket></Buckets><ContinuationToken>t</ContinuationToken></ListAllMyBucketsResult>';
  expect(readBucketList(Buffer.from(list))).toEqual({ buckets: [{ name: 'a', createdAt: 'd' }], next: 't' });
  expect(() => readBucketList(Buffer.from('<Other/>'))).toThrow(XmlFault);
});
