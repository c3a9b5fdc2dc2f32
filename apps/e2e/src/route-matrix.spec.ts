import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { eventually } from '@portcullis/testing';
import { Client } from './client.js';
import { type Stack, startStack } from './stack.js';
import { startUpstream } from './upstream.js';

/**
 * Every route that ships, by itself and as an example, and every route of the gateway × anonymous, the wrong permission, the right
 * one × each kind of credential. Generated from what `portcullis policy check` says of the policy that the stack runs; the routes
 * of the policy are asked twice, at the front door and as a proxy asks.
 */
interface Rule {
  source: 'portcullis' | 'policy';
  match: string;
  public: boolean;
  permissions: string[];
  /** Those that hold all of them. */
  roles: string[];
}

const checkout = resolve(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'portcullis-matrix-'));

/** A policy of its own for each: both name paths of the other. */
const policies = {
  'the policy that ships': policyWith(join(checkout, 'config/policy.yaml'), ''),
  'the example of a storage node': policyWith(
    join(checkout, 'config/examples/node-routes.yaml'),
    'upstreams: { node: { url: "${NODE_URL:-http://127.0.0.1:1633}" } }\n',
  ),
};
const inForce = join(folder, 'policy.yaml');

function policyWith(file: string, more: string): { text: string; digest: string; routes: Rule[] } {
  const text = `version: 1\ninclude: ["${file}"]\n${more}`;
  writeFileSync(join(folder, 'checked.yaml'), text);
  const command = ['apps/cli/bin/portcullis.mjs', 'policy', 'check', join(folder, 'checked.yaml'), '--output', 'json'];
  const said = execFileSync(process.execPath, command, { cwd: checkout, encoding: 'utf8' });
  return { text, ...(JSON.parse(said) as { digest: string; routes: Rule[] }) };
}

/** Credentials of one kind. Kinds come and go with what the stack issues. */
interface Kind {
  /** One that may do what the rule says; undefined where this kind never may. */
  right(rule: Rule): Promise<string> | undefined;
  /** One that is known and holds something, but not that; undefined where every one of this kind may. */
  wrong(rule: Rule): Promise<string> | undefined;
  /** One that nobody else uses: it may be ended by what it is used for. */
  fresh(): Promise<string>;
}

let stack: Stack;
let upstream: Awaited<ReturnType<typeof startUpstream>>;
let anyone: Client;
let admin: Client;
const minted = new Map<string, Promise<string>>();
const bucketBound = new Set<string>();

/** `hello` */
const adminPasswordHash = '$2y$10$PJLb5yVmoFG86q0j27WWLeBnS2aG.WeblM9dvz5yahojiS.43TRSe';
const nodeRoles = ['consumer', 'creator', 'accountant', 'auditor', 'maintainer'];

/** Another kind of credential is another line here. */
const kinds: Record<string, Kind> = {
  'API key': byPermissions('API key', async (permissions) => (await makeKey(permissions)).bearer_token),
  'access token': byPermissions('access token', async (permissions) => {
    const { client_id, client_secret } = await makeKey(permissions);
    const pair = await anyone.post('/v1/authenticate', { client_id, client_secret });
    expect(pair.status).toBe(200);
    return pair.json.access_token as string;
  }),
  'role token': {
    right: (rule) => roleToken(nodeRoles.find((role) => mayAs(rule, role))),
    wrong: (rule) => roleToken(nodeRoles.findLast((role) => !mayAs(rule, role))),
    fresh: () => makeRoleToken('consumer'),
  },
};

function byPermissions(kind: string, mint: (permissions: readonly string[]) => Promise<string>): Kind {
  return {
    right: (rule) => once(kind, rule.public ? otherThan(rule) : rule.permissions, mint),
    wrong: (rule) => (rule.public ? undefined : once(kind, otherThan(rule), mint)),
    fresh: () => mint(['counterparties:view']),
  };
}

const mayAs = (rule: Rule, role: string): boolean => rule.public || rule.roles.includes(role);
const roleToken = (role: string | undefined) =>
  role === undefined ? undefined : once('role token', [role], () => makeRoleToken(role));

beforeAll(async () => {
  upstream = await startUpstream();
  writeFileSync(inForce, policies['the policy that ships'].text);
  stack = await startStack({
    env: {
      PORTCULLIS_POLICY: inForce,
      PORTCULLIS_ADMIN_PASSWORD_HASH: adminPasswordHash,
      PORTCULLIS_VARIABLE_EXAMPLE_UPSTREAM_URL: upstream.url,
      PORTCULLIS_VARIABLE_NODE_URL: upstream.url,
    },
  });
  anyone = new Client(stack.url);
  admin = anyone.as(await signIn());
  const { items } = (await admin.get('/v1/permissions')).json as { items: { name: string; resource: string | null }[] };
  for (const { name, resource } of items) if (resource !== null) bucketBound.add(name);
}, 150_000);

afterAll(async () => {
  expect(await stack?.stop()).toBe(0);
  stack?.remove();
  await upstream?.stop();
  rmSync(folder, { recursive: true });
}, 60_000);

async function signIn(): Promise<string> {
  const login = await anyone.post('/v1/login', { email: stack.email, password: stack.password });
  expect(login.status).toBe(200);
  return login.json.access_token as string;
}

async function makeKey(permissions: readonly string[]) {
  const made = await admin.post('/v1/api-keys', {
    name: `matrix ${permissions.join(' ')}`.slice(0, 60),
    forms: ['bearer', 'client_credentials'],
    permissions,
    ...(permissions.some((name) => bucketBound.has(name)) ? { buckets: 'all' } : {}),
  });
  expect(made).toMatchObject({ status: 201 });
  return made.json.credentials as { bearer_token: string; client_id: string; client_secret: string };
}

async function makeRoleToken(role: string): Promise<string> {
  const basic = { Authorization: `Basic ${Buffer.from(':hello').toString('base64')}` };
  const made = await anyone.post('/auth', { role, expiry: 3600 }, basic);
  expect(made).toMatchObject({ status: 201 });
  return made.json.key as string;
}

/** One for each thing that it can hold, used again for every route. */
function once(kind: string, holds: readonly string[], mint: (holds: readonly string[]) => Promise<string>) {
  const name = `${kind}: ${[...holds].sort().join()}`;
  const known = minted.get(name) ?? mint(holds);
  minted.set(name, known);
  return known;
}

/** A permission that the rule does not ask for: whoever holds it is authenticated and holds something. */
const otherThan = ({ permissions }: Rule): string[] => [
  ['counterparties:view', 'workflows:view'].find((name) => !permissions.includes(name))!,
];

/** A request that the rule, and no earlier one, is meant for. */
function requestFor({ match }: Rule): { method: string; path: string } {
  const [method = '', pattern = ''] = match.split(' ');
  const path = pattern.replace(/\/\*\*$/, '/rest').replaceAll('*', 'one');
  return { method: method === '*' ? 'GET' : method, path };
}

const body = (method: string) => (['POST', 'PUT', 'PATCH'].includes(method) ? '{}' : undefined);
const json = { 'Content-Type': 'application/json' };

const send = ({ method, path }: { method: string; path: string }, token?: string) =>
  (token === undefined ? anyone : anyone.as(token)).send(method, path, body(method), body(method) ? json : {});

const decide = ({ method, path }: { method: string; path: string }, token?: string) =>
  (token === undefined ? anyone : anyone.as(token)).get('/v1/decisions', {
    'X-Forwarded-Method': method,
    'X-Forwarded-Uri': path,
    'X-Forwarded-Host': 'shop.example',
  });

const ofGateway = policies['the policy that ships'].routes.filter(
  ({ source, match }) => source === 'portcullis' && !match.endsWith('/v1/decisions/**'),
);
const guarded = (rule: Rule) => !rule.public && rule.permissions.length > 0;
const title = (rule: Rule): [string, Rule] => [rule.match, rule];

describe.each(Object.entries(policies))('%s', (_name, policy) => {
  const ofPolicy = policy.routes.filter(({ source }) => source === 'policy');

  beforeAll(async () => {
    writeFileSync(inForce, policy.text);
    await eventually(async () => {
      const { digest, agreed } = (await admin.get('/v1/policy')).json as { digest: string; agreed: boolean };
      return agreed && digest === policy.digest;
    }, 20_000);
  }, 30_000);

  test('has routes, and each states a permission or is public, never both', () => {
    expect(ofPolicy.length).toBeGreaterThan(5);
    expect(ofPolicy.filter((rule) => rule.public === rule.permissions.length > 0)).toEqual([]);
  });

  describe.each(ofPolicy.map(title))('%s', (_, rule) => {
    const request = requestFor(rule);

    test(rule.public ? 'anybody passes' : 'nobody passes without a credential', async () => {
      expect((await send(request)).status).toBe(rule.public ? 200 : 401);
      expect((await decide(request)).status).toBe(rule.public ? 200 : 401);
    });

    test.each(Object.entries(kinds))('%s: the right permission passes, another one does not', async (_kind, of) => {
      const [right, wrong] = [await of.right(rule), await of.wrong(rule)];
      expect([right, wrong]).not.toEqual([undefined, undefined]);
      if (right !== undefined) {
        const passed = await send(request, right);
        expect(passed).toMatchObject({ status: 200, json: { method: request.method, url: request.path } });
        expect((await decide(request, right)).status).toBe(200);
      }
      if (wrong === undefined) return;
      const stopped = await send(request, wrong);
      expect([stopped.status, (await decide(request, wrong)).status]).toEqual([403, 403]);
      expect(stopped.json).toMatchObject({ code: 'forbidden', decision_id: expect.stringMatching(/^evt_/) as unknown });
      expect(rule.permissions).toContain(stopped.json.required_permission);
    });

    test('session: who holds everything passes', async () => {
      expect((await admin.send(request.method, request.path, body(request.method), json)).status).toBe(200);
    });
  });
});

describe.each(ofGateway.filter(guarded).map(title))('%s (the gateway)', (_, rule) => {
  const request = requestFor(rule);

  // Programs on this machine need no credential for metrics; one that speaks for somebody else does.
  const ask = (token?: string) => {
    const client = token === undefined ? anyone : anyone.as(token);
    const headers = { ...(body(request.method) ? json : {}), 'X-Forwarded-For': '203.0.113.9' };
    return client.send(request.method, request.path, body(request.method), headers);
  };

  test('nobody passes without a credential', async () => {
    const answer = await ask();
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBeDefined();
  });

  test.each(Object.entries(kinds))('%s: another permission does not pass, the right one does', async (_kind, of) => {
    const [right, wrong] = [await of.right(rule), await of.wrong(rule)];
    expect([right, wrong]).not.toEqual([undefined, undefined]);
    if (wrong !== undefined) {
      expect(await ask(wrong)).toMatchObject({
        status: 403,
        json: { code: 'forbidden', required_permission: rule.permissions[0] },
      });
    }
    if (right === undefined) return;
    const passed = await ask(right);
    expect(passed.status).toBeLessThan(500);
    expect([401, 403]).not.toContain(passed.status);
  });

  test('session: who holds everything passes', async () => {
    const passed = await ask(await signIn());
    expect(passed.status).toBeLessThan(500);
    expect([401, 403]).not.toContain(passed.status);
  });
});

/** Only role tokens open it, and only where there is a node password: it has a story of its own. */
const ofRoleTokens = 'POST /refresh';
/** One of two permissions opens it, which no rule can say: its service asks. */
const ofEither = 'POST /v1/api-keys/*/disable';

describe(`${ofEither} (the gateway, one of two permissions)`, () => {
  const asking = (permission: string): Rule => ({
    source: 'portcullis',
    match: ofEither,
    public: false,
    permissions: [permission],
    roles: [],
  });
  const request = requestFor(asking('apikeys:manage'));
  test.each(Object.entries(kinds))('%s: either passes, another does not', async (_name, kind) => {
    expect((await send(request)).status).toBe(401);
    const stopped = await send(request, await kind.wrong(asking('apikeys:manage')));
    expect(stopped).toMatchObject({ status: 403, json: { code: 'forbidden' } });
    for (const permission of ['apikeys:manage', 'apikeys:revoke']) {
      const right = kind.right(asking(permission));
      if (right) expect((await send(request, await right)).status).toBe(404);
    }
  });
});

/** What it needs is held of some buckets and not of others, which no rule can say: the route asks. */
const ofBucket = 'GET /v1/storage/buckets/*';

describe(`${ofBucket} (the gateway, a permission of one bucket)`, () => {
  const permissions = ['storage:objects:view'];
  const rule: Rule = { source: 'portcullis', match: ofBucket, public: false, permissions, roles: [] };
  test.each(Object.entries(kinds))('%s: who may look into it passes, another does not', async (_name, kind) => {
    expect((await send(requestFor(rule))).status).toBe(401);
    const stopped = await send(requestFor(rule), await kind.wrong(rule));
    expect(stopped).toMatchObject({ status: 403, json: { code: 'forbidden' } });
    const right = kind.right(rule);
    if (right) expect((await send(requestFor(rule), await right)).status).toBe(404);
  });
});

const askedElsewhere = [ofRoleTokens, ofEither, ofBucket];

describe.each(
  ofGateway
    .filter((rule) => !rule.public && rule.permissions.length === 0 && !askedElsewhere.includes(rule.match))
    .map(title),
)('%s (the gateway, any credential)', (_, rule) => {
  const request = requestFor(rule);
  test('nobody passes without one', async () => {
    expect((await send(request)).status).toBe(401);
  });
  test('every kind passes', async () => {
    // Made for this one request: it may end what it is asked with.
    const all = [signIn(), ...Object.values(kinds).map((kind) => kind.fresh())];
    for (const token of await Promise.all(all)) {
      const passed = await send(request, token);
      expect(passed.status).toBeLessThan(500);
      expect([401, 403]).not.toContain(passed.status);
    }
  });
});

/** What the console sends with whatever has to do with its session. */
const ownPage = { 'X-Requested-With': 'portcullis-console' };

test.each([
  ['POST', '/console/session', 400],
  ['POST', '/console/session/refresh', 401],
  ['DELETE', '/console/session', 200],
])('%s %s is for pages of the gateway’s own, and no credential but its cookie counts', async (method, path, status) => {
  const asked = body(method);
  const headers = asked ? json : {};
  for (const client of [anyone, admin, anyone.as(await kinds['API key']!.fresh())]) {
    expect(await client.send(method, path, asked, headers)).toMatchObject({ status: 403, json: { code: 'forbidden' } });
    expect((await client.send(method, path, asked, { ...headers, ...ownPage })).status).toBe(status);
  }
});

test('the console’s files are asked for by anybody, whether they were built or not', async () => {
  for (const client of [anyone, anyone.as('junk')])
    expect([200, 404]).toContain((await client.get('/console/')).status);
});

test('public routes of the gateway ask for no credential that is not theirs, and none breaks', async () => {
  for (const rule of ofGateway.filter((one) => one.public && !one.match.endsWith('/v1/decisions'))) {
    const { method, path } = requestFor(rule);
    const answer = await anyone.send(method, path, body(method), { ...(body(method) ? json : {}), ...ownPage });
    expect([rule.match, answer.status === 403 || answer.status >= 500]).toEqual([rule.match, false]);
  }
});
