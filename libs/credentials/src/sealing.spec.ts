import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import * as fc from 'fast-check';
import { compactDecrypt, CompactEncrypt } from 'jose';
import { describeVectors } from '../spec/vectors.js';
import { generateSealingKey, publicSealingJwk, seal, sealingKeyFrom, SealRefused, unseal } from './sealing.js';
import { KeyRefused } from './verification-key.js';

const key = generateSealingKey();
const jwk = publicSealingJwk(key);
const context = 'api-key.issue:req_1';

describe('a sealed text', () => {
  test.each(['hunter2', '', 'é😀\u0000', 'x'.repeat(100_000)])('opens to what was sealed (%#)', (text) => {
    expect(unseal(key, seal(jwk, text, context), context)).toBe(text);
  });

  test('shows nothing of its content and is never the same twice', () => {
    const [one, two] = [seal(jwk, 'hunter2', context), seal(jwk, 'hunter2', context)];
    expect(one).not.toBe(two);
    expect(
      one
        .split('.')
        .map((part) => Buffer.from(part, 'base64url').toString())
        .join(),
    ).not.toContain('hunter2');
  });

  test('survives JSON: the published key may be sent as text', () => {
    expect(unseal(key, seal(JSON.parse(JSON.stringify(jwk)), 'x', 'é'), 'é')).toBe('x');
  });

  test('stays shut for another key, another context, and whoever sealed it', () => {
    const sealed = seal(jwk, 'hunter2', context);
    expect(() => unseal(generateSealingKey(), sealed, context)).toThrow(SealRefused);
    for (const other of ['', 'api-key.issue:req_2', `${context} `]) {
      expect(() => unseal(key, sealed, other)).toThrow(SealRefused);
    }
  });

  test('with any one character changed stays shut', () => {
    const sealed = seal(jwk, 'hunter2', context);
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), fc.constantFrom(...'AZaz09-_.= '), (at, character) => {
        fc.pre(sealed[at] !== character);
        expect(() => unseal(key, sealed.slice(0, at) + character + sealed.slice(at + 1), context)).toThrow(SealRefused);
      }),
    );
  });

  const make = (header: Record<string, unknown>) =>
    new CompactEncrypt(Buffer.from('hunter2'))
      .setProtectedHeader({
        alg: 'ECDH-ES',
        enc: 'A256GCM',
        typ: 'portcullis-sealed+jwe',
        kid: jwk.kid,
        ctx: context,
        ...header,
      })
      .encrypt(createPublicKey(key));

  test('made by another JOSE library to the same rules opens; the rules are the header', async () => {
    expect(unseal(key, await make({}), context)).toBe('hunter2');
  });

  test('is opened by another JOSE library', async () => {
    const { plaintext, protectedHeader } = await compactDecrypt(seal(jwk, 'hunter2', context), key);
    expect(Buffer.from(plaintext).toString()).toBe('hunter2');
    expect(protectedHeader).toMatchObject({ alg: 'ECDH-ES', enc: 'A256GCM', kid: jwk.kid, ctx: context });
  });

  test.each<[string, Record<string, unknown>]>([
    ['another content encryption', { enc: 'A128GCM' }],
    ['CBC', { enc: 'A256CBC-HS512' }],
    ['a wrapped key', { alg: 'ECDH-ES+A256KW' }],
    ['compression', { zip: 'DEF' }],
    ['no context', { ctx: undefined }],
    ['a context that is no string', { ctx: [context] }],
    ['no kid', { kid: undefined }],
    ['another type', { typ: 'JWT' }],
    ['a parameter more', { jku: 'https://evil.test' }],
    ['apu', { apu: 'AAAA' }],
  ])('with %s is refused, though the key would fit', async (_, header) => {
    const sealed = await make(header);
    expect(() => unseal(key, sealed, context)).toThrow(SealRefused);
  });

  test('in another spelling is refused, though jose would read it', () => {
    const sealed = seal(jwk, 'hunter2', context);
    for (const other of [`${sealed}=`, ` ${sealed}`, `${sealed}\n`, `${sealed}.`, sealed.replace('..', '.AAAA.')]) {
      expect(() => unseal(key, other, context)).toThrow(SealRefused);
    }
  });

  test.each(['', '....', 'hunter2', 'a.b.c', '{"ciphertext":"AA"}'])('%j is none', (text) => {
    expect(() => unseal(key, text, context)).toThrow(SealRefused);
  });

  test('with a short tag or IV stays shut', () => {
    const parts = seal(jwk, 'hunter2', context).split('.');
    for (const [index, length] of [
      [2, 8],
      [4, 4],
      [4, 12],
    ] as const) {
      const cut = [...parts];
      cut[index] = Buffer.from(parts[index] ?? '', 'base64url')
        .subarray(0, length)
        .toString('base64url');
      expect(() => unseal(key, cut.join('.'), context)).toThrow(SealRefused);
    }
  });
});

describe('a key to seal to is refused', () => {
  const lowOrder = [
    '0'.repeat(64),
    `01${'0'.repeat(62)}`,
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  ];
  test.each<[string, unknown]>([
    ['with its private member', key.export({ format: 'jwk' })],
    ['of another curve', generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })],
    ['of another kind', generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })],
    ['that is short', { ...jwk, x: jwk.x.slice(4) }],
    ['with padding', { ...jwk, x: `${jwk.x}=` }],
    ['under another name', { ...jwk, kid: 'x' }],
    ['for signatures', { ...jwk, use: 'sig' }],
    ['for another algorithm', { ...jwk, alg: 'ECDH-ES+A256KW' }],
    ['as null', null],
    ['as text', JSON.stringify(jwk)],
  ])('%s', (_, wrong) => {
    expect(() => seal(wrong, 'hunter2', context)).toThrow(KeyRefused);
  });

  test.each(lowOrder)('of low order, whose shared secret anyone knows: %s', (hex) => {
    const weak = { kty: 'OKP', crv: 'X25519', x: Buffer.from(hex, 'hex').toString('base64url') };
    expect(() => seal(weak, 'hunter2', context)).toThrow(KeyRefused);
  });
});

describe('a key from a seed', () => {
  const seed = Buffer.alloc(32, 7);

  test('is the same on every replica, and another for another seed', () => {
    const sealed = seal(publicSealingJwk(sealingKeyFrom(seed)), 'hunter2', context);
    expect(unseal(sealingKeyFrom(Buffer.from(seed)), sealed, context)).toBe('hunter2');
    expect(publicSealingJwk(sealingKeyFrom(Buffer.alloc(32, 9))).x).not.toBe(publicSealingJwk(sealingKeyFrom(seed)).x);
  });

  test.each([0, 16, 31, 33, 64])('of %d bytes is refused', (length) => {
    expect(() => sealingKeyFrom(Buffer.alloc(length))).toThrow(KeyRefused);
  });

  test('only X25519 keys seal and open', () => {
    const other = generateKeyPairSync('ed25519').privateKey;
    expect(() => publicSealingJwk(other)).toThrow(KeyRefused);
    expect(() => unseal(other, seal(jwk, 'x', context), context)).toThrow(KeyRefused);
  });
});

describeVectors('jose-cookbook', (vectors) => {
  test('the key of RFC 8037 appendix A.6 from its private bytes gives its public half', () => {
    const { input } = vectors.json<{ input: { key: { crv: string; x: string; d: string } } }>(
      'curve25519/ecdh-es.json',
    );
    expect(input.key.crv).toBe('X25519');
    expect(publicSealingJwk(sealingKeyFrom(Buffer.from(input.key.d, 'base64url'))).x).toBe(input.key.x);
  });
});
