import { generateKeyPairSync, sign } from 'node:crypto';
import {
  aRequest,
  at,
  type ClientPair,
  clientPairs,
  createdSeconds,
  keyid,
  refusalOf,
  withHeaders,
} from '../../spec/signed-requests.js';
import { ContentDigest } from '../content-digest.js';
import { publicKeyFromSpki } from '../public-key.js';
import { verifySignature } from './algorithm.js';
import { checkSignature, replayKey } from './check-signature.js';
import { signatureBase } from './signature-base.js';
import { chooseSignature, keyidsOf, parseSignatures } from './signature-fields.js';
import { type SignRequest, signRequest } from './sign-request.js';
import { type SignedRequest } from './signed-request.js';

const [, , , client] = clientPairs as [ClientPair, ClientPair, ClientPair, ClientPair];
const [, , stranger] = clientPairs as [ClientPair, ClientPair, ClientPair, ClientPair];
const body = '{"amount": 1}';
const sha1 = 'sha=:Kq5sNclPz7QV2+lfQIuc6R7oRu0=:';

/** What a gateway does with a request, in its order; a body that has not its digest is `bad_digest body`. */
function judge(request: SignedRequest, { content = body, now = at(0), by = client, ours = [keyid] } = {}): string {
  let digestMatches = true;
  const refusal = refusalOf(() => {
    const signature = chooseSignature(parseSignatures(request.rawHeaders), (name) => ours.includes(name));
    const { base, digest } = checkSignature(request, signature, now);
    verifySignature(signature, base, by.registered);
    if (digest !== null) digestMatches = digest.checker().update(content).matches();
  });
  return digestMatches ? refusal : 'bad_digest body';
}

const payment = aRequest(
  'POST',
  '/v1/payments?a=1&b=2',
  ['Host', 'gate.example'],
  ['Content-Type', 'application/json'],
  ['Content-Length', String(body.length)],
  ['X-Org-ID', 'org_1'],
  ['Idempotency-Key', 'key-1'],
);

/** The request with a signature of the client's. */
function signed(request: SignedRequest, rest: Partial<SignRequest> = {}): SignedRequest {
  const { privateKey: key, algorithm } = client;
  return withHeaders(request, signRequest({ request, keyid, key, algorithm, created: at(0), ...rest }).headers);
}

const good = signed(payment, { body });

/** The request with one header's value changed, or without it. */
function changed(request: SignedRequest, name: string, change: (value: string) => string | null): SignedRequest {
  const rawHeaders: string[] = [];
  let found = false;
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const [field = '', value = ''] = request.rawHeaders.slice(index, index + 2);
    const isIt = field.toLowerCase() === name;
    found ||= isIt;
    const made = isIt ? change(value) : value;
    if (made !== null) rawHeaders.push(field, made);
  }
  if (!found) throw new Error(`There is no ${name} to change.`);
  return { ...request, rawHeaders };
}

const inInput = (from: string | RegExp, to: string) =>
  changed(good, 'signature-input', (value) => {
    const made = value.replace(from, to);
    if (made === value) throw new Error('Nothing was changed.');
    return made;
  });

/** Signs whatever text somebody may put into Signature-Input. */
function forged(request: SignedRequest, parameters: string): SignedRequest {
  const [signature] = parseSignatures(['Signature-Input', `x=${parameters}`, 'Signature', 'x=:AA==:']);
  const base = signature ? signatureBase(request, signature) : '';
  const bytes = sign(null, Buffer.from(base), client.privateKey).toString('base64');
  return withHeaders(request, { 'Signature-Input': `x=${parameters}`, Signature: `x=:${bytes}:` });
}

const times = `;created=${createdSeconds};keyid="${keyid}"`;

test.each(clientPairs.map((pair) => [pair.algorithm, pair] as const))(
  'a request signed by %s is accepted',
  (_, pair) => {
    const { privateKey: key, algorithm } = pair;
    const { headers } = signRequest({
      request: payment,
      body,
      keyid,
      key,
      algorithm,
      created: at(0),
      nonce: 'n',
      tag: 't',
    });
    expect(Object.keys(headers)).toEqual(['Content-Digest', 'Signature-Input', 'Signature']);
    expect(judge(withHeaders(payment, headers), { by: pair })).toBe('accepted');
  },
);

test('what another key signed is refused, and so is what the client signed by an algorithm that its key is not for', () => {
  const { publicKey } = generateKeyPairSync('ed25519');
  const registered = publicKeyFromSpki(publicKey.export({ type: 'spki', format: 'der' }));
  expect(judge(good, { by: { ...client, registered } })).toBe('bad_signature');
  expect(judge(good, { by: stranger })).toBe('wrong_algorithm');
  const other = { ...stranger, registered: { ...stranger.registered, algorithms: ['ed25519'] as const } };
  expect(() => judge(good, { by: other })).toThrow('EdDSA takes an Ed25519 key.');
  for (const pair of clientPairs.slice(0, 3)) {
    const { privateKey: key, algorithm } = pair;
    const request = withHeaders(
      payment,
      signRequest({ request: payment, body, keyid, key, algorithm, created: at(0) }).headers,
    );
    expect(judge(request)).toBe('wrong_algorithm');
    const silent = changed(request, 'signature-input', (value) => value.replace(`;alg="${algorithm}"`, ''));
    expect(judge(silent)).toBe('bad_signature');
  }
});

test.each<[string, SignedRequest, string]>([
  ['nothing', good, 'accepted'],
  ['the method', { ...good, method: 'PUT' }, 'bad_signature'],
  ['the case of the method', { ...good, method: 'post' }, 'bad_signature'],
  ['the path', { ...good, path: '/v1/payments/' }, 'bad_signature'],
  ['an escape in the path', { ...good, path: '/v1/%70ayments' }, 'bad_signature'],
  ['the order of the query', { ...good, query: 'b=2&a=1' }, 'bad_signature'],
  ['the query, to none', { ...good, query: null }, 'bad_signature'],
  ['the authority', { ...good, authority: 'other.example' }, 'bad_signature'],
  ['the scheme', { ...good, scheme: 'http' }, 'bad_signature'],
  ['Host, which says nothing', changed(good, 'host', () => 'evil.example'), 'accepted'],
  ['a header that is covered', changed(good, 'x-org-id', () => 'org_2'), 'bad_signature'],
  ['a header that is covered, by a second line', withHeaders(good, { 'x-org-id': 'org_2' }), 'bad_signature'],
  ['a header that is covered, to none', changed(good, 'x-org-id', () => null), 'missing_component x-org-id'],
  ['Content-Type', changed(good, 'content-type', () => 'text/plain'), 'bad_signature'],
  ['a header that is not covered', withHeaders(good, { 'X-Other': '1' }), 'accepted'],
  ['Content-Encoding, added', withHeaders(good, { 'Content-Encoding': 'gzip' }), 'not_covered content-encoding'],
  ['created', inInput(`${createdSeconds}`, `${createdSeconds + 1}`), 'bad_signature'],
  ['created, away', inInput(`;created=${createdSeconds}`, ''), 'created_missing @signature-params'],
  ['created, to a decimal', inInput(`${createdSeconds}`, `${createdSeconds}.0`), 'malformed signature-input'],
  ['created, to a string', inInput(`${createdSeconds}`, `"${createdSeconds}"`), 'malformed signature-input'],
  ['created, twice', inInput(';created', ';created=1;created'), 'malformed signature-input'],
  ['keyid', inInput(keyid, 'cli-other'), 'unknown_key'],
  ['keyid, away', inInput(`;keyid="${keyid}"`, ''), 'unknown_key'],
  ['alg, to one of another key', inInput('"ed25519"', '"rsa-pss-sha512"'), 'wrong_algorithm'],
  ['alg, to HMAC', inInput('"ed25519"', '"hmac-sha256"'), 'wrong_algorithm'],
  ['alg, away', inInput(';alg="ed25519"', ''), 'bad_signature'],
  ['expires, added', inInput(';keyid', `;expires=${createdSeconds + 9};keyid`), 'bad_signature'],
  ['nonce, added', inInput(';keyid', ';nonce="n";keyid'), 'bad_signature'],
  ['an unknown parameter, added', inInput(';keyid', ';x;keyid'), 'bad_signature'],
  ['the order of components', inInput('"@method" "@target-uri"', '"@target-uri" "@method"'), 'bad_signature'],
  ['a component, away', inInput(' "content-type"', ''), 'bad_signature'],
  ['a component that must be, away', inInput('"@method" ', ''), 'not_covered @method'],
  ['the target, away', inInput('"@target-uri" ', ''), 'not_covered @target-uri'],
  ['all components, away', inInput(/\(.*?\)/, '()'), 'not_covered @method'],
  ['a component, doubled', inInput('"@method"', '"@method" "@method"'), 'duplicate_component @method'],
  ['a component, unknown', inInput('"@method"', '"@method" "@future"'), 'unsupported_component @future'],
  ['a component, of responses', inInput('"@method"', '"@method" "@status"'), 'unsupported_component @status'],
  ['a component, not sent', inInput('"content-type"', '"content-type" "accept"'), 'missing_component accept'],
  ['a space, added', inInput('"@method" ', '"@method"  '), 'malformed signature-input'],
  ['a space before a parameter', inInput(';keyid', '; keyid'), 'malformed signature-input'],
  ['the label, on one side', inInput('sig=', 'sig2='), 'malformed signature-input'],
  ['a label, added on one side', withHeaders(good, { Signature: 'b=:AA==:' }), 'malformed signature-input'],
  ['a label, added on the other', withHeaders(good, { 'Signature-Input': `b=()${times}` }), 'malformed signature'],
  ['the same label on two lines', withHeaders(good, { Signature: 'sig=:AA==:' }), 'malformed signature'],
  ['the signature, by a bit', changed(good, 'signature', flipped), 'bad_signature'],
  ['the signature, to nothing', changed(good, 'signature', () => 'sig=::'), 'bad_signature'],
  [
    'the signature, to another spelling',
    changed(good, 'signature', (it) => it.replace('=:', ':')),
    'malformed signature',
  ],
  ['the signature, by a parameter', changed(good, 'signature', (it) => `${it};x`), 'malformed signature'],
  ['Signature, away', changed(good, 'signature', () => null), 'malformed signature'],
  ['Signature-Input, away', changed(good, 'signature-input', () => null), 'malformed signature-input'],
  ['Signature-Input, to garbage', changed(good, 'signature-input', () => 'sig=(('), 'malformed signature-input'],
  ['Signature-Input, to no list', changed(good, 'signature-input', () => 'sig="@method"'), 'malformed signature-input'],
  ['a component, to a token', inInput('"@method"', 'method'), 'malformed signature-input'],
  ['Content-Digest', changed(good, 'content-digest', () => String(ContentDigest.of('x'))), 'bad_signature'],
  ['Content-Digest, away', changed(good, 'content-digest', () => null), 'missing_component content-digest'],
])('changing %s: %#', (_, request, verdict) => expect(judge(request)).toBe(verdict));

function flipped(value: string): string {
  const bytes = Buffer.from(value.slice('sig=:'.length, -1), 'base64');
  bytes[5] = (bytes[5] ?? 0) ^ 1;
  return `sig=:${bytes.toString('base64')}:`;
}

const whole = '"@method" "@target-uri"';
const length = (text: string): [string, string] => ['Content-Length', text];
const digest = (field: string): [string, string] => ['Content-Digest', field];
const right = String(ContentDigest.of(body));

test.each<[string, SignedRequest, string, string]>([
  [
    'a body with its digest',
    aRequest('POST', '/', length('13'), digest(right)),
    `${whole} "content-digest"`,
    'accepted',
  ],
  ['both digests', aRequest('POST', '/', length('13'), digest(both())), `${whole} "content-digest"`, 'accepted'],
  [
    'the bytes of the field',
    aRequest('POST', '/', length('13'), digest(right)),
    `${whole} "content-digest";bs`,
    'accepted',
  ],
  ['no digest of a body', aRequest('POST', '/', length('13')), whole, 'not_covered content-digest'],
  ['no digest of chunks', aRequest('POST', '/', ['Transfer-Encoding', 'chunked']), whole, 'not_covered content-digest'],
  ['a digest uncovered', aRequest('POST', '/', length('13'), digest(right)), whole, 'not_covered content-digest'],
  [
    'one algorithm of a digest',
    aRequest('POST', '/', length('13'), digest(right)),
    `${whole} "content-digest";key="sha-256"`,
    'not_covered content-digest',
  ],
  [
    'another spelling of a digest',
    aRequest('POST', '/', length('13'), digest(right)),
    `${whole} "content-digest";sf`,
    'not_covered content-digest',
  ],
  [
    'sha-1 alone',
    aRequest('POST', '/', length('13'), digest(sha1)),
    `${whole} "content-digest"`,
    'bad_digest content-digest',
  ],
  [
    'RFC 3230',
    aRequest('POST', '/', length('13'), digest('SHA-256=x')),
    `${whole} "content-digest"`,
    'bad_digest content-digest',
  ],
  [
    'the digest of another body',
    aRequest('POST', '/', length('13'), digest(String(ContentDigest.of('{"amount": 2}')))),
    `${whole} "content-digest"`,
    'bad_digest body',
  ],
  [
    'one right digest and one wrong',
    aRequest('POST', '/', length('13'), digest(mixed())),
    `${whole} "content-digest"`,
    'bad_digest body',
  ],
  [
    'Repr-Digest instead',
    aRequest('POST', '/', length('13'), ['Repr-Digest', right]),
    `${whole} "repr-digest"`,
    'not_covered content-digest',
  ],
  ['no body', aRequest('GET', '/'), whole, 'accepted'],
  ['an empty body', aRequest('POST', '/', length('0')), whole, 'accepted'],
  ['a target in three parts', aRequest('GET', '/?a'), '"@method" "@authority" "@path" "@query"', 'accepted'],
  ['two parts of three', aRequest('GET', '/'), '"@method" "@authority" "@path"', 'not_covered @query'],
  ['one part of three', aRequest('GET', '/?a'), '"@method" "@path"', 'not_covered @authority'],
  [
    'parameters for a query',
    aRequest('GET', '/?a=1'),
    '"@method" "@authority" "@path" "@query-param";name="a"',
    'not_covered @query',
  ],
  ['the request target', aRequest('GET', '/?a=1'), '"@method" "@authority" "@request-target"', 'not_covered @path'],
  ['X-Org-ID uncovered', aRequest('GET', '/', ['x-org-ID', 'o']), whole, 'not_covered x-org-id'],
  ['X-Org-ID empty and uncovered', aRequest('GET', '/', ['X-Org-Id', '']), whole, 'not_covered x-org-id'],
  ['Idempotency-Key uncovered', aRequest('GET', '/', ['Idempotency-Key', 'k']), whole, 'not_covered idempotency-key'],
  ['Content-Type uncovered', aRequest('GET', '/', ['Content-Type', 'text/plain']), whole, 'accepted'],
  [
    'Date, as BEEM does',
    aRequest('GET', '/', ['Date', 'Sat, 28 Nov 2026 12:00:00 GMT']),
    `${whole} "date"`,
    'accepted',
  ],
])('covering %s: %#', (_, request, components, verdict) => {
  expect(judge(forged(request, `(${components})${times}`))).toBe(verdict);
});

function both(): string {
  return String(ContentDigest.of(body, ['sha-256', 'sha-512']));
}

function mixed(): string {
  return `${right}, ${String(ContentDigest.of('x', ['sha-512']))}`;
}

test('a trailer is no cover for a header', () => {
  const request = { ...aRequest('GET', '/', ['X-Org-ID', 'org_1']), rawTrailers: ['X-Org-ID', 'org_1'] };
  expect(judge(forged(request, `(${whole} "x-org-id";tr)${times}`))).toBe('not_covered x-org-id');
  expect(judge(forged(request, `(${whole} "x-org-id";tr "x-org-id")${times}`))).toBe('accepted');
});

test.each<[number, string]>([
  [-300, 'accepted'],
  [-300.001, 'not_yet_valid @signature-params'],
  [300, 'accepted'],
  [300.001, 'too_old @signature-params'],
  [86_400, 'too_old @signature-params'],
  [NaN, 'too_old @signature-params'],
])('seen %d s after it was created a signature is %s', (seconds, verdict) => {
  expect(judge(good, { now: at(seconds) })).toBe(verdict);
});

test.each<[number, number, string]>([
  [60, 59.999, 'accepted'],
  [60, 60, 'expired @signature-params'],
  [600, 299, 'accepted'],
  [600, 301, 'too_old @signature-params'],
  [-1, 0, 'expired @signature-params'],
])('one that expires %d s after it was created is, seen after %d s, %s', (expires, seconds, verdict) => {
  expect(judge(signed(payment, { body, expires: at(expires) }), { now: at(seconds) })).toBe(verdict);
});

test('expires alone says not when a signature was made', () => {
  const parameters = `(${whole});expires=${createdSeconds + 60};keyid="${keyid}"`;
  expect(judge(forged(aRequest('GET', '/'), parameters))).toBe('created_missing @signature-params');
});

describe('several signatures', () => {
  const proxy = { label: 'proxy', keyid: 'a-proxy', key: stranger.privateKey, algorithm: stranger.algorithm } as const;
  const bare = { ...payment, rawHeaders: good.rawHeaders.slice(0, -4) };
  const two = (rest: Partial<SignRequest>) =>
    withHeaders(good, signRequest({ request: bare, created: at(0), ...proxy, ...rest }).headers);

  test('one under a key that is not ours changes nothing, whatever it is worth', () => {
    const request = two({});
    expect(keyidsOf(parseSignatures(request.rawHeaders))).toEqual([keyid, 'a-proxy']);
    expect(judge(request)).toBe('accepted');
    expect(judge(two({ created: at(-9999), components: [] }))).toBe('accepted');
  });

  test('two of clients are ambiguous, and so are two of one client', () => {
    expect(judge(two({}), { ours: [keyid, 'a-proxy'] })).toBe('ambiguous');
    expect(judge(two({ keyid, key: client.privateKey, algorithm: client.algorithm }))).toBe('ambiguous');
  });

  test('one that is malformed spoils them all', () => {
    const request = withHeaders(good, { 'Signature-Input': 'b=("@method" );keyid="x"', Signature: 'b=:AA==:' });
    expect(judge(request)).toBe('malformed signature-input');
  });

  test('more than eight are too many, and so are more than 64 components', () => {
    const labels = (count: number) => Array.from({ length: count }, (_, index) => `l${index}`);
    const request = (count: number) =>
      withHeaders(payment, {
        'Signature-Input': labels(count)
          .map((label) => `${label}=()`)
          .join(', '),
        Signature: labels(count)
          .map((label) => `${label}=:AA==:`)
          .join(', '),
      });
    expect(judge(request(8))).toBe('unknown_key');
    expect(judge(request(9))).toBe('too_many');
    const many = (count: number) =>
      inInput(
        /\(.*?\)/,
        `(${labels(count)
          .map((label) => `"${label}"`)
          .join(' ')})`,
      );
    expect(judge(many(64))).toBe('not_covered @method');
    expect(judge(many(65))).toBe('too_many');
  });
});

test('a signature is claimed by who made it and what it is over, and by nothing else of it', () => {
  const claim = (request: SignedRequest) => {
    const [signature] = parseSignatures(request.rawHeaders);
    return replayKey(keyid, checkSignature(request, signature as NonNullable<typeof signature>, at(0)).base);
  };
  const again = changed(
    changed(good, 'signature-input', (it) => it.replace('sig', 'b')),
    'signature',
    (it) => it.replace('sig', 'b'),
  );
  expect(claim(good)).toMatch(/^[0-9a-f]{64}$/);
  expect(claim(again)).toBe(claim(good));
  const others = [
    signed(payment, { body, nonce: 'n' }),
    signed(payment, { body, created: at(1) }),
    signed({ ...payment, query: 'a=1' }, { body }),
  ];
  expect(new Set([good, ...others].map(claim)).size).toBe(4);
  expect(replayKey('ab', 'c')).not.toBe(replayKey('a', 'bc'));
});

test('an error holds nothing of a header, and no more of a name than is worth keeping', () => {
  const secret = 'k3rb3ros';
  for (const request of [
    changed(good, 'signature-input', () => `sig=("${secret.repeat(99)}")${times};x="${secret}`),
    changed(good, 'signature', () => `sig="${secret}"`),
    inInput(keyid, secret),
  ]) {
    expect(() => chooseSignature(parseSignatures(request.rawHeaders), () => false)).toThrow(/^(?!.*k3rb3ros)/);
  }
});
