import { compilePolicy, explainDecision, listRules, type OwnRoute, type Policy } from './index.js';

const text = `version: 1
permissions: { "a:view": A, "b:view": B, "store:get": { title: S, in: none, resource: bucket } }
roles:
  both: { permissions: ["a:view", "b:view"] }
  half: { permissions: ["a:view"] }
  store: { permissions: ["store:get"] }
upstreams: { u: { url: http://127.0.0.1:1 } }
routes:
  - { match: "GET /a/*", permission: "a:view", upstream: u }
  - { match: "POST /a/**", permission: ["a:view", "b:view"], upstream: u }
  - { match: "GET /store", permission: "store:get", upstream: u }
  - { match: "* /open/**", public: true, upstream: u }
  - { match: "* /a/own", permission: "b:view", upstream: u }
`;
const ownRoutes: OwnRoute[] = [
  { match: 'GET /a/own', public: false, permissions: ['b:view'] },
  { match: 'GET /me', public: false, permissions: [] },
];
const policy = ((): Policy => {
  const result = compilePolicy([{ file: 'p.yaml', text, role: 'policy' }]);
  if ('faults' in result) throw new Error(JSON.stringify(result.faults));
  return result.policy;
})();

test('every rule is listed in the order in which it is tried, with exactly the roles that pass it', () => {
  const rules = listRules(policy, ownRoutes).map(({ source, match, roles, line }) => [
    source,
    match,
    roles.join(),
    line,
  ]);
  expect(rules).toEqual([
    ['portcullis', 'GET /a/own', 'both,read,read-write', null],
    ['portcullis', 'GET /me', 'both,half,read,read-write,store', null],
    ['policy', 'GET /a/*', 'both,half,read,read-write', 9],
    ['policy', 'POST /a/**', 'both,read,read-write', 10],
    ['policy', 'GET /store', 'store', 11],
    ['policy', '* /open/**', 'both,half,read,read-write,store', 12],
    ['policy', '* /a/own', 'both,read,read-write', 13],
  ]);
});

test.each<[string, string, string, string | null, string | null, string[]]>([
  ['half', 'GET', '/a/1?x=y', 'GET /a/*', null, []],
  ['half', 'HEAD', '/a/1', 'GET /a/*', null, []],
  ['half', 'POST', '/a/1', 'POST /a/**', 'missing_permission', ['b:view']],
  ['both', 'POST', '/a', 'POST /a/**', null, []],
  ['half', 'GET', '/a/own', 'GET /a/own', 'missing_permission', ['b:view']],
  ['half', 'DELETE', '/a/own', '* /a/own', 'missing_permission', ['b:view']],
  ['store', 'GET', '/store', 'GET /store', null, []],
  ['store', 'GET', '/open', '* /open/**', null, []],
  ['store', 'TRACE', '/open', null, 'no_route', []],
  ['both', 'GET', '/x', null, 'no_route', []],
  ['both', 'GET', '/open/%2e', null, 'malformed_path', []],
])('%s, %s %s: %s, %s', (role, method, path, match, reason, missing) => {
  const grant = policy.lattice.grant({ roles: [role], buckets: 'all' });
  const found = explainDecision(policy, { method, path, grant, ownRoutes });
  expect(found).toMatchObject({ verdict: reason === null ? 'allow' : 'deny', reason, missing });
  expect(found.rule?.match ?? null).toBe(match);
  expect(found.requires).toEqual(found.rule?.permissions ?? []);
});

test('a permission on named buckets is not one on every bucket', () => {
  const grant = policy.lattice.grant({ roles: ['store'], buckets: ['reports'] });
  expect(explainDecision(policy, { method: 'GET', path: '/store', grant, ownRoutes })).toMatchObject({
    verdict: 'deny',
    missing: ['store:get'],
    held: ['store:get'],
  });
});
