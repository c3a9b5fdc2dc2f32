import {
  CreateBucketCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { anS3Gateway } from '../../spec/s3-gateway.js';

let gate: Awaited<ReturnType<typeof anS3Gateway>>;
beforeAll(async () => {
  gate = await anS3Gateway();
});
afterAll(() => gate.close());

test('an admin key makes a bucket, writes, reads and lists', async () => {
  const client = gate.client(gate.services.key());
  await client.send(new CreateBucketCommand({ Bucket: 'first' }));
  await client.send(new PutObjectCommand({ Bucket: 'first', Key: 'a/ä b+c.txt', Body: 'hello' }));
  const got = await client.send(new GetObjectCommand({ Bucket: 'first', Key: 'a/ä b+c.txt' }));
  expect(await got.Body!.transformToString()).toBe('hello');
  const listed = await client.send(new ListObjectsV2Command({ Bucket: 'first' }));
  expect(listed.Contents?.map(({ Key }) => Key)).toEqual(['a/ä b+c.txt']);
  const buckets = await client.send(new ListBucketsCommand({}));
  expect(buckets.Buckets?.map(({ Name }) => Name)).toEqual(['first']);
});
