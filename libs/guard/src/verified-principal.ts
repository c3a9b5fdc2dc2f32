import { AccessRefused } from './access-refused.js';
import { type IncomingRequest } from './incoming-request.js';

/** Who asks and what they may do, as far as the one that verified it can know. Never a secret. */
export interface VerifiedPrincipal {
  /** A person, service account or machine client; for `AccessTokenVerifier` the token's `sub`, which of an API key's token is its client id. */
  readonly id: string;
  /** Null: a person in several organizations who did not say which. They then hold nothing. */
  readonly organizationId: string | null;
  readonly credentialId: string;
  readonly permissions: readonly string[];
  /** Where permissions that are bound to buckets reach. Permissions of your own are not, and need not look here. */
  readonly buckets: 'all' | readonly string[];
  readonly expiresAt: Date;
}

/** One of the three ways to know who asks: `UpstreamCallers`, `AccessTokenVerifier`, `JoinedGuard`. */
export interface Authenticator {
  /** Throws AccessRefused, and nothing else. */
  authenticate(request: IncomingRequest): Promise<VerifiedPrincipal>;
}

/**
 * The principal of a request that holds every one of `permissions`; with none named any principal will do. Throws AccessRefused,
 * which is the answer to give.
 */
export async function authorize(
  request: IncomingRequest,
  { by, permissions }: { readonly by: Authenticator; readonly permissions: readonly string[] },
): Promise<VerifiedPrincipal> {
  const principal = await by.authenticate(request);
  const lacking = permissions.filter((permission) => !principal.permissions.includes(permission));
  if (lacking.length === 0) return principal;
  throw new AccessRefused('forbidden', { detail: `This needs the permission ${lacking.join(' and ')}.`, lacking });
}
