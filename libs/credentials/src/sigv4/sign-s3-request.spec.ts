import fc from 'fast-check';
import { accessKeyId, host, now, region, secretText, sha256, smithy } from '../../spec/s3-requests.js';
import { Secret } from '../secret.js';
import { s3SigningKey } from './canonical-request.js';
import { readS3Signature } from './read-signature.js';
import { signS3Request } from './sign-s3-request.js';
import { s3PathOf, s3QueryOf } from './target.js';

const secret = Secret.of(secretText);
const key = s3SigningKey(secret, '20261128', region);
const reading = { now, region, allowUnsignedPayload: true };
const upstream = { host, region, accessKeyId, secret, now, method: 'PUT' };

/** What keys are made of when somebody means it. */
const odd = fc.constantFrom(
  ...' +%/.~*!()\'"&=?#;:@$,[]{}|^`<>',
  '..',
  '//',
  '%2F',
  '%',
  'é',
  '日本',
  '😀',
  'a',
  'Z',
  '0',
  '-',
  '_',
);
const text = fc.array(odd, { minLength: 1, maxLength: 12 }).map((parts) => parts.join(''));
const keyText = fc.oneof(text, fc.string({ unit: 'grapheme', minLength: 1 }));
const query = fc.uniqueArray(fc.tuple(text, fc.oneof(text, fc.constant(''))), {
  selector: ([name]) => name,
  maxLength: 5,
});
const strange = [
  'a b',
  'a+b',
  'é',
  '日本語/😀',
  '100%',
  '%2F',
  '%252F',
  'a//b',
  '/a',
  '//a',
  'a/',
  './a',
  'a/../b',
  "!'()*",
  'a=b&c',
  '~',
  '?',
  '#',
];

/** What AWS's own signer makes of it; it signs the path as it is given, so encoded by us. */
async function theirs(
  target: string,
  pairs: readonly (readonly [string, string])[],
  headers: Record<string, string>,
): Promise<string> {
  const [path = ''] = target.split('?');
  const signed = await smithy().sign(
    { method: 'PUT', protocol: 'http:', hostname: host, path, query: Object.fromEntries(pairs), headers },
    { signingDate: now },
  );
  return signed.headers['authorization'] ?? '';
}

function signatureIn(authorization: string | undefined): string {
  return /Signature=(\w{64})$/.exec(authorization ?? '')?.[1] ?? 'none';
}

async function expectSame(path: string, pairs: readonly (readonly [string, string])[]): Promise<void> {
  const headers = { 'content-type': 'text/plain', 'x-amz-meta-note': '  two  spaces ' };
  const ours = signS3Request({ ...upstream, path, query: pairs, headers, payloadSha256: sha256('body') });
  const { authorization, ...rest } = ours.headers;
  expect(signatureIn(authorization)).toBe(signatureIn(await theirs(ours.target, pairs, rest)));
}

test.each(strange)('key "%s": AWS signs alike, and we read back what we signed', async (name) => {
  await expectSame(`/bucket/${name}`, []);
  const { target, headers } = signS3Request({
    ...upstream,
    path: `/bucket/${name}`,
    payloadSha256: 'UNSIGNED-PAYLOAD',
  });
  expect(s3PathOf(target)).toEqual({ bucket: 'bucket', key: name });
  expect(
    readS3Signature({ method: 'PUT', target, rawHeaders: Object.entries(headers).flat() }, reading)?.verify(key),
  ).toBe(true);
});

test('any key and any query: AWS signs alike', async () => {
  await fc.assert(
    fc.asyncProperty(keyText, query, async (name, pairs) => expectSame(`/bucket/${name}`, pairs)),
    { numRuns: 300 },
  );
});

test('any key and any query: what we sign we verify, and read as what it was', () => {
  fc.assert(
    fc.property(keyText, query, (name, pairs) => {
      const { target, headers } = signS3Request({
        ...upstream,
        path: `/bucket/${name}`,
        query: pairs,
        payloadSha256: sha256(''),
      });
      const rawHeaders = Object.entries(headers).flat();
      expect(readS3Signature({ method: 'PUT', target, rawHeaders }, reading)?.verify(key)).toBe(true);
      expect(new Map(s3QueryOf(target))).toEqual(new Map(pairs));
    }),
    { numRuns: 300 },
  );
});

test('any key: what AWS signs we verify, with the query in any order', async () => {
  await fc.assert(
    fc.asyncProperty(keyText, query, async (name, pairs) => {
      const path = `/bucket/${name.split('/').map(encodeURIComponent).join('/')}`;
      const headers = { host, 'x-amz-content-sha256': sha256('') };
      const signed = await smithy().sign(
        {
          method: 'PUT',
          protocol: 'http:',
          hostname: host,
          path: path.replace(/[!'()*]/g, hex),
          query: Object.fromEntries(pairs),
          headers,
        },
        { signingDate: now },
      );
      const search = pairs.toReversed().map((pair) => pair.map(encodeURIComponent).join('='));
      const head = {
        method: 'PUT',
        target: `${path}?${search.join('&')}`,
        rawHeaders: Object.entries(signed.headers).flat(),
      };
      expect(readS3Signature(head, reading)?.verify(key)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

function hex(letter: string): string {
  return `%${letter.charCodeAt(0).toString(16).toUpperCase()}`;
}

test('headers that a proxy may change are sent and not signed; all x-amz-* are', () => {
  const headers = {
    'Content-MD5': 'x',
    'X-Amz-Acl': 'private',
    'Content-Length': '3',
    Range: 'bytes=0-1',
    'If-Match': '"a"',
    Accept: '*/*',
  };
  const signed = signS3Request({ ...upstream, path: '/b/k', headers, payloadSha256: 'UNSIGNED-PAYLOAD' });
  expect(signed.headers).toMatchObject({
    'content-length': '3',
    'if-match': '"a"',
    host,
    'x-amz-date': '20261128T120000Z',
  });
  expect(signed.headers['authorization']).toContain(
    'SignedHeaders=content-md5;host;range;x-amz-acl;x-amz-content-sha256;x-amz-date,',
  );
});

test('the next day is signed with its own key', () => {
  const tomorrow = new Date('2026-11-29T00:00:00Z');
  for (const at of [now, tomorrow, now]) {
    const { target, headers } = signS3Request({ ...upstream, now: at, path: '/b/k', payloadSha256: sha256('') });
    const signature = readS3Signature(
      { method: 'PUT', target, rawHeaders: Object.entries(headers).flat() },
      { ...reading, now: at },
    );
    expect(signature?.verify(s3SigningKey(secret, signature.scopeDate, region))).toBe(true);
  }
});
