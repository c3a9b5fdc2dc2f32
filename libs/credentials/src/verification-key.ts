import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { decodeBase64url } from './base64url.js';

/** The algorithms of RFC 7518 that this library verifies. `none` is not among them. */
export type JwsAlgorithm =
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'HS256'
  | 'HS384'
  | 'HS512';

/** A key that may not be used, and why. The message holds nothing of the key. */
export class KeyRefused extends Error {
  override readonly name = 'KeyRefused';
}

/**
 * A key together with the one algorithm that it verifies. It exists only if the two fit: so no public key is ever an
 * HMAC secret, and no weak key gets as far as a signature.
 */
export class VerificationKey {
  private constructor(
    readonly alg: JwsAlgorithm,
    readonly key: KeyObject,
  ) {}

  /**
   * Throws {@link KeyRefused} unless the key is of the algorithm's type: for ES and EdDSA a public key on its curve;
   * for RS and PS a public RSA key of 2048 to 8192 bits with an odd exponent of 65537 or more, and not one of the
   * Infineon series that can be factored (CVE-2017-15361); for HS a secret at least as long as the hash.
   */
  static of(alg: JwsAlgorithm, key: KeyObject): VerificationKey {
    if (alg === 'HS256' || alg === 'HS384' || alg === 'HS512') {
      if (key.type !== 'secret') throw new KeyRefused(`${alg} takes a secret key.`);
      if ((key.symmetricKeySize ?? 0) * 8 < Number(alg.slice(2)))
        throw new KeyRefused(`The secret is too short for ${alg}.`);
      return new VerificationKey(alg, key);
    }
    if (key.type !== 'public') throw new KeyRefused(`${alg} is verified with a public key.`);
    if (alg === 'EdDSA') {
      if (key.asymmetricKeyType !== 'ed25519') throw new KeyRefused('EdDSA takes an Ed25519 key.');
    } else if (alg === 'ES256' || alg === 'ES384' || alg === 'ES512') {
      if (key.asymmetricKeyDetails?.namedCurve !== curves[alg].name)
        throw new KeyRefused(`${alg} takes another curve.`);
    } else if (alg in rsaHashes) {
      checkRsa(alg, key);
    } else {
      throw new KeyRefused('The algorithm is not supported.');
    }
    return new VerificationKey(alg, key);
  }

  /**
   * From a JWK (RFC 7517) that names its `alg`. Throws {@link KeyRefused} for private members in a public key, for a
   * `use` or `key_ops` other than verifying, for members that are not canonical base64url, and as {@link of} does.
   */
  static fromJwk(jwk: Readonly<Record<string, unknown>>): VerificationKey {
    const { alg, kty, use, key_ops: operations } = jwk;
    if (!isAlgorithm(alg)) throw new KeyRefused('The key names no supported algorithm.');
    if (use !== undefined && use !== 'sig') throw new KeyRefused('The key is not for signatures.');
    if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
      throw new KeyRefused('The key is not for verifying.');
    }
    if (kty !== keyTypes[alg.slice(0, 2)]) throw new KeyRefused(`${alg} takes another type of key.`);
    if (privateMembers.some((name) => Object.hasOwn(jwk, name))) throw new KeyRefused('The key holds private members.');
    const member = (name: string) => {
      const text = jwk[name];
      const bytes = typeof text === 'string' ? decodeBase64url(text) : null;
      if (!bytes) throw new KeyRefused(`The member ${name} is not canonical base64url.`);
      return bytes;
    };
    if (kty === 'oct') return VerificationKey.of(alg, createSecretKey(member('k')));
    for (const name of kty === 'RSA' ? ['n', 'e'] : kty === 'EC' ? ['x', 'y'] : ['x']) member(name);
    return VerificationKey.of(alg, publicKeyFromJwk(jwk));
  }
}

/** What each ES algorithm is over. `order` is the order of the curve's group, big-endian (SEC 2). */
export const curves = {
  ES256: {
    name: 'prime256v1',
    hash: 'sha256',
    order: Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex'),
  },
  ES384: {
    name: 'secp384r1',
    hash: 'sha384',
    order: Buffer.from(`${'f'.repeat(48)}c7634d81f4372ddf581a0db248b0a77aecec196accc52973`, 'hex'),
  },
  ES512: {
    name: 'secp521r1',
    hash: 'sha512',
    order: Buffer.from(`01${'f'.repeat(64)}fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409`, 'hex'),
  },
} as const;

export const rsaHashes = {
  RS256: 'sha256',
  RS384: 'sha384',
  RS512: 'sha512',
  PS256: 'sha256',
  PS384: 'sha384',
  PS512: 'sha512',
} as const;

/** node:crypto's own reading of a JWK, with its many errors made one. It refuses points that are not on their curve. */
export function publicKeyFromJwk(jwk: Readonly<Record<string, unknown>>): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch (cause) {
    throw new KeyRefused('The key cannot be read.', { cause });
  }
}

/** RFC 7518 section 6: what a public JWK never holds. */
export const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'priv'];

const keyTypes: Readonly<Record<string, string>> = { ES: 'EC', Ed: 'OKP', RS: 'RSA', PS: 'RSA', HS: 'oct' };

function isAlgorithm(alg: unknown): alg is JwsAlgorithm {
  return (
    typeof alg === 'string' && (alg in curves || alg in rsaHashes || alg === 'EdDSA' || /^HS(?:256|384|512)$/.test(alg))
  );
}

function checkRsa(alg: JwsAlgorithm, key: KeyObject): void {
  // 'rsa-pss' keys carry parameters of their own; nobody needs them for RS or PS as JWA defines those.
  if (key.asymmetricKeyType !== 'rsa') throw new KeyRefused(`${alg} takes an RSA key.`);
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < 2048 || modulusLength > 8192) throw new KeyRefused('An RSA key has 2048 to 8192 bits.');
  // Node and jose accept an exponent of 1, under which every message is its own signature.
  if (publicExponent < 65537n || publicExponent % 2n === 0n)
    throw new KeyRefused('The RSA exponent is odd, 65537 or more.');
  if (isRoca(key)) throw new KeyRefused('This RSA key was made by a generator whose keys can be factored.');
}

/**
 * CVE-2017-15361: those moduli are, modulo every small prime, a power of 65537. A sound key passes all of these tests
 * by chance far less than once in a billion.
 */
function isRoca(key: KeyObject): boolean {
  const modulus = BigInt(`0x${Buffer.from(key.export({ format: 'jwk' }).n ?? '', 'base64url').toString('hex')}`);
  return smallPrimes.every((prime) => {
    const rest = Number(modulus % BigInt(prime));
    let power = 1;
    do {
      if (power === rest) return true;
      power = (power * 65537) % prime;
    } while (power !== 1);
    return false;
  });
}

const smallPrimes = Array.from({ length: 165 }, (_, index) => index + 3).filter((candidate) =>
  Array.from({ length: candidate - 2 }, (_, index) => index + 2).every((divisor) => candidate % divisor !== 0),
);
