import { type Grant, join, type Lattice, meet, type Resources } from '@portcullis/authz';
import { type Membership, Refusal, type ResolvedKey } from '@portcullis/contracts';
import { type Holder } from './token-pair.js';

/** The `client_id` of the tokens of login sessions. */
export const sessionClient = 'portcullis';

/** Who holds the tokens of a key now: what the key was given ∩ what its owner holds in the key's organization. */
export function holderOfKey(
  lattice: Lattice,
  key: ResolvedKey & { client_id: string },
  ownerMembership: Membership,
): Holder {
  const given = lattice.grantKnown({ roles: key.roles, permissions: key.permissions, buckets: key.buckets });
  return {
    sub: key.client_id,
    clientId: key.client_id,
    organizationId: key.organization_id,
    credentialId: key.id,
    endsAt: key.expires_at === null ? null : new Date(key.expires_at),
    ...named(lattice, meet(given, grantOf(lattice, ownerMembership))),
  };
}

/**
 * Who holds the tokens of a person's session now. In several organizations the token names none and may be used for what
 * the person holds in any of them; the gateway cuts that to the organization of the request.
 */
export function holderOfSession(
  lattice: Lattice,
  session: { familyId: string; userId: string; memberships: readonly Membership[] },
): Holder {
  const [only, ...others] = session.memberships;
  const held = session.memberships
    .map((membership) => grantOf(lattice, membership))
    .reduce((all, grant) => join(all, grant), lattice.nothing);
  return {
    sub: session.userId,
    clientId: sessionClient,
    organizationId: only && others.length === 0 ? only.organization_id : null,
    credentialId: session.familyId,
    endsAt: null,
    ...named(lattice, held),
  };
}

/** Of a holder only what is wanted. Refuses names that mean nothing, and a scope of which nothing is held. */
export function withinScope(lattice: Lattice, holder: Holder, scope: readonly string[] | null): Holder {
  if (scope === null) return holder;
  const unknown = lattice.unknown({ permissions: scope }).permissions;
  const permissions = holder.permissions.filter((name) => scope.includes(name));
  if (unknown.length === 0 && permissions.length > 0) return { ...holder, permissions };
  const message =
    unknown.length > 0 ? 'names a permission that the policy does not have' : 'names nothing that this client holds';
  throw new Refusal('unprocessable', `The scope ${message}.`, { errors: [{ field: 'scope', message }] });
}

/** People are not bound to buckets: they hold what their roles say on all of their organization's. */
export const grantOf = (lattice: Lattice, { roles, permissions }: Membership): Grant =>
  lattice.grantKnown({ roles, permissions, buckets: 'all' });

function named(lattice: Lattice, grant: Grant): Pick<Holder, 'permissions' | 'buckets'> {
  const bound = Object.values(lattice.resources(grant));
  return { permissions: lattice.names(grant), ...(bound.length === 0 ? {} : { buckets: union(bound) }) };
}

/** One list for all permissions. It may say more than the key's record does for one of them; the record decides beside it. */
function union(bound: readonly Resources[]): 'all' | string[] {
  const lists = bound.filter((resources) => resources !== 'all');
  return lists.length < bound.length ? 'all' : [...new Set(lists.flat())].sort();
}
