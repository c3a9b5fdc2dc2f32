import { aRequest, at, type ClientPair, clientPairs, keyid, origin, withHeaders } from '../../spec/signed-requests.js';
import { ContentDigest } from '../content-digest.js';
import { type DescribedRequest, explainSignature, type Explaining } from './explain-signature.js';
import { signRequest } from './sign-request.js';
import { originOf } from './signed-request.js';

const [, , , client] = clientPairs as [ClientPair, ClientPair, ClientPair, ClientPair];
const url = 'https://gate.example/v1/payments?a=1';
const body = '{"amount": 1}';
const bodyDigest = ContentDigest.of(body);

const request = aRequest('POST', '/v1/payments?a=1', ['Content-Type', 'application/json'], ['Content-Length', '13']);
const { headers: added, base } = signRequest({ request, body, keyid, key: client.privateKey, created: at(0) });
const headers = { 'content-type': 'application/json', 'content-length': '13', ...added };

const explaining: Explaining = {
  origin,
  now: at(0),
  keyOf: (name) => Promise.resolve(name === keyid ? client.registered : undefined),
};
const asked: DescribedRequest = { method: 'POST', url, headers, bodyDigest };

async function problems(change: Partial<DescribedRequest>, rest: Partial<Explaining> = {}): Promise<string[]> {
  const explained = await explainSignature({ ...asked, ...change }, { ...explaining, ...rest });
  return explained.problems.map(({ code, component }) => [code, component].filter(Boolean).join(' '));
}

test('a request that a gateway would take has no problem, and its base is the signer’s own', async () => {
  const rawHeaders = withHeaders(request, added).rawHeaders;
  for (const described of [asked, { ...asked, headers: rawHeaders }, { ...asked, url: '/v1/payments?a=1' }]) {
    expect(await explainSignature(described, explaining)).toEqual({ label: 'sig', keyid, base, problems: [] });
  }
  const list = { ...headers, 'content-type': ['application/json'] };
  expect((await explainSignature({ ...asked, headers: list }, explaining)).problems).toEqual([]);
});

test('the length that a client library adds need not be told', async () => {
  const short = { 'content-type': 'application/json', ...added };
  expect(await problems({ headers: short })).toEqual([]);
  const uncovered = signRequest({ request, keyid, key: client.privateKey, created: at(0) }).headers;
  expect(await problems({ headers: { 'content-type': 'application/json', ...uncovered } })).toEqual([
    'not_covered content-digest',
  ]);
});

test.each<[string, Partial<DescribedRequest>, Partial<Explaining>, string[]]>([
  ['another method', { method: 'PUT' }, {}, ['bad_signature']],
  ['another path', { url: 'https://gate.example/v1/payment?a=1' }, {}, ['bad_signature']],
  ['a URL whose host is not ours, rightly signed', { url: 'https://10.0.0.1/v1/payments?a=1' }, {}, []],
  [
    'a signature for the host inside',
    { url: 'http://10.0.0.1:8080/v1/payments?a=1', headers: signedFor('http://10.0.0.1:8080') },
    {},
    ['bad_component @scheme', 'bad_component @authority', 'bad_signature'],
  ],
  ['a fragment', { url: `${url}#x`, method: 'PUT' }, {}, ['bad_component @target-uri', 'bad_signature']],
  ['an old signature', {}, { now: at(301) }, ['too_old @signature-params']],
  ['a stranger', {}, { keyOf: () => undefined }, ['unknown_key']],
  ['another body', { bodyDigest: ContentDigest.of('x') }, {}, ['bad_digest content-digest']],
  [
    'another algorithm of the digest',
    { bodyDigest: ContentDigest.of(body, ['sha-512']) },
    {},
    ['bad_digest content-digest'],
  ],
  ['no body, where a digest says one', { bodyDigest: null }, {}, ['bad_digest content-digest']],
  ['no signature', { headers: {} }, {}, ['malformed signature-input']],
  ['garbage', { headers: { 'signature-input': '((', signature: '' } }, {}, ['malformed signature-input']],
  ['no URL', { url: 'gate' }, {}, ['malformed @request-target']],
])('%s: %#', async (_, change, rest, expected) => expect(await problems(change, rest)).toEqual(expected));

function signedFor(publicUrl: string): typeof headers {
  const signing = {
    request: { ...request, ...originOf(publicUrl) },
    body,
    keyid,
    key: client.privateKey,
    created: at(0),
  };
  return { ...headers, ...signRequest(signing).headers };
}

test('everything that is wrong is told at once, with the base all the same', async () => {
  const bad = signRequest({ request, keyid, key: client.privateKey, created: at(-999), components: ['"@path"'] });
  const described = { ...asked, headers: { 'x-org-id': 'org_1', ...bad.headers } };
  const explained = await explainSignature(described, { ...explaining, keyOf: () => undefined });
  expect(explained.base).toBe(bad.base);
  expect(explained.problems.map(({ code, component }) => `${code} ${component}`)).toEqual([
    'unknown_key null',
    'too_old @signature-params',
    'not_covered @method',
    'not_covered @authority',
    'not_covered @query',
    'not_covered content-digest',
    'not_covered x-org-id',
  ]);
  for (const { message } of explained.problems) expect(message).toMatch(/^[A-Z"].*\.$/);
});

test('behind a path of its own the URL is the one that clients use', async () => {
  const behind = originOf('https://gate.example/door');
  const signing = {
    request: { ...request, ...behind, path: '/door/v1/payments' },
    body,
    keyid,
    key: client.privateKey,
  };
  const mine = { ...headers, ...signRequest({ ...signing, created: at(0) }).headers };
  const change = { headers: mine, url: 'https://gate.example/door/v1/payments?a=1' };
  expect(await problems(change, { origin: behind })).toEqual([]);
  expect(await problems({}, { origin: behind })).toEqual(['bad_component @path', 'bad_signature']);
});
