import { type Lattice, within } from '@portcullis/authz';
import { type AuthenticatedCaller, type ClientRecord, Refusal } from '@portcullis/contracts';
import { PublicKeyRefused, readPublicKey } from '@portcullis/credentials';
import { canonicalNetworks, demandKnownNames, demandNetworksWithin, demandWithin, heldBy } from '@portcullis/granting';
import { type Policy } from '@portcullis/policy';
import { type ClientKey } from './client.store.js';

/** The roles that a client is to have. Refuses names that mean nothing, none at all, and those that the policy keeps apart. */
export function demandSensibleRoles({ lattice, apart }: Policy, roles: readonly string[]): void {
  demandKnownNames(lattice, { roles, permissions: [] });
  if (roles.length === 0) {
    throw new Refusal('unprocessable', 'A client needs at least one role.', {
      errors: [{ field: 'roles', message: 'must name a role' }],
    });
  }
  for (const duties of apart) {
    const grantOf = (names: readonly string[]) => lattice.grantKnown({ roles: names, permissions: [], buckets: 'all' });
    // By what they come to, whichever roles it comes by: so `apart` names no role that gives nothing, and none that gives another.
    const held = duties.filter((duty) => within(grantOf([duty]), grantOf(roles)).length === 0);
    if (held.length < 2) continue;
    throw new Refusal('unprocessable', `The policy keeps ${held.join(' and ')} apart. Make a client for each.`, {
      errors: [{ field: 'roles', message: `must not give ${held.join(' and ')} to one client` }],
    });
  }
}

/** Whoever makes or edits a client, or makes it work again, holds now all that it holds, and acts from all that it may act from. */
export function demandMayGive(
  lattice: Lattice,
  caller: AuthenticatedCaller,
  { roles, networks }: Pick<ClientRecord, 'roles' | 'networks'>,
): void {
  demandWithin(lattice.grantKnown({ roles, permissions: [], buckets: 'all' }), heldBy(lattice, caller), 'you');
  demandNetworksWithin(networks, caller.principal.networks);
}

/** Each in its canonical form, once. */
export const networksOf = (networks: readonly string[]): string[] => [...new Set(canonicalNetworks(networks))];

/** Refuses what is no public key that a client may have, saying what was pasted; never what it said. */
export function publicKeyOf(pem: string): ClientKey {
  try {
    const { fingerprint, algorithm, spki } = readPublicKey(pem);
    return { fingerprint, algorithm, spki };
  } catch (error) {
    if (!(error instanceof PublicKeyRefused)) throw error;
    throw new Refusal('unprocessable', error.message, { errors: [{ field: 'public_key', message: error.message }] });
  }
}

/** What is allowed, and hardly meant. */
export function warningsOf(others: readonly string[]): string[] {
  if (others.length === 0) return [];
  const named = others.map((name) => JSON.stringify(name)).join(', ');
  return [`The same key is registered for ${named}. Whoever has it signs for each: make a key pair for every client.`];
}
