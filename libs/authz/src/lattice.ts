import {
  compileCatalogue,
  roleCovers,
  type Catalogue,
  type CatalogueFault,
  type CompiledCatalogue,
  type Level,
} from './catalogue.js';
import { Grant, type Numbering, type Resources } from './grant.js';

/** A grant as credentials store it: names, and the buckets for every bucket-bound permission among them. */
export interface GrantSpec {
  /** Names or aliases. */
  roles?: readonly string[];
  /** Exact names; `"*"` has no meaning here. */
  permissions?: readonly string[];
  /** Null, absent and an empty list are the same: none. */
  buckets?: Resources | null;
  /** Buckets of single permissions, where they differ from `buckets`; what `Lattice.resources` returns fits here. */
  resources?: Readonly<Record<string, Resources>> | null;
}

export interface RoleView {
  name: string;
  title: string;
  aliases: readonly string[];
  inherits: readonly string[];
  /** Effective: own and inherited, `"*"` written out, sorted. */
  permissions: readonly string[];
  /** Every other role below it, sorted. */
  covers: readonly string[];
  /** Its bucket-bound permissions hold on all buckets, so that a list of buckets beside it has no meaning. */
  allBuckets: boolean;
}

export interface PermissionView {
  name: string;
  title: string;
  in: Level;
  resource: 'bucket' | null;
}

export interface UnknownNames {
  roles: string[];
  permissions: string[];
}

/** A grant was asked for by names that the catalogue does not have. */
export class UnknownName extends Error {
  override readonly name = 'UnknownName';
  constructor(readonly unknown: UnknownNames) {
    super(`unknown ${[...unknown.roles, ...unknown.permissions].join(', ')}`);
  }
}

/**
 * One compiled catalogue: turns names into grants and answers about roles. Immutable; after a reload there is a new
 * one, and grants of the old one neither compare with its grants nor carry over (see `owns`): make them again from
 * names.
 */
export class Lattice {
  /** Holds nothing. */
  readonly nothing: Grant;
  /** Holds every permission on every resource. */
  readonly everything: Grant;
  readonly #catalogue: CompiledCatalogue;
  readonly #numbering: Numbering;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #views: ReadonlyMap<string, RoleView>;

  private constructor(catalogue: CompiledCatalogue) {
    const { permissions } = catalogue;
    this.#catalogue = catalogue;
    this.#numbering = {
      names: permissions.map(({ name }) => name),
      bound: new Set([...permissions.keys()].filter((number) => permissions[number]?.resource)),
    };
    this.#numbers = new Map(permissions.map(({ name }, number) => [name, number]));
    this.#views = viewRoles(catalogue, this.#numbering);
    this.nothing = Grant.of(this.#numbering, []);
    this.everything = Grant.of(
      this.#numbering,
      [...permissions.keys()].map((number) => [number, 'all'] as const),
    );
  }

  /** The lattice of a catalogue, or everything that is wrong with it at once. */
  static compile(catalogue: Catalogue): { lattice: Lattice } | { faults: CatalogueFault[] } {
    const result = compileCatalogue(catalogue);
    return 'faults' in result ? result : { lattice: new Lattice(result.compiled) };
  }

  /** The names in a spec that mean nothing here, each once, in their order. */
  unknown(spec: GrantSpec): UnknownNames {
    const roles = (spec.roles ?? []).filter((name) => !this.#catalogue.roleNames.has(name));
    const named = [...(spec.permissions ?? []), ...Object.keys(spec.resources ?? {})];
    const permissions = named.filter((name) => !this.#numbers.has(name));
    return { roles: [...new Set(roles)], permissions: [...new Set(permissions)] };
  }

  /** The grant of a spec that somebody writes now. Throws `UnknownName`: a typo must not be a smaller grant. */
  grant(spec: GrantSpec): Grant {
    const unknown = this.unknown(spec);
    if (unknown.roles.length > 0 || unknown.permissions.length > 0) throw new UnknownName(unknown);
    return this.grantKnown(spec);
  }

  /** The grant of a stored spec. A name that the catalogue no longer has gives nothing. */
  grantKnown(spec: GrantSpec): Grant {
    return Grant.of(this.#numbering, this.#pairs(spec));
  }

  /** Whether a grant was made by this very lattice. */
  owns(grant: Grant): boolean {
    return grant.isOf(this.#numbering);
  }

  /** Whether role `upper` holds all that `lower` holds. False if either is unknown. */
  covers(upper: string, lower: string): boolean {
    const [a, b] = [this.#role(upper), this.#role(lower)];
    return a !== undefined && b !== undefined && roleCovers(a, b);
  }

  role(nameOrAlias: string): RoleView | undefined {
    return this.#views.get(this.#catalogue.roleNames.get(nameOrAlias) ?? '');
  }

  /** Sorted by name. */
  roles(): RoleView[] {
    return [...this.#views.values()];
  }

  /** Sorted by name. */
  permissions(): PermissionView[] {
    return this.#catalogue.permissions.map((permission) => ({ ...permission }));
  }

  /** The number that `allows` takes; -1 for an unknown name, which no grant allows. */
  permissionIndex(name: string): number {
    return this.#numbers.get(name) ?? -1;
  }

  /** The permissions that a grant holds, on whatever resources, sorted. */
  names(grant: Grant): string[] {
    return grant.names();
  }

  /** The buckets of each bucket-bound permission that a grant holds. With `names` it makes the same grant again. */
  resources(grant: Grant): Record<string, Resources> {
    return grant.resources();
  }

  *#pairs(spec: GrantSpec): Iterable<readonly [number, Resources]> {
    const buckets = spec.buckets ?? [];
    const own = new Map(Object.entries(spec.resources ?? {}));
    for (const name of spec.roles ?? []) {
      const role = this.#role(name);
      if (!role) continue;
      for (const number of role.held) {
        const permission = this.#numbering.names[number] ?? '';
        yield [number, role.everyBucket.has(number) ? 'all' : (own.get(permission) ?? buckets)];
      }
    }
    for (const name of spec.permissions ?? []) {
      const number = this.#numbers.get(name);
      if (number !== undefined) yield [number, own.get(name) ?? buckets];
    }
  }

  #role(nameOrAlias: string) {
    return this.#catalogue.roles.get(this.#catalogue.roleNames.get(nameOrAlias) ?? '');
  }
}

function viewRoles(catalogue: CompiledCatalogue, { names, bound }: Numbering): Map<string, RoleView> {
  const roles = [...catalogue.roles.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return new Map(
    roles.map((role) => {
      const bounded = [...role.held].filter((number) => bound.has(number));
      const view: RoleView = {
        name: role.name,
        title: role.title,
        aliases: [...role.aliases],
        inherits: role.inherits,
        permissions: [...role.held].map((number) => names[number] ?? '').sort(),
        covers: roles.filter((other) => other !== role && roleCovers(role, other)).map(({ name }) => name),
        allBuckets: bounded.length > 0 && bounded.every((number) => role.everyBucket.has(number)),
      };
      return [role.name, Object.freeze(view)];
    }),
  );
}
