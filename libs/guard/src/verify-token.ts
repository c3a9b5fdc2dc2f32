import { type KeyObject } from 'node:crypto';
import { type Claims, inspectJwt, TokenError, verifyJwt } from '@portcullis/credentials';
import { AccessRefused } from './access-refused.js';

/** Where public keys are found. Undefined: there is none of this name. Rejects when nobody can say. */
export interface PublicKeys {
  find(kid: string): Promise<KeyObject | undefined>;
}

export interface ExpectedToken {
  readonly typ: string;
  readonly keys: PublicKeys;
  readonly issuer: string;
  readonly audience: string;
  readonly now: () => Date;
  readonly maxLifetimeSeconds?: number;
}

/** Clocks of two machines: for `nbf` and `iat` only. A token is over at its very second. */
const leewaySeconds = 5;

/**
 * Verifies an ES256 JWT of Portcullis by the rules of `verifyJwt`. Throws AccessRefused: `invalid_token` whatever is wrong with it,
 * `unavailable` when the keys cannot be had.
 */
export async function verifyToken(token: string, expected: ExpectedToken): Promise<{ kid: string; claims: Claims }> {
  const { typ, keys, issuer, audience, maxLifetimeSeconds } = expected;
  try {
    const { kid } = inspectJwt(token, { typ }).header;
    const key = await keys.find(kid);
    const now = expected.now();
    const claims = verifyJwt(token, {
      typ,
      keys: (candidate) => (candidate === kid ? key : undefined),
      issuer,
      audience,
      now,
      leewaySeconds,
      ...(maxLifetimeSeconds === undefined ? {} : { maxLifetimeSeconds }),
    });
    if (!(now.getTime() < claims.exp * 1000)) throw new TokenError('expired', 'The token has expired.');
    return { kid, claims };
  } catch (cause) {
    throw new AccessRefused(cause instanceof TokenError ? 'invalid_token' : 'unavailable', { cause });
  }
}

/** The claims that a kind of token has beside the registered ones. Throws AccessRefused `invalid_token` where they are of another form. */
export function readClaims<T>(
  schema: { safeParse(value: unknown): { success: boolean; data?: T } },
  claims: Claims,
): T {
  const read = schema.safeParse(claims);
  if (read.success && read.data !== undefined) return read.data;
  const cause = new TokenError('invalid_claims', 'A claim is missing or of another form.');
  throw new AccessRefused('invalid_token', { cause });
}
