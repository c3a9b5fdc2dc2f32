import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { type AddressInfo } from 'node:net';
import { Refusal } from '@portcullis/contracts';
import { generateSigningKey, Secret, signJwt } from '@portcullis/credentials';
import { AccessTokens } from './access-tokens.js';

const issuer = 'https://gate.test';
const audience = 'portcullis';
const startSeconds = Date.parse('2026-11-24T12:00:00Z') / 1000;
const key = generateSigningKey();

const claims = {
  iss: issuer,
  aud: audience,
  sub: 'usr_1',
  client_id: 'usr_1',
  org: 'org_1',
  cid: 'tok_1',
  sid: 'tok_1',
  jti: 'jti_1',
  iat: startSeconds,
  nbf: startSeconds,
  exp: startSeconds + 60,
  permissions: ['things:view'],
};

function aVerifier(given: { find?: (kid: string) => Promise<KeyObject | undefined>; maxRemembered?: number } = {}) {
  const at = { ms: startSeconds * 1000 };
  const asked: string[] = [];
  const tokens = new AccessTokens({
    keys: {
      find: (kid) => {
        asked.push(kid);
        return given.find?.(kid) ?? Promise.resolve(kid === key.kid ? key.publicKey : undefined);
      },
    },
    issuer,
    audience,
    now: () => new Date(at.ms),
    ...(given.maxRemembered === undefined ? {} : { maxRemembered: given.maxRemembered }),
  });
  return { at, asked, verify: (token: string) => tokens.verify(Secret.of(token)) };
}

const signed = (change: Record<string, unknown> = {}, typ = 'at+jwt') =>
  signJwt({ key: key.privateKey, kid: key.kid, typ, claims: { ...claims, ...change } });

const encode = (part: unknown) =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');

/** A token whose header is whatever the attacker likes, over the honest claims. */
function forged(header: unknown, signature: (input: string) => Buffer, payload: unknown = claims): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${signature(input).toString('base64url')}`;
}

const honestly = (input: string) =>
  sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
const honest = { alg: 'ES256', kid: key.kid, typ: 'at+jwt' };
const hmacWith = (secret: string | Buffer) => (input: string) => createHmac('sha256', secret).update(input).digest();
const pem = key.publicKey.export({ format: 'pem', type: 'spki' }).toString();

test('a token that identity signed says what it says', async () => {
  expect(await aVerifier().verify(signed({ resources: { buckets: ['a'] } }))).toEqual({
    kid: key.kid,
    organizationId: 'org_1',
    credentialId: 'tok_1',
    familyId: 'tok_1',
    jti: 'jti_1',
    expiresAt: new Date((startSeconds + 60) * 1000),
    permissions: ['things:view'],
    buckets: ['a'],
  });
});

test('the type may be written with application/, and the audience as one of several', async () => {
  await expect(aVerifier().verify(signed({ aud: ['other', audience] }, 'application/at+jwt'))).resolves.toBeDefined();
});

test.each([
  ['alg none', forged({ ...honest, alg: 'none' }, () => Buffer.alloc(0)), 'malformed'],
  ['alg None with a signature', forged({ ...honest, alg: 'None' }, honestly), 'unsupported'],
  ['HS256 keyed with the public key as PEM', forged({ ...honest, alg: 'HS256' }, hmacWith(pem)), 'unsupported'],
  [
    'HS256 keyed with that PEM without its line end',
    forged({ ...honest, alg: 'HS256' }, hmacWith(pem.trim())),
    'unsupported',
  ],
  [
    'HS256 keyed with the JWK',
    forged({ ...honest, alg: 'HS256' }, hmacWith(JSON.stringify(key.publicJwk))),
    'unsupported',
  ],
  ['an HMAC that says ES256', forged(honest, hmacWith(pem)), 'malformed'],
  ['an algorithm in a list', forged({ ...honest, alg: ['ES256'] }, honestly), 'malformed'],
  ['no kid', forged({ alg: 'ES256', typ: 'at+jwt' }, honestly), 'malformed'],
  ['a kid that is a path', forged({ ...honest, kid: '../../dev/null' }, honestly), 'malformed'],
  ['no type', forged({ alg: 'ES256', kid: key.kid }, honestly), 'wrong_type'],
  ['an unknown critical extension', forged({ ...honest, crit: ['x'], x: 1 }, honestly), 'unsupported'],
  ['an unencoded payload', forged({ ...honest, crit: ['b64'], b64: false }, honestly), 'unsupported'],
  ['a key of its own', forged({ ...honest, jwk: key.publicJwk }, honestly), 'unsupported'],
  ['the alg twice', forged(`{"alg":"none","alg":"ES256","kid":"${key.kid}","typ":"at+jwt"}`, honestly), 'malformed'],
  ['a claim twice', forged(honest, honestly, JSON.stringify(claims).replace('{', '{"sub":"root",')), 'malformed'],
  ['claims that are a list', forged(honest, honestly, []), 'malformed'],
  ['a signature of zeros', forged(honest, () => Buffer.alloc(64)), 'bad_signature'],
  ['a DER signature', forged(honest, (input) => sign('sha256', Buffer.from(input), key.privateKey)), 'malformed'],
  ['padding', `${signed()}=`, 'malformed'],
  ['the signature of other claims', `${signed().slice(0, -86)}${signed({ sub: 'x' }).slice(-86)}`, 'bad_signature'],
])('%s is refused', async (_what, token, code) => {
  await expect(aVerifier().verify(token)).rejects.toMatchObject({ name: 'TokenError', code });
});

test.each([
  ['another audience', { aud: 'other' }, 'wrong_audience'],
  ['an audience that begins like ours', { aud: 'portcullis/v1' }, 'wrong_audience'],
  ['an audience list with a number', { aud: [audience, 1] }, 'wrong_audience'],
  ['no audience', { aud: undefined }, 'wrong_audience'],
  ['another issuer', { iss: 'https://gate.test/' }, 'wrong_issuer'],
  ['no issuer', { iss: undefined }, 'wrong_issuer'],
  ['an end in the past', { exp: startSeconds - 1 }, 'expired'],
  ['an end right now', { exp: startSeconds }, 'expired'],
  ['no end', { exp: undefined }, 'invalid_claims'],
  ['an end in letters', { exp: String(startSeconds + 60) }, 'malformed'],
  ['a beginning in the future', { nbf: startSeconds + 30 }, 'not_yet_valid'],
  ['an issue in the future', { iat: startSeconds + 30 }, 'not_yet_valid'],
  ['no family', { sid: undefined }, 'invalid_claims'],
  ['no credential', { cid: undefined }, 'invalid_claims'],
  ['no jti', { jti: undefined }, 'invalid_claims'],
  ['no permissions', { permissions: undefined }, 'invalid_claims'],
  ['permissions in one text', { permissions: 'things:view' }, 'invalid_claims'],
  ['resources of another form', { resources: { buckets: 'some' } }, 'invalid_claims'],
])('a signed token with %s is refused', async (_what, change, code) => {
  await expect(aVerifier().verify(signed(change))).rejects.toMatchObject({ name: 'TokenError', code });
});

test.each(['portcullis-refresh+jwt', 'portcullis-caller+jwt', 'portcullis-identity+jwt', 'JWT', 'at+jwt2'])(
  'a token of the type %s is no access token',
  async (typ) => {
    await expect(aVerifier().verify(signed({}, typ))).rejects.toMatchObject({ code: 'wrong_type' });
  },
);

test("a gateway's clock may lag five seconds behind identity's", async () => {
  const { at, verify } = aVerifier();
  at.ms -= 5_000;
  await expect(verify(signed())).resolves.toBeDefined();
  at.ms -= 1_000;
  await expect(verify(signed({ jti: 'jti_2' }))).rejects.toMatchObject({ code: 'not_yet_valid' });
});

test('an unknown kid is refused, and the signature is never looked at', async () => {
  const stranger = generateSigningKey();
  const token = signJwt({ key: stranger.privateKey, kid: stranger.kid, typ: 'at+jwt', claims });
  const { asked, verify } = aVerifier();
  await expect(verify(token)).rejects.toMatchObject({ code: 'unknown_key' });
  expect(asked).toEqual([stranger.kid]);
});

test("a stranger's signature under a known kid is refused", async () => {
  const token = signJwt({ key: generateSigningKey().privateKey, kid: key.kid, typ: 'at+jwt', claims });
  await expect(aVerifier().verify(token)).rejects.toMatchObject({ code: 'bad_signature' });
});

test('an RSA key under the kid verifies nothing', async () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const find = () => Promise.resolve(publicKey);
  await expect(aVerifier({ find }).verify(signed())).rejects.toBeInstanceOf(Error);
});

test('when the keys are away the token is neither good nor bad', async () => {
  const find = () => Promise.reject(new Refusal('unavailable', 'away'));
  await expect(aVerifier({ find }).verify(signed())).rejects.toMatchObject({ name: 'Refusal', code: 'unavailable' });
});

test('a token causes no request to an address that it names', async () => {
  let calls = 0;
  const server = createServer((_request, response) => {
    calls++;
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  for (const name of ['jku', 'x5u']) {
    await expect(aVerifier().verify(forged({ ...honest, [name]: url }, honestly))).rejects.toMatchObject({
      code: 'unsupported',
    });
  }
  server.close();
  await once(server, 'close');
  expect(calls).toBe(0);
});

test('a verified token is remembered until it ends, and a refused one is not', async () => {
  const { at, asked, verify } = aVerifier();
  const token = signed();
  const first = await verify(token);
  expect(await verify(token)).toBe(first);
  expect(asked).toHaveLength(1);
  at.ms += 60_000;
  await expect(verify(token)).rejects.toMatchObject({ code: 'expired' });
  await expect(verify(token)).rejects.toMatchObject({ code: 'expired' });
});

test('the memory is bounded: the token used longest ago is verified again', async () => {
  const { asked, verify } = aVerifier({ maxRemembered: 2 });
  const [a, b, c] = ['a', 'b', 'c'].map((jti) => signed({ jti })) as [string, string, string];
  for (const token of [a, b, a, c]) await verify(token);
  expect(asked).toHaveLength(3);
  await verify(a);
  expect(asked).toHaveLength(3);
  await verify(b);
  expect(asked).toHaveLength(4);
});
