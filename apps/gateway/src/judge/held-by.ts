import { type Grant, type Lattice } from '@portcullis/authz';
import { ApiKey, ClientRegistry, Identity } from '@portcullis/contracts';
import { clientHolding, keyHolding, memberGrant } from './holding.js';
import { type Ask } from './records.js';

/** What a credential is good for at this moment, without anybody presenting it. */
export interface HeldBy {
  readonly grant: Grant;
  /** A word why the credential would be refused whatever it holds (`revoked`, `expired`, `owner_not_active`); null if it is good. */
  readonly refused: string | null;
}

interface Asking {
  readonly ask: Ask;
  readonly lattice: Lattice;
  readonly now: Date;
}

/**
 * What the credential of that id holds now, asked from the authorities themselves: for an API key credential ∩ owner, for a
 * login session what the person holds in the organization. Undefined if there is none, or it is another organization's: nobody
 * can tell the two apart. The network that a credential is bound to is not looked at: there is no request.
 */
export async function heldBy(
  { id, organizationId }: { id: string; organizationId: string },
  asking: Asking,
): Promise<HeldBy | undefined> {
  if (id.startsWith('key_')) return heldByKey(id, organizationId, asking);
  if (id.startsWith('tok_')) return heldBySession(id, organizationId, asking);
  if (id.startsWith('cli_')) return heldByClient(id, organizationId, asking);
  return undefined;
}

async function heldByClient(id: string, organizationId: string, { ask, lattice }: Asking) {
  const { client } = await ask(ClientRegistry.resolve, { id });
  if (client?.organization_id !== organizationId) return undefined;
  const { grant } = clientHolding(lattice, client);
  return { grant, refused: client.status === 'active' ? null : client.status };
}

async function heldByKey(id: string, organizationId: string, { ask, lattice, now }: Asking) {
  const { key } = await ask(ApiKey.resolve, { id });
  if (key?.organization_id !== organizationId) return undefined;
  const { principal: owner } = await ask(Identity.resolvePrincipal, { id: key.owner.id });
  const membership = owner?.memberships.find(({ organization_id }) => organization_id === organizationId);
  if (!owner || !membership) return { grant: lattice.nothing, refused: 'no_membership' };
  const { grant } = keyHolding(lattice, key, owner, membership);
  if (key.status !== 'active') return { grant, refused: key.status };
  if (key.expires_at !== null && !(now.getTime() < Date.parse(key.expires_at))) return { grant, refused: 'expired' };
  return { grant, refused: owner.status === 'active' ? null : 'owner_not_active' };
}

async function heldBySession(id: string, organizationId: string, { ask, lattice }: Asking) {
  const { family } = await ask(Identity.resolveFamily, { id });
  // The family of a key's tokens is no credential of its own: the key is.
  if (family?.kind !== 'session') return undefined;
  const { principal } = await ask(Identity.resolvePrincipal, { id: family.principal_id });
  const membership = principal?.memberships.find(({ organization_id }) => organization_id === organizationId);
  if (!principal || !membership) return undefined;
  const grant = memberGrant(lattice, membership);
  if (family.status !== 'active') return { grant, refused: family.status };
  return { grant, refused: principal.status === 'active' ? null : 'owner_not_active' };
}
