import { z } from 'zod';
import { AccessRefused } from './access-refused.js';
import { headerOf, type IncomingRequest } from './incoming-request.js';
import { Jwks } from './jwks.js';
import { type Authenticator, type VerifiedPrincipal } from './verified-principal.js';
import { type PublicKeys, readClaims, verifyToken } from './verify-token.js';

export interface UpstreamOptions {
  /** The gateway's `PORTCULLIS_PUBLIC_URL`. */
  readonly issuer: string;
  /** The upstream's `audience` in the policy; `upstream:<name>` unless it says another. */
  readonly audience: string;
  /** Found at `<issuer>/.well-known/jwks.json` unless given. */
  readonly keys?: PublicKeys;
  readonly now?: () => Date;
}

const IdentityClaims = z.object({
  sub: z.string().min(1),
  org: z.string().optional(),
  cid: z.string().min(1),
  permissions: z.array(z.string()),
});

/**
 * Who calls a service that stands behind the gateway: verifies `X-Portcullis-Identity`. The gateway has checked credential and
 * permission for this very request at most 60 s ago, so nothing is asked of anybody; `permissions` are those that the routes of this
 * upstream require. It says nothing of buckets.
 */
export class UpstreamCallers implements Authenticator {
  readonly #options: UpstreamOptions & { readonly keys: PublicKeys };

  constructor(options: UpstreamOptions) {
    this.#options = { keys: new Jwks({ url: jwksUrl(options.issuer) }), ...options };
  }

  async authenticate(request: IncomingRequest): Promise<VerifiedPrincipal> {
    return verifyUpstreamIdentity(identityOf(request), this.#options);
  }
}

/** The principal that an `X-Portcullis-Identity` is about. Throws AccessRefused. */
export async function verifyUpstreamIdentity(
  token: string,
  { issuer, audience, keys, now = () => new Date() }: UpstreamOptions & { readonly keys: PublicKeys },
): Promise<VerifiedPrincipal> {
  const { claims } = await verifyToken(token, {
    typ: 'portcullis-identity+jwt',
    ...{ keys, issuer, audience, now },
    maxLifetimeSeconds: 60,
  });
  const { sub, org, cid, permissions } = readClaims(IdentityClaims, claims);
  return {
    id: sub,
    organizationId: org ?? null,
    credentialId: cid,
    permissions,
    buckets: [],
    expiresAt: new Date(claims.exp * 1000),
  };
}

export const jwksUrl = (issuer: string): string => `${issuer}/.well-known/jwks.json`;

function identityOf(request: IncomingRequest): string {
  const token = headerOf(request, 'x-portcullis-identity');
  if (token === undefined) throw new AccessRefused('unauthenticated', { detail: 'Only the gateway may call this.' });
  return token;
}
