import { allows, type Grant } from '@portcullis/authz';
import { type Policy } from './compile-policy.js';
import { normalisePath, pathSegments } from './path-rules.js';
import { matches, readPattern, type Route } from './route-table.js';

/** One thing that Portcullis answers itself, before any rule of the policy. */
export interface OwnRoute {
  /** As the policy writes it, `METHOD /path`. */
  match: string;
  public: boolean;
  /** All of them are required; empty and not public: any credential that is good. */
  permissions: readonly string[];
}

/** What decides a request. */
export interface Rule {
  /** Portcullis's own routes come first. */
  source: 'portcullis' | 'policy';
  match: string;
  public: boolean;
  permissions: readonly string[];
  /** Null where Portcullis answers itself. */
  upstream: string | null;
  file: string | null;
  line: number | null;
}

export interface RuleEntry extends Rule {
  /** The roles that hold everything that the rule requires, on every resource, sorted; all roles where nothing is required. */
  roles: readonly string[];
}

export interface Explanation {
  /** Null: nothing matches, or the path is none. */
  rule: Rule | null;
  requires: readonly string[];
  /** Everything that is held, sorted. */
  held: readonly string[];
  /** What is required and not held. */
  missing: readonly string[];
  verdict: 'allow' | 'deny';
  /** Why it is denied; null when it is not. */
  reason: 'malformed_path' | 'no_route' | 'missing_permission' | null;
}

/** Every rule in the order in which they are tried, with the roles that pass it. */
export function listRules(policy: Policy, ownRoutes: readonly OwnRoute[]): RuleEntry[] {
  const { lattice } = policy;
  const holders = lattice.roles().map(({ name }) => ({
    name,
    // A bucket-bound permission on a route is asked for on every bucket: roles hold it as their credential names buckets.
    grant: lattice.grant({ roles: [name], buckets: 'all' }),
  }));
  return [...ownRoutes.map(ruleOfOwn), ...policy.routes.list().map(ruleOfRoute)].map((rule) => ({
    ...rule,
    roles: holders.filter(({ grant }) => lacking(policy, grant, rule.permissions).length === 0).map(({ name }) => name),
  }));
}

/**
 * What would be decided for `method` and `path` (a request target; a query does not count) for somebody authenticated who
 * holds `grant`, made by this policy's lattice, and by which rule. The same table and the same test as a request meets. Pure.
 */
export function explainDecision(
  policy: Policy,
  asked: { method: string; path: string; grant: Grant; ownRoutes: readonly OwnRoute[] },
): Explanation {
  const held = policy.lattice.names(asked.grant);
  const path = normalisePath(asked.path);
  if (!path.ok) return denied(null, held, [], 'malformed_path');
  const rule = ruleFor(policy, asked.method, path.path, asked.ownRoutes);
  if (!rule) return denied(null, held, [], 'no_route');
  const missing = lacking(policy, asked.grant, rule.permissions);
  if (missing.length > 0) return denied(rule, held, missing, 'missing_permission');
  return { rule, requires: rule.permissions, held, missing: [], verdict: 'allow', reason: null };
}

function ruleFor(policy: Policy, method: string, path: string, ownRoutes: readonly OwnRoute[]): Rule | undefined {
  const asked = method === 'HEAD' ? 'GET' : method;
  const own = ownRoutes.find(({ match }) => {
    const pattern = readPattern(match);
    if (typeof pattern === 'string') throw new TypeError(pattern);
    return matches(pattern, asked, pathSegments(path));
  });
  if (own) return ruleOfOwn(own);
  const route = policy.routes.match(method, path);
  return route && ruleOfRoute(route);
}

function lacking({ lattice }: Policy, grant: Grant, permissions: readonly string[]): string[] {
  return permissions.filter((name) => !allows(grant, lattice.permissionIndex(name)));
}

function denied(
  rule: Rule | null,
  held: readonly string[],
  missing: readonly string[],
  reason: NonNullable<Explanation['reason']>,
): Explanation {
  return { rule, requires: rule?.permissions ?? [], held, missing, verdict: 'deny', reason };
}

const ruleOfOwn = ({ match, public: isPublic, permissions }: OwnRoute): Rule => ({
  source: 'portcullis',
  match,
  public: isPublic,
  permissions,
  upstream: null,
  file: null,
  line: null,
});

const ruleOfRoute = ({ match, public: isPublic, permissions, upstream, file, line }: Route): Rule => ({
  source: 'policy',
  match,
  public: isPublic,
  permissions,
  upstream,
  file,
  line,
});
