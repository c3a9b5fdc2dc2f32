import { createHash } from 'node:crypto';
import { allows } from '@portcullis/authz';
import { compilePolicy, type Policy, type PolicySource } from './index.js';

const CATALOGUE = `version: 1
permissions:
  "counterparties:view": { title: Can view counterparty details, in: read }
  "travelrule:manage": { title: Can manage transactions, in: read-write }
roles:
  observer: { title: Observer, permissions: [counterparties:view] }
  creator: { title: Creator, permissions: [travelrule:manage] }
  maintainer: { title: Maintainer, inherits: [creator], covers: [creator], permissions: [] }
`;
const SEALED = `version: 1
sealed: true
permissions:
  "users:manage": { title: Can manage users, in: none }
  "files:view": { title: Can view files, in: read, resource: bucket }
roles:
  owner: { title: Owner, permissions: ["*"], buckets: all }
`;

function sources(policy: string, ...more: string[]): PolicySource[] {
  return [
    { file: 'catalogue.yaml', text: CATALOGUE, role: 'catalogue' },
    { file: 'sealed.yaml', text: SEALED, role: 'catalogue' },
    { file: 'policy.yaml', text: policy, role: 'policy' },
    ...more.map((text, at): PolicySource => ({ file: `more-${at}.yaml`, text, role: 'policy' })),
  ];
}

function policyOf(...args: Parameters<typeof compilePolicy>): Policy {
  const result = compilePolicy(...args);
  if ('faults' in result) throw new Error(JSON.stringify(result.faults, null, 1));
  return result.policy;
}

function faultsOf(...args: Parameters<typeof compilePolicy>): string[] {
  const result = compilePolicy(...args);
  return 'faults' in result ? result.faults.map(({ file, line, message }) => `${file}:${line} ${message}`) : [];
}

const DOCUMENTED = `version: 1
permissions: { "counterparties:view": Can view counterparty details }
roles:
  observer: { title: Observer, inherits: [], permissions: [counterparties:view] }
upstreams:
  compliance: { url: http://127.0.0.1:7001, timeout_seconds: 30 }
routes:                                       # first match wins; the path is normalised before it is matched
  - { match: "GET /v1/counterparties/**", permission: counterparties:view, upstream: compliance }
  - { match: "POST /v1/transactions", permission: [travelrule:manage], upstream: compliance }
  - { match: "* /public/**", public: true, upstream: compliance }
`;

describe('a good policy', () => {
  const policy = policyOf(sources(DOCUMENTED));

  test('the documented example is one', () => {
    expect(policy.routes.list()).toHaveLength(3);
    expect(policy.routes.match('POST', '/v1/transactions')).toEqual({
      match: 'POST /v1/transactions',
      method: 'POST',
      path: '/v1/transactions',
      permissions: ['travelrule:manage'],
      permissionIndexes: [policy.lattice.permissionIndex('travelrule:manage')],
      public: false,
      upstream: 'compliance',
      file: 'policy.yaml',
      line: 9,
    });
    expect(policy.routes.match('DELETE', '/public/x')).toMatchObject({ public: true, permissions: [] });
    expect(policy.upstreams.get('compliance')).toEqual({
      name: 'compliance',
      url: 'http://127.0.0.1:7001',
      timeoutSeconds: 30,
      audience: 'upstream:compliance',
      passAuthorization: false,
    });
    expect(policy.storage.buckets.size).toBe(0);
    expect(policy.apart).toEqual([]);
  });

  test('roles that are kept apart are lists of roles that there are', () => {
    const duties =
      '\npermissions: { "p:pay": P, "p:check": C }\nroles: { payer: { permissions: [p:pay] }, checker: { permissions: [p:check] } }';
    const apart = (lists: string) => sources(`version: 1\napart: ${lists}${duties}`);
    expect(policyOf(apart('[[payer, checker]]')).apart).toEqual([['payer', 'checker']]);
    expect(faultsOf(apart('[[creator, owner]]'))).toEqual([
      'policy.yaml:2 "apart" keeps "owner" from "creator", but "owner" gives all that "creator" gives',
    ]);
    expect(faultsOf(apart('[[creator, craetor]]'))).toEqual(['policy.yaml:2 "apart" names unknown role "craetor"']);
    expect(faultsOf(apart('[[creator]]'))).toEqual(['policy.yaml:2 what is kept apart is a list of two roles or more']);
    expect(faultsOf(apart('[creator]'))).toEqual([
      'policy.yaml:2 "apart" must be a list',
      'policy.yaml:2 what is kept apart is a list of two roles or more',
    ]);
  });

  test('a permission defined anew with a title alone keeps what the catalogue says of it', () => {
    const { lattice } = policyOf(sources('version: 1\npermissions: { "travelrule:manage": Other words }'));
    expect(lattice.permissions().find(({ name }) => name === 'travelrule:manage')).toEqual({
      name: 'travelrule:manage',
      title: 'Other words',
      in: 'read-write',
      resource: null,
    });
  });

  test('a role defined anew replaces the shipped one', () => {
    const { lattice } = policyOf(sources('version: 1\nroles: { observer: { permissions: [travelrule:manage] } }'));
    expect(lattice.role('observer')).toMatchObject({ title: 'observer', permissions: ['travelrule:manage'] });
  });

  test("new permissions are owner's at once, and read and read-write take them by name", () => {
    const text = 'version: 1\npermissions: { "o:view": V, "o:run": R, "o:delete": D, "o:see": { title: S, in: read } }';
    const { lattice } = policyOf(sources(text));
    expect(lattice.role('owner')?.permissions).toEqual(
      expect.arrayContaining(['o:view', 'o:run', 'o:delete', 'o:see']),
    );
    expect(lattice.role('read')?.permissions).toEqual(['counterparties:view', 'files:view', 'o:see', 'o:view']);
    expect(lattice.role('read-write')?.permissions).not.toContain('o:delete');
  });

  test('every permission of a list is required, each once', () => {
    const text = DOCUMENTED.replace(
      '[travelrule:manage]',
      '[travelrule:manage, counterparties:view, travelrule:manage]',
    );
    const { routes, lattice } = policyOf(sources(text));
    const route = routes.match('POST', '/v1/transactions');
    expect(route?.permissions).toEqual(['travelrule:manage', 'counterparties:view']);
    const grant = lattice.grant({ roles: ['creator'] });
    expect(route?.permissionIndexes.map((index) => allows(grant, index))).toEqual([true, false]);
  });

  test('anchors and aliases of YAML are followed', () => {
    const text = `version: 1
permissions: { "a:view": &t Words, "b:view": *t }
roles: { r: { permissions: &p [a:view, b:view] }, s: { permissions: *p } }`;
    const { lattice } = policyOf(sources(text));
    expect(lattice.role('s')?.permissions).toEqual(['a:view', 'b:view']);
  });

  test('buckets belong to organizations', () => {
    const text = 'version: 1\nstorage: { buckets: { reports: org_01JD3ZQ4V8Y5K2M7N9P0R1S2T3 } }';
    expect(policyOf(sources(text)).storage.buckets.get('reports')).toBe('org_01JD3ZQ4V8Y5K2M7N9P0R1S2T3');
    // Whose a bucket is decides about requests, so processes that differ in it show different digests.
    expect(policyOf(sources(text)).digest).not.toBe(policyOf(sources(text.replace('reports', 'logs'))).digest);
  });

  test('routes of included files come after those of the file itself', () => {
    const more = `version: 1
routes: [{ match: "GET /**", permission: counterparties:view, upstream: compliance }]`;
    const { routes } = policyOf(sources(DOCUMENTED, more));
    expect(routes.match('GET', '/public/x')?.file).toBe('policy.yaml');
    expect(routes.match('GET', '/other')?.file).toBe('more-0.yaml');
  });
});

describe('the digest', () => {
  test('is of the texts and their order, and neither of file names nor of variables', () => {
    const digest = (files: PolicySource[], variables = {}) => policyOf(files, { variables }).digest;
    const text = DOCUMENTED.replace('http://127.0.0.1:7001', '"${U:-http://h}"');
    const base = digest(sources(text));
    expect(base).toMatch(/^[0-9a-f]{64}$/);
    expect(digest(sources(text).map((source) => ({ ...source, file: `/elsewhere/${source.file}` })))).toBe(base);
    expect(digest(sources(text), { U: 'http://other' })).toBe(base);
    expect(digest(sources(`${text}\n`))).not.toBe(base);
    expect(digest(sources(text, 'version: 1'))).not.toBe(base);
    const written = sources(text).map(({ role, text: written }) => [role, written]);
    expect(base).toBe(createHash('sha256').update(JSON.stringify(written)).digest('hex'));
  });
});

describe('variables', () => {
  const upstream = (url: string, more = '') => `version: 1\nupstreams:\n  u:\n    url: "${url}"\n${more}`;
  const urlOf = (url: string, variables: Record<string, string>) =>
    policyOf(sources(upstream(url)), { variables }).upstreams.get('u')?.url;

  test('fill an address, with a default where nothing is given', () => {
    expect(urlOf('${A}', { A: 'https://h:1/' })).toBe('https://h:1');
    expect(urlOf('${A:-http://d:2}', {})).toBe('http://d:2');
    expect(urlOf('${A:-http://d:2}', { A: '' })).toBe('http://d:2');
    expect(urlOf('http://${H}:${P:-80}/base/', { H: 'h' })).toBe('http://h/base');
  });

  test('a missing one is a fault, also if it is a name that every object has', () => {
    expect(faultsOf(sources(upstream('${A}')))).toEqual(['policy.yaml:4 variable A is not set and has no default']);
    expect(faultsOf(sources(upstream('${constructor}')))).toHaveLength(1);
  });

  test('a value is a value: it can neither bring YAML of its own nor another variable', () => {
    expect(
      faultsOf(sources(upstream('${A}')), { variables: { A: 'http://h", pass_authorization: true, x: "' } }),
    ).toHaveLength(1);
    expect(faultsOf(sources(upstream('${A}')), { variables: { A: '${B}', B: 'http://h' } })).toHaveLength(1);
  });

  test('are filled in upstreams alone', () => {
    const text = upstream('http://h', 'routes: [{ match: "GET /${A}", permission: counterparties:view, upstream: u }]');
    expect(faultsOf(sources(text), { variables: { A: 'a' } })).toHaveLength(1);
  });
});

describe('faults', () => {
  test('all come at once, in order, each with its file and line', () => {
    const text = `version: 2
colour: red
permissions:
  "a:view": Words
  "a:view": Again
  "no name": Words
roles:
  a: { inherits: [b], permissions: [nothing:here] }
  b:
    inherits: [a]
    permissions: [a:view]
    shape: round
  owner: { permissions: [] }
upstreams:
  u: { url: ftp://h, timeout_seconds: 0 }
routes:
  - { match: "GET /a", upstream: u }
  - { match: "GET /b", permission: a:view, public: true, upstream: u }
  - { match: "GET /c", permission: a:see, upstream: nowhere }
  - { match: "GET /d/**", permission: a:view, upstream: u }
  - { match: "GET /d/e", permission: a:view, upstream: u }
  - { match: "FETCH /f", permission: a:view, upstream: u }
  - { match: "GET /g", permission: [], upstream: u }
  - { match: "GET /h", public: "yes", upstream: u }
`;
    expect(faultsOf(sources(text))).toEqual([
      'policy.yaml:1 "version" must be 1',
      'policy.yaml:2 a policy file has no key "colour"; it can have ' +
        'version, include, permissions, roles, upstreams, routes, storage, apart',
      'policy.yaml:5 Map keys must be unique',
      'policy.yaml:6 "no name" is no name for a permission: ' +
        'letters, digits, "_", "-", "." in words joined by ":", at most 128',
      'policy.yaml:8 role "a" holds unknown permission "nothing:here"',
      'policy.yaml:10 roles inherit in a cycle: a → b → a',
      'policy.yaml:12 role "b" has no key "shape"; it can have title, aliases, inherits, permissions, buckets',
      'policy.yaml:13 role "owner" is Portcullis\'s own (sealed.yaml:7) and cannot be redefined',
      'policy.yaml:15 "timeout_seconds" must be a whole number from 1 to 3600',
      'policy.yaml:15 "ftp://h" is no upstream: http or https, a host, no user, query or fragment',
      'policy.yaml:17 a route has neither "permission" nor "public: true"; say which',
      'policy.yaml:18 a route has both "permission" and "public"; it can have one',
      'policy.yaml:19 route "GET /c" requires unknown permission "a:see"',
      'policy.yaml:19 route "GET /c" leads to unknown upstream "nowhere"',
      'policy.yaml:21 route "GET /d/e" is hidden by "GET /d/**" at policy.yaml:20',
      'policy.yaml:22 "FETCH" is no method that a rule can have',
      'policy.yaml:23 an empty list of permissions; for a route that needs none write "public: true"',
      'policy.yaml:24 "public" must be true or false',
      'policy.yaml:24 a route has neither "permission" nor "public: true"; say which',
    ]);
  });

  test.each([
    ['nothing at all', '', ['policy.yaml:1 "version" must be 1']],
    ['a version in quotes', 'version: "1"', ['policy.yaml:1 "version" must be 1']],
    ['a list', '- version: 1', ['policy.yaml:1 "a policy file" must be a map', 'policy.yaml:1 "version" must be 1']],
    ['routes as a map', 'version: 1\nroutes: { a: b }', ['policy.yaml:2 "routes" must be a list']],
    ['roles as a list', 'version: 1\nroles: [a]', ['policy.yaml:2 "roles" must be a map']],
    [
      'a number for a name',
      'version: 1\nroles: { 7: { permissions: [] } }',
      ['policy.yaml:2 a key of "roles" is no text'],
    ],
    [
      'permission false',
      'version: 1\npermissions: { "a:view": { in: nowhere } }',
      ['policy.yaml:2 "in" must be read or read-write or none'],
    ],
    [
      'a role that is sealed by a policy file',
      'version: 1\nsealed: true',
      [expect.stringContaining('has no key "sealed"')],
    ],
    [
      'a promise made by a policy file',
      'version: 1\nroles: { r: { covers: [] } }',
      [expect.stringContaining('has no key "covers"')],
    ],
    [
      'a sealed permission defined anew',
      'version: 1\npermissions: { "files:view": Mine }',
      [expect.stringContaining('cannot be redefined')],
    ],
    [
      'the derived role',
      'version: 1\nroles: { read: { permissions: ["*"] } }',
      [expect.stringContaining('cannot be defined')],
    ],
    [
      'an alias that would be a sealed role',
      'version: 1\nroles: { mine: { aliases: [owner], permissions: [] } }',
      ['policy.yaml:2 alias "owner" of role "mine" already names role "owner"'],
    ],
    [
      'a shipped role that covers less than it promised',
      'version: 1\nroles:\n  maintainer:\n    permissions: [counterparties:view]',
      ['policy.yaml:3 role "maintainer" says that it covers "creator", but does not hold all of it'],
    ],
    [
      'a bucket of nobody',
      'version: 1\nstorage: { buckets: { reports: acme } }',
      [expect.stringContaining('must name its organization')],
    ],
    [
      'a bucket name',
      'version: 1\nstorage: { buckets: { "A/b": org_01JD3ZQ4V8Y5K2M7N9P0R1S2T3 } }',
      [expect.stringContaining('no name for a bucket')],
    ],
    [
      'what S3 takes for no bucket name, each by its line',
      `version: 1
storage:
  buckets:
    a..b: org_01JD3ZQ4V8Y5K2M7N9P0R1S2T3
    192.168.0.1: org_01JD3ZQ4V8Y5K2M7N9P0R1S2T3
    fine.name-1: org_01JD3ZQ4V8Y5K2M7N9P0R1S2T3
    Reports: org_01JD3ZQ4V8Y5K2M7N9P0R1S2T3
    ab: usr_01JD3ZQ4V8Y5K2M7N9P0R1S2T3`,
      [
        expect.stringMatching(/^policy\.yaml:4 "a\.\.b" is no name for a bucket: it must be 3 to 63/),
        expect.stringMatching(/^policy\.yaml:5 "192\.168\.0\.1" is no name/),
        expect.stringMatching(/^policy\.yaml:7 "Reports" is no name/),
        expect.stringMatching(/^policy\.yaml:8 "ab" is no name/),
        expect.stringMatching(/^policy\.yaml:8 bucket "ab" must name its organization/),
      ],
    ],
    [
      'what stands beside the buckets',
      'version: 1\nstorage: { bucket: {} }',
      ['policy.yaml:2 storage has no key "bucket"; it can have buckets'],
    ],
    [
      'YAML that is none',
      'version: 1\nroles: { a: [ }\n',
      [expect.stringMatching(/^policy\.yaml:2 /), expect.stringMatching(/^policy\.yaml:2 /)],
    ],
    ['two documents', 'version: 1\n---\nversion: 1\n', [expect.stringMatching(/^policy\.yaml:2 .*multiple documents/)]],
    [
      'an unknown tag',
      'version: 1\npermissions: { "a:view": !secret x }',
      [expect.stringMatching(/^policy\.yaml:2 .*tag/)],
    ],
    [
      'nesting without end',
      `version: 1\nroles: ${'['.repeat(100_000)}`,
      [expect.stringMatching(/^policy\.yaml:2 /), expect.stringMatching(/^policy\.yaml:2 /)],
    ],
    ['a file too long', `version: 1\n#${'x'.repeat(1024 * 1024)}`, [expect.stringContaining('longer than')]],
  ])('%s is refused', (_, text, faults) => {
    expect(faultsOf(sources(text))).toEqual(faults);
  });

  test.each([
    'http://',
    'http://user:pw@h',
    'http://h?x=1',
    'http://h#x',
    'http://h/../..\\x',
    '//h',
    'h:80',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'http://h:99999',
    'http:h',
  ])('an upstream cannot be %s', (url) => {
    const faults = faultsOf(sources(`version: 1\nupstreams:\n  u:\n    url: ${JSON.stringify(url)}`));
    expect(faults).toEqual([
      `policy.yaml:4 "${url}" is no upstream: http or https, a host, no user, query or fragment`,
    ]);
  });

  test('nothing is defined in two files of the same standing', () => {
    const text = `version: 1
permissions: { "a:view": A }
roles: { r: { permissions: [] } }
upstreams: { u: { url: http://h } }
storage: { buckets: { reports: org_01JD3ZQ4V8Y5K2M7N9P0R1S2T3 } }`;
    expect(faultsOf(sources(text, text))).toEqual([
      'more-0.yaml:2 permission "a:view" is already defined at policy.yaml:2',
      'more-0.yaml:3 role "r" is already defined at policy.yaml:3',
      'more-0.yaml:4 upstream "u" is already defined at policy.yaml:4',
      'more-0.yaml:5 bucket "reports" is named twice',
    ]);
  });

  test('a route that the gateway answers itself, or that an included file repeats, is hidden', () => {
    const route = 'routes: [{ match: "GET /v1/roles", permission: counterparties:view, upstream: u }]';
    const text = `version: 1\nupstreams: { u: { url: http://h } }\n${route}`;
    expect(faultsOf(sources(text), { ownRoutes: ['GET /v1/roles'] })).toEqual([
      'policy.yaml:3 route "GET /v1/roles" is hidden by Portcullis\'s own "GET /v1/roles"',
    ]);
    expect(faultsOf(sources(text, `version: 1\n${route}`))).toEqual([
      'more-0.yaml:2 route "GET /v1/roles" is hidden by "GET /v1/roles" at policy.yaml:3',
    ]);
  });
});
