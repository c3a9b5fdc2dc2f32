import { constants, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { createSigner, createVerifier, httpbis } from 'http-message-signatures';
import {
  aRequest,
  at,
  type ClientPair,
  clientPairs,
  keyid,
  origin,
  refusalOf,
  withHeaders,
} from '../../spec/signed-requests.js';
import { ContentDigest } from '../content-digest.js';
import { KeyRefused } from '../verification-key.js';
import { verifySignature } from './algorithm.js';
import { checkSignature } from './check-signature.js';
import { chooseSignature, parseSignatures } from './signature-fields.js';
import { signRequest } from './sign-request.js';
import { type SignedRequest, signedRequest } from './signed-request.js';

const body = '{"amount": 1}';
const [rsa, , , ed] = clientPairs as [ClientPair, ClientPair, ClientPair, ClientPair];

const post = aRequest('POST', '/v1/payments?a=1', ['Content-Type', 'application/json'], ['X-Org-ID', 'org_1']);

test('a request is signed as BEEM signs its own, to the letter', () => {
  const request = aRequest('POST', '/api/v1/pay?max=100', ['Date', 'Sat, 28 Nov 2026 12:00:00 GMT']);
  const { headers, base } = signRequest({ request, body, keyid, key: rsa.privateKey, created: at(0) });
  const digest = String(ContentDigest.of(body));
  const parameters = `("@method" "@target-uri" "content-digest" "date");created=${at(0).getTime() / 1000};keyid="${keyid}";alg="rsa-v1_5-sha256"`;
  expect(base).toBe(
    [
      '"@method": POST',
      '"@target-uri": https://gate.example/api/v1/pay?max=100',
      `"content-digest": ${digest}`,
      '"date": Sat, 28 Nov 2026 12:00:00 GMT',
      `"@signature-params": ${parameters}`,
    ].join('\n'),
  );
  const bytes = sign('sha256', Buffer.from(base), rsa.privateKey).toString('base64');
  expect(headers).toEqual({
    'Content-Digest': digest,
    'Signature-Input': `sig=${parameters}`,
    Signature: `sig=:${bytes}:`,
  });
});

test('what must be covered is, without being asked; a digest that is there already is taken', () => {
  const names = (request: SignedRequest, content?: string) => {
    const { headers } = signRequest({ request, body: content, keyid, key: ed.privateKey, created: at(0) });
    return [
      parseSignatures(Object.entries(headers).flat())[0]?.components.map(({ name }) => name),
      Object.keys(headers).length,
    ];
  };
  expect(names(aRequest('GET', '/'))).toEqual([['@method', '@target-uri'], 2]);
  expect(names(post, body)).toEqual([['@method', '@target-uri', 'content-digest', 'content-type', 'x-org-id'], 3]);
  expect(names(withHeaders(post, { 'Content-Digest': String(ContentDigest.of(body, ['sha-512'])) }), body)).toEqual([
    ['@method', '@target-uri', 'content-digest', 'content-type', 'x-org-id'],
    2,
  ]);
  expect(names(aRequest('PUT', '/', ['Idempotency-Key', 'k'], ['content-encoding', 'gzip']))).toEqual([
    ['@method', '@target-uri', 'content-encoding', 'idempotency-key'],
    2,
  ]);
});

test('a key that no verifier of ours would take signs nothing', () => {
  const attempt = (signing: Partial<Parameters<typeof signRequest>[0]>) => () =>
    signRequest({ request: post, keyid, key: ed.privateKey, created: at(0), ...signing });
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
  expect(attempt({ key: weak })).toThrow(KeyRefused);
  expect(attempt({ key: p384 })).toThrow(KeyRefused);
  expect(attempt({ algorithm: 'rsa-pss-sha512' })).toThrow(KeyRefused);
  expect(attempt({ key: ed.registered.key })).toThrow('A request is signed with a private key.');
  expect(refusalOf(attempt({ components: ['"x-none"'] }))).toBe('missing_component x-none');
  expect(attempt({ components: ['method'] })).toThrow(RangeError);
});

describe('another library', () => {
  const url = 'https://gate.example/v1/payments?a=1&b=%20x';
  const fields = ['@method', '@target-uri', 'content-digest', 'content-type', 'x-org-id'];
  const headers = {
    'Content-Type': 'application/json',
    'X-Org-ID': 'org_1',
    'Content-Length': String(body.length),
    'Content-Digest': String(ContentDigest.of(body)),
  };
  const pemOf = ({ privateKey }: ClientPair) => privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const pairs = clientPairs.map((pair) => [pair.algorithm, pair] as const);

  /** The salt is the longest that fits, if that library signs PSS by itself; RFC 9421 section 3.3.1 says 64 bytes. */
  const signerOf = (pair: ClientPair) =>
    pair.algorithm === 'rsa-pss-sha512'
      ? {
          id: keyid,
          alg: pair.algorithm,
          sign: (data: Buffer) => {
            const key = createPrivateKey(pemOf(pair));
            return Promise.resolve(
              sign('sha512', data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }),
            );
          },
        }
      : createSigner(pemOf(pair), pair.algorithm, keyid);

  const verdict = (pair: ClientPair, signed: Record<string, string | string[]>) =>
    refusalOf(() => {
      const { pathname, search } = new URL(url);
      const received = { method: 'POST', target: pathname + search, rawHeaders: Object.entries(signed).flat(2) };
      const request = signedRequest(origin, received);
      const signature = chooseSignature(parseSignatures(request.rawHeaders), (name) => name === keyid);
      const { base, digest } = checkSignature(request, signature, new Date());
      expect(verifySignature(signature, base, pair.registered)).toBe(pair.algorithm);
      expect(digest?.checker().update(body).matches()).toBe(true);
    });

  test.each(pairs)('signs by %s what we verify, with alg and without', async (_, pair) => {
    for (const params of [undefined, ['created', 'keyid'], ['keyid', 'nonce', 'tag', 'created', 'expires', 'alg']]) {
      const key = signerOf(pair);
      const paramValues = { nonce: 'n"\\', tag: 'app' };
      const signed = await httpbis.signMessage({ key, fields, params, paramValues }, { method: 'POST', url, headers });
      expect(verdict(pair, signed.headers)).toBe('accepted');
      expect(verdict(pair, { ...signed.headers, 'X-Org-ID': 'org_2' })).toBe('bad_signature');
    }
  });

  test('signs the target in three parts, and parameters of the query, as we read them', async () => {
    const parts = [
      '@method',
      '@authority',
      '@path',
      '@query',
      '@scheme',
      '"@query-param";name="b"',
      ...fields.slice(2),
    ];
    const signed = await httpbis.signMessage({ key: signerOf(ed), fields: parts }, { method: 'POST', url, headers });
    expect(verdict(ed, signed.headers)).toBe('accepted');
  });

  test('signs PSS by itself with a longer salt than the RFC has: refused', async () => {
    const [, pss] = clientPairs as [ClientPair, ClientPair];
    const key = createSigner(pemOf(pss), pss.algorithm, keyid);
    const signed = await httpbis.signMessage({ key, fields }, { method: 'POST', url, headers });
    expect(verdict(pss, signed.headers)).toBe('bad_signature');
  });

  test.each(pairs)('verifies by %s what we sign', async (_, pair) => {
    const request = signedRequest(origin, {
      method: 'POST',
      target: url.slice(20),
      rawHeaders: Object.entries(headers).flat(),
    });
    const { privateKey: key, algorithm, registered } = pair;
    const signed = signRequest({
      request,
      body,
      keyid,
      key,
      algorithm,
      created: new Date(),
      nonce: 'n',
      label: 'mine',
    });
    const verify = createVerifier(registered.key, algorithm);
    const keyLookup = ({ keyid: id }: { keyid?: string }) =>
      Promise.resolve(id === keyid ? { id, algs: [algorithm], verify } : null);
    const ask = (changes: Record<string, string>) =>
      httpbis.verifyMessage(
        { keyLookup },
        { method: 'POST', url, headers: { ...headers, ...signed.headers, ...changes } },
      );
    expect(await ask({})).toBe(true);
    expect(await ask({ 'Content-Type': 'text/plain' })).toBe(false);
  });
});
