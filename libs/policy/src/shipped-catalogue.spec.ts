import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { allows, join, meet, sameGrant, within, type Grant, type GrantSpec } from '@portcullis/authz';
import { compilePolicy, loadPolicy, readPolicySources, type Policy } from './index.js';

const CONFIG = fileURLToPath(new URL('../../../config/', import.meta.url));

async function load(path: string): Promise<Policy> {
  const result = await loadPolicy(path);
  if ('faults' in result) throw new Error(JSON.stringify(result.faults, null, 1));
  return result.policy;
}

const policy = await load(`${CONFIG}policy.yaml`);
const { lattice } = policy;
const below = (a: Grant, b: Grant) => within(a, b).length === 0;

describe('the shipped policy', () => {
  test('loads without a variable given, and its upstream goes where it is told', async () => {
    expect(policy.upstreams.get('example')?.url).toBe('http://127.0.0.1:7001');
    const told = await loadPolicy(`${CONFIG}policy.yaml`, {
      variables: { EXAMPLE_UPSTREAM_URL: 'http://127.0.0.1:7999' },
    });
    expect('policy' in told && told.policy.upstreams.get('example')?.url).toBe('http://127.0.0.1:7999');
  });

  test.each([
    ['GET', '/v1/counterparties', ['counterparties:view']],
    ['HEAD', '/v1/counterparties/7/contacts', ['counterparties:view']],
    ['POST', '/v1/counterparties', null],
    ['POST', '/v1/transactions', ['travelrule:manage']],
    ['POST', '/v1/transactions/7', null],
    ['GET', '/v1/transactions/7', ['travelrule:view']],
    ['POST', '/v1/workflows/wf_123/run', ['workflows:execute']],
    ['POST', '/v1/workflows/run', null],
    ['DELETE', '/public/a/b', []],
    ['GET', '/', null],
  ])('%s %s requires %j', (method, path, permissions) => {
    expect(policy.routes.match(method, path)?.permissions ?? null).toEqual(permissions);
  });
});

test('the example of config/README.md is a policy', async () => {
  const text = /```yaml\n([^]*?)```/.exec(readFileSync(`${CONFIG}README.md`, 'utf8'))?.[1] ?? '';
  const included = readFileSync(`${CONFIG}examples/node-routes.yaml`, 'utf8');
  const { sources } = await readPolicySources(`${CONFIG}policy.yaml`);
  const result = compilePolicy([
    ...sources.filter(({ role }) => role === 'catalogue'),
    { file: 'README.md', text, role: 'policy' },
    { file: 'node-routes.yaml', text: included, role: 'policy' },
  ]);
  expect('faults' in result ? result.faults : []).toEqual([]);
});

describe('every shipped permission', () => {
  const permissions = lattice.permissions();

  test('says its level, and says it as documented', () => {
    const controlPlane =
      /^(?:users|organizations|apikeys|serviceaccounts|clients|policy|audit|roletokens|signingkeys|pki|config):/;
    for (const { name, in: level } of permissions) {
      const verb = name.slice(name.lastIndexOf(':') + 1);
      if (name === 'organizations:view') expect([name, level]).toEqual([name, 'read']);
      else if (controlPlane.test(name) || verb === 'delete') expect([name, level]).toEqual([name, 'none']);
      else expect([name, level]).toEqual([name, verb === 'view' ? 'read' : 'read-write']);
    }
  });

  test('is held by owner, on every bucket; admin lacks organizations:manage and nothing else', () => {
    expect(sameGrant(lattice.grant({ roles: ['owner'] }), lattice.everything)).toBe(true);
    expect(within(lattice.everything, lattice.grant({ roles: ['admin'] }))).toEqual([
      { permission: 'organizations:manage' },
    ]);
  });

  test('the seventeen of the travel rule have the documented words', () => {
    const titles = Object.fromEntries(permissions.map(({ name, title }) => [name, title]));
    expect(titles).toMatchObject({
      'users:manage': 'Can create, edit, and delete users',
      'users:view': 'Can view users registered on the node',
      'apikeys:manage': 'Can create apikeys and view associated secret',
      'apikeys:view': 'Can view apikeys created on the node',
      'apikeys:revoke': 'Can revoke apikeys and delete them',
      'counterparties:manage': 'Can create, edit, and delete counterparties',
      'counterparties:view': 'Can view counterparty details',
      'accounts:manage': 'Can create, edit, and delete accounts and crypto addresses',
      'accounts:view': 'Can view accounts and crypto addresses',
      'travelrule:manage': 'Can create, accept, reject, and archive transactions and send secure envelopes',
      'travelrule:delete': 'Can delete transactions and associated secure envelopes',
      'travelrule:view': 'Can view travel rule transactions and secure envelopes',
      'config:manage': 'Can manage the configuration of the node',
      'config:view': 'Can view the configuration of the node',
      'pki:manage': 'Can create and edit certificates and sealing keys',
      'pki:delete': 'Can delete certificates and sealing keys',
      'pki:view': 'Can view certificates and sealing keys',
    });
  });
});

describe('the order between the shipped roles', () => {
  const order = (upper: string, lower: string) =>
    `${lattice.covers(upper, lower) ? '>' : ''}${lattice.covers(lower, upper) ? '<' : ''}`;

  test.each([
    ['creator', 'consumer', '>'],
    ['accountant', 'creator', '>'],
    ['maintainer', 'accountant', '>'],
    ['maintainer', 'auditor', '>'],
    ['auditor', 'creator', ''],
    ['auditor', 'accountant', ''],
    ['owner', 'admin', '>'],
    ['admin', 'developer', '>'],
    ['admin', 'compliance', '>'],
    ['admin', 'maintainer', '>'],
    ['compliance', 'observer', '>'],
    ['developer', 'compliance', ''],
    ['developer', 'read-write', '>'],
    ['read-write', 'read', '>'],
    ['storage:admin-read-write', 'storage:admin-read-only', '>'],
    ['storage:admin-read-write', 'storage:object-read-write', '>'],
    ['storage:admin-read-only', 'storage:object-read-only', '>'],
    ['storage:object-read-write', 'storage:object-read-only', '>'],
    ['storage:admin-read-only', 'storage:object-read-write', ''],
  ])('%s and %s: %j', (upper, lower, expected) => {
    expect(order(upper, lower)).toBe(expected);
  });

  test('no two shipped roles are the same', () => {
    const roles = lattice.roles().map(({ name }) => name);
    const same = roles.flatMap((a) => roles.filter((b) => a < b && order(a, b) === '><').map((b) => [a, b]));
    expect(same).toEqual([]);
  });

  test('auditor reads everything of the node and the audit log, and writes nothing', () => {
    const node = lattice.permissions().filter(({ name }) => name.startsWith('node:'));
    const views = node.map(({ name }) => name).filter((name) => name.endsWith(':view'));
    expect(lattice.role('auditor')?.permissions).toEqual(['audit:view', ...views]);
  });

  test('maintainer holds all of the node and, beyond it, only what auditor brings', () => {
    const node = lattice
      .permissions()
      .map(({ name }) => name)
      .filter((name) => name.startsWith('node:'));
    expect(lattice.role('maintainer')?.permissions).toEqual(['audit:view', ...node]);
  });

  test('layer1 has fifteen roles: seven viewers, an operator above each, and the approver apart', () => {
    const roles = lattice.roles().filter(({ name }) => name.startsWith('layer1:role:'));
    const domains = ['user', 'client', 'payment', 'channels', 'ledger', 'hook', 'contact'];
    const expected = domains.flatMap((domain) => [`${domain}:operator`, `${domain}:viewer`]);
    const names = roles.map(({ name }) => name.slice('layer1:role:'.length));
    expect(names).toEqual([...expected, 'payment:approver'].sort());
    for (const role of roles) {
      const below = role.name.endsWith(':operator') ? [role.name.replace('operator', 'viewer')] : [];
      expect([role.name, role.covers]).toEqual([role.name, below]);
    }
  });
});

describe('storage', () => {
  type Row = [role: string, read: string, write: string, list: boolean, configure: boolean];
  // "named": in the buckets that the credential names, "every": in all, whatever it names.
  const rows: Row[] = [
    ['storage:admin-read-write', 'every', 'every', true, true],
    ['storage:admin-read-only', 'every', 'none', true, false],
    ['storage:object-read-write', 'named', 'named', false, false],
    ['storage:object-read-only', 'named', 'none', false, false],
  ];
  test.each(rows)(
    '%s reads %s, writes %s, lists buckets: %s, configures them: %s',
    (role, read, write, list, configure) => {
      const grant = lattice.grant({ roles: [role], buckets: ['mine'] });
      const may = (permission: string, bucket?: string) => allows(grant, lattice.permissionIndex(permission), bucket);
      const reach = (permission: string) =>
        may(permission, 'other') ? 'every' : may(permission, 'mine') ? 'named' : 'none';
      expect(reach('storage:objects:view')).toBe(read);
      expect(reach('storage:objects:manage')).toBe(write);
      expect(may('storage:buckets:view')).toBe(list);
      expect(may('storage:buckets:manage')).toBe(configure);
      expect(lattice.role(role)?.allBuckets).toBe(read === 'every');
    },
  );
});

describe('the laws, exhaustively over the shipped catalogue', () => {
  const specs: GrantSpec[] = [
    {},
    ...lattice.roles().flatMap(({ name }) =>
      ([null, ['a'], ['a', 'b'], ['c'], 'all'] as const).map((buckets) => ({
        roles: [name],
        buckets: buckets as 'all' | null,
      })),
    ),
  ];
  const grants: Grant[] = [];
  for (const spec of specs) {
    const grant = lattice.grant(spec);
    if (!grants.some((other) => sameGrant(other, grant))) grants.push(grant);
  }
  const pairs = grants.flatMap((a) => grants.map((b) => [a, b] as const));

  test('reflexive and antisymmetric', () => {
    expect(grants.length).toBeGreaterThan(40);
    expect(grants.every((grant) => below(grant, grant))).toBe(true);
    expect(pairs.filter(([a, b]) => a !== b && below(a, b) && below(b, a))).toEqual([]);
  });

  test('transitive, and join and meet are the least upper and the greatest lower bound', () => {
    const under = new Map(grants.map((b) => [b, new Set(grants.filter((a) => below(a, b)))]));
    let broken = 0;
    for (const [a, b] of pairs) {
      if (under.get(b)?.has(a) && ![...(under.get(a) ?? [])].every((c) => under.get(b)?.has(c))) broken += 1;
      const [up, down] = [join(a, b), meet(a, b)];
      if (!(below(a, up) && below(b, up) && below(down, a) && below(down, b))) broken += 1;
      for (const c of grants) {
        const [aboveBoth, underBoth] = [
          under.get(c)?.has(a) && under.get(c)?.has(b),
          under.get(a)?.has(c) && under.get(b)?.has(c),
        ];
        if (aboveBoth && !below(up, c)) broken += 1;
        if (underBoth && !below(c, down)) broken += 1;
      }
    }
    expect(broken).toBe(0);
  });

  test('absorption, and meet with a maker never exceeds it', () => {
    const broken = pairs.filter(
      ([a, b]) => !sameGrant(join(a, meet(a, b)), a) || !sameGrant(meet(a, join(a, b)), a) || !below(meet(a, b), b),
    );
    expect(broken).toEqual([]);
  });

  test('a role covers another exactly when its grant contains the other, with the same buckets named', () => {
    for (const upper of lattice.roles()) {
      for (const lower of lattice.roles()) {
        const contained = [null, ['a'], 'all' as const].every((buckets) =>
          below(lattice.grant({ roles: [lower.name], buckets }), lattice.grant({ roles: [upper.name], buckets })),
        );
        expect([upper.name, lower.name, lattice.covers(upper.name, lower.name)]).toEqual([
          upper.name,
          lower.name,
          contained,
        ]);
      }
    }
  });
});
