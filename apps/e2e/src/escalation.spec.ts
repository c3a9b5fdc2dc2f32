import fc from 'fast-check';
import { administrator, Client } from './client.js';
import { type Stack, startStack } from './stack.js';

/**
 * Nobody hands out what they do not hold: random makers make, edit, rotate and enable random things through the public API, and the
 * answer is compared with what the maker held. What a role holds is read from the catalogue that the stack serves.
 */
const password = 'a-password-of-the-story';
const runs = Number(process.env['PORTCULLIS_SOAK_RUNS'] ?? 30);

let stack: Stack;
let anyone: Client;
let admin: Client;
let rolePermissions: Map<string, ReadonlySet<string>>;
let roles: string[];
let permissions: string[];

beforeAll(async () => {
  stack = await startStack();
  anyone = new Client(stack.url);
  admin = await administrator(stack);
  const { items } = (await admin.get('/v1/roles?limit=100')).json as {
    items: { name: string; permissions: string[] }[];
  };
  rolePermissions = new Map(items.map(({ name, permissions: held }) => [name, new Set(held)]));
  const all = (await admin.get('/v1/permissions?limit=100')).json as {
    items: { name: string; resource: string | null }[];
  };
  // Bucket-bound ones have an order of their own, which libs/authz proves.
  const bound = new Set(all.items.filter(({ resource }) => resource !== null).map(({ name }) => name));
  permissions = all.items.map(({ name }) => name).filter((name) => !bound.has(name));
  roles = items.filter((role) => !role.permissions.some((name) => bound.has(name))).map(({ name }) => name);
}, 150_000);

afterAll(async () => {
  expect(await stack?.stop()).toBe(0);
  stack?.remove();
}, 60_000);

interface Given {
  roles: string[];
  permissions: string[];
}

/** Few names, so that makers and requests overlap. */
const given = (): fc.Arbitrary<Given> =>
  fc
    .record({
      roles: fc.subarray(['compliance', 'observer', 'consumer', 'layer1:role:user:viewer'], { maxLength: 1 }),
      permissions: fc.subarray(permissions.slice(0, 14), { maxLength: 4 }),
    })
    .filter((grant) => grant.roles.length + grant.permissions.length > 0);

const manages = ['apikeys:manage', 'apikeys:view', 'serviceaccounts:manage', 'serviceaccounts:view'];
manages.push('users:manage', 'users:view');

function held({ roles: named, permissions: single }: Given): Set<string> {
  return new Set([...single, ...named.flatMap((role) => [...(rolePermissions.get(role) ?? [])])]);
}

const exceeds = (asked: Given, maker: Given) => {
  const has = held(maker);
  return [...held(asked)].filter((name) => !has.has(name));
};

let count = 0;
const fresh = () => `story ${(count += 1)}`;

async function maker(grant: Given): Promise<{ client: Client; grant: Given }> {
  const whole = { ...grant, permissions: [...new Set([...grant.permissions, ...manages])] };
  const key = await admin.post('/v1/api-keys', { name: fresh(), ...whole });
  expect(key).toMatchObject({ status: 201 });
  return { client: anyone.as(key.json.credentials.bearer_token as string), grant: whole };
}

/** What every way to make or change something promises; `act` answers its status and code. */
async function prove(
  act: (by: Client, asked: Given) => Promise<{ status: number; json: { code?: string; detail?: string } }>,
) {
  let [allowed, refused] = [0, 0];
  await fc.assert(
    fc.asyncProperty(given(), given(), fc.boolean(), async (makes, asks, isWithin) => {
      // Half of them ask for a part of what the maker holds, so that both answers are seen often.
      const { client, grant } = await maker(makes);
      const asked = isWithin ? { roles: [], permissions: makes.permissions.slice(0, 2).concat('apikeys:view') } : asks;
      const beyond = exceeds(asked, grant);
      const answer = await act(client, asked);
      if (beyond.length === 0) {
        expect(answer.status).toBeLessThan(300);
        allowed += 1;
      } else {
        expect(answer).toMatchObject({ status: 403, json: { code: 'exceeds_grant' } });
        // It says what exceeds.
        expect(beyond.some((name) => answer.json.detail?.includes(name))).toBe(true);
        refused += 1;
      }
    }),
    { numRuns: runs, endOnFailure: true },
  );
  expect(allowed).toBeGreaterThan(2);
  expect(refused).toBeGreaterThan(2);
}

const made = async (path: string, body: object): Promise<string> => {
  const answer = await admin.post(path, body);
  expect(answer).toMatchObject({ status: 201 });
  return answer.json.id as string;
};

test('the catalogue has what the story draws from', () => {
  for (const role of ['compliance', 'observer', 'consumer', 'layer1:role:user:viewer']) expect(roles).toContain(role);
});

test('creating a key', () => prove((by, asked) => by.post('/v1/api-keys', { name: fresh(), ...asked })), 120_000);

test('importing a key', () => {
  const digest = () => (count += 1).toString(16).padStart(64, '0');
  return prove((by, asked) =>
    by.post('/v1/api-keys/import', { keys: [{ name: fresh(), sha256: digest(), prefix: 'legacy', ...asked }] }),
  );
}, 120_000);

test(
  'creating a service account',
  () => prove((by, asked) => by.post('/v1/service-accounts', { name: fresh(), ...asked })),
  120_000,
);

test(
  'making somebody a member',
  () =>
    prove((by, asked) =>
      by.post('/v1/users', {
        email: `${fresh().replace(' ', '')}@story.example`,
        ...asked,
        password,
      }),
    ),
  120_000,
);

test(
  'rotating, enabling and renaming a key that holds more than its editor',
  () =>
    prove(async (by, asked) => {
      const id = await made('/v1/api-keys', { name: fresh(), ...asked });
      const answers = [
        await by.post(`/v1/api-keys/${id}/rotate`, { overlap_seconds: 60 }),
        await by.post(`/v1/api-keys/${id}/enable`, {}),
        await by.send('PATCH', `/v1/api-keys/${id}`, JSON.stringify({ name: fresh() }), {
          'Content-Type': 'application/json',
        }),
      ];
      // One answer for all of them: they stand under one rule.
      expect(new Set(answers.map(({ status }) => (status < 300 ? 'done' : status))).size).toBe(1);
      return answers[0]!;
    }),
  180_000,
);

test(
  'enabling and renaming a service account that holds more than its editor',
  () =>
    prove(async (by, asked) => {
      const id = await made('/v1/service-accounts', { name: fresh(), ...asked });
      expect((await admin.post(`/v1/service-accounts/${id}/disable`, {})).status).toBe(200);
      const answers = [
        await by.post(`/v1/service-accounts/${id}/enable`, {}),
        await by.send('PATCH', `/v1/service-accounts/${id}`, JSON.stringify({ description: fresh() }), {
          'Content-Type': 'application/json',
        }),
      ];
      expect(new Set(answers.map(({ status }) => (status < 300 ? 'done' : status))).size).toBe(1);
      return answers[0]!;
    }),
  180_000,
);

test('a child never holds more than its maker, however many generations there are', async () => {
  let parent = admin;
  let above: Set<string> | undefined;
  for (const share of [14, 9, 5, 2]) {
    const key = await parent.post('/v1/api-keys', {
      name: fresh(),
      permissions: [...permissions.slice(0, share), 'apikeys:manage'],
    });
    expect(key).toMatchObject({ status: 201 });
    parent = anyone.as(key.json.credentials.bearer_token as string);
    const mine = new Set((await parent.get('/v1/whoami')).json.permissions as string[]);
    if (above) expect([...mine].filter((name) => !above!.has(name))).toEqual([]);
    above = mine;
  }
});
