/** Of a role what its permissions come from. */
export interface GrantingRole {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly inherits: readonly string[];
  /** Effective: its own and what it inherits. */
  readonly permissions: readonly string[];
  readonly covers: readonly string[];
}

export interface HeldPermission {
  readonly name: string;
  /** The roles that it inherits the permission from; none: it is the role's own. */
  readonly from: readonly string[];
  /** No role below holds it. */
  readonly isAdded: boolean;
}

/** Each permission of a role, where it has it from, and whether the role adds it to those below. */
export function permissionsOf(role: GrantingRole, roles: readonly GrantingRole[]): HeldPermission[] {
  const byName = new Map(roles.flatMap((one) => [one.name, ...one.aliases].map((name) => [name, one] as const)));
  const parents = role.inherits.flatMap((name) => byName.get(name) ?? []);
  // One that holds just the same is below it as well as above, and takes nothing from what it adds.
  const below = role.covers
    .flatMap((name) => byName.get(name) ?? [])
    .filter(({ covers }) => !covers.includes(role.name));
  const heldBelow = new Set(below.flatMap(({ permissions }) => permissions));
  return role.permissions.map((name) => ({
    name,
    from: parents.filter(({ permissions }) => permissions.includes(name)).map((parent) => parent.name),
    isAdded: !heldBelow.has(name),
  }));
}
