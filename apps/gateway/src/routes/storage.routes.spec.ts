import { CreateBucketCommand, ListBucketsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { aGateway } from '../../spec/gateway.js';
import { type Got, send as sendTo, type Sent } from '../../spec/http-client.js';
import { anS3Gateway } from '../../spec/s3-gateway.js';
import { bare, held, organization, scoped, storing } from '../../spec/services.js';

let s3: Awaited<ReturnType<typeof anS3Gateway>>;
let gateway: Awaited<ReturnType<typeof aGateway>>;
beforeAll(async () => {
  s3 = await anS3Gateway();
  gateway = await aGateway({ storage: { buckets: s3.s3.buckets, ownerOf: (name) => s3.judge.bucketOwner(name) } });
});
afterAll(async () => {
  await gateway.close();
  await s3.close();
});

const path = '/v1/storage/buckets';
const send = (method: string, at: string, sent: Omit<Sent, 'port'> = {}): Promise<Got> =>
  sendTo(method, at, { key: storing, ...sent, port: gateway.port });
const make = (name: string, sent: Omit<Sent, 'port'> = {}) =>
  send('POST', path, { body: JSON.stringify({ name }), ...sent });

test('a bucket is made, shown, listed and deleted, and is the same at the S3 port', async () => {
  const made = await make('reports');
  expect([made.status, made.text]).toEqual([
    201,
    expect.stringMatching(/^\{"name":"reports","created_at":"[^"]+Z"\}$/),
  ]);
  const key = s3.services.key({ organization });
  const { Buckets } = await s3.client(key).send(new ListBucketsCommand({}));
  expect(Buckets?.map(({ Name }) => Name)).toEqual(['reports']);
  const one = await send('GET', `${path}/reports`);
  expect([one.status, one.text]).toEqual([200, expect.stringMatching(/^\{"name":"reports","created_at":"[^"]+Z"\}$/)]);
  await s3.client(key).send(new CreateBucketCommand({ Bucket: 'by-s3' }));
  const first = await send('GET', `${path}?limit=1`);
  expect(first.json).toMatchObject({ items: [{ name: 'by-s3' }] });
  const { next_cursor: cursor } = first.json as unknown as { next_cursor: string };
  expect((await send('GET', `${path}?limit=1&cursor=${cursor}`)).json).toMatchObject({
    items: [{ name: 'reports' }],
    next_cursor: null,
  });
  const gone = await send('DELETE', `${path}/by-s3`);
  expect([gone.status, gone.json]).toMatchObject([200, { name: 'by-s3', enforcement: { enforcers: 1 } }]);
  expect((await send('DELETE', `${path}/by-s3`)).status).toBe(404);
});

test('the same name again is a conflict, and by the same Idempotency-Key the first answer', async () => {
  const headers = { 'Idempotency-Key': 'once' };
  expect((await make('again', { headers })).status).toBe(201);
  expect((await make('again')).status).toBe(409);
});

test('a name that is taken by others, or was at the storage before, is a conflict', async () => {
  await s3.client(s3.services.key()).send(new CreateBucketCommand({ Bucket: 'theirs' }));
  await s3.behind().send(new CreateBucketCommand({ Bucket: 'was-there' }));
  for (const name of ['theirs', 'was-there']) expect((await make(name)).status).toBe(409);
  for (const name of ['theirs', 'was-there', 'nowhere']) {
    const answers = await Promise.all([send('GET', `${path}/${name}`), send('DELETE', `${path}/${name}`)]);
    expect(answers.map(({ status, json }) => [status, json?.code])).toEqual(Array(2).fill([404, 'not_found']));
  }
});

test('a bucket with objects stays', async () => {
  await make('full');
  await s3
    .client(s3.services.key({ organization }))
    .send(new PutObjectCommand({ Bucket: 'full', Key: 'k', Body: 'x' }));
  const kept = await send('DELETE', `${path}/full`);
  expect([kept.status, kept.json?.code]).toEqual([409, 'conflict']);
});

test.each(['A', 'ab', '10.0.0.1', 'x'.repeat(64), 'a/b', ''])('"%s" is no name', async (name) => {
  const refused = await make(name);
  expect([refused.status, refused.json?.errors?.[0]?.field]).toEqual([400, 'name']);
});

test('who lacks the permission is denied, and told which', async () => {
  for (const key of [bare, held, scoped]) {
    const denied = await make('denied', { key });
    expect([denied.status, denied.json?.required_permission]).toEqual([403, 'storage:buckets:manage']);
    expect((await send('GET', path, { key })).status).toBe(403);
    expect((await send('DELETE', `${path}/reports`, { key })).status).toBe(403);
  }
});

test('one bucket is for who may read its objects: in its buckets, and elsewhere alike', async () => {
  expect((await send('GET', `${path}/reports`, { key: scoped })).status).toBe(200);
  expect((await send('GET', `${path}/not-made`, { key: scoped })).status).toBe(404);
  for (const name of ['full', 'nowhere'])
    expect((await send('GET', `${path}/${name}`, { key: scoped })).status).toBe(403);
  expect((await send('GET', `${path}/reports`, { key: held })).status).toBe(403);
});

test('a cursor that is none of ours, and a field that is none', async () => {
  expect((await send('GET', `${path}?cursor=x`)).json?.code).toBe('invalid_cursor');
  expect((await send('POST', path, { body: '{"name":"ok-name","region":"x"}' })).status).toBe(400);
});

test('without storage there is nothing here', async () => {
  const without = await aGateway();
  const got = await sendTo('GET', path, { key: storing, port: without.port });
  await without.close();
  expect([got.status, got.json?.code]).toEqual([404, 'not_found']);
});
