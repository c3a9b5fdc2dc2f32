import { type KeyObject } from 'node:crypto';
import { AccessTokenClaims } from '@portcullis/contracts';
import { checkClaims, type Claims, inspectJwt, type Secret, sha256Hex, TokenError } from '@portcullis/credentials';
import passportJwt from 'passport-jwt';

/** Where the public keys of access tokens are found. `undefined`: there is none of this name, even after asking again. */
export interface AccessKeys {
  find(kid: string): Promise<KeyObject | undefined>;
}

export interface AccessTokenOptions {
  readonly keys: AccessKeys;
  readonly issuer: string;
  readonly audience: string;
  readonly now: () => Date;
  /** Verified tokens that are remembered. */
  readonly maxRemembered?: number;
}

/** What a verified access token says. It is worth something only together with the family and the credential it names. */
export interface AccessToken {
  readonly kid: string;
  readonly organizationId: string | null;
  readonly credentialId: string;
  readonly familyId: string;
  readonly jti: string;
  readonly expiresAt: Date;
  readonly permissions: readonly string[];
  /** Where it says nothing of buckets, the credential's record and the owner do. */
  readonly buckets: 'all' | readonly string[];
}

/** Clocks of two machines: for `nbf` and `iat` only. A token is over at its very second. */
const leewaySeconds = 5;

/**
 * Verifies access tokens (RFC 9068) by passport-jwt's strategy, and remembers by digest those that were good. That is safe
 * because remembering answers only "did identity sign this": everything that can change is asked at each request.
 */
export class AccessTokens {
  readonly #options: AccessTokenOptions;
  /** By SHA-256 of the token; credentials' strict base64url gives each token one spelling. Least recently used first. */
  readonly #verified = new Map<string, AccessToken>();

  constructor(options: AccessTokenOptions) {
    this.#options = options;
  }

  /**
   * Throws TokenError: `expired` and `not_yet_valid` may be told, the rest is one and the same from outside. Rejects with what
   * `keys` rejects with when nobody can say which keys there are.
   */
  async verify(token: Secret): Promise<AccessToken> {
    const digest = sha256Hex(token);
    const remembered = this.#verified.get(digest);
    if (remembered) {
      this.#verified.delete(digest);
      if (this.#options.now() >= remembered.expiresAt) throw new TokenError('expired', 'The token has expired.');
      this.#verified.set(digest, remembered);
      return remembered;
    }
    const verified = readAccessToken(await this.#verify(token.reveal()));
    if (this.#options.now() >= verified.expiresAt) throw new TokenError('expired', 'The token has expired.');
    this.#verified.set(digest, verified);
    if (this.#verified.size > (this.#options.maxRemembered ?? 20_000)) {
      const oldest = this.#verified.keys().next();
      if (!oldest.done) this.#verified.delete(oldest.value);
    }
    return verified;
  }

  #verify(token: string): Promise<{ kid: string; claims: Claims }> {
    const { keys, issuer, audience, now } = this.#options;
    return new Promise((resolve, reject) => {
      let kid = '';
      // jsonwebtoken is lenient about structure (base64, duplicate members, `crit`, `typ`), so credentials' strict reading comes
      // first; and it takes a KeyObject, never a PEM string, which would be parsed at each call and could pass for a secret.
      const provide = async (): Promise<KeyObject> => {
        kid = inspectJwt(token, { typ: 'at+jwt' }).header.kid;
        const key = await keys.find(kid);
        if (!key) throw new TokenError('unknown_key', 'No key has this kid.');
        return key;
      };
      // One strategy for each verification: the clock is one of its options, and it is passed in here.
      const strategy = new passportJwt.Strategy(
        {
          jwtFromRequest: () => token,
          secretOrKeyProvider: (_request, _token, done) => {
            // The types know strings and buffers only; jsonwebtoken itself takes a KeyObject, and checks its type.
            provide().then((key) => done(null, key as unknown as Buffer), done);
          },
          algorithms: ['ES256'],
          issuer,
          audience,
          jsonWebTokenOptions: {
            clockTimestamp: Math.floor(now().getTime() / 1000),
            clockTolerance: leewaySeconds,
          },
        },
        (claims: Record<string, unknown>, done: passportJwt.VerifiedCallback) => {
          // What jsonwebtoken does not demand: `exp` at all, times that are finite, an `iat` that is not in the future.
          done(null, { kid, claims: checkClaims(claims, { issuer, audience, now: now(), leewaySeconds }) });
        },
      );
      const outcomes: Outcomes<{ kid: string; claims: Claims }> = {
        success: resolve,
        fail: (reason) => reject(asTokenError(reason)),
        error: (error) => reject(asTokenError(error)),
      };
      // What passport itself does, without the framework around it: the outcomes are methods of the strategy at hand.
      const driven = Object.assign(Object.create(strategy) as typeof strategy, outcomes);
      driven.authenticate({} as Parameters<typeof strategy.authenticate>[0]);
    });
  }
}

interface Outcomes<User> {
  success(user: User): void;
  fail(reason: unknown): void;
  error(error: unknown): void;
}

function readAccessToken({ kid, claims }: { kid: string; claims: Claims }): AccessToken {
  const wanted = AccessTokenClaims.safeParse(claims);
  if (!wanted.success)
    throw new TokenError('invalid_claims', 'A claim of access tokens is missing or of another form.');
  const { org, cid, sid, jti, permissions, resources } = wanted.data;
  return {
    kid,
    organizationId: org ?? null,
    credentialId: cid,
    familyId: sid,
    jti,
    expiresAt: new Date(claims.exp * 1000),
    permissions,
    buckets: resources?.buckets ?? 'all',
  };
}

/** jsonwebtoken's refusals in our words; what is no refusal (the keys are away) stays what it is. */
function asTokenError(error: unknown): Error {
  if (!(error instanceof Error)) return new Error('The token could not be verified.', { cause: error });
  if (error instanceof TokenError) return error;
  switch (error.name) {
    case 'TokenExpiredError':
      return new TokenError('expired', 'The token has expired.', { cause: error });
    case 'NotBeforeError':
      return new TokenError('not_yet_valid', 'The token is not valid yet.', { cause: error });
    case 'JsonWebTokenError': {
      const code = /audience/.test(error.message)
        ? 'wrong_audience'
        : /issuer/.test(error.message)
          ? 'wrong_issuer'
          : /signature/.test(error.message)
            ? 'bad_signature'
            : 'malformed';
      return new TokenError(code, 'The token was refused.', { cause: error });
    }
    default:
      return error;
  }
}
