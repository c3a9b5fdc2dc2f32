import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { decodeBase64 } from './base64url.js';
import { KeyRefused, VerificationKey } from './verification-key.js';

/** As client records name it. */
export type KeyAlgorithm = 'rsa' | 'ec-p256' | 'ed25519';

/** RFC 9421 section 3.3, those of public keys that we take. HMAC is not among them. */
export type SignatureAlgorithm = 'rsa-v1_5-sha256' | 'rsa-pss-sha512' | 'ecdsa-p256-sha256' | 'ed25519';

/** A client's key, fit to verify with. */
export interface PublicKey {
  readonly key: KeyObject;
  /** DER, in the one form that a key has. */
  readonly spki: Buffer;
  /** SHA-256 of `spki`, lower-case hex: equal keys have equal ones. */
  readonly fingerprint: string;
  readonly algorithm: KeyAlgorithm;
  /** What it may verify by. */
  readonly algorithms: readonly SignatureAlgorithm[];
}

/** A text that is no public key for a client. The message says what it is and what is wanted, and holds none of it. */
export class PublicKeyRefused extends Error {
  override readonly name = 'PublicKeyRefused';
}

/**
 * Reads a public key as people paste it: one PEM block `BEGIN PUBLIC KEY` (SPKI, RFC 7468 section 13), in which line
 * ends may be CRLF, spaces, the two characters `\n`, or missing. The key is RSA of 2048 to 8192 bits, EC P-256 or
 * Ed25519, and not one that is known to be weak. Throws {@link PublicKeyRefused}.
 */
export function readPublicKey(text: string): PublicKey {
  // The largest key that we take is a tenth of it.
  if (text.length > maxCharacters) throw new PublicKeyRefused(`This is too long for a public key. ${wanted}`);
  const pem = text.replaceAll(/\\r|\\n|\r/g, '\n').trim();
  refuseOtherKinds(pem);
  const [, inner] = /^-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]*)-----END PUBLIC KEY-----$/.exec(pem) ?? [];
  if (inner === undefined) {
    throw new PublicKeyRefused(
      `Before, inside or after the public key there is text that does not belong to it. ${wanted}`,
    );
  }
  const spki = decodeBase64(inner.replaceAll(/\s/g, ''));
  if (spki === null) throw new PublicKeyRefused('The base64 of this public key is damaged: paste the whole file.');
  return publicKeyFromSpki(spki);
}

/** The same for the DER form. Throws {@link PublicKeyRefused}. */
export function publicKeyFromSpki(der: Uint8Array): PublicKey {
  const read = readSpki(der);
  const [algorithm, algorithms] = kindOf(read);
  try {
    for (const name of algorithms) VerificationKey.of(jwsAlgorithms[name], read);
  } catch (cause) {
    if (!(cause instanceof KeyRefused)) throw cause;
    const bits = read.asymmetricKeyDetails?.modulusLength;
    throw new PublicKeyRefused(`This is an RSA key of ${bits} bits. ${cause.message}`, { cause });
  }
  if (algorithm === 'ed25519') refuseSmallOrder(read);
  // A point has a short form and a long one; a JWK knows the long one only.
  const key = algorithm === 'ec-p256' ? createPublicKey({ key: read.export({ format: 'jwk' }), format: 'jwk' }) : read;
  const spki = key.export({ type: 'spki', format: 'der' });
  return { key, spki, fingerprint: createHash('sha256').update(spki).digest('hex'), algorithm, algorithms };
}

/** What JWA calls them: their rules are written down there once. */
export const jwsAlgorithms = {
  'rsa-v1_5-sha256': 'RS256',
  'rsa-pss-sha512': 'PS512',
  'ecdsa-p256-sha256': 'ES256',
  ed25519: 'EdDSA',
} as const;

const maxCharacters = 16_384;
const wanted =
  'Wanted is the public key alone, from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----: ' +
  'RSA of at least 2048 bits, EC P-256 or Ed25519.';

/** Says what people paste instead, most dangerous first, and how to get the right thing from it. */
function refuseOtherKinds(pem: string): void {
  const labels = [...pem.matchAll(/-----BEGIN ([^-]*)-----/g)].map(([, label = '']) => label);
  if (/PRIVATE KEY/.test(pem) || /BEGIN OPENSSH|PuTTY-User-Key-File/.test(pem)) {
    throw new PublicKeyRefused(
      'This is a private key. It was not stored, but treat it as exposed: make a new pair, keep the private half to ' +
        'yourself and register the public half (openssl pkey -in key.pem -pubout).',
    );
  }
  if (labels.length > 1) throw new PublicKeyRefused(`There are several PEM blocks here. ${wanted}`);
  const [label] = labels;
  if (label === 'PUBLIC KEY') return;
  if (label === undefined) throw new PublicKeyRefused(`${nameOfBareText(pem)} ${wanted}`);
  throw new PublicKeyRefused(
    `${Object.hasOwn(blocks, label) ? blocks[label] : 'This is another kind of PEM block.'} ${wanted}`,
  );
}

const certificate = 'This is a certificate; its key comes out with openssl x509 -in cert.pem -noout -pubkey.';
const pkcs1 =
  'This is an RSA public key in the older form PKCS#1; openssl rsa -RSAPublicKey_in -in key.pem -pubout rewrites it.';

const blocks: Readonly<Record<string, string>> = {
  CERTIFICATE: certificate,
  'X509 CERTIFICATE': certificate,
  'TRUSTED CERTIFICATE': certificate,
  'CERTIFICATE REQUEST':
    'This is a certificate request; its key comes out with openssl req -in req.pem -noout -pubkey.',
  'RSA PUBLIC KEY': pkcs1,
  'EC PARAMETERS': 'These are the parameters of a curve, without a key.',
  'PGP PUBLIC KEY BLOCK': 'This is a PGP key.',
};

function nameOfBareText(text: string): string {
  if (/^(?:ssh-|ecdsa-sha2-|sk-)|^---- BEGIN SSH2/.test(text)) {
    return 'This is an SSH key; ssh-keygen -e -m PKCS8 -f key.pub rewrites it.';
  }
  if (text === '') return 'There is no key here.';
  if (text.startsWith('{')) return 'This is JSON, not PEM.';
  if (/^[A-Za-z0-9+/=\s]{40,}$/.test(text)) return 'This is without the lines that PEM begins and ends with.';
  return 'This is not PEM.';
}

function readSpki(der: Uint8Array): KeyObject {
  let key: KeyObject;
  let plain: Buffer;
  try {
    key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
    plain = key.export({ type: 'spki', format: 'der' });
  } catch (cause) {
    // A point that is not on its curve is found by the first, the one at infinity by the second.
    throw new PublicKeyRefused(`This public key is damaged, or of a kind that is not supported. ${wanted}`, { cause });
  }
  // OpenSSL reads the first value and lets the rest lie.
  if (!plain.equals(der)) {
    throw new PublicKeyRefused(
      'This public key is not written in plain DER, or something follows it inside its block.',
    );
  }
  return key;
}

function kindOf(key: KeyObject): [KeyAlgorithm, readonly SignatureAlgorithm[]] {
  const { asymmetricKeyType: type, asymmetricKeyDetails: { namedCurve } = {} } = key;
  if (type === 'rsa') return ['rsa', ['rsa-v1_5-sha256', 'rsa-pss-sha512']];
  if (type === 'ed25519') return ['ed25519', ['ed25519']];
  if (type === 'ec' && namedCurve === 'prime256v1') return ['ec-p256', ['ecdsa-p256-sha256']];
  const kind =
    type === 'ec'
      ? `an EC key on ${namedCurve ?? 'a curve without a name'}`
      : type === 'rsa-pss'
        ? 'an RSA key bound to PSS'
        : `a key of the type ${type}`;
  throw new PublicKeyRefused(`This is ${kind}. ${wanted}`);
}

/**
 * Under a point of small order anybody can sign: S = 0 is then right for one message in eight or more. Compared without
 * the top bit, the sign of x; the last two are other spellings of 0 and 1.
 */
function refuseSmallOrder(key: KeyObject): void {
  const point = Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
  point[31] = (point[31] ?? 0) & 0x7f;
  if (smallOrderPoints.has(point.toString('hex'))) {
    throw new PublicKeyRefused('Under this Ed25519 key anybody could sign. Make a new pair.');
  }
}

const smallOrderPoints: ReadonlySet<string> = new Set([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
]);
