import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { eventually } from '@portcullis/testing';
import { ObjectStore } from './object-store.js';

/** What the store has said yes to is there after any end; what it has not is there as a whole or not at all. */
describe('the object store of the examples', () => {
  let store: ObjectStore;
  let s3: S3Client;
  const Bucket = 'durable';

  beforeEach(async () => {
    store = await new ObjectStore().start();
    s3 = store.client();
    await s3.send(new CreateBucketCommand({ Bucket }));
  }, 60_000);
  afterEach(async () => {
    s3.destroy();
    await store.end('SIGKILL');
    store.remove();
  }, 60_000);

  const read = async (Key: string) => (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body!.transformToString();
  const keys = async () =>
    ((await s3.send(new ListObjectsV2Command({ Bucket }))).Contents ?? []).map(({ Key }) => Key!);
  const filesOfData = () => readdirSync(join(store.directory, 'data')).length;
  const bodyOf = (key: string) => createHash('sha512').update(key).digest('hex').repeat(300);
  const again = async () => {
    await store.start();
    s3.destroy();
    s3 = store.client();
  };
  /** A PUT of `body` of which all but the last byte was sent. */
  const almost = async (Key: string, body: string) => {
    // Else the SDK signs the checksum of a body that it does not know: none.
    const signer = store.client({ requestChecksumCalculation: 'WHEN_REQUIRED' });
    const url = await getSignedUrl(signer, new PutObjectCommand({ Bucket, Key }), { expiresIn: 60 });
    signer.destroy();
    const put = request(url, { method: 'PUT', headers: { 'content-length': body.length } });
    put.on('error', () => undefined);
    const before = filesOfData();
    put.write(body.slice(0, -1));
    await eventually(() => filesOfData() > before);
    return put;
  };

  test('shows nothing of an upload that breaks off, and keeps nothing of it', async () => {
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'what was there' }));
    const put = await almost('k', bodyOf('k'));
    expect(await read('k')).toBe('what was there');
    put.destroy();
    await eventually(() => filesOfData() === 1);
    expect(await read('k')).toBe('what was there');
    expect(await keys()).toEqual(['k']);
  }, 60_000);

  test('gives a reader the bytes that were there when it began, whatever happens to the object meanwhile', async () => {
    const before = 'b'.repeat(8_000_000);
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: before }));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: 'k' }));
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'after' }));
    expect((await Body!.transformToString()) === before).toBe(true);
    expect(await read('k')).toBe('after');
    await eventually(() => filesOfData() === 1);
  }, 60_000);

  test('killed between an upload and its answer, has the object as a whole or not at all', async () => {
    for (const [n, turns] of [0, 1, 3, 10, 40, 'answered' as const].entries()) {
      const key = `unanswered-${n}`;
      const put = await almost(key, bodyOf(key));
      put.end(bodyOf(key).slice(-1));
      if (turns === 'answered') await once(put, 'response');
      else for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
      await store.end('SIGKILL');
      await again();
      const there = await keys();
      if (turns === 'answered') expect(there).toContain(key);
      if (there.includes(key)) expect(await read(key)).toBe(bodyOf(key));
      expect(filesOfData()).toBe(there.length); // and nothing that no object consists of
    }
  }, 120_000);

  test('killed at work, has all that it acknowledged', async () => {
    const acknowledged: string[] = [];
    let killed = false;
    const writer = async (name: string) => {
      for (let n = 0; !killed; n++) {
        const Key = `${name}/${n}`;
        const stored = s3.send(new PutObjectCommand({ Bucket, Key, Body: bodyOf(Key) })).then(
          () => true,
          () => false,
        );
        if (!(await stored)) return;
        acknowledged.push(Key);
      }
    };
    const writers = ['a', 'b', 'c', 'd'].map(writer);
    await eventually(() => acknowledged.length >= 40);
    await store.end('SIGKILL');
    killed = true;
    await Promise.all(writers);
    await again();
    const there = await keys();
    expect(there).toEqual(expect.arrayContaining(acknowledged));
    for (const key of there) expect((await read(key)) === bodyOf(key)).toBe(true);
    expect(filesOfData()).toBe(there.length);
  }, 120_000);

  test('goes on with an upload in parts after a kill, and with everything after a stop', async () => {
    const upload = { Bucket, Key: 'in parts' };
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ ...upload, ContentType: 'a/b' }));
    const part = async (PartNumber: number, Body: string) => ({
      PartNumber,
      ETag: (await s3.send(new UploadPartCommand({ ...upload, UploadId, PartNumber, Body }))).ETag,
    });
    const first = await part(1, 'first ');
    await store.end('SIGKILL');
    await again();
    const Parts = [first, await part(2, 'second')];
    await s3.send(new CompleteMultipartUploadCommand({ ...upload, UploadId, MultipartUpload: { Parts } }));
    expect(await store.end('SIGTERM')).toBe(0);
    await again();
    const { Body, ContentType, ETag } = await s3.send(new GetObjectCommand(upload));
    expect([await Body!.transformToString(), ContentType]).toEqual(['first second', 'a/b']);
    expect(ETag).toMatch(/-2"$/);
  }, 60_000);

  test('stops when the answers that it began are given', async () => {
    const put = await almost('last', bodyOf('last'));
    const ended = store.end('SIGTERM');
    await eventually(() =>
      fetch(store.url).then(
        () => false,
        () => true,
      ),
    );
    const answered = once(put, 'response');
    put.end(bodyOf('last').slice(-1));
    const [response] = (await answered) as [IncomingMessage];
    expect([response.statusCode, await text(response)]).toEqual([200, '']);
    expect(await ended).toBe(0);
    await again();
    expect(await read('last')).toBe(bodyOf('last'));
  }, 60_000);
});
