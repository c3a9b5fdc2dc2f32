import { type Grant, type Lattice, meet } from '@portcullis/authz';
import { type Principal, type ResolvedClient } from '@portcullis/contracts';
import { isEverywhere, type OpenedRoleToken } from '@portcullis/credentials';
import { roleTokenGrant } from '@portcullis/policy';
import { type AccessToken } from './access-tokens.js';
import { type KeyRecord, type MembershipRecord, type PrincipalRecord } from './records.js';

/** Who acts, and what may be done now. */
export interface Holding {
  readonly principal: Principal;
  readonly grant: Grant;
}

/** What a key holds: what it was given ∩ what its owner holds in its organization, as the lattice means roles now. */
export function keyHolding(
  lattice: Lattice,
  key: KeyRecord,
  owner: PrincipalRecord,
  membership: MembershipRecord,
): Holding {
  const grant = meet(keyGrant(lattice, key), memberGrant(lattice, membership));
  return {
    grant,
    principal: {
      kind: owner.kind,
      id: owner.id,
      organization_id: key.organization_id,
      credential_id: key.id,
      roles: key.roles,
      ...shown(lattice, grant),
      networks: key.networks,
      expires_at: key.expires_at,
    },
  };
}

/** What a token of a key holds: token ∩ key ∩ owner. */
export function keyTokenHolding(
  lattice: Lattice,
  token: AccessToken,
  key: KeyRecord,
  owner: PrincipalRecord,
  membership: MembershipRecord,
): Holding {
  const held = keyHolding(lattice, key, owner, membership);
  const grant = meet(tokenGrant(lattice, token), held.grant);
  const keyEnds = key.expires_at === null ? Infinity : Date.parse(key.expires_at);
  const ends = new Date(Math.min(keyEnds, token.expiresAt.getTime()));
  return { grant, principal: { ...held.principal, ...shown(lattice, grant), expires_at: ends.toISOString() } };
}

/** What a session holds: token ∩ person in that organization. Without an organization it holds nothing. */
export function sessionHolding(
  lattice: Lattice,
  token: AccessToken,
  person: PrincipalRecord,
  membership: MembershipRecord | undefined,
): Holding {
  const grant = membership ? meet(tokenGrant(lattice, token), memberGrant(lattice, membership)) : lattice.nothing;
  return {
    grant,
    principal: {
      kind: person.kind,
      id: person.id,
      organization_id: membership?.organization_id ?? null,
      credential_id: token.credentialId,
      roles: membership?.roles ?? [],
      ...shown(lattice, grant),
      networks: null,
      expires_at: token.expiresAt.toISOString(),
    },
  };
}

/** What a role token holds: its role as the policy means it now, and where a person obtained it, no more than they hold now. */
export function roleTokenHolding(
  lattice: Lattice,
  token: OpenedRoleToken,
  organizationId: string,
  owner: MembershipRecord | undefined,
): Holding {
  const given = roleTokenGrant(lattice, token.role);
  const grant = owner ? meet(given, memberGrant(lattice, owner)) : given;
  return {
    grant,
    principal: {
      kind: 'node',
      id: token.owner?.id ?? token.installationId,
      organization_id: organizationId,
      credential_id: token.id,
      roles: [token.role],
      ...shown(lattice, grant),
      networks: null,
      expires_at: new Date(token.expiresAt * 1000).toISOString(),
    },
  };
}

/** What a client holds: its roles as the policy means them now, of a token no more than that says. Nobody owns it. */
export function clientHolding(lattice: Lattice, client: ResolvedClient, token?: AccessToken): Holding {
  const given = lattice.grantKnown({ roles: client.roles, permissions: [], buckets: 'all' });
  const grant = token ? meet(tokenGrant(lattice, token), given) : given;
  return {
    grant,
    principal: {
      kind: 'client',
      id: client.id,
      organization_id: client.organization_id,
      credential_id: client.id,
      client_id: client.client_id,
      roles: client.roles,
      ...shown(lattice, grant),
      networks: isEverywhere(client.networks) ? null : client.networks,
      expires_at: token?.expiresAt.toISOString() ?? null,
    },
  };
}

const keyGrant = (lattice: Lattice, { roles, permissions, buckets }: KeyRecord): Grant =>
  lattice.grantKnown({ roles, permissions, buckets });

/** A membership names no buckets: it reaches all of its organization's. */
export const memberGrant = (lattice: Lattice, { roles, permissions }: MembershipRecord): Grant =>
  lattice.grantKnown({ roles, permissions, buckets: 'all' });

const tokenGrant = (lattice: Lattice, { permissions, buckets }: AccessToken): Grant =>
  lattice.grantKnown({ permissions, buckets });

/**
 * A grant as a principal shows it. One list of buckets stands for all bucket-bound permissions there, so it is what they have
 * in common: whoever makes a grant of it again gets no more than was held.
 */
function shown(lattice: Lattice, grant: Grant): Pick<Principal, 'permissions' | 'resources'> {
  const lists = Object.values(lattice.resources(grant));
  const permissions = lattice.names(grant);
  if (lists.length === 0) return { permissions, resources: {} };
  const named = lists.filter((list) => list !== 'all');
  const [first, ...others] = named;
  const common = first?.filter((bucket) => others.every((list) => list.includes(bucket)));
  return { permissions, resources: { buckets: common ?? 'all' } };
}

/**
 * Holdings by the objects they were made of, so that a record that is still the same object is not compiled again. Nothing
 * here can outlive a record: with another object at any place the holding is made anew.
 */
export class Holdings {
  readonly #made = new WeakMap<object, { of: readonly unknown[]; holding: Holding }>();

  of(anchor: object, parts: readonly unknown[], make: () => Holding): Holding {
    const made = this.#made.get(anchor);
    if (made && made.of.length === parts.length && made.of.every((part, at) => part === parts[at])) return made.holding;
    const holding = make();
    this.#made.set(anchor, { of: parts, holding });
    return holding;
  }
}
