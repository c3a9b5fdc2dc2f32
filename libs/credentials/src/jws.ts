import { constants, createHmac, timingSafeEqual, verify } from 'node:crypto';
import { decodeBase64url } from './base64url.js';
import { parseStrictJson } from './strict-json.js';
import { curves, rsaHashes, type VerificationKey } from './verification-key.js';

/** For the log and for our own decisions; from outside every refusal looks the same (RFC 8725). */
export type TokenErrorCode =
  | 'malformed'
  | 'unsupported'
  | 'unknown_key'
  | 'bad_signature'
  | 'wrong_type'
  | 'wrong_issuer'
  | 'wrong_audience'
  | 'expired'
  | 'not_yet_valid'
  | 'invalid_claims';

/** A token was refused. The message names the rule that it broke and holds nothing of the token. */
export class TokenError extends Error {
  override readonly name = 'TokenError';

  constructor(
    readonly code: TokenErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A protected header: `alg`, and whatever else the signer put there. */
export interface JwsHeader {
  readonly alg: string;
  readonly kid?: string;
  readonly typ?: string;
  readonly [parameter: string]: unknown;
}

/** A JWS taken apart. Nothing here is verified. */
export interface ParsedJws {
  readonly header: JwsHeader;
  readonly payload: Buffer;
  /** What the signature is over: the first two parts as received. */
  readonly signingInput: string;
  readonly signature: Buffer;
}

export interface JwsLimits {
  /** Characters of the token, all of them ASCII; 8192 unless set. */
  readonly maxBytes?: number;
}

/**
 * Takes a compact JWS (RFC 7515 section 7.1) apart and holds it to every rule that needs no key: three parts, canonical
 * base64url, a header that is strict JSON with one string `alg`, no critical extension, no unencoded payload, no key
 * and no address of a key inside the header (`jwk jku x5u x5c x5t`), a signature. Throws {@link TokenError} `malformed`
 * or `unsupported`.
 */
export function parseJws(token: string, { maxBytes = 8192 }: JwsLimits = {}): ParsedJws {
  // Before anything is decoded: the work of refusing is bounded by the limit, not by the sender.
  if (token.length > maxBytes) throw new TokenError('malformed', `The token is longer than ${maxBytes} characters.`);
  const parts = token.split('.', 4);
  if (parts.length !== 3) throw new TokenError('malformed', 'A compact JWS has three parts.');
  const [header, payload, signature] = parts.map(decodeBase64url);
  if (!header || !payload || !signature) throw new TokenError('malformed', 'A part is not canonical base64url.');
  if (signature.length === 0) throw new TokenError('malformed', 'The signature is empty.');
  return { header: readHeader(header), payload, signingInput: token.slice(0, token.lastIndexOf('.')), signature };
}

/**
 * Verifies a compact JWS with one pinned key. The header's `alg` must be the key's own: a token cannot choose how it is
 * checked. Adds to {@link parseJws} the codes `unsupported` (another algorithm) and `bad_signature`.
 */
export function verifyJws(token: string, key: VerificationKey, limits?: JwsLimits): ParsedJws {
  const jws = parseJws(token, limits);
  if (algorithmNamed(jws.header.alg) !== key.alg) {
    throw new TokenError('unsupported', "The token's algorithm is not the one that its key is for.");
  }
  if (!signatureMatches(key, jws.signingInput, jws.signature)) {
    throw new TokenError('bad_signature', 'The signature does not match.');
  }
  return jws;
}

/**
 * Whether `signature` is the key's over `input`, in the form that JWS and RFC 9421 use: ECDSA as r and s side by side
 * at their full length, both from 1 to the order less one; RSA-PSS with a salt as long as the hash.
 */
export function signatureMatches(
  { alg, key }: VerificationKey,
  input: string | Uint8Array,
  signature: Buffer,
): boolean {
  const data = typeof input === 'string' ? Buffer.from(input) : input;
  switch (alg) {
    case 'HS256':
    case 'HS384':
    case 'HS512': {
      const expected = createHmac(`sha${alg.slice(2)}`, key)
        .update(data)
        .digest();
      return expected.length === signature.length && timingSafeEqual(expected, signature);
    }
    case 'ES256':
    case 'ES384':
    case 'ES512': {
      const { hash, order } = curves[alg];
      // OpenSSL checks ranges too; this does not depend on which version does, nor on how Node pads (CVE-2022-21449).
      if (!isPairBelow(order, signature)) return false;
      return verify(hash, data, { key, dsaEncoding: 'ieee-p1363' }, signature);
    }
    case 'EdDSA':
      return verify(null, data, key, signature);
    case 'RS256':
    case 'RS384':
    case 'RS512':
      return verify(rsaHashes[alg], data, { key, padding: constants.RSA_PKCS1_PADDING }, signature);
    case 'PS256':
    case 'PS384':
    case 'PS512': {
      const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
      return verify(rsaHashes[alg], data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature);
    }
  }
}

/**
 * Parameters that would let a token bring its own key or its own rules. Refused rather than ignored: nobody honest
 * sends them.
 */
const refusedParameters = ['crit', 'b64', 'jwk', 'jku', 'x5u', 'x5c', 'x5t', 'x5t#S256'];

function readHeader(bytes: Buffer): JwsHeader {
  let header: unknown;
  try {
    header = parseStrictJson(bytes, { maxDepth: 8 });
  } catch (cause) {
    throw new TokenError('malformed', 'The header is not strict JSON.', { cause });
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw new TokenError('malformed', 'The header is not an object.');
  }
  const parameters = header as Record<string, unknown>;
  const { alg, kid, typ } = parameters;
  if (typeof alg !== 'string') throw new TokenError('malformed', 'The header names no algorithm.');
  for (const value of [kid, typ]) {
    if (value !== undefined && typeof value !== 'string') {
      throw new TokenError('malformed', 'A header parameter is not a string.');
    }
  }
  const refused = refusedParameters.find((name) => Object.hasOwn(parameters, name));
  if (refused !== undefined) throw new TokenError('unsupported', `The header parameter ${refused} is not supported.`);
  return parameters as JwsHeader;
}

/** RFC 9864 gives EdDSA over Ed25519 the name Ed25519; the two are one algorithm here. */
function algorithmNamed(alg: string): string {
  return alg === 'Ed25519' ? 'EdDSA' : alg;
}

function isPairBelow(order: Buffer, signature: Buffer): boolean {
  if (signature.length !== 2 * order.length) return false;
  const zero = Buffer.alloc(order.length);
  return [signature.subarray(0, order.length), signature.subarray(order.length)].every(
    (number) => number.compare(order) < 0 && number.compare(zero) > 0,
  );
}
