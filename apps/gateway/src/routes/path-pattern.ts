/**
 * How a route of the gateway is written: `:name` is one segment; `:name+`, at the end, is one or more, with the slashes between them. What
 * follows are the spellings of others.
 */

/** For the framework, which gives what `:name+` took as the parameter {@link restParameter}. */
export const frameworkPath = (path: string): string => path.replace(/:[^/]+\+$/, '*');
export const restParameter = '*';

/** For the policy: `*` is one segment, `**` any number. */
export const policyPath = (path: string): string => path.replace(/:[^/]+\+$/, '**').replaceAll(/:[^/]+/g, '*');

/** For OpenAPI, which has no word for several segments: the value holds the slashes. */
export const documentedPath = (path: string): string => path.replaceAll(/:([^/+]+)\+?/g, '{$1}');

/** The names, in their order. */
export const parameterNames = (path: string): string[] =>
  [...path.matchAll(/:([^/+]+)\+?/g)].map(([, name = '']) => name);

/** Whether a request's path is one of the route's. */
export function pathMatches(pattern: string, path: string): boolean {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  const isOpen = wanted.at(-1)?.endsWith('+') ?? false;
  if (isOpen ? given.length < wanted.length : given.length !== wanted.length) return false;
  return wanted.every((segment, at) => (segment.startsWith(':') ? given[at] !== '' : segment === given[at]));
}
