import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@portcullis/testing';
import { administrator, Client } from './client.js';
import { type Stack, startStack } from './stack.js';
import { startUpstream } from './upstream.js';

interface Process {
  service: string;
  instance_id: string;
  digest: string;
  loaded_at: string;
  refused: { at: string; faults: { file: string; line: number; message: string }[] } | null;
}

/** The policy is edited while requests come in, through two gateways, without a break. */
describe('an edit of the policy under load', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-reload-'));
  const policy = join(folder, 'policy.yaml');
  const answers = new Map<string, number>();
  let upstream: Awaited<ReturnType<typeof startUpstream>>;
  let stack: Stack;
  let admin: Client;
  let key: Client;
  let others: Client;
  let loading = true;
  let load: Promise<unknown>;
  let first: string;

  /** As an editor saves: another file takes the place of the old. */
  const edit = (routes: string, roles = '  clerk: { permissions: ["orders:view"] }\n') => {
    const text = `version: 1
permissions: { "orders:view": Can view orders, "bills:view": Can view bills }
roles:
${roles}upstreams: { shop: { url: "${upstream.url}" } }
routes:
  - { match: "GET /orders/**", permission: "orders:view", upstream: shop }
${routes}`;
    writeFileSync(`${policy}.new`, text);
    renameSync(`${policy}.new`, policy);
  };

  const processes = async (): Promise<{ digest: string; agreed: boolean; processes: Process[] }> => {
    const answer = await admin.get('/v1/policy');
    expect(answer.status).toBe(200);
    return answer.json as { digest: string; agreed: boolean; processes: Process[] };
  };

  const agreedOnAnother = (than: string) =>
    eventually(async () => {
      const now = await processes();
      return now.agreed && now.digest !== than && now;
    }, 20_000);

  beforeAll(async () => {
    upstream = await startUpstream();
    edit('');
    stack = await startStack({ env: { PORTCULLIS_POLICY: policy, PORTCULLIS_GATEWAYS: '2' } });
    const anyone = new Client(stack.url);
    admin = await administrator(stack);
    const made = await admin.post('/v1/api-keys', { name: 'steady', roles: ['clerk'] });
    expect(made.status).toBe(201);
    const token = made.json.credentials.bearer_token as string;
    key = anyone.as(token);
    const second = new URL(stack.url);
    second.port = String(Number(second.port) + 10);
    others = new Client(second.origin).as(token);
    const steady = async (client: Client) => {
      while (loading) {
        const status = await client.get('/orders/1').then(
          (answer) => `${answer.status}`,
          (error: unknown) => String(error),
        );
        answers.set(status, (answers.get(status) ?? 0) + 1);
      }
    };
    load = Promise.all([key, key, others, others].map(steady));
  }, 150_000);

  afterAll(async () => {
    loading = false;
    await load;
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
    await upstream?.stop();
    rmSync(folder, { recursive: true });
  }, 60_000);

  test('every process that decides says which policy it runs: two gateways, identity and api-key', async () => {
    const now = await processes();
    expect(now.agreed).toBe(true);
    first = now.digest;
    const services = now.processes.map(({ service }) => service);
    expect(services.filter((service) => service === 'gateway')).toHaveLength(2);
    expect(services).toEqual(expect.arrayContaining(['identity', 'api-key']));
    expect(new Set(now.processes.map(({ instance_id }) => instance_id)).size).toBe(services.length);
    for (const one of now.processes) {
      expect(one).toMatchObject({ digest: first, refused: null });
      expect(Date.parse(one.loaded_at)).not.toBeNaN();
    }
  });

  test('a route and a permission of a role are added: in force on every process once its digest shows', async () => {
    expect((await key.get('/bills/1')).status).toBe(404);
    const mayGive = () => admin.post('/v1/api-keys', { name: 'later', roles: ['cashier'] });
    expect((await mayGive()).status).toBe(400);
    edit(
      '  - { match: "GET /bills/**", permission: "bills:view", upstream: shop }\n',
      '  clerk: { inherits: [cashier], permissions: ["orders:view"] }\n  cashier: { permissions: ["bills:view"] }\n',
    );
    const now = await agreedOnAnother(first);
    first = now.digest;
    for (const client of [key, others]) expect((await client.get('/bills/1')).status).toBe(200);
    // api-key judges by the same policy which roles there are, and what they hold.
    expect((await mayGive()).status).toBe(201);
  });

  test('a bad edit changes nothing, and log, metric, audit record and every process say so', async () => {
    edit('  - { match: "GET /bills/**", upstream: shop }\n');
    const now = await eventually(async () => {
      const found = await processes();
      return found.processes.every(({ refused }) => refused !== null) && found;
    }, 20_000);
    expect(now).toMatchObject({ digest: first, agreed: true });
    for (const { refused } of now.processes) {
      expect(refused?.faults).toEqual([
        {
          file: 'policy.yaml',
          line: 8,
          message: expect.stringContaining('neither "permission" nor "public') as unknown,
        },
      ]);
    }
    for (const client of [key, others]) expect((await client.get('/bills/1')).status).toBe(200);
    expect((await admin.get('/metrics')).text).toMatch(/^portcullis_policy_refused_total 1$/m);
    expect(stack.output()).toContain('the policy was edited and cannot be used');
    const event = await eventually(async () => {
      const { items } = (await admin.get('/v1/audit/events?action=policy.refused')).json as { items: object[] };
      return items[0];
    });
    expect(event).toMatchObject({ action: 'policy.refused', outcome: 'failure' });
  });

  test('mended, it is in force again, and the bad edit is forgotten', async () => {
    edit('  - { match: "GET /orders-too", permission: "orders:view", upstream: shop }\n');
    const now = await agreedOnAnother(first);
    expect(now.processes.every(({ refused }) => refused === null)).toBe(true);
    for (const client of [key, others]) {
      expect((await client.get('/bills/1')).status).toBe(404);
      expect((await client.get('/orders-too')).status).toBe(200);
    }
  });

  test('no request was dropped or refused meanwhile', () => {
    expect([...answers.keys()]).toEqual(['200']);
    expect(answers.get('200')).toBeGreaterThan(100);
  });
});
