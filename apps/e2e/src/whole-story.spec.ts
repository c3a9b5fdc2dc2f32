import { eventually } from '@portcullis/testing';
import { administrator, Client } from './client.js';
import { type Stack, startStack } from './stack.js';
import { startUpstream } from './upstream.js';

const gracesPassword = 'a long enough pass phrase for Grace';

interface Key {
  id: string;
  credentials: { bearer_token: string; client_id: string; client_secret: string };
}

interface Event {
  action: string;
  actor: { kind: string; id: string };
  outcome: string;
  organization_id: string;
}

/**
 * What a key lives through, from the organization that it is bound to until its record is read back. Told in order, on two gateways;
 * the sweep for secrets comes with the end of the stack.
 */
describe('an organization, a person, a service account and its key', () => {
  let upstream: Awaited<ReturnType<typeof startUpstream>>;
  let stack: Stack;
  let urls: readonly string[];
  let anyone: Client;
  let admin: Client;
  let grace: Client;
  let graceId: string;
  let acme: string;
  let accountId: string;
  let key: Key;
  const tokens: string[] = [];

  beforeAll(async () => {
    upstream = await startUpstream();
    stack = await startStack({
      env: { PORTCULLIS_GATEWAYS: '2', PORTCULLIS_VARIABLE_EXAMPLE_UPSTREAM_URL: upstream.url },
    });
    urls = stack.urls;
    anyone = new Client(stack.url);
    admin = await administrator(stack);
  }, 150_000);
  afterAll(async () => {
    await upstream?.stop();
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
  }, 60_000);

  const receipt = { enforcers: 2, acknowledged: 2, fenced: 0 };
  const made = async <T>(client: Client, path: string, body: object, headers?: Record<string, string>): Promise<T> => {
    const answer = await client.post(path, body, headers);
    expect({ status: answer.status, problem: answer.status < 400 ? null : answer.text }).toMatchObject({
      problem: null,
    });
    return answer.json as T;
  };
  const everywhere = async (token: string): Promise<number[]> =>
    Promise.all(urls.map(async (url) => (await new Client(url, token).get('/v1/counterparties')).status));
  const events = async (query: string): Promise<Event[]> =>
    (await grace.get(`/v1/audit/events?limit=100&${query}`)).json.items as Event[];

  /** What the key asked for, oldest pages included. */
  const everyRequest = async (): Promise<{ status: number; principal: object }[]> => {
    const all: { status: number; principal: object }[] = [];
    for (let cursor = ''; ;) {
      const answer = await grace.get(`/v1/api-keys/requests?limit=100&api_key_id=${key.id}${cursor}`);
      const page = answer.json as { items: typeof all; next_cursor: string | null };
      all.push(...page.items);
      if (page.next_cursor === null) return all;
      cursor = `&cursor=${page.next_cursor}`;
    }
  };

  test('an organization is made, and a person invited to run it', async () => {
    acme = (await made<{ id: string }>(admin, '/v1/organizations', { name: 'Acme' })).id;
    const invited = await made<{ id: string; invitation_url: string }>(
      admin,
      '/v1/users',
      { email: 'grace@example.com', name: 'Grace', roles: ['owner'] },
      { 'X-Org-ID': acme },
    );
    graceId = invited.id;
    const token = new URLSearchParams(new URL(invited.invitation_url).hash.slice(1)).get('token');
    await made(anyone, '/v1/invitations/accept', { token, password: gracesPassword });
    const session = await made<{ access_token: string }>(anyone, '/v1/login', {
      email: 'grace@example.com',
      password: gracesPassword,
    });
    grace = anyone.as(session.access_token);
    expect((await grace.get('/v1/whoami')).json).toMatchObject({ organization_id: acme, roles: ['owner'] });
  });

  test('she makes a service account and a key of its own, which opens what it may and nothing else', async () => {
    accountId = (await made<{ id: string }>(grace, '/v1/service-accounts', { name: 'billing', roles: ['observer'] }))
      .id;
    key = await made<Key>(grace, '/v1/api-keys', {
      name: 'billing at night',
      service_account_id: accountId,
      forms: ['bearer', 'client_credentials'],
      permissions: ['counterparties:view'],
    });
    tokens.push(key.credentials.bearer_token);
    expect(await everywhere(key.credentials.bearer_token)).toEqual([200, 200]);
    expect((await anyone.as(key.credentials.bearer_token).get('/v1/transactions')).status).toBe(403);
    expect((await anyone.as(key.credentials.bearer_token).get('/v1/whoami')).json).toMatchObject({
      kind: 'service_account',
      id: accountId,
      organization_id: acme,
    });
    const { client_id, client_secret } = key.credentials;
    const pair = await made<{ access_token: string }>(anyone, '/v1/authenticate', { client_id, client_secret });
    expect(await everywhere(pair.access_token)).toEqual([200, 200]);
  });

  test('she rotates it under load, and not one request fails', async () => {
    const statuses: number[] = [];
    let isRunning = true;
    const load = urls.flatMap((url) =>
      [1, 2, 3].map(async () => {
        while (isRunning) statuses.push((await new Client(url, tokens.at(-1)).get('/v1/counterparties')).status);
      }),
    );
    await eventually(() => statuses.length > 50, 20_000);
    const rotated = await made<Key & { enforcement: object }>(grace, `/v1/api-keys/${key.id}/rotate`, {
      overlap_seconds: 600,
    });
    expect(rotated.enforcement).toMatchObject(receipt);
    tokens.push(rotated.credentials.bearer_token);
    const before = statuses.length;
    await eventually(() => statuses.length > before + 50, 20_000);
    isRunning = false;
    await Promise.all(load);
    expect(new Set(statuses)).toEqual(new Set([200]));
    for (const token of tokens) expect(await everywhere(token)).toEqual([200, 200]);
  }, 60_000);

  test('it stands in a log that somebody pasted; it is found and revoked, and nothing opens any more', async () => {
    const log = `12:00:01 GET /v1/counterparties\n> Authorization: Bearer ${tokens[0]}\n12:00:02 200 OK\n`;
    const found = await made<{ items: object[]; enforcement: object }>(grace, '/v1/api-keys/leaks', {
      text: log,
      revoke: true,
    });
    expect(found).toMatchObject({
      items: [{ id: key.id, live: true, owner: { kind: 'service_account', id: accountId } }],
      enforcement: receipt,
    });
    for (const token of tokens) expect(await everywhere(token)).toEqual([401, 401]);
    const { client_id, client_secret } = key.credentials;
    expect((await anyone.post('/v1/authenticate', { client_id, client_secret })).status).toBe(401);
    expect((await grace.get(`/v1/api-keys/${key.id}`)).json).toMatchObject({ status: 'revoked', revoked_by: graceId });
  });

  test('the record says who did what to it, and what it did', async () => {
    const wanted = ['api-key.created', 'api-key.rotated', 'api-key.leaked', 'api-key.revoked', 'revocation.enforced'];
    const told = await eventually(async () => {
      const seen = await events(`resource=${key.id}`);
      return wanted.every((action) => seen.some((event) => event.action === action)) && seen;
    });
    for (const event of told) expect(event.organization_id).toBe(acme);
    for (const action of wanted.slice(0, 4)) {
      expect(told.filter((event) => event.action === action)).toMatchObject([{ actor: { id: graceId } }]);
    }
    // Newest first: a key is made before it is rotated, and found before it is revoked.
    const order = told.map(({ action }) => action).filter((action) => wanted.slice(0, 4).includes(action));
    expect(order).toEqual(wanted.slice(0, 4).reverse());

    const byAccount = await eventually(async () => {
      const seen = await events(`actor=${accountId}`);
      return seen.some(({ action }) => action === 'token.issued') && seen;
    });
    expect(byAccount.map(({ action }) => action)).toContain('request.denied');
    const requests = await eventually(async () => {
      const items = await everyRequest();
      return items.some(({ status }) => status === 403) && items;
    }, 60_000);
    for (const request of requests) expect(request.principal).toMatchObject({ kind: 'service_account', id: accountId });

    // The first administrator, in the other organization, sees nothing of it.
    expect((await admin.get(`/v1/audit/events?resource=${key.id}`, { 'X-Org-ID': acme })).status).toBe(200);
    const first = ((await admin.get('/v1/organizations')).json.items as { id: string }[]).find(({ id }) => id !== acme);
    const elsewhere = await admin.get(`/v1/audit/events?resource=${key.id}`, { 'X-Org-ID': first?.id ?? '' });
    expect(elsewhere.json).toMatchObject({ items: [] });
  }, 90_000);
});
