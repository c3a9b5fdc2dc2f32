import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteBucketLifecycleCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  DeleteObjectTaggingCommand,
  GetBucketAclCommand,
  GetBucketCorsCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketLocationCommand,
  GetBucketPolicyCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectTaggingCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { Client as MinioClient } from 'minio';
import { ObjectStore } from './object-store.js';

/** The store of the examples, asked by the clients that people have. What the gateway does before it is told elsewhere. */
describe('the object store of the examples', () => {
  let store: ObjectStore;
  let s3: S3Client;
  const Bucket = 'first-bucket';

  beforeAll(async () => {
    store = await new ObjectStore().start();
    s3 = store.client();
    await s3.send(new CreateBucketCommand({ Bucket }));
  }, 30_000);
  afterAll(async () => {
    s3?.destroy();
    expect(await store?.end('SIGTERM')).toBe(0);
    store?.remove();
  }, 30_000);

  const put = (Key: string, Body: string | Buffer, more: Partial<PutObjectCommandInput> = {}) =>
    s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
  const get = (Key: string, more: Partial<GetObjectCommandInput> = {}) =>
    s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
  const textOf = async (Key: string, more: Partial<GetObjectCommandInput> = {}): Promise<string> =>
    (await get(Key, more)).Body!.transformToString();
  const refusal = async (asked: Promise<unknown>): Promise<{ name: string; status: number | undefined }> => {
    const fault = await asked.then(
      () => ({ name: 'nothing', $metadata: { httpStatusCode: 200 } }),
      (error: { name: string; $metadata?: { httpStatusCode?: number } }) => error,
    );
    return { name: fault.name, status: fault.$metadata?.httpStatusCode };
  };
  const md5 = (...pieces: (string | Buffer)[]): string => {
    const hash = createHash('md5');
    for (const piece of pieces) hash.update(piece);
    return hash.digest('hex');
  };

  describe('buckets', () => {
    test('are made once, listed, found and removed when they are empty', async () => {
      await s3.send(new CreateBucketCommand({ Bucket: 'second-bucket' }));
      const { Buckets } = await s3.send(new ListBucketsCommand({}));
      expect(Buckets?.map(({ Name }) => Name)).toEqual([Bucket, 'second-bucket']);
      expect(Buckets?.[0]?.CreationDate).toBeInstanceOf(Date);
      expect(await refusal(s3.send(new CreateBucketCommand({ Bucket: 'second-bucket' })))).toEqual({
        name: 'BucketAlreadyOwnedByYou',
        status: 409,
      });
      await s3.send(new HeadBucketCommand({ Bucket: 'second-bucket' }));
      const { LocationConstraint } = await s3.send(new GetBucketLocationCommand({ Bucket }));
      expect(LocationConstraint).toBeUndefined();
      await s3.send(new PutObjectCommand({ Bucket: 'second-bucket', Key: 'k', Body: 'v' }));
      const remove = () => s3.send(new DeleteBucketCommand({ Bucket: 'second-bucket' }));
      expect(await refusal(remove())).toEqual({ name: 'BucketNotEmpty', status: 409 });
      await s3.send(new DeleteObjectCommand({ Bucket: 'second-bucket', Key: 'k' }));
      await remove();
      expect(await refusal(remove())).toEqual({ name: 'NoSuchBucket', status: 404 });
      expect(await refusal(s3.send(new HeadBucketCommand({ Bucket: 'second-bucket' })))).toMatchObject({ status: 404 });
    });

    test.each(['Upper-Case', 'a', '-first', 'two..dots'])('are not named %s', async (name) => {
      const made = refusal(s3.send(new CreateBucketCommand({ Bucket: name })));
      expect((await made).name).toMatch(/^InvalidBucketName$|^InvalidBucketNameError$/);
    });

    test('have nothing configured until something is, and then give it back', async () => {
      const nothing = [
        [new GetBucketLifecycleConfigurationCommand({ Bucket }), 'NoSuchLifecycleConfiguration'],
        [new GetBucketCorsCommand({ Bucket }), 'NoSuchCORSConfiguration'],
        [new GetBucketPolicyCommand({ Bucket }), 'NoSuchBucketPolicy'],
        [new GetBucketTaggingCommand({ Bucket }), 'NoSuchTagSet'],
      ] as const;
      for (const [command, name] of nothing)
        expect(await refusal(s3.send(command as GetBucketPolicyCommand))).toEqual({ name, status: 404 });
      expect((await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBeUndefined();
      expect((await s3.send(new GetBucketAclCommand({ Bucket }))).Grants?.[0]?.Permission).toBe('FULL_CONTROL');

      const Rules = [{ ID: 'r', Status: 'Enabled' as const, Filter: { Prefix: 'x' }, Expiration: { Days: 3 } }];
      await s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));
      expect((await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))).Rules).toEqual(Rules);
      await s3.send(new DeleteBucketLifecycleCommand({ Bucket }));
      expect((await refusal(s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket })))).status).toBe(404);

      const Policy = '{"Version":"2012-10-17","Statement":[]}';
      await s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
      expect((await s3.send(new GetBucketPolicyCommand({ Bucket }))).Policy).toBe(Policy);
      expect((await refusal(s3.send(new PutBucketPolicyCommand({ Bucket, Policy: '{' })))).name).toBe(
        'MalformedPolicy',
      );
    });

    test('refuse what the store does not do, by name', async () => {
      const VersioningConfiguration = { Status: 'Enabled' as const };
      expect(await refusal(s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration })))).toEqual({
        name: 'NotImplemented',
        status: 501,
      });
      expect(await refusal(put('k', 'v', { ServerSideEncryption: 'AES256' }))).toMatchObject({ status: 501 });
      expect(await refusal(put('k', 'v', { ACL: 'public-read' }))).toMatchObject({ status: 501 });
      expect(await refusal(get('k', { VersionId: 'v1' }))).toMatchObject({ status: 501 });
    });
  });

  describe('objects', () => {
    test('come back as they were put, with all that was said of them', async () => {
      const said = {
        ContentType: 'text/plain; charset=utf-8',
        CacheControl: 'max-age=3',
        ContentDisposition: 'attachment',
        ContentEncoding: 'gzip',
        ContentLanguage: 'nl',
        Metadata: { one: '1', 'two-three': 'a b' },
      };
      const { ETag } = await put('said', 'hello', { ...said, Tagging: 'a=1&b=x%20y', ChecksumAlgorithm: 'CRC32C' });
      expect(ETag).toBe(`"${md5('hello')}"`);
      const got = await get('said', { ChecksumMode: 'ENABLED' });
      expect(got).toMatchObject({ ...said, ContentLength: 5, ETag, TagCount: 2, ChecksumCRC32C: 'mnG7TA==' });
      expect(await got.Body!.transformToString()).toBe('hello');
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'said' }));
      expect(head).toMatchObject({ ...said, ContentLength: 5, ETag });
      expect(head.LastModified?.getTime()).toBeGreaterThan(Date.now() - 60_000);
      expect(await textOf('said', { ResponseContentType: 'a/b' })).toBe('hello');
      expect((await get('said', { ResponseContentType: 'a/b' })).ContentType).toBe('a/b');

      const { TagSet } = await s3.send(new GetObjectTaggingCommand({ Bucket, Key: 'said' }));
      expect(TagSet).toEqual([
        { Key: 'a', Value: '1' },
        { Key: 'b', Value: 'x y' },
      ]);
      const Tagging = { TagSet: [{ Key: 'only', Value: '' }] };
      await s3.send(new PutObjectTaggingCommand({ Bucket, Key: 'said', Tagging }));
      expect((await s3.send(new GetObjectTaggingCommand({ Bucket, Key: 'said' }))).TagSet).toEqual(Tagging.TagSet);
      await s3.send(new DeleteObjectTaggingCommand({ Bucket, Key: 'said' }));
      expect((await get('said')).TagCount).toBeUndefined();
      expect(await textOf('said')).toBe('hello');
    });

    test.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
      'are held against their %s',
      async (name) => {
        const value = {
          CRC32: 'y/Q5Jg==',
          CRC32C: '4waSgw==',
          CRC64NVME: 'rosUhgp5mIg=',
          SHA1: '98O8HYCOBHMqCUymNFwMXewzs2U=',
          SHA256: 'FeKw09sj8/f57IbYB3xw28c2OJTnZGNxbZiyCMJ8u8U=',
        }[name];
        // The check words of the catalogue of CRCs: over "123456789".
        if (!name.startsWith('SHA')) await put('sum', '123456789', { [`Checksum${name}`]: value });
        const wrong = refusal(put('sum-wrong', 'something else', { [`Checksum${name}`]: value }));
        expect(await wrong).toEqual({ name: 'BadDigest', status: 400 });
        expect((await refusal(get('sum-wrong'))).name).toBe('NoSuchKey');
      },
    );

    test('may be of any size, none included', async () => {
      await put('empty', '', { ContentLength: 0 });
      expect(await textOf('empty')).toBe('');
      const large = Buffer.alloc(3_000_001, 'portcullis ');
      await put('large', large);
      expect(Buffer.from(await (await get('large')).Body!.transformToByteArray()).equals(large)).toBe(true);
    });

    const strange = [
      ...['a', 'a/b', 'a/', '/leading', '//', 'two//slashes', '.', '..', '../../../etc/passwd', './x', 'x/../y'],
      ...['with space', 'a+b', '100%', '%2F', '%41', 'quo"te', "apo'strophe", '<&>', '(*)!', 'a;b=c,d:e@f$g', '?q#h'],
      ...['é', 'e\u0301', '日本語', '🙂', '\uff5e', 'tab\there', 'bucket.json', 'data', 'constructor', '__proto__'],
      ...[' trailing ', 'k'.repeat(1024), '日'.repeat(341)],
    ];
    test('may have any key, and are each their own', async () => {
      await s3.send(new CreateBucketCommand({ Bucket: 'strange' }));
      for (const Key of strange) await s3.send(new PutObjectCommand({ Bucket: 'strange', Key, Body: `at ${Key}` }));
      const inOrder = [...strange].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      const keysOf = async (EncodingType?: 'url') =>
        (await s3.send(new ListObjectsV2Command({ Bucket: 'strange', EncodingType }))).Contents?.map(({ Key }) => Key);
      expect(await keysOf()).toEqual(inOrder);
      expect((await keysOf('url'))?.map((key) => decodeURIComponent(key!))).toEqual(inOrder);
      for (const Key of strange) {
        const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'strange', Key }));
        expect(await Body!.transformToString()).toBe(`at ${Key}`);
      }
      const { Deleted } = await s3.send(
        new DeleteObjectsCommand({ Bucket: 'strange', Delete: { Objects: strange.map((Key) => ({ Key })) } }),
      );
      expect(Deleted?.map(({ Key }) => Key)).toEqual(strange);
      await s3.send(new DeleteBucketCommand({ Bucket: 'strange' }));
      expect((await refusal(put('k'.repeat(1025), 'x'))).name).toBe('KeyTooLongError');
    }, 60_000);

    test('are removed, and removing what is not there is no fault', async () => {
      await put('gone', 'x');
      await s3.send(new DeleteObjectCommand({ Bucket, Key: 'gone' }));
      await s3.send(new DeleteObjectCommand({ Bucket, Key: 'gone' }));
      expect(await refusal(get('gone'))).toEqual({ name: 'NoSuchKey', status: 404 });
      expect(await refusal(s3.send(new HeadObjectCommand({ Bucket, Key: 'gone' })))).toMatchObject({ status: 404 });
      const elsewhere = new GetObjectCommand({ Bucket: 'no-such-bucket', Key: 'k' });
      expect(await refusal(s3.send(elsewhere))).toEqual({ name: 'NoSuchBucket', status: 404 });
    });

    test('are given in parts', async () => {
      await put('digits', '0123456789');
      const range = async (Range: string) => {
        const { Body, ContentRange, $metadata } = await get('digits', { Range });
        return [$metadata.httpStatusCode, ContentRange, await Body!.transformToString()];
      };
      expect(await range('bytes=2-4')).toEqual([206, 'bytes 2-4/10', '234']);
      expect(await range('bytes=8-99')).toEqual([206, 'bytes 8-9/10', '89']);
      expect(await range('bytes=7-')).toEqual([206, 'bytes 7-9/10', '789']);
      expect(await range('bytes=-3')).toEqual([206, 'bytes 7-9/10', '789']);
      expect(await range('bytes=-30')).toEqual([206, 'bytes 0-9/10', '0123456789']);
      for (const none of ['bytes=4-2', 'bytes=0-1,3-4', 'lines=1-2'])
        expect(await range(none)).toEqual([200, undefined, '0123456789']);
      for (const beyond of ['bytes=10-', 'bytes=-0'])
        expect(await refusal(get('digits', { Range: beyond }))).toEqual({ name: 'InvalidRange', status: 416 });
    });

    test('are read and written under conditions', async () => {
      const { ETag } = await put('conditional', 'one');
      const [past, future] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 3_600_000)];
      const readings: [Partial<GetObjectCommandInput>, number][] = [
        [{ IfMatch: ETag }, 200],
        [{ IfMatch: '"other"' }, 412],
        [{ IfNoneMatch: ETag }, 304],
        [{ IfNoneMatch: '"other"' }, 200],
        [{ IfModifiedSince: past }, 200],
        [{ IfModifiedSince: future }, 304],
        [{ IfUnmodifiedSince: past }, 412],
        [{ IfUnmodifiedSince: future }, 200],
        [{ IfMatch: ETag, IfUnmodifiedSince: past }, 200],
        [{ IfNoneMatch: '"other"', IfModifiedSince: future }, 200],
      ];
      for (const [condition, status] of readings) {
        expect([condition, (await refusal(get('conditional', condition))).status]).toEqual([condition, status]);
      }
      const writing = async (Key: string, condition: Partial<PutObjectCommandInput>) =>
        (await refusal(put(Key, 'two', condition))).name;
      expect(await writing('conditional', { IfNoneMatch: '*' })).toBe('PreconditionFailed');
      expect(await writing('conditional', { IfMatch: '"other"' })).toBe('PreconditionFailed');
      expect(await writing('conditional-not-there', { IfMatch: ETag })).toBe('NoSuchKey');
      expect(await textOf('conditional')).toBe('one');
      expect(await writing('conditional', { IfMatch: ETag })).toBe('nothing');
      const racing = await Promise.all(
        ['a', 'b', 'c', 'd'].map(() => writing('conditional-new', { IfNoneMatch: '*' })),
      );
      expect(racing.filter((one) => one === 'nothing')).toHaveLength(1);
    });

    test('are copied, with what was said of them or with something new', async () => {
      const CopySource = `${Bucket}/from%20%2B%C3%A9`;
      await put('from +é', 'copied', { ContentType: 'a/b', Metadata: { m: '1' }, Tagging: 't=1' });
      const copy = (Key: string, more = {}) => s3.send(new CopyObjectCommand({ Bucket, Key, CopySource, ...more }));
      expect((await copy('to')).CopyObjectResult?.ETag).toBe(`"${md5('copied')}"`);
      expect(await get('to')).toMatchObject({ ContentType: 'a/b', Metadata: { m: '1' }, TagCount: 1 });
      expect(await textOf('to')).toBe('copied');
      const changed = { MetadataDirective: 'REPLACE', ContentType: 'c/d', Metadata: { n: '2' } };
      await copy('from +é', changed);
      expect(await get('from +é')).toMatchObject({ ContentType: 'c/d', Metadata: { n: '2' }, TagCount: 1 });
      expect(await textOf('from +é')).toBe('copied');
      expect((await refusal(copy('from +é'))).name).toBe('InvalidRequest');
      expect((await refusal(copy('x', { CopySource: `${Bucket}/nowhere` }))).name).toBe('NoSuchKey');
      expect((await refusal(copy('x', { CopySourceIfMatch: '"other"' }))).name).toBe('PreconditionFailed');
    });
  });

  describe('lists', () => {
    const List = 'list-bucket';
    const keys = ['a', 'a/1', 'a/2', 'a/b/3', 'b', 'c/4', 'd d', 'é', '\uff5e', '🙂'];
    beforeAll(async () => {
      await s3.send(new CreateBucketCommand({ Bucket: List }));
      for (const Key of keys) await s3.send(new PutObjectCommand({ Bucket: List, Key, Body: Key }));
    });

    test.each([1, 2, 3, 1000])('of version 2, %i at a time, give all and each once', async (MaxKeys) => {
      for (const Delimiter of [undefined, '/']) {
        const seen: string[] = [];
        let ContinuationToken: string | undefined;
        do {
          const page = await s3.send(new ListObjectsV2Command({ Bucket: List, MaxKeys, Delimiter, ContinuationToken }));
          const here = [
            ...(page.Contents ?? []).map(({ Key }) => Key!),
            ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix!),
          ];
          expect(here.length).toBe(page.KeyCount);
          expect(here.length).toBeLessThanOrEqual(MaxKeys);
          seen.push(...here);
          ContinuationToken = page.NextContinuationToken;
          expect(page.IsTruncated).toBe(ContinuationToken !== undefined);
        } while (ContinuationToken !== undefined);
        const expected = Delimiter ? ['a', 'a/', 'b', 'c/', 'd d', 'é', '\uff5e', '🙂'] : keys;
        expect(seen.sort()).toEqual([...expected].sort());
      }
    });

    test('of version 1 go on from their marker', async () => {
      const seen: (string | undefined)[] = [];
      let Marker: string | undefined;
      do {
        const page = await s3.send(new ListObjectsCommand({ Bucket: List, MaxKeys: 2, Delimiter: '/', Marker }));
        seen.push(...(page.Contents ?? []).map(({ Key }) => Key));
        seen.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix));
        Marker = page.IsTruncated ? page.NextMarker : undefined;
      } while (Marker !== undefined);
      expect(seen).toEqual(['a', 'a/', 'b', 'c/', 'd d', 'é', '\uff5e', '🙂']);
    });

    test('are cut to a prefix and a start', async () => {
      const page = await s3.send(new ListObjectsV2Command({ Bucket: List, Prefix: 'a/', Delimiter: '/' }));
      expect(page.Contents?.map(({ Key }) => Key)).toEqual(['a/1', 'a/2']);
      expect(page.CommonPrefixes).toEqual([{ Prefix: 'a/b/' }]);
      expect(page.Contents?.[0]).toMatchObject({ Size: 3, ETag: `"${md5('a/1')}"`, StorageClass: 'STANDARD' });
      const after = await s3.send(new ListObjectsV2Command({ Bucket: List, StartAfter: 'b' }));
      expect(after.Contents?.map(({ Key }) => Key)).toEqual(keys.slice(5));
      const none = await s3.send(new ListObjectsV2Command({ Bucket: List, MaxKeys: 0 }));
      expect([none.KeyCount, none.IsTruncated]).toEqual([0, false]);
      const odd = refusal(s3.send(new ListObjectsV2Command({ Bucket: List, ContinuationToken: 'n/a' })));
      expect((await odd).name).toBe('InvalidArgument');
    });
  });

  describe('uploads in parts', () => {
    const parts = [Buffer.alloc(100_000, 'a'), Buffer.alloc(70_000, 'b'), Buffer.from('c')];
    const begin = async (Key: string, more = {}) =>
      (await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }))).UploadId!;
    const part = async (Key: string, UploadId: string, PartNumber: number, Body: Buffer) => {
      const { ETag } = await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
      return { ETag, PartNumber };
    };
    const complete = (Key: string, UploadId: string, Parts: { ETag?: string; PartNumber: number }[], more = {}) =>
      s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...more }));

    test('are an object when they are completed, and not before', async () => {
      const Key = 'in parts';
      const id = await begin(Key, { ContentType: 'p/q', Metadata: { m: 'n' }, Tagging: 'x=y' });
      await part(Key, id, 2, Buffer.from('replaced below'));
      const sent = [];
      for (const [n, body] of parts.entries()) sent.push(await part(Key, id, n + 1, body));
      await part(Key, id, 9, Buffer.from('left out'));
      expect((await refusal(get(Key))).name).toBe('NoSuchKey');
      const { Uploads } = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
      expect(Uploads).toEqual([expect.objectContaining({ Key, UploadId: id })]);
      const listed = await s3.send(new ListPartsCommand({ Bucket, Key, UploadId: id, MaxParts: 3 }));
      expect(listed.IsTruncated).toBe(true);
      expect(listed.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
        [1, 100_000],
        [2, 70_000],
        [3, 1],
      ]);
      const rest = await s3.send(
        new ListPartsCommand({ Bucket, Key, UploadId: id, PartNumberMarker: listed.NextPartNumberMarker }),
      );
      expect(rest.Parts?.map(({ PartNumber }) => PartNumber)).toEqual([9]);

      const { ETag } = await complete(Key, id, sent);
      expect(ETag).toBe(`"${md5(...parts.map((one) => Buffer.from(md5(one), 'hex')))}-3"`);
      const got = await get(Key);
      expect(got).toMatchObject({
        ETag,
        ContentType: 'p/q',
        Metadata: { m: 'n' },
        TagCount: 1,
        ContentLength: 170_001,
      });
      expect(Buffer.from(await got.Body!.transformToByteArray()).equals(Buffer.concat(parts))).toBe(true);
      expect(await textOf(Key, { Range: 'bytes=99999-100000' })).toBe('ab');
      expect(await textOf(Key, { Range: 'bytes=-2' })).toBe('bc');
      expect((await refusal(complete(Key, id, sent))).name).toBe('NoSuchUpload');
    });

    test('are completed only with the right parts in their order', async () => {
      const Key = 'wrong parts';
      const id = await begin(Key);
      const [one, two] = [await part(Key, id, 1, parts[0]!), await part(Key, id, 2, parts[1]!)];
      expect((await refusal(complete(Key, id, [two, one]))).name).toBe('InvalidPartOrder');
      expect((await refusal(complete(Key, id, [one, { ...two, ETag: one.ETag }]))).name).toBe('InvalidPart');
      expect((await refusal(complete(Key, id, [one, { ...two, PartNumber: 3 }]))).name).toBe('InvalidPart');
      expect((await refusal(complete(Key, 'f'.repeat(32), [one]))).name).toBe('NoSuchUpload');
      expect((await refusal(part(Key, id, 10_001, parts[2]!))).name).toBe('InvalidArgument');
      await put(Key, 'was there first');
      expect((await refusal(complete(Key, id, [one], { IfNoneMatch: '*' }))).name).toBe('PreconditionFailed');
      await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId: id }));
      expect((await refusal(part(Key, id, 1, parts[2]!))).name).toBe('NoSuchUpload');
      expect(await textOf(Key)).toBe('was there first');
    });

    test('may take their parts from other objects', async () => {
      await put('part source', '0123456789');
      const id = await begin('of copies');
      const source = { Bucket, Key: 'of copies', UploadId: id, CopySource: `${Bucket}/part%20source` };
      const first = await s3.send(new UploadPartCopyCommand({ ...source, PartNumber: 1 }));
      const second = await s3.send(
        new UploadPartCopyCommand({ ...source, PartNumber: 2, CopySourceRange: 'bytes=3-5' }),
      );
      await complete('of copies', id, [
        { PartNumber: 1, ETag: first.CopyPartResult?.ETag },
        { PartNumber: 2, ETag: second.CopyPartResult?.ETag },
      ]);
      expect(await textOf('of copies')).toBe('0123456789345');
    });

    test('are what lib-storage makes of a large body', async () => {
      const Body = Buffer.alloc(12_000_000, '0123456789abcdef');
      await new Upload({ client: s3, params: { Bucket, Key: 'uploaded', Body }, partSize: 5 * 1024 * 1024 }).done();
      const got = await get('uploaded', { ChecksumMode: 'ENABLED' });
      expect(got.ETag).toMatch(/-3"$/);
      expect(got.ChecksumCRC32).toMatch(/-3$/);
      expect(Buffer.from(await got.Body!.transformToByteArray()).equals(Body)).toBe(true);
    }, 60_000);
  });

  test('minio-js finds its way about it', async () => {
    const { accessKeyId: accessKey, secretAccessKey: secretKey } = store.credentials;
    const minio = new MinioClient({ endPoint: '127.0.0.1', port: store.port, useSSL: false, accessKey, secretKey });
    await minio.makeBucket('minio-bucket');
    expect(await minio.bucketExists('minio-bucket')).toBe(true);
    const { etag } = await minio.putObject('minio-bucket', 'dir/a b', 'from minio', undefined, { 'X-Amz-Meta-M': '1' });
    expect(etag).toBe(md5('from minio'));
    expect((await minio.statObject('minio-bucket', 'dir/a b')).metaData).toMatchObject({ m: '1' });
    const listed = (await minio.listObjectsV2('minio-bucket', '', true).toArray()) as { name: string }[];
    expect(listed.map(({ name }) => name)).toEqual(['dir/a b']);
    const got = (await (await minio.getObject('minio-bucket', 'dir/a b')).toArray()) as Buffer[];
    expect(Buffer.concat(got).toString()).toBe('from minio');
    await minio.removeObjects('minio-bucket', ['dir/a b']);
    await minio.removeBucket('minio-bucket');
  });
});
