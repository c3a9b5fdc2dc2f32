import { ApiKey, Audit, Bucket, Identity, operationsOf, services, type Operation } from '@portcullis/contracts';
import { docsHeaders, docsPage } from './docs.js';
import { describeApi } from './openapi.js';
import { allowedMethods, controlRoutes, ownRoutePatterns } from './routes/control-routes.js';
import { documentedPath } from './routes/path-pattern.js';
import { ownRoute } from './routes/route.js';

const api = describeApi(controlRoutes, 'https://gate.example');

test.each(controlRoutes.map((route) => [`${route.method} ${route.path}`, route] as const))(
  '%s is described as it is served',
  (_, route) => {
    const described = api.paths[documentedPath(route.path)]?.[route.method.toLowerCase()];
    expect(described?.summary).toBe(route.summary);
    const publicly = route.path === '/auth' ? [{ basic: [] }] : route.ownPage?.cookie ? [{ session: [] }] : [];
    expect(described?.security).toEqual(route.access.public ? publicly : [{ bearer: [] }]);
    expect(Object.keys(described?.responses ?? {})).toContain(String(route.status));
    if (!route.access.public || route.path === '/auth')
      expect(Object.keys(described?.responses ?? {})).toContain('401');
    if (!route.access.public)
      expect(Object.keys(described?.responses ?? {})).toEqual(expect.arrayContaining(['401', '403']));
  },
);

test.each(controlRoutes.filter((route) => route.example).map((route) => [route.path, route] as const))(
  'the example of %s is one that the route takes',
  (_, route) => {
    const path = Object.fromEntries((route.input?.pathFields ?? []).map((field) => [field, 'some_id']));
    expect(route.input?.schema.safeParse({ ...route.example, ...path }).error?.issues ?? []).toEqual([]);
  },
);

const behindStorage: readonly Operation[] = [Bucket.claim, Bucket.release];
/** Whose answers are text over HTTP, by which route. */
const asText = new Map<Operation, string>([
  [Audit.checkpoint, '/v1/audit/checkpoint'],
  [Audit.tile, '/v1/audit/log/tile/:level/:index+'],
  [Audit.exportPage, '/v1/audit/export'],
  [Audit.follow, '/v1/audit/stream'],
]);
const behindConsole: readonly Operation[] = [Identity.openSession, Identity.continueSession];
const behindOAuth: readonly Operation[] = [Identity.grantBySecret, Identity.grantToClient, Identity.revokeToken];

test('every operation for clients of the gateway has a route', () => {
  const operations = services
    .flatMap((service): readonly Operation[] => operationsOf(service))
    .filter(({ for: whom }) => whom !== 'service')
    // Behind /v1/api-keys/leaks, which answers less than it is told.
    .filter((operation) => operation !== ApiKey.findLeaked)
    // Behind /v1/storage/buckets, which asks the storage too.
    .filter((operation) => !behindStorage.includes(operation))
    // Behind /console/session, whose refresh tokens go into a cookie.
    .filter((operation) => !behindConsole.includes(operation))
    // Behind /oauth, whose words are OAuth's.
    .filter((operation) => !behindOAuth.includes(operation));
  // Two routes of one shape would be told apart by nothing: the reply schema is the operation's own value.
  for (const operation of operations) {
    expect({
      subject: operation.subject,
      served: controlRoutes.some(({ path, reply }) => reply === operation.reply || path === asText.get(operation)),
    }).toEqual({
      subject: operation.subject,
      served: true,
    });
  }
});

test('no two routes share method and path, nor an operation id', () => {
  expect(new Set(ownRoutePatterns).size).toBe(controlRoutes.length + 2); // and the console's files, and what proxies ask about in a path
  const ids = Object.values(api.paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  expect(new Set(ids).size).toBe(controlRoutes.length);
});

test('only these routes are public', () => {
  const open = controlRoutes.filter(({ access }) => access.public).map(({ method, path }) => `${method} ${path}`);
  expect(open.sort()).toEqual([
    'DELETE /console/session',
    'GET /.well-known/jwks.json',
    'GET /.well-known/oauth-authorization-server',
    'GET /docs',
    'GET /healthz',
    'GET /openapi.json',
    'GET /readyz',
    'GET /v1/decisions',
    'GET /v1/invitations/accept',
    'POST /auth',
    'POST /console/session',
    'POST /console/session/refresh',
    'POST /oauth/introspect',
    'POST /oauth/revoke',
    'POST /oauth/token',
    'POST /v1/authenticate',
    'POST /v1/decisions',
    'POST /v1/invitations/accept',
    'POST /v1/login',
    'POST /v1/reauthenticate',
  ]);
});

test('secrets are plain text to clients, and no schema points outside of itself', () => {
  const text = JSON.stringify(api);
  expect(text).not.toContain('"sealed"');
  expect(text).not.toContain('$defs');
  for (const [, reference] of text.matchAll(/"\$ref":"([^"]+)"/g))
    expect(reference).toMatch(/^#\/components\/(responses|schemas)\/Problem$/);
  expect(JSON.stringify(api.paths['/v1/login']?.['post'])).toContain('"password":{"type":"string"');
});

test('all names of fields are snake_case', () => {
  const names = new Set<string>();
  JSON.stringify(api, (key, value: unknown) => {
    if (key === 'properties' && typeof value === 'object' && value !== null)
      Object.keys(value).forEach((name) => names.add(name));
    return value;
  });
  expect([...names].filter((name) => !/^[a-z0-9]+(_[a-z0-9]+)*$/.test(name))).toEqual([]);
});

test.each([
  ['/v1/api-keys', ['POST', 'GET', 'HEAD']],
  ['/v1/api-keys/key_1', ['GET', 'DELETE', 'PATCH', 'HEAD']],
  ['/v1/api-keys/', []],
  ['/v1/API-KEYS', []],
  ['/', []],
  ['/console', ['GET', 'HEAD']],
  ['/console/clients/cli_1', ['GET', 'HEAD']],
  ['/console/session', ['POST', 'DELETE']],
  ['/consoles', []],
])('%s takes %j', (path, methods) => {
  expect(allowedMethods(path)).toEqual(methods);
});

test('the page to read has every route and every code, and neither script nor foreign asset', () => {
  const page = docsPage(api);
  for (const { path } of controlRoutes) expect(page).toContain(documentedPath(path));
  expect(page).toContain('id="enforcement_pending"');
  expect(page).not.toMatch(/<script|<img|<link|@import|url\(|https?:/i);
  expect(docsHeaders['Content-Security-Policy']).toMatch(/^default-src 'none'; style-src 'sha256-/);
});

test('what a description says cannot become markup', () => {
  const route = ownRoute({
    method: 'GET',
    path: '/x',
    tag: '<b>',
    summary: '<script>alert(1)</script>"&',
    access: { public: true },
    reply: { mediaType: 'text/<i>' },
    answer: () => Promise.resolve({ status: 200, body: '' }),
  });
  const page = docsPage(describeApi([route], 'https://gate.example'));
  expect(page).not.toMatch(/<script|<i>|<b>&lt;|"><b>/);
  expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&amp;');
});

test('what only pages of ours may ask names the header that says so', () => {
  const asked = controlRoutes.filter((route) => route.ownPage);
  expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'POST /console/session',
    'POST /console/session/refresh',
    'DELETE /console/session',
  ]);
  for (const { method, path } of asked) {
    const described = api.paths[path]?.[method.toLowerCase()];
    expect(described?.parameters).toMatchObject([{ name: 'X-Requested-With', in: 'header', required: true }]);
    expect(Object.keys(described?.responses ?? {})).toContain('403');
  }
  expect(api.components).toMatchObject({
    securitySchemes: { session: { type: 'apiKey', in: 'cookie', name: '__Secure-portcullis-session' } },
  });
});
