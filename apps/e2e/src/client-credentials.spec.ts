import { createPublicKey, verify } from 'node:crypto';
import { eventually } from '@portcullis/testing';
import { Client, type HttpAnswer } from './client.js';
import { type Stack, startStack } from './stack.js';

/** Told in order, as a stranger would live it: each test stands on those before it. */
describe('from a client id and secret to the audit record', () => {
  let stack: Stack;
  let anyone: Client;
  let admin: Client;
  let organization: string;
  let key: { id: string; credentials: { client_id: string; client_secret: string; bearer_token: string } };
  let access: string;
  let refresh: string;

  beforeAll(async () => {
    stack = await startStack({ env: { PORTCULLIS_REFRESH_OVERLAP_SECONDS: '3600' } });
    anyone = new Client(stack.url);
  }, 150_000);
  afterAll(async () => {
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
  }, 60_000);

  const eventsOf = async (resource: string): Promise<{ action: string }[]> =>
    ((await admin.get(`/v1/audit/events?resource=${resource}`)).json as { items: { action: string }[] }).items;

  test('the administrator signs in, and a wrong password or a stranger get one and the same answer', async () => {
    const wrong = await anyone.post('/v1/login', { email: stack.email, password: 'wrong' });
    const unknown = await anyone.post('/v1/login', { email: 'nobody@portcullis.local', password: 'wrong' });
    expect(wrong.status).toBe(401);
    expect(wrong.headers['www-authenticate']).toBeDefined();
    expect(wrong.json).toMatchObject({ code: 'invalid_credentials', status: 401 });
    expect(withoutId(wrong)).toEqual(withoutId(unknown));

    const login = await anyone.post('/v1/login', { email: stack.email, password: stack.password });
    expect(login).toMatchObject({ status: 200, json: { token_type: 'Bearer', expires_in: 3600 } });
    expect(login.headers['cache-control']).toBe('no-store');
    admin = anyone.as(login.json.access_token as string);
    const whoami = await admin.get('/v1/whoami');
    expect(whoami.json).toMatchObject({ kind: 'user', roles: ['owner'] });
    organization = whoami.json.organization_id as string;
    expect(organization).toMatch(/^org_[0-9A-Z]{26}$/);
  });

  test('makes an API key, whose secrets are shown this once', async () => {
    const made = await admin.post('/v1/api-keys', {
      name: 'travel rule node',
      forms: ['bearer', 'client_credentials'],
      permissions: ['counterparties:view', 'accounts:view'],
    });
    expect(made.status).toBe(201);
    expect(made.headers['cache-control']).toBe('no-store');
    key = made.json as typeof key;
    expect(key.credentials.client_id).toMatch(/^[A-Za-z]{22}$/);
    expect(key.credentials.client_secret).toMatch(/^[A-Za-z0-9]{48}$/);
    expect(key.credentials.bearer_token).toMatch(/^ptc_[A-Za-z0-9]{50}$/);
    const read = await admin.get(`/v1/api-keys/${key.id}`);
    expect(read).toMatchObject({ status: 200, json: { id: key.id, status: 'active', organization_id: organization } });
    expect(read.text).not.toContain(key.credentials.client_secret);
    expect((await admin.get('/v1/api-keys')).json.items).toEqual([expect.objectContaining({ id: key.id })]);
  });

  test('the client id and secret become a pair of tokens', async () => {
    const { client_id, client_secret } = key.credentials;
    const wrong = await anyone.post('/v1/authenticate', { client_id, client_secret: 'x'.repeat(48) });
    const unknown = await anyone.post('/v1/authenticate', { client_id: 'z'.repeat(22), client_secret });
    expect(wrong.status).toBe(401);
    expect(withoutId(wrong)).toEqual(withoutId(unknown));

    const pair = await anyone.post('/v1/authenticate', { client_id, client_secret });
    expect(pair).toMatchObject({ status: 200, json: { token_type: 'Bearer', expires_in: 3600 } });
    access = pair.json.access_token as string;
    refresh = pair.json.refresh_token as string;
    expect(decode(access, 0)).toMatchObject({ typ: 'at+jwt', alg: 'ES256' });
    expect(decode(access, 1)).toMatchObject({
      iss: stack.url,
      client_id,
      org: organization,
      cid: key.id,
      permissions: ['accounts:view', 'counterparties:view'],
    });
  });

  test('the token verifies by the published keys alone', async () => {
    const { keys } = (await anyone.get('/.well-known/jwks.json')).json as {
      keys: { kid: string; alg: string; use: string; d?: string }[];
    };
    const jwk = keys.find((candidate) => candidate.kid === decode(access, 0)['kid']);
    expect(jwk).toMatchObject({ alg: 'ES256', use: 'sig' });
    expect(keys.some((one) => one.d !== undefined)).toBe(false);
    const [header, claims, signature] = access.split('.');
    const publicKey = createPublicKey({ key: jwk as never, format: 'jwk' });
    const valid = verify(
      'sha256',
      Buffer.from(`${header}.${claims}`),
      { key: publicKey, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature ?? '', 'base64url'),
    );
    expect(valid).toBe(true);
  });

  test.each(['token', 'key'])('the %s opens the upstream, which learns who calls and not with what', async (which) => {
    const client = anyone.as(which === 'token' ? access : key.credentials.bearer_token);
    const answer = await client.get('/v1/counterparties?page=2', {
      'X-Portcullis-Identity': 'forged',
      'X-Request-Id': 'my-request',
    });
    expect(answer.status).toBe(200);
    expect(answer.headers['x-request-id']).toBe('my-request');
    expect(answer.text).not.toContain(access);
    expect(answer.text).not.toContain(key.credentials.bearer_token);
    expect(answer.text).not.toContain('forged');
  });

  test('what the key may not do is 403, and the record of it is found by the decision’s id', async () => {
    const denied = await anyone.as(access).post('/v1/transactions', {});
    expect(denied).toMatchObject({
      status: 403,
      json: { code: 'forbidden', required_permission: 'travelrule:manage' },
    });
    const { decision_id } = denied.json as { decision_id: string };
    const event = await eventually(async () => {
      const found = await admin.get(`/v1/audit/events/${decision_id}`);
      return found.status === 200 && (found.json as Record<string, unknown>);
    });
    expect(event).toMatchObject({
      action: 'request.denied',
      outcome: 'denied',
      reason: 'missing_permission',
      actor: { credential_id: key.id },
    });
    expect((await anyone.as(access).get('/v1/api-keys')).status).toBe(403);
  });

  test('a path that no rule names is 404 to the key and 401 to anyone else', async () => {
    expect((await anyone.as(access).get('/v1/nowhere')).status).toBe(404);
    expect((await anyone.get('/v1/nowhere')).status).toBe(401);
    expect((await anyone.get('/v1/counterparties')).headers['www-authenticate']).toMatch(/^Bearer/);
    expect((await anyone.get('/public/hello')).status).toBe(200);
  });

  test('a refresh token is good once, is no access token, and a thief ends the family', async () => {
    expect((await anyone.as(refresh).get('/v1/counterparties')).status).toBe(401);
    expect((await anyone.post('/v1/reauthenticate', { refresh_token: access })).json).toMatchObject({
      code: 'invalid_token',
    });
    const second = await anyone.post('/v1/reauthenticate', { refresh_token: refresh });
    expect(second.status).toBe(200);
    const third = await anyone.post('/v1/reauthenticate', { refresh_token: second.json.refresh_token as string });
    expect(third.status).toBe(200);
    const theft = await anyone.post('/v1/reauthenticate', { refresh_token: refresh });
    expect(theft).toMatchObject({ status: 401, json: { code: 'invalid_token' } });
    expect((await anyone.as(third.json.access_token as string).get('/v1/counterparties')).status).toBe(401);
    const { client_id, client_secret } = key.credentials;
    access = (await anyone.post('/v1/authenticate', { client_id, client_secret })).json.access_token as string;
    expect((await anyone.as(access).get('/v1/counterparties')).status).toBe(200);
  });

  test('the key is revoked, and by the time that this is answered nothing of it works', async () => {
    const revoked = await admin.delete(`/v1/api-keys/${key.id}`);
    expect(revoked).toMatchObject({
      status: 200,
      json: { status: 'revoked', enforcement: { enforcers: 1, acknowledged: 1, fenced: 0 } },
    });
    expect(revoked.json.enforced_at).not.toBeNull();
    const { client_id, client_secret, bearer_token } = key.credentials;
    for (const credential of [access, bearer_token]) {
      const refused = await anyone.as(credential).get('/v1/counterparties');
      expect(refused.status).toBe(401);
      expect(refused.headers['www-authenticate']).toContain('error="invalid_token"');
    }
    expect((await anyone.post('/v1/authenticate', { client_id, client_secret })).status).toBe(401);
    const repeat = await admin.delete(`/v1/api-keys/${key.id}`);
    expect(repeat.json).toMatchObject({
      revoked_at: revoked.json.revoked_at as string,
      enforced_at: revoked.json.enforced_at as string,
    });
    expect((await admin.get(`/v1/api-keys/${key.id}`)).json).toMatchObject({ status: 'revoked' });
  });

  test('and all of it is in the audit record, once, without a secret', async () => {
    const events = await eventually(async () => {
      const found = [
        ...(await eventsOf(key.id)),
        ...((await admin.get(`/v1/audit/events?actor=${key.id}`)).json.items as { action: string }[]),
      ];
      return (
        found.some((event) => event.action === 'credential.refused') &&
        found.some((event) => event.action === 'revocation.enforced') &&
        found
      );
    });
    const actions = events.map((event) => event.action);
    for (const once of ['api-key.created', 'api-key.revoked', 'revocation.enforced']) {
      expect(actions.filter((action) => action === once)).toHaveLength(1);
    }
    const all = await admin.get('/v1/audit/events?limit=100');
    const record = all.json as { items: { id: string; action: string; organization_id: string | null }[] };
    expect(new Set(record.items.map((event) => event.action))).toEqual(
      expect.objectContaining(
        new Set([
          'session.created',
          'api-key.created',
          'token.issued',
          'request.denied',
          'api-key.revoked',
          'credential.refused',
        ]),
      ),
    );
    expect(new Set(record.items.map((event) => event.id)).size).toBe(record.items.length);
    for (const secret of [
      key.credentials.client_secret,
      key.credentials.bearer_token,
      stack.password,
      access,
      refresh,
    ]) {
      expect(all.text).not.toContain(secret);
      expect(stack.output()).not.toContain(secret);
    }
  });
});

function decode(token: string, part: number): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[part] ?? '', 'base64url').toString()) as Record<string, unknown>;
}

function withoutId(answer: HttpAnswer): unknown {
  const { request_id, decision_id, ...rest } = answer.json as Record<string, unknown>;
  expect(request_id).toBeDefined();
  expect(decision_id === undefined || typeof decision_id === 'string').toBe(true);
  return { status: answer.status, challenge: answer.headers['www-authenticate'], ...rest };
}
