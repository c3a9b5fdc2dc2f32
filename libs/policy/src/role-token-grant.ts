import { type Grant, type Lattice } from '@portcullis/authz';

/**
 * What a role token of a role holds: of what the role means now the permissions of the node, and `audit:view` where the role has it.
 * A policy may redefine the role; nothing else of the control plane or of another domain comes with it. Always the same object
 * for the same lattice and role.
 */
export function roleTokenGrant(lattice: Lattice, role: string): Grant {
  let made = grants.get(lattice);
  if (!made) grants.set(lattice, (made = new Map<string, Grant>()));
  let grant = made.get(role);
  if (!grant) {
    const held = lattice.names(lattice.grantKnown({ roles: [role] }));
    grant = lattice.grantKnown({
      permissions: held.filter((name) => name.startsWith('node:') || name === 'audit:view'),
    });
    made.set(role, grant);
  }
  return grant;
}

const grants = new WeakMap<Lattice, Map<string, Grant>>();
