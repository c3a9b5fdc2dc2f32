import { type KeyObject, sign } from 'node:crypto';
import { type JwsLimits, parseJws, signatureMatches, TokenError } from './jws.js';
import { parseStrictJson } from './strict-json.js';
import { KeyRefused, VerificationKey } from './verification-key.js';

/** Claims that were checked: `iss`, `aud` and the times are as asked for; the rest is as signed. */
export interface Claims {
  readonly iss: string;
  readonly aud: string | readonly string[];
  /** Seconds since 1970, like `nbf` and `iat`. */
  readonly exp: number;
  readonly nbf?: number;
  readonly iat?: number;
  readonly sub?: string;
  readonly jti?: string;
  readonly [name: string]: unknown;
}

export interface SignJwt {
  /** A private P-256 key. */
  readonly key: KeyObject;
  readonly kid: string;
  readonly typ: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * Signs an ES256 JWT. Throws {@link KeyRefused} for another key, a RangeError for a `kid` that no verifier would take.
 */
export function signJwt({ key, kid, typ, claims }: SignJwt): string {
  if (key.type !== 'private' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new KeyRefused('ES256 is signed with a private P-256 key.');
  }
  if (!kidPattern.test(kid)) throw new RangeError('A kid is 1 to 128 of A-Z a-z 0-9 _ - and dot.');
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const signingInput = `${encode({ alg: 'ES256', kid, typ })}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(signingInput), { key, dsaEncoding: 'ieee-p1363' });
  return `${signingInput}.${signature.toString('base64url')}`;
}

/** An ES256 JWT taken apart. Its claims are what somebody wrote, no more: use them to find a key, never to decide. */
export interface InspectedJwt {
  readonly header: { readonly alg: 'ES256'; readonly kid: string; readonly typ: string };
  readonly unverifiedClaims: Readonly<Record<string, unknown>>;
  readonly signingInput: string;
  /** r and s side by side, 64 bytes. */
  readonly signature: Buffer;
}

/**
 * Every rule for a JWT of ours that needs no key (RFC 7515, 7519, 8725): those of `parseJws`, alg ES256, a `kid` of
 * 1 to 128 characters of `A-Za-z0-9_-.`, the wanted `typ` (any case, `application/` allowed before it), claims that are
 * a strict JSON object, a signature of 64 bytes. Throws {@link TokenError} `malformed`, `unsupported` or `wrong_type`.
 * For callers that leave the signature to another library.
 */
export function inspectJwt(token: string, { typ, ...limits }: { readonly typ: string } & JwsLimits): InspectedJwt {
  const { header, payload, signingInput, signature } = parseJws(token, limits);
  if (header.alg !== 'ES256') throw new TokenError('unsupported', 'Only ES256 is supported.');
  if (header.kid === undefined || !kidPattern.test(header.kid))
    throw new TokenError('malformed', 'The kid is malformed.');
  if (header.typ === undefined || !sameType(header.typ, typ)) {
    throw new TokenError('wrong_type', `The token is not of the type ${typ}.`);
  }
  if (signature.length !== 64) throw new TokenError('malformed', 'An ES256 signature has 64 bytes.');
  return {
    header: { alg: 'ES256', kid: header.kid, typ: header.typ },
    unverifiedClaims: readClaims(payload),
    signingInput,
    signature,
  };
}

export interface ExpectedClaims {
  /** Exactly `iss`. */
  readonly issuer: string;
  /** Exactly one member of `aud`. */
  readonly audience: string;
  readonly now: Date;
  /** How far clocks may differ, 0 to 60; 0 unless set. */
  readonly leewaySeconds?: number;
  /** If set, `iat` is required and `exp - iat` is at most this. */
  readonly maxLifetimeSeconds?: number;
}

export interface VerifyJwt extends ExpectedClaims, JwsLimits {
  readonly typ: string;
  /** The key of a kid, from a map in memory; only a public P-256 key is taken. */
  readonly keys: (kid: string) => KeyObject | undefined;
}

/**
 * Verifies an ES256 JWT and returns its claims. Throws {@link TokenError} and nothing else, with the first rule that
 * the token breaks, in this order: structure, type, key, signature, claims (see {@link checkClaims}).
 */
export function verifyJwt(token: string, { typ, keys, maxBytes, ...expected }: VerifyJwt): Claims {
  const { header, unverifiedClaims, signingInput, signature } = inspectJwt(token, { typ, maxBytes });
  if (!signatureMatches(es256Key(keys(header.kid)), signingInput, signature)) {
    throw new TokenError('bad_signature', 'The signature does not match.');
  }
  return checkClaims(unverifiedClaims, expected);
}

/**
 * Checks the registered claims (RFC 7519 section 4.1) of a token whose signature has been verified: `iss`; `aud`, a
 * string or a non-empty array of strings; `exp`, required, over at its very second; `nbf` and `iat` if present, neither
 * in the future; `sub` and `jti` if present strings. Times are finite and not negative.
 */
export function checkClaims(claims: Readonly<Record<string, unknown>>, expected: ExpectedClaims): Claims {
  const { issuer, audience, now, leewaySeconds = 0, maxLifetimeSeconds } = expected;
  if (!(leewaySeconds >= 0 && leewaySeconds <= 60)) throw new RangeError('leewaySeconds is 0 to 60.');
  const { iss, aud, sub, jti } = claims;
  const exp = time(claims, 'exp');
  const nbf = time(claims, 'nbf');
  const iat = time(claims, 'iat');
  for (const text of [sub, jti]) {
    if (text !== undefined && typeof text !== 'string')
      throw new TokenError('invalid_claims', 'A claim is not a string.');
  }
  if (iss !== issuer) throw new TokenError('wrong_issuer', 'The token is from another issuer.');
  if (!audiences(aud).includes(audience)) throw new TokenError('wrong_audience', 'The token is for another audience.');
  if (exp === undefined) throw new TokenError('invalid_claims', 'The token has no end.');
  if (maxLifetimeSeconds !== undefined && !(iat !== undefined && exp - iat <= maxLifetimeSeconds)) {
    throw new TokenError('invalid_claims', 'The token lives longer than such tokens may.');
  }
  const nowSeconds = now.getTime() / 1000;
  // Written so that an invalid clock (NaN) refuses.
  if (!(nowSeconds < exp + leewaySeconds)) throw new TokenError('expired', 'The token has expired.');
  if (nbf !== undefined && !(nbf - leewaySeconds <= nowSeconds)) {
    throw new TokenError('not_yet_valid', 'The token is not valid yet.');
  }
  if (iat !== undefined && !(iat - leewaySeconds <= nowSeconds)) {
    throw new TokenError('not_yet_valid', 'The token was issued in the future.');
  }
  return claims as Claims;
}

/** What a JWT says of itself, whoever wrote it; empty for what is no JWT. Never to decide by. */
export function decodeUnverifiedClaims(token: string): Readonly<Record<string, unknown>> {
  try {
    return readClaims(parseJws(token).payload);
  } catch (error) {
    if (error instanceof TokenError) return {};
    throw error;
  }
}

/** The claims in a verified payload. Throws {@link TokenError} `malformed` unless they are a strict JSON object. */
export function readClaims(payload: Uint8Array): Record<string, unknown> {
  let claims: unknown;
  try {
    claims = parseStrictJson(payload);
  } catch (cause) {
    throw new TokenError('malformed', 'The claims are not strict JSON.', { cause });
  }
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) {
    throw new TokenError('malformed', 'The claims are not an object.');
  }
  return claims as Record<string, unknown>;
}

/** A kid is looked up in a map and nowhere else, but it also lands in logs: so no slashes, quotes or line ends. */
const kidPattern = /^[A-Za-z0-9_.-]{1,128}$/;

/** RFC 7515 section 4.1.9: media types compare without case, and `application/` may be left out. */
function sameType(presented: string, wanted: string): boolean {
  const bare = (type: string) => type.toLowerCase().replace(/^application\//, '');
  return bare(presented) === bare(wanted);
}

/** Checked once a KeyObject: asking node:crypto for a key's curve costs as much as a small hash. */
const es256Keys = new WeakMap<KeyObject, VerificationKey>();

function es256Key(key: KeyObject | undefined): VerificationKey {
  if (key === undefined) throw new TokenError('unknown_key', 'No key has this kid.');
  let known = es256Keys.get(key);
  if (!known) {
    try {
      known = VerificationKey.of('ES256', key);
    } catch (cause) {
      // A secret or RSA key under this kid must never meet the signature (RFC 8725 section 2.1).
      throw new TokenError('unknown_key', 'The key of this kid is not for ES256.', { cause });
    }
    es256Keys.set(key, known);
  }
  return known;
}

function time(claims: Readonly<Record<string, unknown>>, name: 'exp' | 'nbf' | 'iat'): number | undefined {
  const value = claims[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw new TokenError('invalid_claims', `${name} is not a time.`);
  }
  return value;
}

function audiences(aud: unknown): readonly unknown[] {
  const list: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  // One bad member spoils the list: a verifier that skips it and one that stops at it would disagree.
  return list.every((member) => typeof member === 'string') ? list : [];
}
