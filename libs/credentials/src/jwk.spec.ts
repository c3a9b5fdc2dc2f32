import { createSecretKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { describeVectors } from '../spec/vectors.js';
import { exportPkcs8, generateSigningKey, importPkcs8, importPublicJwk, publicJwk, thumbprint } from './jwk.js';
import { type JwsAlgorithm, KeyRefused, VerificationKey } from './verification-key.js';

const key = generateSigningKey();
const bare = { kty: 'EC', crv: 'P-256', x: key.publicJwk.x, y: key.publicJwk.y };

describe('a signing key', () => {
  test('is named by its thumbprint and shows public members only', () => {
    expect(key.publicJwk).toEqual({ ...bare, kid: key.kid, use: 'sig', alg: 'ES256' });
    expect(thumbprint(key.publicJwk)).toBe(key.kid);
    expect(publicJwk(key.privateKey, { use: 'sig', alg: 'ES256' })).toEqual(key.publicJwk);
  });

  test('comes back from PKCS#8 the same', () => {
    const again = importPkcs8(exportPkcs8(key.privateKey));
    expect(again.publicJwk).toEqual(key.publicJwk);
    expect(verify('sha256', Buffer.from('x'), key.publicKey, sign('sha256', Buffer.from('x'), again.privateKey))).toBe(
      true,
    );
  });

  test('its published form is read by another process', () => {
    for (const jwk of [key.publicJwk, bare, JSON.parse(JSON.stringify(key.publicJwk))]) {
      expect(importPublicJwk(jwk).equals(key.publicKey)).toBe(true);
    }
  });
});

describe('a published key is refused', () => {
  const other = generateSigningKey();
  const flipped = Buffer.from(bare.y ?? '', 'base64url');
  flipped[31] = (flipped[31] ?? 0) ^ 1;
  test.each<[string, unknown]>([
    ['with its private member', { ...key.privateKey.export({ format: 'jwk' }) }],
    ['with an empty private member', { ...bare, d: '' }],
    ['with an address of a certificate', { ...bare, x5u: 'https://evil.test' }],
    ['with key_ops', { ...bare, key_ops: ['verify'] }],
    ['off the curve', { ...bare, y: flipped.toString('base64url') }],
    ['at infinity', { ...bare, x: 'A'.repeat(43), y: 'A'.repeat(43) }],
    ['beyond the field', { ...bare, x: Buffer.alloc(32, 0xff).toString('base64url') }],
    [
      'with a short coordinate',
      {
        ...bare,
        x: Buffer.from(bare.x ?? '', 'base64url')
          .subarray(1)
          .toString('base64url'),
      },
    ],
    ['with a long coordinate', { ...bare, x: `AAAA${bare.x}` }],
    ['with padding', { ...bare, x: `${bare.x}=` }],
    ['without y', { kty: 'EC', crv: 'P-256', x: bare.x }],
    [
      'of another curve',
      publicJwk(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey, { use: 'sig', alg: 'ES384' }),
    ],
    [
      'of secp256k1 called P-256',
      { ...generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ format: 'jwk' }), crv: 'P-256' },
    ],
    ['of another kind', publicJwk(generateKeyPairSync('ed25519').publicKey, { use: 'sig', alg: 'EdDSA' })],
    ['that is symmetric', { kty: 'oct', k: 'AAAA' }],
    ['for encryption', { ...bare, use: 'enc' }],
    ['for another algorithm', { ...bare, alg: 'ES384' }],
    ["under another key's name", { ...bare, kid: other.kid }],
    ['in a list', [bare]],
    ['as text', JSON.stringify(bare)],
    ['as null', null],
  ])('%s', (_, jwk) => {
    expect(() => importPublicJwk(jwk)).toThrow(KeyRefused);
  });
});

describe('a stored key is refused', () => {
  test.each<[string, () => unknown]>([
    [
      'if it is of another curve',
      () => importPkcs8(exportPkcs8(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey)),
    ],
    ['if it is cut off', () => importPkcs8(exportPkcs8(key.privateKey).subarray(0, 60))],
    ['if it is public', () => importPkcs8(key.publicKey.export({ format: 'der', type: 'spki' }))],
    ['on the way out, if it is public', () => exportPkcs8(key.publicKey)],
    ['on the way out, if it is a secret', () => exportPkcs8(createSecretKey(Buffer.alloc(32, 1)))],
  ])('%s', (_, action) => {
    expect(action).toThrow(KeyRefused);
  });
});

test('a secret has no thumbprint and no public form', () => {
  expect(() => thumbprint({ kty: 'oct', k: 'AAAA' })).toThrow(KeyRefused);
  expect(() => thumbprint({ kty: 'toString' })).toThrow(KeyRefused);
  expect(() => thumbprint({ kty: 'EC', crv: 'P-256', x: 'AA' })).toThrow(KeyRefused);
  expect(() => publicJwk(createSecretKey(Buffer.alloc(32)), { use: 'sig', alg: 'HS256' })).toThrow(KeyRefused);
});

describe('a verification key fits its algorithm or does not exist', () => {
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rsa = (modulusLength: number, publicExponent = 65537) =>
    generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey;
  test.each<[string, JwsAlgorithm, () => KeyObject]>([
    ['a private key', 'ES256', () => p256.privateKey],
    ['another curve', 'ES384', () => p256.publicKey],
    ['another kind', 'EdDSA', () => p256.publicKey],
    ['another kind', 'RS256', () => p256.publicKey],
    ['a public key for HMAC', 'HS256', () => p256.publicKey],
    ['a secret for ECDSA', 'ES256', () => createSecretKey(Buffer.alloc(32, 1))],
    ['a secret for RSA', 'PS256', () => createSecretKey(Buffer.alloc(256, 1))],
    ['a short secret', 'HS256', () => createSecretKey(Buffer.alloc(31, 1))],
    ['a short secret', 'HS512', () => createSecretKey(Buffer.alloc(63, 1))],
    ['a short RSA key', 'RS256', () => rsa(1024)],
    ['the RSA exponent 3', 'RS256', () => rsa(2048, 3)],
    ['an RSA-PSS key', 'PS256', () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey],
    ['an unknown algorithm', 'none' as JwsAlgorithm, () => p256.publicKey],
    ['an inherited name', 'toString' as JwsAlgorithm, () => p256.publicKey],
  ])('%s is refused (%s)', (_, alg, make) => {
    expect(() => VerificationKey.of(alg, make())).toThrow(KeyRefused);
  });

  test('sound keys are taken', () => {
    expect(VerificationKey.of('ES256', p256.publicKey).alg).toBe('ES256');
    for (const alg of ['RS256', 'PS512'] as const) expect(VerificationKey.of(alg, rsa(2048)).alg).toBe(alg);
    expect(VerificationKey.of('HS256', createSecretKey(Buffer.alloc(32, 1))).alg).toBe('HS256');
    const jwk = rsa(2048).export({ format: 'jwk' });
    expect(VerificationKey.fromJwk({ ...jwk, alg: 'RS256', use: 'sig', key_ops: ['verify'] }).alg).toBe('RS256');
    for (const wrong of [
      { alg: 'toString' },
      { alg: 'RS256', n: `${jwk.n}=` },
      { alg: 'RS256', d: 'AQAB' },
      { alg: 'ES256' },
    ]) {
      expect(() => VerificationKey.fromJwk({ ...jwk, ...wrong })).toThrow(KeyRefused);
    }
  });
});

describeVectors('jose-small', (vectors) => {
  test('thumbprints of RFC 7638, 8037 and 9449', () => {
    type Jwk = Record<string, unknown>;
    const { rfc7638, rfc8037, rfc9449 } = vectors.json<{
      rfc7638: { jwk: Jwk; thumbprint: string };
      rfc8037: { jwk: Jwk; thumbprint: string };
      rfc9449: { jwk: Jwk; jkt: string };
    }>('vectors.json');
    expect(thumbprint(rfc7638.jwk)).toBe(rfc7638.thumbprint);
    expect(thumbprint(rfc8037.jwk)).toBe(rfc8037.thumbprint);
    expect(thumbprint(rfc9449.jwk)).toBe(rfc9449.jkt);
    expect(importPublicJwk(rfc9449.jwk).type).toBe('public');
  });
});
