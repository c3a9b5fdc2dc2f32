import { type OwnRoute, RouteTable } from '@portcullis/policy';
import { consoleMatch, isConsolePath } from '../console/console-pages.js';
import { decisionsPath } from '../decisions/forwarded-request.js';
import { describeApi } from '../openapi.js';
import { docsHeaders, docsPage } from '../docs.js';
import { apiKeyRoutes } from './api-key.routes.js';
import { auditRoutes } from './audit.routes.js';
import { catalogueRoutes } from './catalogue.routes.js';
import { clientRoutes } from './client.routes.js';
import { consoleRoutes } from './console.routes.js';
import { identityRoutes } from './identity.routes.js';
import { oauthRoutes } from './oauth.routes.js';
import { ownerRoutes } from './owner.routes.js';
import { pathMatches, policyPath } from './path-pattern.js';
import { policyRoutes } from './policy.routes.js';
import { processRoutes } from './process.routes.js';
import { roleTokenRoutes } from './role-token.routes.js';
import { type ControlRoute, ownRoute } from './route.js';
import { storageRoutes } from './storage.routes.js';

/** Everything that the gateway answers itself. A new operation is its contract and one entry in one of these tables. */
export const controlRoutes: readonly ControlRoute[] = [
  ...identityRoutes,
  ...consoleRoutes,
  ...roleTokenRoutes,
  ...oauthRoutes,
  ...ownerRoutes,
  ...apiKeyRoutes,
  ...clientRoutes,
  ...storageRoutes,
  ...auditRoutes,
  ...catalogueRoutes,
  ...policyRoutes,
  ...processRoutes,
  ownRoute({
    method: 'GET',
    path: '/openapi.json',
    tag: 'Gateway',
    summary: 'This API as an OpenAPI 3.1 document',
    access: { public: true },
    reply: { mediaType: 'application/json' },
    answer: (_call, parts) =>
      Promise.resolve({
        status: 200,
        headers: { 'Cache-Control': 'public, max-age=300' },
        body: describeApi(controlRoutes, parts.publicUrl),
      }),
  }),
  ownRoute({
    method: 'GET',
    path: '/docs',
    tag: 'Gateway',
    summary: 'This API as a page to read',
    access: { public: true },
    reply: { mediaType: 'text/html; charset=utf-8' },
    answer: (_call, parts) =>
      Promise.resolve({
        status: 200,
        headers: docsHeaders,
        body: docsPage(describeApi(controlRoutes, parts.publicUrl)),
      }),
  }),
];

/** The same as the policy sees them, in the order in which they are tried. */
export const ownRoutes: readonly OwnRoute[] = [
  ...controlRoutes.map(({ method, path, access }) => ({
    match: `${method} ${policyPath(path)}`,
    public: access.public,
    permissions: access.public || access.permission === null ? [] : [access.permission],
  })),
  // Files: no operations, so not in the table.
  { match: consoleMatch, public: true, permissions: [] },
  // What follows is the path that a proxy asks about: no request of anybody's own.
  { match: `* ${decisionsPath}/**`, public: true, permissions: [] },
];

/** So that a rule which could never be reached is a fault at load. */
export const ownRoutePatterns: readonly string[] = ownRoutes.map(({ match }) => match);

/** The same, to ask whether a request means a route of ours. */
export const ownRouteTable = (): RouteTable =>
  new RouteTable(
    ownRoutes.map((route) => {
      const [method = '', path = ''] = route.match.split(' ');
      return { ...route, method, path, permissionIndexes: [], upstream: '', file: '', line: 0 };
    }),
  );

/** The methods that a path answers, for `Allow`; empty if it is no control path. */
export function allowedMethods(path: string): string[] {
  const methods = controlRoutes.filter((route) => pathMatches(route.path, path)).map(({ method }) => method);
  if (methods.length === 0 && isConsolePath(path)) methods.push('GET');
  return methods.includes('GET') ? [...methods, 'HEAD'] : methods;
}
