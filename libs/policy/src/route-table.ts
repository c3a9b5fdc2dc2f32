import { METHODS } from 'node:http';
import { normalisePath, pathSegments } from './path-rules.js';

/** One rule of the policy. */
export interface Route {
  /** As it is written, `METHOD /path`. */
  match: string;
  /** Upper case; `*` is every method. `GET` is HEAD as well. */
  method: string;
  /** The path pattern. */
  path: string;
  /** All of them are required. Empty exactly when the route is public. */
  permissions: readonly string[];
  /** The same as numbers of the policy's lattice, for `allows`. */
  permissionIndexes: readonly number[];
  public: boolean;
  /** Name of the upstream. */
  upstream: string;
  file: string;
  line: number;
}

export interface RoutePattern {
  method: string;
  path: string;
  /** Decoded literals and null for `*`. */
  segments: readonly (string | null)[];
  /** Whether `**` follows: any number of further segments, none included. */
  rest: boolean;
}

/** HEAD is authorised as GET, and TRACE and CONNECT never pass, so that no rule may be written for them. */
const RULE_METHODS = new Set(['*', ...METHODS.filter((method) => !['HEAD', 'TRACE', 'CONNECT'].includes(method))]);

/** The routes of a policy in order. Immutable. */
export class RouteTable {
  readonly #routes: readonly Route[];
  /**
   * By first segment, each list in the order of the policy, so that a request looks at the few rules that can match.
   */
  readonly #byFirst = new Map<string, [Route, RoutePattern][]>();
  readonly #anyFirst: [Route, RoutePattern][] = [];

  /** The routes' matches must have been read by `readPattern` before. */
  constructor(routes: readonly Route[]) {
    this.#routes = Object.freeze([...routes]);
    for (const route of routes) {
      const pattern = readPattern(route.match);
      if (typeof pattern === 'string') throw new TypeError(pattern);
      const first = pattern.segments[0];
      if (typeof first === 'string') {
        if (!this.#byFirst.has(first)) this.#byFirst.set(first, [...this.#anyFirst]);
        this.#byFirst.get(first)?.push([route, pattern]);
      } else {
        this.#anyFirst.push([route, pattern]);
        for (const list of this.#byFirst.values()) list.push([route, pattern]);
      }
    }
  }

  /**
   * The first route that matches, undefined if none does: deny. `path` is what `normalisePath` gave; it is compared by
   * decoded segment, case counts, a trailing slash too. HEAD is matched as GET; TRACE and CONNECT match nothing.
   */
  match(method: string, path: string): Route | undefined {
    if (method === 'TRACE' || method === 'CONNECT') return undefined;
    const asked = method === 'HEAD' ? 'GET' : method;
    const segments = pathSegments(path);
    const candidates = this.#byFirst.get(segments[0] ?? '') ?? this.#anyFirst;
    return candidates.find(([, pattern]) => matches(pattern, asked, segments))?.[0];
  }

  /** In the order of the policy. */
  list(): Route[] {
    return [...this.#routes];
  }

  /** Every permission that some route of an upstream requires, sorted: what that upstream may be told of a caller. */
  permissionsOf(upstream: string): string[] {
    const routes = this.#routes.filter((route) => route.upstream === upstream);
    return [...new Set(routes.flatMap(({ permissions }) => permissions))].sort();
  }
}

/** Reads `METHOD /path`; a sentence if it is none. */
export function readPattern(match: string): RoutePattern | string {
  const [method = '', path = '', ...more] = match.split(' ');
  if (more.length > 0 || !path.startsWith('/')) return `"${match}" is not of the form "METHOD /path"`;
  if (method === 'HEAD') return 'a HEAD request is authorised as GET; write the rule for GET';
  if (!RULE_METHODS.has(method)) return `"${method}" is no method that a rule can have`;

  const written = path === '/' ? [] : path.slice(1).split('/');
  const rest = written.at(-1) === '**';
  if (rest) written.pop();
  const segments: (string | null)[] = [];
  for (const [at, segment] of written.entries()) {
    if (segment === '**') return '"**" can only be the last segment';
    if (segment === '' && (rest || at < written.length - 1)) return `"${path}" has an empty segment`;
    if (segment !== '*' && segment.includes('*')) return `"*" stands for a whole segment, not for part of "${segment}"`;
    const literal = normalisePath(`/${segment}`);
    if (!literal.ok || literal.query !== null) {
      return `no request can have the segment "${segment}"${literal.ok ? ': it holds a query' : `: ${literal.reason}`}`;
    }
    segments.push(segment === '*' ? null : (pathSegments(literal.path)[0] ?? ''));
  }
  return { method, path, segments, rest };
}

/** Whether every request that `lower` matches is matched by `upper` too. */
export function hides(upper: RoutePattern, lower: RoutePattern): boolean {
  if (upper.method !== '*' && upper.method !== lower.method) return false;
  if (lower.segments.length < upper.segments.length) return false;
  if (!upper.rest && (lower.rest || lower.segments.length > upper.segments.length)) return false;
  return upper.segments.every((segment, at) => {
    const below = lower.segments[at];
    return segment === null ? below !== '' : segment === below;
  });
}

/** Whether a request by this method (HEAD already read as GET) for these decoded segments is meant. */
export function matches({ method, segments, rest }: RoutePattern, asked: string, path: readonly string[]): boolean {
  if (method !== '*' && method !== asked) return false;
  if (rest ? path.length < segments.length : path.length !== segments.length) return false;
  for (let at = 0; at < segments.length; at += 1) {
    const wanted = segments[at];
    if (wanted === null ? path[at] === '' : wanted !== path[at]) return false;
  }
  return true;
}
