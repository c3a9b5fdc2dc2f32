import { createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import * as fc from 'fast-check';
import { importJWK, jwtVerify, SignJWT } from 'jose';
import { generateSigningKey } from './jwk.js';
import { TokenError, type TokenErrorCode } from './jws.js';
import { checkClaims, type ExpectedClaims, inspectJwt, readClaims, signJwt, verifyJwt } from './jwt.js';
import { KeyRefused } from './verification-key.js';

const now = new Date('2026-11-24T12:00:00Z');
const t = now.getTime() / 1000;
const key = generateSigningKey();
const keys = new Map([[key.kid, key.publicKey]]);
const claims = {
  iss: 'https://id.test',
  aud: 'https://api.test',
  sub: 'usr_1',
  jti: 'j1',
  iat: t,
  nbf: t,
  exp: t + 300,
};
const expected = { issuer: 'https://id.test', audience: 'https://api.test', now };
const options = { ...expected, typ: 'at+jwt', keys: (kid: string) => keys.get(kid) };

const token = (change: Record<string, unknown> = {}, header: { typ?: string; kid?: string; key?: KeyObject } = {}) =>
  signJwt({ key: key.privateKey, kid: key.kid, typ: 'at+jwt', claims: { ...claims, ...change }, ...header });

function codeOf(action: () => unknown): TokenErrorCode | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof TokenError) return error.code;
    throw error;
  }
}

describe('a good token', () => {
  test('gives back what was signed', () => {
    expect(verifyJwt(token(), options)).toEqual(claims);
  });

  test('is what jose signs and verifies too', async () => {
    const theirs = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: 'at+jwt' })
      .sign(key.privateKey);
    expect(verifyJwt(theirs, options)).toEqual(claims);
    const publicKey = await importJWK({ ...key.publicJwk });
    const { payload } = await jwtVerify(token(), publicKey, {
      issuer: claims.iss,
      audience: claims.aud,
      typ: 'at+jwt',
      currentDate: now,
    });
    expect(payload).toEqual(claims);
  });

  test('may name several audiences, and its type in any case, as a media type too', () => {
    expect(
      codeOf(() => verifyJwt(token({ aud: ['https://other.test', 'https://api.test'] }), options)),
    ).toBeUndefined();
    for (const typ of ['AT+JWT', 'application/at+jwt', 'Application/At+Jwt']) {
      expect(codeOf(() => verifyJwt(token({}, { typ }), options))).toBeUndefined();
    }
  });

  test('inspected, shows its parts without a key', () => {
    const text = token();
    const { header, unverifiedClaims, signingInput, signature } = inspectJwt(text, { typ: 'at+jwt' });
    expect(header).toEqual({ alg: 'ES256', kid: key.kid, typ: 'at+jwt' });
    expect(unverifiedClaims).toEqual(claims);
    expect(`${signingInput}.${signature.toString('base64url')}`).toBe(text);
  });

  test('with any one character changed is refused', () => {
    const text = token();
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom(...alphabet, '.', '=', ' ', '~'), (at, character) => {
        fc.pre(text[at] !== character);
        expect(codeOf(() => verifyJwt(text.slice(0, at) + character + text.slice(at + 1), options))).toBeDefined();
      }),
      { numRuns: 500 },
    );
  });
});

describe('the key', () => {
  test('of another process does not verify', () => {
    expect(codeOf(() => verifyJwt(token({}, { key: generateSigningKey().privateKey }), options))).toBe('bad_signature');
  });

  test.each(['nobody', 'A'.repeat(128), '..', '.-_'])('under the kid %s is unknown', (kid) => {
    expect(codeOf(() => verifyJwt(token({}, { kid }), options))).toBe('unknown_key');
  });

  test.each([
    '',
    '../../dev/null',
    'x/y',
    "' or 1=1 --",
    'a\u0000b',
    'a\nb',
    'A'.repeat(129),
    'https://evil.test/k',
    'é',
    '*',
  ])('is not looked up under the kid %j, and none is signed with it', (kid) => {
    expect(() => token({}, { kid })).toThrow(RangeError);
    const [, payload, signature] = token().split('.') as [string, string, string];
    const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid, typ: 'at+jwt' })).toString('base64url');
    const asked: string[] = [];
    const lookup = (name: string) => (asked.push(name), key.publicKey);
    expect(codeOf(() => verifyJwt(`${header}.${payload}.${signature}`, { ...options, keys: lookup }))).toBe(
      'malformed',
    );
    expect(asked).toEqual([]);
  });

  test.each<[string, () => KeyObject]>([
    ['a secret', () => createSecretKey(Buffer.alloc(32, 1))],
    ['a private key', () => key.privateKey],
    ['an RSA key', () => generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey],
    ['a P-384 key', () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey],
  ])('is never used if the lookup gives %s', (_, wrong) => {
    expect(codeOf(() => verifyJwt(token(), { ...options, keys: wrong }))).toBe('unknown_key');
  });

  test('signs only if it is a private P-256 key', () => {
    for (const wrong of [
      key.publicKey,
      createSecretKey(Buffer.alloc(32, 1)),
      generateKeyPairSync('ed25519').privateKey,
    ]) {
      expect(() => token({}, { key: wrong })).toThrow(KeyRefused);
    }
  });
});

describe('the type', () => {
  const types = [
    'at+jwt',
    'portcullis-refresh+jwt',
    'portcullis-caller+jwt',
    'client-authentication+jwt',
    'logout+jwt',
    'JWT',
  ];
  test.each(types)('%s passes for itself only', (typ) => {
    for (const wanted of types) {
      expect(codeOf(() => verifyJwt(token({}, { typ }), { ...options, typ: wanted }))).toBe(
        typ === wanted ? undefined : 'wrong_type',
      );
    }
  });

  test.each(['at+jw', 'at+jwt ', 'x/at+jwt', 'application/application/at+jwt', ''])(
    '%j does not pass for at+jwt',
    (typ) => {
      expect(codeOf(() => verifyJwt(token({}, { typ }), options))).toBe('wrong_type');
    },
  );
});

describe('claims', () => {
  const verdict = (change: Record<string, unknown>, more: Partial<ExpectedClaims> = {}) =>
    codeOf(() => verifyJwt(token(change), { ...options, ...more }));

  test.each([
    undefined,
    null,
    7,
    '',
    'https://id.test/',
    'https://ID.test',
    'https://id.test.evil',
    ['https://id.test'],
  ])('iss %j', (iss) => {
    expect(verdict({ iss })).toBe('wrong_issuer');
  });

  test.each([
    undefined,
    null,
    7,
    '',
    [],
    {},
    'https://api.test/',
    'https://api.test/v1',
    'https://api',
    'HTTPS://API.TEST',
    [['https://api.test']],
    ['https://api.test', 7],
    ['https://api.test', null],
    { 0: 'https://api.test' },
  ])('aud %j', (aud) => {
    expect(verdict({ aud })).toBe('wrong_audience');
  });

  test.each(['exp', 'nbf', 'iat'])('%s must be a number', (name) => {
    for (const value of ['123', '', null, true, [], {}, -1, String(t)])
      expect(verdict({ [name]: value })).toBe('invalid_claims');
  });

  test.each(['1e999', '-1e999', 'NaN', 'Infinity', '0x10', '01'])('a time of %s is not even JSON to us', (text) => {
    expect(codeOf(() => readClaims(Buffer.from(`{"exp":${text}}`)))).toBe('malformed');
  });

  test('exp is required; nbf and iat are not', () => {
    expect(verdict({ exp: undefined })).toBe('invalid_claims');
    expect(verdict({ nbf: undefined, iat: undefined })).toBeUndefined();
  });

  test.each(['sub', 'jti'])('%s must be a string', (name) => {
    for (const value of [7, null, ['usr_1']]) expect(verdict({ [name]: value })).toBe('invalid_claims');
  });

  test.each<[string, Record<string, unknown>, Partial<ExpectedClaims>, TokenErrorCode | undefined]>([
    ['one second before exp', { exp: t + 1 }, {}, undefined],
    ['at exp', { exp: t }, {}, 'expired'],
    ['a millisecond before exp', { exp: t + 1 }, { now: new Date(now.getTime() + 999) }, undefined],
    ['within the leeway after exp', { exp: t - 29 }, { leewaySeconds: 30 }, undefined],
    ['at the end of the leeway', { exp: t - 30 }, { leewaySeconds: 30 }, 'expired'],
    ['at nbf', { nbf: t }, {}, undefined],
    ['one second before nbf', { nbf: t + 1 }, {}, 'not_yet_valid'],
    ['a leeway before nbf', { nbf: t + 60 }, { leewaySeconds: 60 }, undefined],
    ['a leeway and a second before nbf', { nbf: t + 61 }, { leewaySeconds: 60 }, 'not_yet_valid'],
    ['one second before iat', { iat: t + 1 }, {}, 'not_yet_valid'],
    ['a leeway before iat', { iat: t + 5 }, { leewaySeconds: 5 }, undefined],
    ['over before it begins', { exp: t - 1, nbf: t + 1 }, {}, 'expired'],
    ['exactly the longest life', {}, { maxLifetimeSeconds: 300 }, undefined],
    ['a second beyond the longest life', {}, { maxLifetimeSeconds: 299 }, 'invalid_claims'],
    ['no iat where a life is limited', { iat: undefined }, { maxLifetimeSeconds: 300 }, 'invalid_claims'],
    ['a broken clock', {}, { now: new Date(NaN) }, 'expired'],
  ])('%s', (_, change, more, code) => {
    expect(verdict(change, more)).toBe(code);
  });

  test.each([-1, 61, NaN, Infinity])('a leeway of %d seconds is a fault of the caller', (leewaySeconds) => {
    expect(() => checkClaims(claims, { ...expected, leewaySeconds })).toThrow(RangeError);
  });

  test.each([
    '',
    'null',
    '[]',
    '"x"',
    '{"exp":1,"exp":2}',
    '{"aud":"a","\\u0061ud":"b"}',
    '{"__proto__":{}}',
    '{"a":"\\u0000"}',
    '\ufeff{}',
    `{"act":${'{"act":'.repeat(40)}0${'}'.repeat(41)}`,
  ])('a payload of %j is malformed', (payload) => {
    expect(codeOf(() => readClaims(Buffer.from(payload)))).toBe('malformed');
  });
});
