/** Roles that belong together by what they are for; the catalogue does not say it, their names do. */
export const roleGroups = [
  { id: 'organization', label: 'Organization' },
  { id: 'storage', label: 'Object storage' },
  { id: 'node', label: 'Node' },
  { id: 'layer1', label: 'Payments (layer1)' },
  { id: 'policy', label: 'Of this policy' },
] as const;
export type RoleGroup = (typeof roleGroups)[number]['id'];

const groupOfName = new Map<string, RoleGroup>([
  ...['owner', 'admin', 'developer', 'compliance', 'observer', 'read', 'read-write'].map(
    (name) => [name, 'organization'] as const,
  ),
  ...['consumer', 'creator', 'accountant', 'auditor', 'maintainer'].map((name) => [name, 'node'] as const),
]);
const layer1 = 'layer1:role:';
const storage = 'storage:';

/** Whatever the shipped catalogue does not have is the policy's own. */
export function groupOf(name: string): RoleGroup {
  if (name.startsWith(layer1)) return 'layer1';
  if (name.startsWith(storage)) return 'storage';
  return groupOfName.get(name) ?? 'policy';
}

/** A role's name without what its whole group begins with. */
export const shortName = (name: string): string =>
  [layer1, storage].reduce((left, prefix) => (left.startsWith(prefix) ? left.slice(prefix.length) : left), name);
