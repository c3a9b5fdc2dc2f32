import { createHash } from 'node:crypto';
import {
  Lattice,
  type CatalogueFault,
  type PermissionDefinition,
  type RoleDefinition,
  within,
} from '@portcullis/authz';
import {
  readSource,
  type PolicySource,
  type WrittenPermission,
  type WrittenPolicy,
  type WrittenRole,
} from './policy-source.js';
import { RouteTable, hides, readPattern, type Route, type RoutePattern } from './route-table.js';
import { type PolicyFault } from './yaml-reader.js';

/** A service behind the gateway. */
export interface Upstream {
  name: string;
  /** Origin and perhaps a base path, without a slash at its end. */
  url: string;
  timeoutSeconds: number;
  /** `aud` of the identity token that it gets. */
  audience: string;
  /** Whether the client's own credential travels on. */
  passAuthorization: boolean;
}

export interface Storage {
  /** Organization id by bucket, for buckets that no key of ours created. */
  buckets: ReadonlyMap<string, string>;
}

/** A policy in force: one immutable value, replaced as a whole. */
export interface Policy {
  /** SHA-256, hex, over the texts of all sources in order; not over their places or variables, so machines agree. */
  digest: string;
  lattice: Lattice;
  upstreams: ReadonlyMap<string, Upstream>;
  routes: RouteTable;
  storage: Storage;
  /** Lists of roles of which one client has at most one: who makes a payment does not approve it. */
  apart: readonly (readonly string[])[];
}

export interface CompileOptions {
  /** Values for `${NAME}` in the strings of an upstream. */
  variables?: Readonly<Record<string, string>>;
  /**
   * `METHOD /path` of what the gateway answers itself, before the policy's routes; a route that they hide is a fault.
   */
  ownRoutes?: readonly string[];
}

/** The policy that the sources say, or every fault in them, by file and line. Pure. */
export function compilePolicy(
  sources: readonly PolicySource[],
  options: CompileOptions = {},
): { policy: Policy } | { faults: PolicyFault[] } {
  const written = sources.map((source) => readSource(source, options.variables ?? {}));
  const faults = written.flatMap((file) => file.faults);
  const permissions = mergePermissions(written, faults);
  const roles = mergeRoles(written, faults);
  const catalogue = {
    permissions: Object.fromEntries([...permissions].map(([name, { definition }]) => [name, definition])),
    roles: Object.fromEntries([...roles].map(([name, { definition }]) => [name, definition])),
  };
  const compiled = Lattice.compile(catalogue);
  if ('faults' in compiled) faults.push(...compiled.faults.map((fault) => locate(fault, permissions, roles)));

  const upstreams = readUpstreams(written, faults);
  const patterns = checkRoutes(written, new Set(permissions.keys()), upstreams, options.ownRoutes ?? [], faults);
  const storage = readStorage(written, faults);
  const apart = readApart(written, roles, 'faults' in compiled ? undefined : compiled.lattice, faults);
  if (faults.length > 0 || 'faults' in compiled) return { faults: inOrder(faults, sources) };

  const { lattice } = compiled;
  const routes = patterns.map(({ file, route, pattern }): Route => {
    const names = [...new Set(route.permissions.map(({ value }) => value))];
    return Object.freeze({
      match: route.match,
      method: pattern.method,
      path: pattern.path,
      permissions: Object.freeze(names),
      permissionIndexes: Object.freeze(names.map((name) => lattice.permissionIndex(name))),
      public: route.public,
      upstream: route.upstream.value,
      file,
      line: route.line,
    });
  });
  return { policy: { digest: digestOf(sources), lattice, upstreams, routes: new RouteTable(routes), storage, apart } };
}

interface Origin<T, W> {
  definition: T;
  written: W;
  from: WrittenPolicy;
}
type MergedPermissions = Map<string, Origin<PermissionDefinition, WrittenPermission>>;
type MergedRoles = Map<string, Origin<RoleDefinition, WrittenRole>>;

function mergePermissions(files: readonly WrittenPolicy[], faults: PolicyFault[]): MergedPermissions {
  const merged: MergedPermissions = new Map();
  for (const from of files) {
    for (const written of from.permissions) {
      const before = merged.get(written.name);
      if (before && !mayRedefine('permission', written, from, before, faults)) continue;
      const level = written.in ?? before?.definition.in;
      const resource = written.resource ?? before?.definition.resource;
      const definition: PermissionDefinition = {
        title: written.title ?? before?.definition.title ?? written.name,
        ...(level && { in: level }),
        ...(resource && { resource }),
      };
      merged.set(written.name, { definition, written, from });
    }
  }
  return merged;
}

function mergeRoles(files: readonly WrittenPolicy[], faults: PolicyFault[]): MergedRoles {
  const merged: MergedRoles = new Map();
  for (const from of files) {
    for (const written of from.roles) {
      const before = merged.get(written.name);
      if (before && !mayRedefine('role', written, from, before, faults)) continue;
      // What the shipped role promised to cover stays promised: other parts of the product rely on it.
      const covers = [...(before?.definition.covers ?? []), ...(written.definition.covers ?? [])];
      merged.set(written.name, { definition: { ...written.definition, covers }, written, from });
    }
  }
  return merged;
}

/**
 * A policy file may define anew what a catalogue file defines, unless that is sealed; nothing else is defined twice.
 */
function mayRedefine(
  kind: string,
  written: { name: string; line: number },
  from: WrittenPolicy,
  before: Origin<unknown, { line: number }>,
  faults: PolicyFault[],
): boolean {
  const at = { file: from.source.file, line: written.line };
  const place = `${before.from.source.file}:${before.written.line}`;
  if (before.from === from) return false; // The reader has told a key that is there twice.
  if (before.from.sealed) {
    faults.push({ ...at, message: `${kind} "${written.name}" is Portcullis's own (${place}) and cannot be redefined` });
  } else if (before.from.source.role === from.source.role) {
    faults.push({ ...at, message: `${kind} "${written.name}" is already defined at ${place}` });
  } else return true;
  return false;
}

function locate(fault: CatalogueFault, permissions: MergedPermissions, roles: MergedRoles): PolicyFault {
  const { kind, name, field, value, message } = fault;
  // A role made by the lattice itself (`read`) has no line; nothing that it can be accused of is its own.
  const origin = kind === 'role' ? roles.get(name) : permissions.get(name);
  const lines = kind === 'role' ? roles.get(name)?.written.lines : undefined;
  const line = lines?.get(`${field} ${value}`) ?? origin?.written.line ?? 0;
  return { file: origin?.from.source.file ?? '', line, message };
}

function readUpstreams(files: readonly WrittenPolicy[], faults: PolicyFault[]): Map<string, Upstream> {
  const upstreams = new Map<string, Upstream>();
  const places = new Map<string, string>();
  for (const { source, upstreams: written } of files) {
    for (const { line, ...upstream } of written) {
      const place = places.get(upstream.name);
      if (place !== undefined) {
        if (place.startsWith(`${source.file}:`)) continue; // Told by the reader.
        const message = `upstream "${upstream.name}" is already defined at ${place}`;
        faults.push({ file: source.file, line, message });
        continue;
      }
      places.set(upstream.name, `${source.file}:${line}`);
      upstreams.set(upstream.name, Object.freeze(upstream));
    }
  }
  return upstreams;
}

interface Ruled {
  file: string;
  route: WrittenPolicy['routes'][number];
  pattern: RoutePattern;
}

function checkRoutes(
  files: readonly WrittenPolicy[],
  permissions: ReadonlySet<string>,
  upstreams: ReadonlyMap<string, Upstream>,
  ownRoutes: readonly string[],
  faults: PolicyFault[],
): Ruled[] {
  const own = ownRoutes.map((match) => {
    const pattern = readPattern(match);
    if (typeof pattern === 'string') throw new TypeError(pattern);
    return { match, pattern };
  });
  const ruled: Ruled[] = [];
  for (const { source, routes } of files) {
    for (const route of routes) {
      const at = { file: source.file, line: route.line };
      for (const { value, line } of route.permissions) {
        if (!permissions.has(value)) {
          faults.push({ ...at, line, message: `route "${route.match}" requires unknown permission "${value}"` });
        }
      }
      const { value: upstream, line } = route.upstream;
      if (!upstreams.has(upstream)) {
        faults.push({ ...at, line, message: `route "${route.match}" leads to unknown upstream "${upstream}"` });
      }
      const pattern = readPattern(route.match);
      if (typeof pattern === 'string') {
        faults.push({ ...at, message: pattern });
        continue;
      }
      const mine = own.find((earlier) => hides(earlier.pattern, pattern));
      const earlier = ruled.find((candidate) => hides(candidate.pattern, pattern));
      if (mine) faults.push({ ...at, message: `route "${route.match}" is hidden by Portcullis's own "${mine.match}"` });
      if (earlier) {
        const place = `"${earlier.route.match}" at ${earlier.file}:${earlier.route.line}`;
        faults.push({ ...at, message: `route "${route.match}" is hidden by ${place}` });
      }
      ruled.push({ file: source.file, route, pattern });
    }
  }
  return ruled;
}

function readStorage(files: readonly WrittenPolicy[], faults: PolicyFault[]): Storage {
  const buckets = new Map<string, string>();
  for (const { source, buckets: written } of files) {
    for (const { value, line, organizationId } of written) {
      if (buckets.has(value)) faults.push({ file: source.file, line, message: `bucket "${value}" is named twice` });
      buckets.set(value, organizationId);
    }
  }
  return { buckets };
}

function readApart(
  files: readonly WrittenPolicy[],
  roles: MergedRoles,
  lattice: Lattice | undefined,
  faults: PolicyFault[],
): string[][] {
  return files.flatMap(({ source: { file }, apart }) =>
    apart.map((duties) => {
      const unknown = duties.filter(({ value }) => !roles.has(value));
      for (const { value, line } of unknown) {
        faults.push({ file, line, message: `"apart" names unknown role "${value}"` });
      }
      for (const { value, line } of lattice && unknown.length === 0 ? duties : []) {
        const message = lattice && inseparable(lattice, value, duties);
        if (message) faults.push({ file, line, message });
      }
      return duties.map(({ value }) => value);
    }),
  );
}

/** Why no client could have this role: who has it would always have another duty of the list as well. */
function inseparable(lattice: Lattice, role: string, duties: readonly { value: string }[]): string | undefined {
  const grantOf = (name: string) => lattice.grantKnown({ roles: [name], permissions: [], buckets: 'all' });
  const held = duties.find(({ value }) => value !== role && within(grantOf(value), grantOf(role)).length === 0);
  return held && `"apart" keeps "${role}" from "${held.value}", but "${role}" gives all that "${held.value}" gives`;
}

function digestOf(sources: readonly PolicySource[]): string {
  const framed = JSON.stringify(sources.map(({ role, text }) => [role, text]));
  return createHash('sha256').update(framed).digest('hex');
}

function inOrder(faults: PolicyFault[], sources: readonly PolicySource[]): PolicyFault[] {
  const place = (file: string) => sources.findIndex((source) => source.file === file);
  return faults.sort((a, b) => place(a.file) - place(b.file) || a.line - b.line);
}
