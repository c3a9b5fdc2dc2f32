/** Which of the two derived roles, `read` and `read-write`, a permission is part of. `read-write` holds `read` too. */
export type Level = 'read' | 'read-write' | 'none';

export interface PermissionDefinition {
  title: string;
  /** Absent: by the last word of the name: `view` is `read`, `delete` is `none`, the rest is `read-write`. */
  in?: Level;
  /** Present: the permission is held on named resources, not as such. */
  resource?: 'bucket';
}

export interface RoleDefinition {
  title: string;
  aliases?: readonly string[];
  /** Roles, by name or alias, whose permissions this one adds. */
  inherits?: readonly string[];
  /** Names of permissions; `"*"` is every permission there is. */
  permissions: readonly string[];
  /** Present: its bucket-bound permissions, inherited ones too, hold on every bucket whatever the credential names. */
  buckets?: 'all';
  /** A promise, checked and never a source: the catalogue is at fault if this role does not cover those. */
  covers?: readonly string[];
}

export interface Catalogue {
  permissions: Readonly<Record<string, PermissionDefinition>>;
  roles: Readonly<Record<string, RoleDefinition>>;
}

/** One thing wrong with a catalogue: where (so that a caller can find its line) and a sentence for its author. */
export interface CatalogueFault {
  kind: 'permission' | 'role';
  /** The permission or role at fault. */
  name: string;
  field?: 'name' | 'aliases' | 'inherits' | 'permissions' | 'covers';
  /** The offending entry of the field. */
  value?: string;
  message: string;
}

export interface CompiledPermission {
  name: string;
  title: string;
  in: Level;
  resource: 'bucket' | null;
}

/** A role as a set of permission numbers; `everyBucket` of them need no bucket named by the credential. */
export interface CompiledRole {
  name: string;
  title: string;
  aliases: readonly string[];
  inherits: readonly string[];
  own: ReadonlySet<number>;
  held: ReadonlySet<number>;
  everyBucket: ReadonlySet<number>;
}

export interface CompiledCatalogue {
  /** Sorted by name; a permission's place is its number. */
  permissions: readonly CompiledPermission[];
  roles: ReadonlyMap<string, CompiledRole>;
  /** Every name and alias of a role to its name. */
  roleNames: ReadonlyMap<string, string>;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*(?::[A-Za-z0-9][A-Za-z0-9_.-]*)*$/;
const LONGEST_NAME = 128;
const DERIVED = new Set(['read', 'read-write']);

/**
 * Reads a catalogue. Either it is right as a whole or every fault is told: names that are no names, unknown names,
 * alias clashes, inheritance cycles, broken promises (the last only once nothing else is wrong, since they need the
 * order).
 */
export function compileCatalogue(catalogue: Catalogue): { compiled: CompiledCatalogue } | { faults: CatalogueFault[] } {
  const faults: CatalogueFault[] = [];
  const permissions = compilePermissions(catalogue, faults);
  const numbers = new Map(permissions.map((permission, number) => [permission.name, number]));
  const definitions = new Map([...derivedRoles(permissions), ...withoutDerived(catalogue, faults)]);
  const roleNames = nameRoles(definitions, faults);
  checkReferences(definitions, roleNames, numbers, faults);
  findCycles(definitions, roleNames, faults);
  if (faults.length > 0) return { faults };

  const roles = new Map<string, CompiledRole>();
  for (const name of definitions.keys()) compileRole(name, definitions, roleNames, permissions, numbers, roles);
  checkPromises(definitions, roleNames, roles, faults);
  return faults.length > 0 ? { faults } : { compiled: { permissions, roles, roleNames } };
}

/** Whether `upper` holds at least what `lower` holds, whatever buckets a credential names. */
export function roleCovers(upper: CompiledRole, lower: CompiledRole): boolean {
  for (const number of lower.held) if (!upper.held.has(number)) return false;
  for (const number of lower.everyBucket) if (!upper.everyBucket.has(number)) return false;
  return true;
}

function compilePermissions(catalogue: Catalogue, faults: CatalogueFault[]): CompiledPermission[] {
  const compiled: CompiledPermission[] = [];
  for (const [name, definition] of Object.entries(catalogue.permissions)) {
    if (!isName(name)) faults.push({ kind: 'permission', name, field: 'name', message: notAName('permission', name) });
    compiled.push({
      name,
      title: definition.title,
      in: definition.in ?? levelByName(name),
      resource: definition.resource ?? null,
    });
  }
  return compiled.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function levelByName(name: string): Level {
  const verb = name.slice(name.lastIndexOf(':') + 1);
  if (verb === 'view') return 'read';
  return verb === 'delete' ? 'none' : 'read-write';
}

function derivedRoles(permissions: readonly CompiledPermission[]): [string, RoleDefinition][] {
  const at = (level: Level) => permissions.filter((permission) => permission.in === level).map(({ name }) => name);
  return [
    ['read', { title: 'Read', permissions: at('read') }],
    ['read-write', { title: 'Read and write', inherits: ['read'], permissions: at('read-write') }],
  ];
}

function withoutDerived(catalogue: Catalogue, faults: CatalogueFault[]): [string, RoleDefinition][] {
  return Object.entries(catalogue.roles).filter(([name]) => {
    if (DERIVED.has(name)) {
      const message = `role "${name}" is made from each permission's "in" and cannot be defined`;
      faults.push({ kind: 'role', name, field: 'name', message });
      return false;
    }
    if (!isName(name)) faults.push({ kind: 'role', name, field: 'name', message: notAName('role', name) });
    return true;
  });
}

function nameRoles(definitions: ReadonlyMap<string, RoleDefinition>, faults: CatalogueFault[]): Map<string, string> {
  const names = new Map([...definitions.keys()].map((name) => [name, name]));
  for (const [name, { aliases = [] }] of definitions) {
    for (const alias of aliases) {
      const taken = names.get(alias);
      const at = { kind: 'role', name, field: 'aliases', value: alias } as const;
      if (!isName(alias)) faults.push({ ...at, message: notAName('alias', alias) });
      else if (taken !== undefined) {
        faults.push({ ...at, message: `alias "${alias}" of role "${name}" already names role "${taken}"` });
      } else names.set(alias, name);
    }
  }
  return names;
}

function checkReferences(
  definitions: ReadonlyMap<string, RoleDefinition>,
  roleNames: ReadonlyMap<string, string>,
  numbers: ReadonlyMap<string, number>,
  faults: CatalogueFault[],
): void {
  for (const [name, definition] of definitions) {
    for (const field of ['inherits', 'covers'] as const) {
      for (const value of definition[field] ?? []) {
        if (roleNames.has(value)) continue;
        faults.push({ kind: 'role', name, field, value, message: `role "${name}" ${field} unknown role "${value}"` });
      }
    }
    for (const value of definition.permissions) {
      if (value === '*' || numbers.has(value)) continue;
      const message = `role "${name}" holds unknown permission "${value}"`;
      faults.push({ kind: 'role', name, field: 'permissions', value, message });
    }
  }
}

/** One fault a cycle, told at its first member in the order of the catalogue. */
function findCycles(
  definitions: ReadonlyMap<string, RoleDefinition>,
  roleNames: ReadonlyMap<string, string>,
  faults: CatalogueFault[],
): void {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (name: string, via?: string): void => {
    if (path.includes(name)) {
      const cycle = [...path.slice(path.indexOf(name)), name];
      const message = `roles inherit in a cycle: ${cycle.join(' → ')}`;
      faults.push({ kind: 'role', name: path.at(-1) ?? name, field: 'inherits', value: via, message });
      return;
    }
    if (done.has(name)) return;
    path.push(name);
    for (const parent of definitions.get(name)?.inherits ?? []) {
      const resolved = roleNames.get(parent);
      if (resolved !== undefined) visit(resolved, parent);
    }
    path.pop();
    done.add(name);
  };
  for (const name of definitions.keys()) visit(name);
}

function compileRole(
  name: string,
  definitions: ReadonlyMap<string, RoleDefinition>,
  roleNames: ReadonlyMap<string, string>,
  permissions: readonly CompiledPermission[],
  numbers: ReadonlyMap<string, number>,
  roles: Map<string, CompiledRole>,
): CompiledRole {
  const known = roles.get(name);
  if (known) return known;
  const definition = definitions.get(name);
  if (!definition) throw new Error(`role "${name}" escaped the check of references`);

  const own = new Set<number>();
  for (const permission of definition.permissions) {
    if (permission === '*') for (const number of permissions.keys()) own.add(number);
    else own.add(numbers.get(permission) ?? -1);
  }
  const inherits = [...new Set((definition.inherits ?? []).map((parent) => roleNames.get(parent) ?? parent))];
  const held = new Set(own);
  const everyBucket = new Set<number>();
  for (const parent of inherits) {
    const above = compileRole(parent, definitions, roleNames, permissions, numbers, roles);
    for (const number of above.held) held.add(number);
    for (const number of above.everyBucket) everyBucket.add(number);
  }
  if (definition.buckets === 'all') {
    for (const number of held) if (permissions[number]?.resource) everyBucket.add(number);
  }
  const role = { name, title: definition.title, aliases: definition.aliases ?? [], inherits, own, held, everyBucket };
  roles.set(name, role);
  return role;
}

function checkPromises(
  definitions: ReadonlyMap<string, RoleDefinition>,
  roleNames: ReadonlyMap<string, string>,
  roles: ReadonlyMap<string, CompiledRole>,
  faults: CatalogueFault[],
): void {
  for (const [name, { covers = [] }] of definitions) {
    for (const value of covers) {
      const upper = roles.get(name);
      const lower = roles.get(roleNames.get(value) ?? value);
      if (!upper || !lower || roleCovers(upper, lower)) continue;
      const message = `role "${name}" says that it covers "${value}", but does not hold all of it`;
      faults.push({ kind: 'role', name, field: 'covers', value, message });
    }
  }
}

function isName(text: string): boolean {
  return text.length <= LONGEST_NAME && NAME.test(text);
}

function notAName(what: string, text: string): string {
  const rule = `letters, digits, "_", "-", "." in words joined by ":", at most ${LONGEST_NAME}`;
  return `"${text}" is no name for a ${what}: ${rule}`;
}
