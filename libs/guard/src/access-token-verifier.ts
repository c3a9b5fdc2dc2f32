import { AccessTokenClaims } from '@portcullis/contracts';
import { z } from 'zod';
import { AccessRefused } from './access-refused.js';
import { bearerToken, type IncomingRequest, organizationOf } from './incoming-request.js';
import { Jwks } from './jwks.js';
import { jwksUrl } from './upstream-callers.js';
import { type Authenticator, type VerifiedPrincipal } from './verified-principal.js';
import { type PublicKeys, readClaims, verifyToken } from './verify-token.js';

export interface AccessTokenOptions {
  /** Portcullis' `PORTCULLIS_PUBLIC_URL`. */
  readonly issuer: string;
  /** `PORTCULLIS_TOKEN_AUDIENCE`; the issuer unless that is set. */
  readonly audience?: string;
  /** Found at `<issuer>/.well-known/jwks.json` unless given. */
  readonly keys?: PublicKeys;
  readonly now?: () => Date;
}

/**
 * Verifies access tokens (RFC 9068) by the public keys alone. **A token that was revoked is accepted until its `exp`**, an hour unless
 * configured otherwise, and so is one whose key was narrowed or bound to networks since: nobody is asked. Use `JoinedGuard` where
 * that is too long.
 */
export class AccessTokenVerifier implements Authenticator {
  readonly #options: Required<AccessTokenOptions>;

  constructor(options: AccessTokenOptions) {
    this.#options = {
      audience: options.issuer,
      keys: options.keys ?? new Jwks({ url: jwksUrl(options.issuer) }),
      now: () => new Date(),
      ...options,
    };
  }

  async authenticate(request: IncomingRequest): Promise<VerifiedPrincipal> {
    const token = bearerToken(request);
    const wanted = organizationOf(request);
    const principal = await this.verify(token);
    if (wanted === undefined || wanted === principal.organizationId) return principal;
    throw new AccessRefused('organization_mismatch', { detail: 'The token is not for the organization in X-Org-ID.' });
  }

  /** What the token says. Throws AccessRefused. */
  async verify(token: string): Promise<VerifiedPrincipal> {
    const { sub, ...read } = await readAccessToken(token, this.#options);
    return {
      id: sub,
      organizationId: read.organizationId,
      credentialId: read.credentialId,
      // Without an organization they are those of several together, and it cannot be told here which belong to which.
      permissions: read.organizationId === null ? [] : read.permissions,
      // Absent: of the buckets, only the credential's record knows.
      buckets: read.buckets ?? [],
      expiresAt: read.expiresAt,
    };
  }
}

/** What a verified access token says. */
export interface AccessToken {
  readonly kid: string;
  readonly sub: string;
  readonly organizationId: string | null;
  readonly credentialId: string;
  readonly familyId: string;
  readonly jti: string;
  readonly permissions: readonly string[];
  readonly buckets: 'all' | readonly string[] | undefined;
  readonly expiresAt: Date;
}

const WantedClaims = AccessTokenClaims.extend({ sub: z.string().min(1) });

/** Throws AccessRefused. */
export async function readAccessToken(token: string, options: Required<AccessTokenOptions>): Promise<AccessToken> {
  const { kid, claims } = await verifyToken(token, { typ: 'at+jwt', ...options });
  const { sub, org, cid, sid, jti, permissions, resources } = readClaims(WantedClaims, claims);
  return {
    kid,
    sub,
    organizationId: org ?? null,
    credentialId: cid,
    familyId: sid,
    jti,
    permissions,
    buckets: resources?.buckets,
    expiresAt: new Date(claims.exp * 1000),
  };
}
