import { type KeyObject } from 'node:crypto';
import { signatureMatches } from '../jws.js';
import { jwsAlgorithms, type PublicKey, type SignatureAlgorithm } from '../public-key.js';
import { VerificationKey } from '../verification-key.js';
import { SignatureError } from './signature-error.js';
import { type RequestSignature } from './signature-fields.js';

/**
 * Whether `bytes` are the key's signature over `base` (RFC 9421 section 3.3): RSA-PSS with a salt of 64 bytes, ECDSA as
 * r and s side by side in 64 bytes. Throws KeyRefused if the key does not fit the algorithm.
 */
export function signatureVerifies(
  { key, algorithm }: { readonly key: KeyObject; readonly algorithm: SignatureAlgorithm },
  base: string,
  bytes: Buffer,
): boolean {
  return signatureMatches(verificationKey(key, algorithm), base, bytes);
}

/**
 * Verifies a signature with the registered key of the client that it names, and says by which algorithm. `alg`, if
 * sent, must be one that the key may use. Without it an RSA key leaves two, and the signature shows which: both are
 * tried. That allows nothing that naming either would not. Throws {@link SignatureError} `wrong_algorithm` or
 * `bad_signature`.
 */
export function verifySignature(
  signature: RequestSignature,
  base: string,
  { key, algorithms }: PublicKey,
): SignatureAlgorithm {
  const allowed = algorithms.filter((algorithm) => signature.alg === null || signature.alg === algorithm);
  if (allowed.length === 0) {
    throw new SignatureError('wrong_algorithm', null, `The client's key is for ${algorithms.join(' or ')}.`);
  }
  const verified = allowed.find((algorithm) => signatureVerifies({ key, algorithm }, base, signature.bytes));
  if (verified === undefined) throw new SignatureError('bad_signature', null, 'The signature does not match.');
  return verified;
}

/** Checked once a KeyObject: looking at an RSA key costs more than verifying with it. */
const verificationKeys = new WeakMap<KeyObject, Map<SignatureAlgorithm, VerificationKey>>();

function verificationKey(key: KeyObject, algorithm: SignatureAlgorithm): VerificationKey {
  let known = verificationKeys.get(key);
  if (known === undefined) verificationKeys.set(key, (known = new Map<SignatureAlgorithm, VerificationKey>()));
  let checked = known.get(algorithm);
  if (checked === undefined) known.set(algorithm, (checked = VerificationKey.of(jwsAlgorithms[algorithm], key)));
  return checked;
}
