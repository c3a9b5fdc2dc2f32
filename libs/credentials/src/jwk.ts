import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, type KeyObject } from 'node:crypto';
import { decodeBase64url } from './base64url.js';
import { KeyRefused, publicKeyFromJwk } from './verification-key.js';

/** The public half of a key as a JWKS shows it: public members, and which key it is for what. */
export type PublicJwk = {
  readonly kty: string;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly n?: string;
  readonly e?: string;
  /** The RFC 7638 thumbprint. */
  readonly kid: string;
  readonly use: string;
  readonly alg: string;
};

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly publicJwk: PublicJwk;
}

/** A fresh ES256 key (P-256). Its `kid` is its thumbprint, so the same key has the same name everywhere. */
export function generateSigningKey(): SigningKey {
  return signingKeyFrom(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
}

/** The public JWK of a public or private EC, RSA or OKP key. Throws {@link KeyRefused} for a secret key. */
export function publicJwk(key: KeyObject, { use, alg }: { use: string; alg: string }): PublicJwk {
  if (key.type === 'secret') throw new KeyRefused('A secret key has no public half.');
  const members = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' });
  return { ...required(members), kid: thumbprint(members), use, alg };
}

/** RFC 7638: SHA-256 over the required public members, sorted, without white space; base64url. Not for `oct` keys. */
export function thumbprint(jwk: Readonly<Record<string, unknown>>): string {
  const members = required(jwk);
  return hash('sha256', JSON.stringify(members, Object.keys(members).sort()), 'base64url');
}

/**
 * Reads a P-256 public key that another process published. Throws {@link KeyRefused} unless it is exactly
 * `kty crv x y` with coordinates of 32 bytes on the curve, beside at most `kid` (then the thumbprint), `use` (then
 * `sig`) and `alg` (then `ES256`). Any other member, a private one above all, is refused rather than dropped: whoever
 * sent it did not mean what we would read.
 */
export function importPublicJwk(jwk: unknown): KeyObject {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) throw new KeyRefused('A JWK is an object.');
  const { kty, crv, x, y, kid, use, alg, ...rest } = jwk as Record<string, unknown>;
  if (Object.keys(rest).length > 0)
    throw new KeyRefused('The JWK holds members that a public P-256 key does not have.');
  if (kty !== 'EC' || crv !== 'P-256') throw new KeyRefused('The JWK is not a P-256 key.');
  for (const coordinate of [x, y]) {
    if (typeof coordinate !== 'string' || decodeBase64url(coordinate)?.length !== 32) {
      throw new KeyRefused('A coordinate is not 32 bytes in base64url.');
    }
  }
  if (use !== undefined && use !== 'sig') throw new KeyRefused('The JWK is not for signatures.');
  if (alg !== undefined && alg !== 'ES256') throw new KeyRefused('The JWK is not for ES256.');
  if (kid !== undefined && kid !== thumbprint({ kty, crv, x, y }))
    throw new KeyRefused('The kid is not the thumbprint.');
  return publicKeyFromJwk({ kty, crv, x, y });
}

/** The private key as PKCS#8 DER, for storage. It is not encrypted: that is `KeyEncryption`'s part. */
export function exportPkcs8(key: KeyObject): Buffer {
  if (key.type !== 'private') throw new KeyRefused('Only a private key is written as PKCS#8.');
  return key.export({ format: 'der', type: 'pkcs8' });
}

/** A stored ES256 key, back from PKCS#8 DER. Throws {@link KeyRefused} for anything but a P-256 private key. */
export function importPkcs8(der: Buffer): SigningKey {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw new KeyRefused('The stored key cannot be read.', { cause });
  }
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new KeyRefused('The stored key is not a P-256 key.');
  return signingKeyFrom(key);
}

function signingKeyFrom(privateKey: KeyObject): SigningKey {
  const jwk = publicJwk(privateKey, { use: 'sig', alg: 'ES256' });
  return { kid: jwk.kid, privateKey, publicKey: createPublicKey(privateKey), publicJwk: jwk };
}

const requiredMembers: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
};

function required(jwk: Readonly<Record<string, unknown>>): { kty: string } & Record<string, string> {
  const names = Object.hasOwn(requiredMembers, String(jwk.kty)) ? requiredMembers[String(jwk.kty)] : undefined;
  // A thumbprint of an oct key would be a digest of the secret, published.
  if (!names) throw new KeyRefused('Only EC, RSA and OKP keys have a public form.');
  const members: { kty: string } & Record<string, string> = { kty: '' };
  for (const name of names) {
    const value = jwk[name];
    if (typeof value !== 'string') throw new KeyRefused(`The JWK lacks ${name}.`);
    members[name] = value;
  }
  return members;
}
