import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId } from '@portcullis/contracts';
import { Client as MinioClient } from 'minio';
import { anS3Gateway } from '../../spec/s3-gateway.js';
import { type S3Key } from '../../spec/s3-services.js';

const organization = newId('org', new Date());
const other = newId('org', new Date());
const byPolicy = 'given-by-policy';

let gate: Awaited<ReturnType<typeof anS3Gateway>>;
let admin: S3Key;
let client: S3Client;
beforeAll(async () => {
  gate = await anS3Gateway({ policyBuckets: { [byPolicy]: organization } });
  admin = gate.services.key({ organization });
  client = gate.client(admin);
  await gate.behind().send(new CreateBucketCommand({ Bucket: byPolicy }));
  for (const Bucket of ['first', 'second']) await client.send(new CreateBucketCommand({ Bucket }));
});
afterAll(() => gate.close());

const codeOf = (sent: Promise<unknown>): Promise<string> =>
  sent.then(
    () => 'passed',
    (error: Error) => error.name,
  );

const failure = (sent: Promise<unknown>): Promise<{ name: string; message: string; status: number | undefined }> =>
  sent.then(
    () => ({ name: 'passed', message: '', status: 200 }),
    (error: Error & { $metadata: { httpStatusCode?: number } }) => {
      const { name, message, $metadata } = error;
      return { name, message, status: $metadata.httpStatusCode };
    },
  );

const textAt = async (at: { Bucket: string; Key: string }, from = client): Promise<string> =>
  (await from.send(new GetObjectCommand(at))).Body!.transformToString();

describe('objects', () => {
  test.each(['plain', 'a/b//c/', 'ä b+c&d=e?f#g%20h', "quo'te(s)*!", '日本語', '.hidden/..x', 'a<b>&amp;"c'])(
    'the key %s is written, read, listed and deleted under its name',
    async (Key) => {
      await client.send(new PutObjectCommand({ Bucket: 'first', Key, Body: `of ${Key}`, Metadata: { of: 'mine' } }));
      expect(await textAt({ Bucket: 'first', Key })).toBe(`of ${Key}`);
      expect((await client.send(new HeadObjectCommand({ Bucket: 'first', Key }))).Metadata).toEqual({ of: 'mine' });
      const listed = await client.send(new ListObjectsV2Command({ Bucket: 'first', FetchOwner: true }));
      expect(listed.Contents?.map((object) => object.Key)).toEqual([Key]);
      expect(listed.Contents?.[0]?.Owner?.ID).toBe(organization);
      const gone = await client.send(new DeleteObjectsCommand({ Bucket: 'first', Delete: { Objects: [{ Key }] } }));
      expect(gone.Deleted?.map((object) => object.Key)).toEqual([Key]);
      expect(await codeOf(client.send(new GetObjectCommand({ Bucket: 'first', Key })))).toBe('NoSuchKey');
    },
  );

  test('a stream whose length is known, with its checksum behind it, arrives whole and without its framing', async () => {
    const bytes = Buffer.alloc(3_000_000, 'streamed ');
    await client.send(
      new PutObjectCommand({
        Bucket: 'first',
        Key: 'streamed',
        Body: Readable.from([bytes]),
        ContentLength: bytes.length,
      }),
    );
    const stored = await gate.behind().send(new GetObjectCommand({ Bucket: 'first', Key: 'streamed' }));
    expect(Buffer.from(await stored.Body!.transformToByteArray()).equals(bytes)).toBe(true);
    expect(stored.ContentEncoding).toBeUndefined();
  });

  test('parts in parallel, with checksums, make one object, and its place is ours', async () => {
    const bytes = Buffer.alloc(17 * 1_048_576, 'parts ');
    const upload = new Upload({
      client,
      params: { Bucket: 'first', Key: 'large', Body: bytes },
      partSize: 5 * 1_048_576,
    });
    const done = await upload.done();
    expect(done.Location).toMatch(/^http:\/\/127\.0\.0\.1:9000\/first\/large$/);
    const sum = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');
    const got = await client.send(new GetObjectCommand({ Bucket: 'first', Key: 'large' }));
    expect(sum(await got.Body!.transformToByteArray())).toBe(sum(bytes));
  });

  test('ranges and conditions are the upstream’s to answer', async () => {
    await client.send(new PutObjectCommand({ Bucket: 'first', Key: 'r', Body: '0123456789' }));
    const part = await client.send(new GetObjectCommand({ Bucket: 'first', Key: 'r', Range: 'bytes=2-4' }));
    expect([part.ContentRange, await part.Body!.transformToString()]).toEqual(['bytes 2-4/10', '234']);
    const { ETag } = part;
    const same = failure(client.send(new GetObjectCommand({ Bucket: 'first', Key: 'r', IfNoneMatch: ETag })));
    expect((await same).status).toBe(304);
    expect(await codeOf(client.send(new GetObjectCommand({ Bucket: 'first', Key: 'r', IfMatch: '"other"' })))).toBe(
      'PreconditionFailed',
    );
    expect(await codeOf(client.send(new GetObjectCommand({ Bucket: 'first', Key: 'r', Range: 'bytes=99-' })))).toBe(
      'InvalidRange',
    );
  });

  test('an empty object is an object', async () => {
    await client.send(new PutObjectCommand({ Bucket: 'first', Key: 'empty', Body: '' }));
    expect((await client.send(new HeadObjectCommand({ Bucket: 'first', Key: 'empty' }))).ContentLength).toBe(0);
  });
});

describe('copies', () => {
  test('between buckets of the organization, of parts too', async () => {
    await client.send(new PutObjectCommand({ Bucket: 'first', Key: 'ä+ b', Body: 'copied' }));
    await client.send(
      new CopyObjectCommand({ Bucket: 'second', Key: 'copy', CopySource: `/first/${encodeURIComponent('ä+ b')}` }),
    );
    expect(await textAt({ Bucket: 'second', Key: 'copy' })).toBe('copied');
    const at = { Bucket: 'second', Key: 'parts' };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(at));
    const part = await client.send(
      new UploadPartCopyCommand({ ...at, UploadId, PartNumber: 1, CopySource: 'second/copy' }),
    );
    expect(part.CopyPartResult?.ETag).toMatch(/^"/);
    const { Parts } = await client.send(new ListPartsCommand({ ...at, UploadId }));
    expect(Parts?.map(({ Size }) => Size)).toEqual([6]);
    await client.send(new AbortMultipartUploadCommand({ ...at, UploadId }));
  });

  test.each(['foreign/secret', '/foreign/secret', 'nobodys/x', 'first/../foreign/secret', '%2fforeign%2fsecret'])(
    'a source in another organization’s bucket is no source: %s',
    async (CopySource) => {
      const stranger = gate.client(gate.services.key({ organization: other }));
      await stranger.send(new CreateBucketCommand({ Bucket: 'foreign' })).catch(() => undefined);
      await stranger.send(new PutObjectCommand({ Bucket: 'foreign', Key: 'secret', Body: 'theirs' }));
      const copy = client.send(new CopyObjectCommand({ Bucket: 'first', Key: 'stolen', CopySource }));
      expect(['NoSuchBucket', 'InvalidArgument']).toContain(await codeOf(copy));
      expect(await codeOf(gate.behind().send(new HeadObjectCommand({ Bucket: 'first', Key: 'stolen' })))).toBe(
        'NotFound',
      );
    },
  );

  test('a key that may write here and not read there copies nothing', async () => {
    const key = gate.services.key({ organization, roles: ['storage:object-read-write'], buckets: ['second'] });
    const copy = gate.client(key).send(new CopyObjectCommand({ Bucket: 'second', Key: 'x', CopySource: 'first/x' }));
    expect(await codeOf(copy)).toBe('AccessDenied');
  });
});

describe('whose a bucket is', () => {
  test('lists have the organization’s alone, those of the policy among them', async () => {
    const { Buckets, Owner } = await client.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toEqual(['first', byPolicy, 'second']);
    expect(Owner?.ID).toBe(organization);
    const page = await client.send(new ListBucketsCommand({ MaxBuckets: 1 }));
    const next = await client.send(new ListBucketsCommand({ ContinuationToken: page.ContinuationToken! }));
    expect([page, next].map(({ Buckets: some }) => some?.length)).toEqual([1, 2]);
    const stranger = gate.client(gate.services.key({ organization: newId('org', new Date()) }));
    expect((await stranger.send(new ListBucketsCommand({}))).Buckets ?? []).toEqual([]);
  });

  test('another organization’s bucket, nobody’s, and none answer the same', async () => {
    await gate.behind().send(new CreateBucketCommand({ Bucket: 'nobodys' }));
    const stranger = gate.client(gate.services.key({ organization: other }));
    const answers = ['first', byPolicy, 'nobodys', 'nowhere'].map(async (Bucket) => {
      const listed = await failure(stranger.send(new ListObjectsV2Command({ Bucket })));
      const head = await failure(stranger.send(new HeadBucketCommand({ Bucket })));
      return [listed.name, listed.message, listed.status, head.status];
    });
    const [one, ...rest] = await Promise.all(answers);
    expect(one).toEqual(['NoSuchBucket', 'The specified bucket does not exist.', 404, 404]);
    for (const each of rest) expect(each).toEqual(one);
  });

  test('a name that is taken, by whomever, is taken, and what was there before is nobody’s to claim', async () => {
    const stranger = gate.client(gate.services.key({ organization: other }));
    await gate.behind().send(new CreateBucketCommand({ Bucket: 'was-there' }));
    for (const Bucket of ['first', byPolicy, 'was-there'])
      expect(await codeOf(stranger.send(new CreateBucketCommand({ Bucket })))).toBe('BucketAlreadyExists');
    expect(gate.services.claims.get('was-there')).toBeUndefined();
  });

  test('a bucket that is deleted is nobody’s, and may become another’s; one with objects stays', async () => {
    await client.send(new CreateBucketCommand({ Bucket: 'passing' }));
    await client.send(new PutObjectCommand({ Bucket: 'passing', Key: 'x', Body: 'x' }));
    expect(await codeOf(client.send(new DeleteBucketCommand({ Bucket: 'passing' })))).toBe('BucketNotEmpty');
    expect(gate.services.claims.get('passing')).toBe(organization);
    await client.send(
      new DeleteObjectsCommand({ Bucket: 'passing', Delete: { Objects: [{ Key: 'x' }], Quiet: true } }),
    );
    await client.send(new DeleteBucketCommand({ Bucket: 'passing' }));
    const stranger = gate.client(gate.services.key({ organization: other }));
    await stranger.send(new CreateBucketCommand({ Bucket: 'passing' }));
    expect(await codeOf(client.send(new ListObjectsV2Command({ Bucket: 'passing' })))).toBe('NoSuchBucket');
  });

  test.each(['Capitals', 'a', '10.0.0.1', 'dot..dot', 'under_score'])('%s is no name for a bucket', async (Bucket) => {
    expect(await codeOf(client.send(new CreateBucketCommand({ Bucket })))).toBe('InvalidBucketName');
  });

  test('clients are told our region, whatever the upstream’s is called', async () => {
    const { LocationConstraint } = await client.send(new GetBucketLocationCommand({ Bucket: 'first' }));
    expect(LocationConstraint ?? '').toBe('');
    expect((await client.send(new HeadBucketCommand({ Bucket: 'first' }))).BucketRegion).toBe('us-east-1');
  });
});

describe('levels and scopes', () => {
  const levels = ['admin-read-write', 'admin-read-only', 'object-read-write', 'object-read-only'] as const;
  const asked: [string, string, (c: S3Client) => Promise<unknown>][] = [
    ['list buckets', '1100', (c) => c.send(new ListBucketsCommand({}))],
    ['create a bucket', '1000', (c) => c.send(new CreateBucketCommand({ Bucket: `by-level-${Date.now()}` }))],
    ['head a bucket', '1111', (c) => c.send(new HeadBucketCommand({ Bucket: 'first' }))],
    ['list', '1111', (c) => c.send(new ListObjectsV2Command({ Bucket: 'first' }))],
    ['get', '1111', (c) => c.send(new GetObjectCommand({ Bucket: 'first', Key: 'level' }))],
    ['put', '1010', (c) => c.send(new PutObjectCommand({ Bucket: 'first', Key: 'level', Body: 'x' }))],
    [
      'delete',
      '1010',
      (c) => c.send(new DeleteObjectsCommand({ Bucket: 'first', Delete: { Objects: [{ Key: 'no' }] } })),
    ],
    ['read tags', '1111', (c) => c.send(new GetObjectTaggingCommand({ Bucket: 'first', Key: 'level' }))],
    [
      'write tags',
      '1000',
      (c) => c.send(new PutObjectTaggingCommand({ Bucket: 'first', Key: 'level', Tagging: { TagSet: [] } })),
    ],
    ['write a policy', '1000', (c) => c.send(new PutBucketPolicyCommand({ Bucket: 'first', Policy: '{}' }))],
  ];

  test.each(asked)('who may %s: %s', async (_what, allowed, ask) => {
    await client.send(new PutObjectCommand({ Bucket: 'first', Key: 'level', Body: 'x' }));
    for (const [at, level] of levels.entries()) {
      const key = gate.services.key({ organization, roles: [`storage:${level}`] });
      const code = await codeOf(ask(gate.client(key)));
      const denied = code === 'AccessDenied' || code === '403' || code === 'Forbidden';
      expect([level, denied]).toEqual([level, allowed[at] === '0']);
    }
  });

  test('outside of a key’s buckets everything is denied alike, whether it is there or not', async () => {
    const key = gate.services.key({
      organization,
      roles: ['storage:object-read-write'],
      buckets: ['first', 'not-made'],
    });
    const scoped = gate.client(key);
    const listed = (Bucket: string) => codeOf(scoped.send(new ListObjectsV2Command({ Bucket })));
    expect(await Promise.all(['second', byPolicy, 'nowhere', 'foreign'].map(listed))).toEqual(
      Array(4).fill('AccessDenied'),
    );
    expect(await listed('first')).toBe('passed');
    expect(await listed('not-made')).toBe('NoSuchBucket');
  });

  test('a denial is an event with the bucket, and no key', async () => {
    const key = gate.services.key({ organization, roles: ['storage:object-read-only'] });
    const before = gate.seen.events.length;
    expect(
      await codeOf(gate.client(key).send(new PutObjectCommand({ Bucket: 'first', Key: 'private/name', Body: 'x' }))),
    ).toBe('AccessDenied');
    const [event] = gate.seen.events.slice(before);
    expect(event).toMatchObject({
      action: 'request.denied',
      organization_id: organization,
      reason: 'missing_permission',
      details: { method: 'PUT', path: '/first', required_permissions: ['storage:objects:manage'] },
    });
    expect(gate.seen.accesses.at(-1)).toMatchObject({ path: '/first', route: 'S3 PutObject', status: 403 });
  });
});

test('a presigned URL works without a credential, for upload too', async () => {
  const at = { Bucket: 'first', Key: 'pre signed' };
  const put = await getSignedUrl(client, new PutObjectCommand(at), { expiresIn: 60 });
  expect((await fetch(put, { method: 'PUT', body: 'by url' })).status).toBe(200);
  const got = await fetch(await getSignedUrl(client, new GetObjectCommand(at), { expiresIn: 60 }));
  expect([got.status, await got.text(), got.headers.get('server')]).toEqual([200, 'by url', null]);
});

test('minio’s client makes, writes, reads and removes', async () => {
  const minio = new MinioClient({
    endPoint: '127.0.0.1',
    port: gate.port,
    useSSL: false,
    accessKey: admin.accessKeyId,
    secretKey: admin.secretAccessKey,
  });
  await minio.makeBucket('by-minio');
  await minio.putObject('by-minio', 'a b', Buffer.from('hello'));
  const stream = await minio.getObject('by-minio', 'a b');
  expect(Buffer.concat(await stream.toArray()).toString()).toBe('hello');
  await minio.removeObjects('by-minio', ['a b']);
  await minio.removeBucket('by-minio');
  expect(gate.services.claims.has('by-minio')).toBe(false);
});

test('parts that are sent one by one are one upload', async () => {
  const at = { Bucket: 'first', Key: 'one by one' };
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...at, ChecksumAlgorithm: 'CRC32' }));
  const part = await client.send(new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: Buffer.alloc(100) }));
  expect(part.ETag).toMatch(/^"/);
  await client.send(new AbortMultipartUploadCommand({ ...at, UploadId }));
});
