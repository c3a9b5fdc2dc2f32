import { eventually } from '@portcullis/testing';
import { Client, type HttpAnswer } from './client.js';
import { type Stack, startStack } from './stack.js';

const good = 'a long enough pass phrase';
const better = 'an even longer pass phrase';

/** Told in order: each test stands on those before it. Two gateways, so that "at once" means on the other one too. */
describe('from an invitation to the last trace of who left', () => {
  let stack: Stack;
  let anyone: Client;
  let second: Client;
  let admin: Client;
  let adminId: string;
  let first: string;
  let acme: string;
  let grace: { id: string; email: string };
  let invitation: string;
  let graceToken: string;

  beforeAll(async () => {
    stack = await startStack({ env: { PORTCULLIS_GATEWAYS: '2' } });
    anyone = new Client(stack.url);
    second = new Client(stack.urls[1] ?? '');
    admin = anyone.as(await signIn(stack.email, stack.password));
    const whoami = (await admin.get('/v1/whoami')).json as { id: string; organization_id: string };
    adminId = whoami.id;
    first = whoami.organization_id;
  }, 150_000);
  afterAll(async () => {
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
  }, 60_000);

  const login = (email: string, password: string) => anyone.post('/v1/login', { email, password });
  async function signIn(email: string, password: string): Promise<string> {
    const answer = await login(email, password);
    expect(answer.status).toBe(200);
    return answer.json.access_token as string;
  }
  const patch = (client: Client, path: string, body: object, headers: Record<string, string> = {}) =>
    client.send('PATCH', path, JSON.stringify(body), { 'Content-Type': 'application/json', ...headers });
  const remove = (client: Client, path: string, headers: Record<string, string> = {}) =>
    client.send('DELETE', path, undefined, headers);
  const inOrg = (id: string) => ({ 'X-Org-ID': id });
  const receipt = expect.objectContaining({ enforcers: 2, acknowledged: 2, fenced: 0 }) as unknown;

  async function aKey(client: Client, given: object = {}, headers: Record<string, string> = {}) {
    const made = await client.post('/v1/api-keys', { name: 'k', roles: ['observer'], ...given }, headers);
    expect(made).toMatchObject({ status: 201 });
    return {
      id: made.json.id as string,
      ...(made.json.credentials as { bearer_token: string; client_id: string; client_secret: string }),
    };
  }
  /** What a credential gets at both gateways. */
  const opens = async (token: string, headers: Record<string, string> = {}) => {
    const answers = await Promise.all([anyone, second].map((at) => at.as(token).get('/v1/counterparties', headers)));
    return answers.map(({ status }) => status);
  };
  const both = (status: number) => [status, status];
  const withoutId = ({ status, json }: HttpAnswer) => {
    const { request_id, decision_id, ...rest } = json as Record<string, unknown>;
    expect([typeof request_id, typeof decision_id === 'number']).toEqual(['string', false]);
    return { status, ...rest };
  };

  test('a person is invited by a link whose token no server sees, and has a page to open', async () => {
    const made = await admin.post('/v1/users', { email: 'Grace@Example.com', name: 'Grace', roles: ['developer'] });
    expect(made).toMatchObject({ status: 201, json: { status: 'invited', roles: ['developer'], known: false } });
    expect(made.headers['cache-control']).toBe('no-store');
    grace = made.json as typeof grace;
    const url = new URL(made.json.invitation_url as string);
    expect(url.origin).toBe(stack.url);
    invitation = new URLSearchParams(url.hash.slice(1)).get('token') ?? '';
    expect(invitation).toMatch(/^[\w-]{43}$/);
    const page = await anyone.get(url.pathname);
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    const { items } = (await admin.get('/v1/users')).json as { items: { id: string }[] };
    expect(items.map(({ id }) => id)).toEqual([grace.id, adminId]);
    expect((await admin.post('/v1/users', { email: 'grace@example.com', roles: ['observer'] })).status).toBe(409);
  });

  test('the link sets a password once, and then she signs in', async () => {
    expect((await anyone.post('/v1/invitations/accept', { token: invitation, password: 'short' })).status).toBe(422);
    const accepted = await anyone.post('/v1/invitations/accept', { token: invitation, password: good });
    expect(accepted).toMatchObject({ status: 200, json: { id: grace.id, organization_id: first } });
    const again = await anyone.post('/v1/invitations/accept', { token: invitation, password: better });
    const junk = await anyone.post('/v1/invitations/accept', { token: 'x'.repeat(43), password: better });
    expect(again.status).toBe(401);
    expect(withoutId(again)).toEqual(withoutId(junk));
    graceToken = await signIn(grace.email, good);
    expect((await anyone.as(graceToken).get('/v1/whoami')).json).toMatchObject({ id: grace.id, roles: ['developer'] });
    expect((await anyone.as(graceToken).get('/v1/users')).status).toBe(403);
  });

  test('a second organization has its maker as owner; from then on its people say which they mean', async () => {
    const made = await admin.post('/v1/organizations', { name: 'Acme' });
    expect(made).toMatchObject({ status: 201, json: { name: 'Acme', status: 'active', first: false } });
    acme = made.json.id as string;
    // The session that is open goes on, on both gateways.
    expect((await admin.get('/v1/users')).json).toMatchObject({ code: 'organization_required', status: 403 });
    expect((await second.as(tokenOf(admin)).get('/v1/counterparties')).json).toMatchObject({
      code: 'organization_required',
    });
    for (const organization of [first, acme]) {
      const whoami = await admin.get('/v1/whoami', inOrg(organization));
      expect(whoami.json).toMatchObject({ organization_id: organization, roles: ['owner'] });
    }
    expect((await admin.get('/v1/whoami')).json).toMatchObject({ organization_id: null, permissions: [] });
    const mine = (await admin.get('/v1/organizations')).json as { items: { id: string }[] };
    expect(mine.items.map(({ id }) => id)).toEqual([acme, first]);
    expect((await admin.get('/v1/users', inOrg('org_01J9Z3N8Q4W5X6Y7Z8A9B0C1D2'))).json).toMatchObject({
      status: 403,
      code: 'organization_mismatch',
    });
    const graceIsIn = await anyone.as(graceToken).get('/v1/whoami', inOrg(acme));
    expect(graceIsIn.json).toMatchObject({ status: 403, code: 'organization_mismatch' });
  });

  test('a known address joins there with other roles, and holds in each what it was given there', async () => {
    const joined = await admin.post('/v1/users', { email: grace.email, roles: ['admin'] }, inOrg(acme));
    expect(joined).toMatchObject({ status: 201, json: { id: grace.id, known: true, name: 'Grace', roles: ['admin'] } });
    expect(joined.json.invitation_url).toBeUndefined();
    graceToken = await signIn(grace.email, good);
    const session = anyone.as(graceToken);
    expect((await session.get('/v1/users', inOrg(acme))).status).toBe(200);
    expect((await session.get('/v1/users', inOrg(first))).status).toBe(403);
    expect((await session.get('/v1/users')).json).toMatchObject({ code: 'organization_required' });
    // What is of one organization is as absent in the other as what is nowhere.
    const theirs = await session.get(`/v1/organizations/${first}`, inOrg(acme));
    const missing = await session.get('/v1/organizations/org_nowhere', inOrg(acme));
    expect(theirs.status).toBe(404);
    expect(withoutId(theirs)).toEqual(withoutId(missing));
    const seen = (await session.get('/v1/organizations', inOrg(acme))).json as { items: { id: string }[] };
    expect(seen.items.map(({ id }) => id)).toEqual([acme]);
  });

  test('a key belongs to one organization: a header that says another is refused', async () => {
    const key = await aKey(admin, {}, inOrg(acme));
    expect(await opens(key.bearer_token)).toEqual(both(200));
    expect(await opens(key.bearer_token, inOrg(acme))).toEqual(both(200));
    const other = await anyone.as(key.bearer_token).get('/v1/whoami', inOrg(first));
    expect(other.json).toMatchObject({ status: 403, code: 'organization_mismatch' });
  });

  test('an administrator hands out no more than they hold', async () => {
    const session = anyone.as(graceToken);
    const owner = await session.post('/v1/users', { email: 'x@example.com', roles: ['owner'] }, inOrg(acme));
    expect(owner.json).toMatchObject({ status: 403, code: 'exceeds_grant' });
    expect(owner.json.detail).toContain('organizations:manage');
    for (const answer of [
      await patch(session, `/v1/users/${grace.id}`, { roles: ['owner'] }, inOrg(acme)),
      await patch(session, `/v1/users/${adminId}`, { roles: ['observer'] }, inOrg(acme)),
      await remove(session, `/v1/users/${adminId}`, inOrg(acme)),
      await session.post(`/v1/users/${adminId}/password`, { password: better }, inOrg(acme)),
      await session.post('/v1/service-accounts', { name: 'all', roles: ['owner'] }, inOrg(acme)),
    ]) {
      expect(answer.json).toMatchObject({ status: 403, code: 'exceeds_grant' });
    }
  });

  describe('a service account', () => {
    let id: string;
    let key: Awaited<ReturnType<typeof aKey>>;
    let access: string;

    beforeAll(async () => {
      const made = await admin.post('/v1/service-accounts', { name: 'ci', roles: ['observer'] }, inOrg(first));
      expect(made).toMatchObject({ status: 201, json: { status: 'active', organization_id: first } });
      id = made.json.id as string;
      const given = { service_account_id: id, forms: ['bearer', 'client_credentials'] };
      key = await aKey(admin, given, inOrg(first));
      const { client_id, client_secret } = key;
      access = (await anyone.post('/v1/authenticate', { client_id, client_secret })).json.access_token as string;
    });

    test('acts by its keys and their tokens, as itself', async () => {
      for (const token of [key.bearer_token, access]) {
        expect(await opens(token)).toEqual(both(200));
        expect((await anyone.as(token).get('/v1/whoami')).json).toMatchObject({ kind: 'service_account', id });
      }
      const taken = await admin.post('/v1/service-accounts', { name: 'CI' }, inOrg(first));
      expect(taken.json).toMatchObject({ status: 409, code: 'conflict' });
      expect((await admin.get(`/v1/service-accounts/${id}`, inOrg(acme))).status).toBe(404);
    });

    test('that is disabled stops, key and token, on both gateways, and goes on when it is enabled', async () => {
      const disabled = await admin.post(`/v1/service-accounts/${id}/disable`, {}, inOrg(first));
      expect(disabled).toMatchObject({ status: 200, json: { status: 'disabled', enforcement: receipt } });
      for (const token of [key.bearer_token, access]) expect(await opens(token)).toEqual(both(401));
      const { client_id, client_secret } = key;
      expect((await anyone.post('/v1/authenticate', { client_id, client_secret })).status).toBe(401);
      expect((await admin.post(`/v1/service-accounts/${id}/enable`, {}, inOrg(first))).status).toBe(200);
      for (const token of [key.bearer_token, access]) expect(await opens(token)).toEqual(both(200));
    });

    test('that is narrowed takes its keys with it', async () => {
      const narrowed = await patch(
        admin,
        `/v1/service-accounts/${id}`,
        { roles: [], permissions: ['workflows:view'] },
        inOrg(first),
      );
      expect(narrowed).toMatchObject({ status: 200, json: { enforcement: receipt } });
      expect(await opens(key.bearer_token)).toEqual(both(403));
      await patch(admin, `/v1/service-accounts/${id}`, { roles: ['observer'] }, inOrg(first));
      expect(await opens(key.bearer_token)).toEqual(both(200));
    });

    test('that is deleted stops, its record stays, and its keys are revoked', async () => {
      const deleted = await remove(admin, `/v1/service-accounts/${id}`, inOrg(first));
      expect(deleted).toMatchObject({ status: 200, json: { status: 'deleted', enforcement: receipt } });
      for (const token of [key.bearer_token, access]) expect(await opens(token)).toEqual(both(401));
      const record = await eventually(async () => {
        const record = (await admin.get(`/v1/api-keys/${key.id}`, inOrg(first))).json as Record<string, unknown>;
        return record['enforced_at'] !== null && record;
      });
      expect(record).toMatchObject({ status: 'revoked', revoked_by: adminId });
      expect((await admin.get(`/v1/service-accounts/${id}`, inOrg(first))).json).toMatchObject({ status: 'deleted' });
      const made = await admin.post(
        '/v1/api-keys',
        { name: 'k', service_account_id: id, roles: ['observer'] },
        inOrg(first),
      );
      expect(made.status).toBe(422);
    });
  });

  test('a suspended organization stops with all that is its own, and its people go on elsewhere', async () => {
    const key = await aKey(admin, {}, inOrg(acme));
    expect((await admin.post(`/v1/organizations/${first}/suspend`, {}, inOrg(first))).json).toMatchObject({
      status: 409,
      code: 'conflict',
    });
    expect((await admin.post(`/v1/organizations/${acme}/suspend`, {}, inOrg(acme))).status).toBe(403);
    const suspended = await admin.post(`/v1/organizations/${acme}/suspend`, {}, inOrg(first));
    expect(suspended).toMatchObject({ status: 200, json: { status: 'suspended', enforcement: receipt } });
    expect(await opens(key.bearer_token)).toEqual(both(401));
    for (const status of await opens(graceToken, inOrg(acme))) expect(status).toBeGreaterThan(400);
    expect((await anyone.as(graceToken).get('/v1/whoami', inOrg(first))).status).toBe(200);
    const resumed = await admin.post(`/v1/organizations/${acme}/resume`, {}, inOrg(first));
    expect(resumed).toMatchObject({ status: 200, json: { status: 'active' } });
    expect(await opens(key.bearer_token)).toEqual(both(200));
  });

  test('a changed password ends the other sessions, on both gateways, and keeps the one that changed it', async () => {
    const here = await signIn(grace.email, good);
    const path = `/v1/users/${grace.id}/password`;
    const session = anyone.as(here);
    const wrong = await session.post(path, { password: better, current_password: 'not that' });
    expect(wrong.json).toMatchObject({ status: 401, code: 'invalid_credentials' });
    expect((await session.post(path, { password: better })).json).toMatchObject({ status: 400 });
    const changed = await session.post(path, { password: better, current_password: good });
    expect(changed).toMatchObject({ status: 200, json: { id: grace.id, enforcement: receipt } });
    expect(await opens(graceToken, inOrg(first))).toEqual(both(401));
    expect((await session.get('/v1/whoami')).status).toBe(200);
    expect((await login(grace.email, good)).status).toBe(401);
    graceToken = await signIn(grace.email, better);
    expect(
      (await anyone.as(graceToken).post(`/v1/users/${adminId}/password`, { password: good }, inOrg(first))).status,
    ).toBe(403);
  });

  test('the last owner stays', async () => {
    for (const answer of [
      await remove(admin, `/v1/users/${adminId}`, inOrg(acme)),
      await patch(admin, `/v1/users/${adminId}`, { status: 'disabled' }, inOrg(acme)),
      await patch(admin, `/v1/users/${adminId}`, { roles: ['admin'] }, inOrg(acme)),
    ]) {
      expect(answer.json).toMatchObject({ status: 409, code: 'conflict' });
      expect(answer.json.detail).toContain('last owner');
    }
  });

  test('who is disabled here stops here, keys included, and goes on when enabled', async () => {
    const key = await aKey(anyone.as(graceToken), { roles: [], permissions: ['workflows:view'] }, inOrg(first));
    const opensWorkflows = async () => (await second.as(key.bearer_token).get('/v1/workflows')).status;
    expect(await opensWorkflows()).toBe(200);
    const path = `/v1/users/${grace.id}`;
    const disabled = await patch(admin, path, { status: 'disabled' }, inOrg(first));
    expect(disabled).toMatchObject({ status: 200, json: { status: 'disabled', enforcement: receipt } });
    expect(await opensWorkflows()).toBe(401);
    expect((await anyone.as(graceToken).get('/v1/users', inOrg(acme))).status).toBe(200);
    expect((await patch(admin, path, { status: 'active' }, inOrg(first))).status).toBe(200);
    expect(await opensWorkflows()).toBe(200);
  });

  test('who leaves takes their keys with them, here alone, and the record names them', async () => {
    const session = anyone.as(graceToken);
    const [here, there] = [
      await aKey(session, { roles: [], permissions: ['workflows:view'] }, inOrg(first)),
      await aKey(session, { roles: [], permissions: ['workflows:view'] }, inOrg(acme)),
    ];
    const removed = await remove(admin, `/v1/users/${grace.id}`, inOrg(first));
    expect(removed).toMatchObject({ status: 200, json: { id: grace.id, status: 'removed', enforcement: receipt } });
    const repeat = await remove(admin, `/v1/users/${grace.id}`, inOrg(first));
    expect(repeat.json.removed_at).toBe(removed.json.removed_at);
    const workflows = async (token: string) =>
      (await Promise.all([anyone, second].map((at) => at.as(token).get('/v1/workflows')))).map(({ status }) => status);
    expect(await workflows(here.bearer_token)).toEqual(both(401));
    expect(await workflows(there.bearer_token)).toEqual(both(200));
    expect((await admin.get(`/v1/users/${grace.id}`, inOrg(first))).status).toBe(404);
    await eventually(async () => {
      const record = (await admin.get(`/v1/api-keys/${here.id}`, inOrg(first))).json as Record<string, unknown>;
      return record['status'] === 'revoked' && record['enforced_at'] !== null;
    });
    expect((await admin.get(`/v1/api-keys/${there.id}`, inOrg(acme))).json).toMatchObject({ status: 'active' });
    const events = await eventually(async () => {
      const found = (await admin.get(`/v1/audit/events?resource=${grace.id}&limit=100`, inOrg(first))).json as {
        items: { action: string; details: { keys?: string[] } }[];
      };
      return found.items.some(({ action }) => action === 'owner-keys.revoked') && found.items;
    });
    for (const action of ['user.removed', 'owner-keys.revoked']) {
      expect(events.find((event) => event.action === action)?.details.keys).toContain(here.id);
    }
    // Her session was of both, and is now of one.
    expect((await anyone.as(graceToken).get('/v1/whoami')).json).toMatchObject({ organization_id: acme });
  });

  test('who is gone from everywhere is nobody', async () => {
    expect((await remove(admin, `/v1/users/${grace.id}`, inOrg(acme))).status).toBe(200);
    expect((await anyone.as(graceToken).get('/v1/whoami')).status).toBe(401);
    const [gone, nobody] = [await login(grace.email, better), await login('nobody@example.com', better)];
    expect(gone.status).toBe(401);
    expect(withoutId(gone)).toEqual(withoutId(nobody));
  });

  test('no secret of this story is in the record or the log', async () => {
    const record = (await admin.get('/v1/audit/events?limit=100', inOrg(first))).text;
    for (const secret of [good, better, invitation, graceToken]) {
      expect(record).not.toContain(secret);
      expect(stack.output()).not.toContain(secret);
    }
  });
});

/** The token that a client presents. */
const tokenOf = (client: Client): string => (client as unknown as { token: string }).token;
