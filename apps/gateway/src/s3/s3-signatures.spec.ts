import { createHash } from 'node:crypto';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId } from '@portcullis/contracts';
import { anS3Gateway } from '../../spec/s3-gateway.js';
import { type Described, signedChunks, signedHead, Wire } from '../../spec/s3-raw.js';
import { type S3Key } from '../../spec/s3-services.js';

const organization = newId('org', new Date());
let gate: Awaited<ReturnType<typeof anS3Gateway>>;
let key: S3Key;
beforeAll(async () => {
  gate = await anS3Gateway();
  key = gate.services.key({ organization });
  const { CreateBucketCommand } = await import('@aws-sdk/client-s3');
  await gate.client(key).send(new CreateBucketCommand({ Bucket: 'signed' }));
});
afterAll(() => gate.close());

/** One request on a connection of its own. */
async function ask(text: string): Promise<{ status: number; code: string; head: string; body: string }> {
  const wire = new Wire(gate.port);
  wire.write(text);
  const answer = await wire.answer(text.startsWith('HEAD'));
  wire.end();
  return answer ?? { status: 0, code: 'none', head: '', body: '' };
}

const isStored = (Key: string): Promise<boolean> =>
  gate
    .behind()
    .send(new HeadObjectCommand({ Bucket: 'signed', Key }))
    .then(
      () => true,
      () => false,
    );

const get = (described: Partial<Described> = {}, by = key) =>
  signedHead(gate.port, by, { path: '/signed', query: [['list-type', '2']], ...described }).head;

describe('a request is refused by name', () => {
  const wrong = () => ({ accessKeyId: key.accessKeyId, secretAccessKey: 'x'.repeat(40) });
  const past = new Date(Date.now() - 16 * 60_000);
  const asked: [string, () => string, string, number][] = [
    ['without a signature', () => 'GET /signed HTTP/1.1\r\nHost: x\r\n\r\n', 'AccessDenied', 403],
    ['with the wrong secret', () => get({}, wrong() as S3Key), 'SignatureDoesNotMatch', 403],
    [
      'with an access key that there is none of',
      () => get({}, { ...wrong(), accessKeyId: 'AKIA0000000000000000' } as S3Key),
      'InvalidAccessKeyId',
      403,
    ],
    ['16 minutes late', () => get({ now: past }), 'RequestTimeTooSkewed', 403],
    ['16 minutes early', () => get({ now: new Date(Date.now() + 16 * 60_000) }), 'RequestTimeTooSkewed', 403],
    ['for another region', () => get({ region: 'eu-west-1' }), 'AuthorizationHeaderMalformed', 400],
    ['with a path that was not signed', () => get().replace('/signed?', '/signee?'), 'SignatureDoesNotMatch', 403],
    [
      'with a query that was not signed',
      () => get().replace('list-type=2', 'list-type=2&prefix=x'),
      'SignatureDoesNotMatch',
      403,
    ],
    [
      'with a host that was not signed',
      () => get().replace(/host: [^\r]+/, 'host: other'),
      'SignatureDoesNotMatch',
      403,
    ],
    [
      'with an x-amz header that was not signed',
      () => get().replace('\r\nhost', '\r\nx-amz-acl: private\r\nhost'),
      'AccessDenied',
      403,
    ],
    ['by SigV2', () => 'GET /signed HTTP/1.1\r\nHost: x\r\nAuthorization: AWS AKIA:sig\r\n\r\n', 'NotImplemented', 501],
    ['by SigV4A', () => get().replace('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256'), 'NotImplemented', 501],
    [
      'by a form with a policy',
      () =>
        'POST /signed HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 0\r\n\r\n',
      'NotImplemented',
      501,
    ],
    ['with two Hosts', () => get().replace('\r\nhost', '\r\nHost: other\r\nhost'), 'InvalidRequest', 400],
    ['with a session token', () => get({ headers: { 'x-amz-security-token': 'x' } }), 'InvalidToken', 400],
    ['with a subresource that there is none of', () => get({ query: [['nonsense', '']] }), 'NotImplemented', 501],
    [
      'with two subresources',
      () =>
        get({
          query: [
            ['acl', ''],
            ['policy', ''],
          ],
        }),
      'NotImplemented',
      501,
    ],
    ['with a header that is not known', () => get({ headers: { 'x-amz-nonsense': '1' } }), 'NotImplemented', 501],
    ['that is no S3', () => get({ method: 'PATCH' }), 'MethodNotAllowed', 405],
    [
      'with a path that two could read in two ways',
      () => get().replace('/signed?', '/signed/../x?'),
      'InvalidURI',
      400,
    ],
    ['that is no HTTP', () => 'nonsense\r\n\r\n', 'BadRequest', 400],
  ];
  test.each(asked)('%s', async (_what, made, code, status) => {
    const answer = await ask(made());
    expect([answer.code, answer.status]).toEqual([code, status]);
    expect(answer.body).toMatch(/<Message>[^<]+<\/Message>/);
    expect(answer.head).toMatch(/x-amz-request-id: /i);
  });
});

test('a method that S3 has not is told which it has', async () => {
  expect((await ask(get({ method: 'PATCH' }))).head).toMatch(/\r\nAllow: GET, PUT, DELETE, HEAD, POST\r\n/);
});

test('signed in the header and in the query at once is refused', async () => {
  const url = new URL(await getSignedUrl(gate.client(key), new GetObjectCommand({ Bucket: 'signed', Key: 'x' })));
  const { head } = signedHead(gate.port, key, { path: '/signed/x' });
  const answer = await ask(head.replace(' /signed/x ', ` ${url.pathname}${url.search} `));
  expect([answer.code, answer.status]).toEqual(['InvalidArgument', 400]);
});

describe('every kind of payload, from whom it is', () => {
  const chunked = { 'x-amz-decoded-content-length': '5' };
  const kinds: [string, Partial<Described>, (signed: { signature: string; date: string }, by: S3Key) => string][] = [
    ['a digest', { body: 'hello' }, () => 'hello'],
    ['unsigned', { body: 'hello', payload: 'UNSIGNED-PAYLOAD' }, () => 'hello'],
    [
      'signed chunks',
      {
        payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
        headers: { ...chunked, 'content-length': String(5 + 85 + 3 + 86) },
      },
      (signed, by) => signedChunks(by, signed, ['hello']),
    ],
    [
      'unsigned chunks with a checksum behind them',
      {
        payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
        headers: { ...chunked, 'x-amz-trailer': 'x-amz-checksum-crc32', 'content-length': '49' },
      },
      () => '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n',
    ],
  ];
  test.each(kinds)('%s: passes with the key’s signature, and with no other', async (kind, described, bodyOf) => {
    const Key = kind.replaceAll(' ', '-');
    const forged: [string, S3Key, string][] = [
      ['with the wrong secret', { ...key, secretAccessKey: 'x'.repeat(40) }, 'SignatureDoesNotMatch'],
      ['by nobody', { ...key, accessKeyId: 'AKIA0000000000000000' }, 'InvalidAccessKeyId'],
    ];
    const made = (by: S3Key) => {
      const signed = signedHead(gate.port, by, { method: 'PUT', path: `/signed/${Key}`, ...described });
      const body = bodyOf(signed, by);
      return signed.head.replace(/\r\ncontent-length: \d+/, `\r\ncontent-length: ${body.length}`) + body;
    };
    for (const [, by, code] of forged) {
      expect((await ask(made(by))).code).toBe(code);
      expect(await isStored(Key)).toBe(false);
    }
    const unsigned = made(key).replace(/authorization: [^\r]*\r\n/, '');
    expect((await ask(unsigned)).code).toBe('AccessDenied');
    expect((await ask(made(key))).status).toBe(200);
    const stored = await gate.behind().send(new GetObjectCommand({ Bucket: 'signed', Key }));
    expect(await stored.Body!.transformToString()).toBe('hello');
  });
});

describe('of a body that is not the one that was signed nothing is stored', () => {
  const put = (name: string, described: Partial<Described>) =>
    signedHead(gate.port, key, { method: 'PUT', path: `/signed/${name}`, ...described });

  test.each([
    ['small', 1_000],
    ['large', 3_000_000],
  ])('%s, with another digest', async (name, size) => {
    const body = Buffer.alloc(size, 'a');
    const { head } = put(name, { body });
    const answer = await ask(head + body.toString().replace(/a$/, 'b'));
    expect(answer.code).toBe('XAmzContentSHA256Mismatch');
    expect(await isStored(name)).toBe(false);
  });

  const streamed = (chunks: string[], name: string) => {
    const plain = chunks.join('');
    const headers = { 'x-amz-decoded-content-length': String(plain.length), 'content-length': '1' };
    const signed = put(name, { payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', headers });
    return { head: signed.head, body: signedChunks(key, signed, chunks) };
  };
  const framed = (head: string, body: string): string =>
    head.replace('\r\ncontent-length: 1\r\n', `\r\ncontent-length: ${body.length}\r\n`);
  test('signed chunks as they were signed are stored', async () => {
    const { head, body } = streamed(['first', 'other'], 'as-signed');
    expect((await ask(framed(head, body) + body)).status).toBe(200);
    expect(await isStored('as-signed')).toBe(true);
  });

  const tampered: [string, (body: string) => string][] = [
    ['a byte of a chunk changed', (body) => body.replace('first', 'fjrst')],
    [
      'chunks in another order',
      (body) => body.replace('first', 'xxxxx').replace('other', 'first').replace('xxxxx', 'other'),
    ],
    ['a signature changed', (body) => body.replace(/chunk-signature=./, 'chunk-signature=g')],
    ['the last chunk cut off', (body) => body.slice(0, body.lastIndexOf('0;chunk'))],
    ['something behind the last chunk', (body) => `${body}0;more\r\n`],
    ['a chunk left out', (body) => body.replace(/^[^\n]*\n[^\n]*\n/, '')],
  ];
  test.each(tampered)('signed chunks, %s', async (what, change) => {
    const name = what.replaceAll(' ', '-');
    const { head, body } = streamed(['first', 'other'], name);
    const sent = change(body);
    const answer = await ask(framed(head, sent) + sent);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(await isStored(name)).toBe(false);
  });

  test('a checksum behind the body that is another’s', async () => {
    const headers = {
      'x-amz-decoded-content-length': '5',
      'x-amz-trailer': 'x-amz-checksum-crc32',
      'content-length': '43',
    };
    const body = '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n';
    headers['content-length'] = String(body.length);
    const { head } = put('crc', { payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', headers });
    expect((await ask(head + body)).code).toBe('BadDigest');
    expect(await isStored('crc')).toBe(false);
  });

  test('a connection that ends within it', async () => {
    const { head } = put('half', { body: 'x'.repeat(100_000) });
    const wire = new Wire(gate.port);
    wire.write(head + 'x'.repeat(50_000));
    wire.socket.end();
    await wire.answer();
    expect(await isStored('half')).toBe(false);
  });
});

describe('a connection goes on behind a refusal', () => {
  test('whose body was not wanted, and the next request is answered for itself', async () => {
    const wire = new Wire(gate.port);
    const body = 'y'.repeat(200_000);
    const wrong = { ...key, secretAccessKey: 'x'.repeat(40) };
    wire.write(signedHead(gate.port, wrong, { method: 'PUT', path: '/signed/refused', body }).head + body);
    expect((await wire.answer())?.code).toBe('SignatureDoesNotMatch');
    wire.write(get());
    expect((await wire.answer())?.status).toBe(200);
    const digest = createHash('sha256').update('other').digest('hex');
    wire.write(
      signedHead(gate.port, key, { method: 'PUT', path: '/signed/refused', body: 'hello', payload: digest }).head +
        'hello',
    );
    expect((await wire.answer())?.code).toBe('XAmzContentSHA256Mismatch');
    wire.write(get());
    expect((await wire.answer())?.status).toBe(200);
    wire.end();
  });

  test('nobody is told to go on before the signature was checked', async () => {
    const headers = { expect: '100-continue', 'content-length': '5' };
    const wrong = { ...key, secretAccessKey: 'x'.repeat(40) };
    const refused = await ask(
      signedHead(gate.port, wrong, { method: 'PUT', path: '/signed/x', headers, body: 'hello' }).head,
    );
    expect([refused.status, refused.code]).toEqual([403, 'SignatureDoesNotMatch']);
    const wire = new Wire(gate.port);
    wire.write(signedHead(gate.port, key, { method: 'PUT', path: '/signed/x', headers, body: 'hello' }).head);
    expect((await wire.answer())?.status).toBe(100);
    wire.write('hello');
    expect((await wire.answer())?.status).toBe(200);
    wire.end();
  });
});

test.each<[string, Record<string, string>]>([
  ['a checksum that can be none', { 'x-amz-checksum-crc32': 'nonsense' }],
  ['two checksums', { 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-checksum-crc32c': 'AAAAAA==' }],
  ['a header that is not known', { 'x-amz-nonsense': '1' }],
])('with %s nobody is told to go on', async (_what, more) => {
  const headers = { expect: '100-continue', 'content-length': '5', ...more };
  const { head } = signedHead(gate.port, key, { method: 'PUT', path: '/signed/x', headers, body: 'hello' });
  expect((await ask(head)).status).toBeGreaterThanOrEqual(400);
});

describe('headers in a presigned URL', () => {
  const put = async (a: string) => {
    const command = new PutObjectCommand({ Bucket: 'signed', Key: 'hoisted', Metadata: { a } });
    return fetch(await getSignedUrl(gate.client(key), command), { method: 'PUT', body: 'x' });
  };

  test('go on as the UTF-8 that they are', async () => {
    expect((await put('grün 日')).status).toBe(200);
    const { Metadata } = await gate.behind().send(new HeadObjectCommand({ Bucket: 'signed', Key: 'hoisted' }));
    expect(Buffer.from(Metadata?.['a'] ?? '', 'latin1').toString()).toBe('grün 日');
  });

  test.each(['a\nb', 'a\rb', 'a\u0000b'])('%j is none', async (value) => {
    const answer = await put(value);
    expect([answer.status, await answer.text()]).toEqual([
      400,
      expect.stringContaining('<Code>InvalidArgument</Code>'),
    ]);
  });
});

describe('chunks that wait for their signature', () => {
  test('take no more memory together than there is, and small ones always pass', async () => {
    const small = await anS3Gateway({ bodyMemoryBytes: 4_000_000, policyBuckets: { bounded: organization } });
    const { CreateBucketCommand } = await import('@aws-sdk/client-s3');
    await small.behind().send(new CreateBucketCommand({ Bucket: 'bounded' }));
    const by = small.services.key({ organization });
    const send = async (chunk: number, total: number) => {
      const headers = { 'x-amz-decoded-content-length': String(total), 'content-length': '1' };
      const payload = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD';
      const signed = signedHead(small.port, by, { method: 'PUT', path: '/bounded/k', payload, headers });
      const body = signedChunks(by, signed, Array<string>(total / chunk).fill('c'.repeat(chunk)));
      const wire = new Wire(small.port);
      wire.write(signed.head.replace('content-length: 1\r', `content-length: ${body.length}\r`) + body);
      const answer = await wire.answer();
      wire.end();
      return [answer?.status, answer?.code];
    };
    try {
      expect(await send(2_000_000, 2_000_000)).toEqual([503, 'SlowDown']);
      for (let n = 0; n < 3; n++) expect(await send(900_000, 1_800_000)).toEqual([200, '']);
      expect(await send(65_536, 65_536 * 40)).toEqual([200, '']);
    } finally {
      await small.close();
    }
  });
});

test('a credential that is refused is one event, with whose it was and why', async () => {
  const cases: [string, () => string, object][] = [
    [
      'wrong_signature',
      () => get({}, { ...key, secretAccessKey: 'x'.repeat(40) }),
      { organization_id: organization, actor: { credential_id: key.record.id } },
    ],
    ['unknown_access_key', () => get({}, { ...key, accessKeyId: 'AKIA0000000000000001' }), { organization_id: null }],
    ['too_old', () => get({ now: new Date(Date.now() - 3_600_000) }), { organization_id: null }],
  ];
  for (const [reason, made, whose] of cases) {
    // What earlier specs were refused for is not to be counted together with this.
    await gate.forgetDenials();
    gate.seen.events.length = 0;
    await ask(made());
    const found = gate.seen.events.filter((event) => event.action === 'credential.refused');
    expect(found).toEqual([expect.objectContaining({ reason, details: { method: 'GET', path: '/signed' } })]);
    expect(found[0]).toMatchObject(whose);
  }
});

test('an error to HEAD has no body', async () => {
  const { head } = signedHead(gate.port, { ...key, secretAccessKey: 'x' }, { method: 'HEAD', path: '/signed/x' });
  const answer = await ask(head);
  expect([answer.status, answer.body]).toEqual([403, '']);
});

test('nothing that was presented stands in an event, a list, a report or a metric', async () => {
  const presigned = await getSignedUrl(
    gate.client(key),
    new PutObjectCommand({ Bucket: 'signed', Key: 'secret-name' }),
  );
  await fetch(presigned.replace(/Signature=./, 'Signature=z'), { method: 'PUT', body: 'x' });
  await fetch(presigned, { method: 'PUT', body: 'x' });
  const written = JSON.stringify([
    gate.seen.events,
    gate.seen.accesses.map(({ identity: _, ...rest }) => rest),
    gate.seen.reported,
  ]);
  for (const text of [written, await gate.metrics.text()]) {
    expect(text).not.toMatch(/X-Amz|Signature=|secret-name/i);
    expect(text).not.toContain(key.secretAccessKey);
  }
});
