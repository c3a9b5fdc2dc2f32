import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { newId } from '@portcullis/contracts';
import { eventually } from '@portcullis/testing';
import { anS3Gateway } from '../../spec/s3-gateway.js';
import { signedHead, Wire } from '../../spec/s3-raw.js';
import { type S3Key } from '../../spec/s3-services.js';

const organization = newId('org', new Date());
let gate: Awaited<ReturnType<typeof anS3Gateway>>;
let key: S3Key;
beforeAll(async () => {
  gate = await anS3Gateway();
  const maker = gate.client(gate.services.key({ organization }));
  await maker.send(new CreateBucketCommand({ Bucket: 'held' }));
});
afterAll(() => gate.close());
beforeEach(() => {
  key = gate.services.key({ organization, roles: ['storage:object-read-write'], buckets: ['held'] });
});

const codeOf = (sent: Promise<unknown>): Promise<string> =>
  sent.then(
    () => 'passed',
    (error: Error) => error.name,
  );

test('when the revocation is answered the next request, part and presigned URL are refused', async () => {
  const client = gate.client(key);
  const at = { Bucket: 'held', Key: 'x' };
  await client.send(new PutObjectCommand({ ...at, Body: 'x' }));
  const url = await getSignedUrl(client, new GetObjectCommand(at), { expiresIn: 600 });
  expect((await fetch(url)).status).toBe(200);
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(at));
  const part = { ...at, UploadId, PartNumber: 1 };
  const { ETag } = await client.send(new UploadPartCommand({ ...part, Body: 'part' }));
  gate.revoke(key);
  expect(await codeOf(client.send(new GetObjectCommand(at)))).toBe('InvalidAccessKeyId');
  expect(await codeOf(client.send(new UploadPartCommand({ ...part, Body: 'more' })))).toBe('InvalidAccessKeyId');
  const parts = { Parts: [{ PartNumber: 1, ETag }] };
  const complete = new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: parts });
  expect(await codeOf(client.send(complete))).toBe('InvalidAccessKeyId');
  const refused = await fetch(url);
  expect([refused.status, await refused.text()]).toEqual([
    403,
    expect.stringContaining('<Code>InvalidAccessKeyId</Code>'),
  ]);
});

test('an upload that is under way is cut off by the revocation, and nothing of it is stored', async () => {
  const size = 4_000_000;
  const { head } = signedHead(gate.port, key, {
    method: 'PUT',
    path: '/held/cut',
    payload: 'UNSIGNED-PAYLOAD',
    headers: { 'content-length': String(size) },
  });
  const wire = new Wire(gate.port);
  wire.write(head + 'x'.repeat(1_000_000));
  await eventually(async () => /table="streams"} 1$/m.test(await gate.metrics.text()));
  gate.revoke(key);
  expect(await wire.answer()).toBeUndefined();
  await eventually(async () => /table="streams"} 0$/m.test(await gate.metrics.text()));
  expect(await codeOf(gate.behind().send(new HeadObjectCommand({ Bucket: 'held', Key: 'cut' })))).toBe('NotFound');
});

test('a list of deletions whose end comes after the revocation deletes nothing', async () => {
  const at = { Bucket: 'held', Key: 'kept' };
  await gate.client(key).send(new PutObjectCommand({ ...at, Body: 'x' }));
  const body = '<Delete><Object><Key>kept</Key></Object></Delete>';
  const { head } = signedHead(gate.port, key, { method: 'POST', path: '/held', query: [['delete', '']], body });
  const wire = new Wire(gate.port);
  wire.write(head + body.slice(0, 20));
  await eventually(async () => /table="streams"} 1$/m.test(await gate.metrics.text()));
  gate.revoke(key);
  wire.write(body.slice(20));
  expect((await wire.answer())?.code).toBe('ServiceUnavailable');
  wire.end();
  await gate.behind().send(new HeadObjectCommand(at));
});

test('an upload into a bucket that is given back meanwhile does not end in whoever’s it is then', async () => {
  const maker = gate.client(gate.services.key({ organization }));
  await maker.send(new CreateBucketCommand({ Bucket: 'given-back' }));
  const by = gate.services.key({ organization });
  const headers = { 'content-length': '1000000' };
  const { head } = signedHead(gate.port, by, {
    method: 'PUT',
    path: '/given-back/left',
    payload: 'UNSIGNED-PAYLOAD',
    headers,
  });
  const wire = new Wire(gate.port);
  wire.write(head + 'x'.repeat(500_000));
  await eventually(async () => /table="streams"} 1$/m.test(await gate.metrics.text()));
  await maker.send(new DeleteBucketCommand({ Bucket: 'given-back' }));
  expect(await wire.answer()).toBeUndefined();
  const other = gate.client(gate.services.key());
  await other.send(new CreateBucketCommand({ Bucket: 'given-back' }));
  wire.write('x'.repeat(500_000));
  expect((await other.send(new ListObjectsV2Command({ Bucket: 'given-back' }))).KeyCount).toBe(0);
});

test('a secret that has ended opens nothing, and one that ends does so at its time', async () => {
  const client = gate.client(key);
  key.expiresAt = new Date(Date.now() + 1_500).toISOString();
  expect(await codeOf(client.send(new ListObjectsV2Command({ Bucket: 'held' })))).toBe('passed');
  const ended = await eventually(async () => {
    const code = await codeOf(client.send(new ListObjectsV2Command({ Bucket: 'held' })));
    return code !== 'passed' && code;
  });
  expect(ended).toBe('InvalidAccessKeyId');
});

test.each(['disabled', 'expired', 'revoked'] as const)('a key that is %s is no key', async (status) => {
  key.record.status = status;
  expect(await codeOf(gate.client(key).send(new ListObjectsV2Command({ Bucket: 'held' })))).toBe('InvalidAccessKeyId');
});

test('from another network not even the right secret is recognised, and that is written down', async () => {
  const bound = gate.services.key({ organization, networks: ['203.0.113.0/24'] });
  const before = gate.seen.events.length;
  for (const secretAccessKey of [bound.secretAccessKey, 'x'.repeat(40)]) {
    const client = gate.client({ ...bound, secretAccessKey });
    expect(await codeOf(client.send(new ListObjectsV2Command({ Bucket: 'held' })))).toBe('AccessDenied');
  }
  expect(gate.seen.events[before]).toMatchObject({
    action: 'credential.refused',
    reason: 'network_not_allowed',
    resource: { id: bound.record.id },
  });
});

test('a limit that is used up is SlowDown, and says when to come back', async () => {
  const limited = gate.services.key({ organization, rate_limit: { requests: 2, per_seconds: 60 } });
  const client = gate.client(limited);
  const codes = [];
  for (let n = 0; n < 4; n++) codes.push(await codeOf(client.send(new ListObjectsV2Command({ Bucket: 'held' }))));
  expect(codes).toContain('passed');
  const { head } = signedHead(gate.port, limited, { path: '/held', query: [['list-type', '2']] });
  const wire = new Wire(gate.port);
  wire.write(head);
  const answer = await wire.answer();
  wire.end();
  expect([answer?.status, answer?.code]).toEqual([503, 'SlowDown']);
  expect(answer?.head).toMatch(/\r\nRetry-After: [1-9]\d*\r\n/i);
});

test('with nobody to ask, what is not known is unavailable, and says so', async () => {
  gate.services.away = true;
  const { head } = signedHead(gate.port, key, { path: '/held', query: [['list-type', '2']] });
  const wire = new Wire(gate.port);
  wire.write(head);
  const answer = await wire.answer();
  wire.end();
  gate.services.away = false;
  expect([answer?.status, answer?.code]).toEqual([503, 'ServiceUnavailable']);
  expect(answer?.head).toMatch(/\r\nRetry-After: 1\r\n/i);
});
