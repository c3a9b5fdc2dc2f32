import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { AccessRefused, AccessTokenVerifier, authorize, UpstreamCallers } from '@portcullis/guard';
import { eventually } from '@portcullis/testing';
import { Backstage } from './backstage.js';
import { administrator, Client, type HttpAnswer } from './client.js';
import { type Stack, startStack } from './stack.js';

const checkout = resolve(import.meta.dirname, '../../..');

/** Told in order, on one stack with a gateway and the guarded service of the examples, which has joined. */
describe('a service that has joined enforcement', () => {
  let stack: Stack;
  let admin: Client;
  let service: ChildProcess;
  let ledger: Client;

  beforeAll(async () => {
    stack = await startStack();
    admin = await administrator(stack);
    const script = join(checkout, 'examples/guarded-service/server.mjs');
    service = spawn(process.execPath, [script, join(stack.data, 'guard.json')], {
      env: { PORT: '0' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    service.stdout?.setEncoding('utf8');
    const [line] = (await once(service.stdout!, 'data')) as [string];
    const { port } = JSON.parse(line) as { port: number };
    ledger = new Client(`http://127.0.0.1:${port}`);
    await eventually(async () => (await ledger.get('/readyz')).status === 200);
  }, 180_000);
  afterAll(async () => {
    service?.kill('SIGKILL');
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
  }, 60_000);

  const aToken = async (permissions = ['counterparties:view']): Promise<{ id: string; token: string }> => {
    const key = await admin.post('/v1/api-keys', { name: 'k', forms: ['client_credentials'], permissions });
    expect(key.status).toBe(201);
    const { client_id, client_secret } = key.json.credentials as Record<string, string>;
    const pair = await new Client(stack.url).post('/v1/authenticate', { client_id, client_secret });
    expect(pair.status).toBe(200);
    return { id: key.json.id as string, token: pair.json.access_token as string };
  };
  const ask = (token: string): Promise<HttpAnswer> => ledger.as(token).get('/ledger');
  const accepts = (token: string): Promise<true> => eventually(async () => (await ask(token)).status === 200);
  /** From here on it is never accepted. On a machine that is so busy that a lease runs out, 503 may come before the answer. */
  const refuses = async (token: string, status: 401 | 403): Promise<void> => {
    const answered: number[] = [];
    await eventually(async () => answered[answered.push((await ask(token)).status) - 1] === status);
    expect(answered).not.toContain(200);
  };
  const revoke = (id: string): Promise<HttpAnswer> => admin.delete(`/v1/api-keys/${id}`);

  test('finds what it joins with in the home of the stack, readable by its owner alone', async () => {
    const path = join(stack.data, 'guard.json');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const written = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    expect(written).toMatchObject({
      user: 'guard',
      inbox_prefix: '_INBOX.guard',
      issuer: stack.url,
      audience: stack.url,
    });
    const command = [join(checkout, 'apps/cli/bin/portcullis.mjs'), 'guard', 'credentials', '--output', 'json'];
    const printed = await promisify(execFile)(process.execPath, command, { env: { PORTCULLIS_HOME: stack.data } });
    expect(JSON.parse(printed.stdout)).toEqual(written);
  }, 60_000);

  test('lets in who holds the permission, and nobody else', async () => {
    const { id, token } = await aToken();
    await accepts(token);
    const accepted = await ask(token);
    expect(accepted.status).toBe(200);
    expect(accepted.json.caller).toMatchObject({ credentialId: id, permissions: ['counterparties:view'] });
    expect(await ledger.get('/ledger')).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': expect.any(String) as string },
    });
    expect(await ask(`${token.slice(0, -4)}AAAA`)).toMatchObject({ status: 401, json: { code: 'invalid_token' } });
    const other = await ask((await aToken(['accounts:view'])).token);
    expect(other).toMatchObject({ status: 403, json: { required_permission: 'counterparties:view' } });
    expect(other.headers['www-authenticate']).toMatch(/insufficient_scope/);
  }, 60_000);

  test('is counted in the receipt, and refuses the token from the moment of the answer', async () => {
    const { id, token } = await aToken();
    await accepts(token);
    let answeredAt = Infinity;
    const asked: { at: number; status: number }[] = [];
    const asking = (async () => {
      for (let after = 0; after < 20;) {
        const at = performance.now();
        asked.push({ at, status: (await ask(token)).status });
        if (at > answeredAt) after++;
      }
    })();
    const revoked = await revoke(id);
    answeredAt = performance.now();
    await asking;
    expect(revoked.json.enforcement).toMatchObject({ enforcers: 2, acknowledged: 2, fenced: 0 });
    const since = asked.filter(({ at }) => at > answeredAt);
    expect(since.map(({ status }) => status)).not.toContain(200);
    await refuses(token, 401);
    expect(asked.some(({ status }) => status === 200)).toBe(true);
  }, 60_000);

  test('refuses a session that was logged out, and the same grant once it is narrowed', async () => {
    const login = await new Client(stack.url).post('/v1/login', { email: stack.email, password: stack.password });
    const session = login.json.access_token as string;
    await accepts(session);
    const logout = await admin.as(session).post('/v1/logout', {});
    expect(logout.json.enforcement).toMatchObject({ enforcers: 2, acknowledged: 2 });
    await refuses(session, 401);

    const { id, token } = await aToken(['counterparties:view', 'accounts:view']);
    await accepts(token);
    const body = JSON.stringify({ permissions: ['accounts:view'] });
    const narrowed = await admin.send('PATCH', `/v1/api-keys/${id}`, body, { 'Content-Type': 'application/json' });
    expect(narrowed.json.enforcement).toMatchObject({ enforcers: 2, acknowledged: 2 });
    await refuses(token, 403);
  }, 60_000);

  test('that stands still is fenced, and serves nothing stale when it goes on', async () => {
    const { id, token } = await aToken();
    await accepts(token);
    service.kill('SIGSTOP');
    let stale: Promise<HttpAnswer>[];
    try {
      const revoked = await revoke(id);
      expect(revoked.json.enforcement).toMatchObject({ enforcers: 2, acknowledged: 1, fenced: 1 });
      stale = Array.from({ length: 20 }, () => ask(token));
    } finally {
      service.kill('SIGCONT');
    }
    for (const { status } of await Promise.all(stale)) expect([401, 503]).toContain(status);
    await refuses(token, 401);
    await eventually(async () => (await ledger.get('/readyz')).status === 200);
    await accepts((await aToken()).token);
  }, 60_000);

  test('answers 503 when its message bus is away, and comes back by itself', async () => {
    const { token } = await aToken();
    await accepts(token);
    const wake = new Backstage(stack).freeze('nats');
    try {
      const refused = await eventually(async () => {
        const answer = await ask(token);
        return answer.status === 200 ? false : answer;
      });
      expect(refused).toMatchObject({ status: 503, json: { code: 'unavailable' }, headers: { 'retry-after': '1' } });
      for (let n = 0; n < 10; n++) expect((await ask(token)).status).toBe(503);
    } finally {
      wake();
    }
    await eventually(async () => (await ask(token)).status === 200, 20_000);
  }, 60_000);

  test('that ends cleanly is not waited for', async () => {
    const { id } = await eventually(() => aToken(), 20_000);
    service.kill('SIGTERM');
    expect(await once(service, 'exit')).toEqual([0, null]);
    const revoked = await revoke(id);
    expect(revoked.json.enforcement).toMatchObject({ enforcers: 1, acknowledged: 1, fenced: 0 });
  }, 60_000);
});

describe('a service that has not joined', () => {
  let stack: Stack;
  let admin: Client;
  let upstream: Server;
  let callers: UpstreamCallers | undefined;

  beforeAll(async () => {
    // The service behind the gateway: it answers with who the gateway says that calls.
    upstream = createServer((request, response) => {
      authorize(request, { by: callers!, permissions: ['counterparties:view'] }).then(
        (principal) => response.end(JSON.stringify(principal)),
        (error: AccessRefused) => response.writeHead(error.status, error.headers).end(error.body),
      );
    }).listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    stack = await startStack({ env: { PORTCULLIS_VARIABLE_EXAMPLE_UPSTREAM_URL: urlOf(upstream) } });
    callers = new UpstreamCallers({ issuer: stack.url, audience: 'upstream:example' });
    admin = await administrator(stack);
  }, 180_000);
  afterAll(async () => {
    upstream?.closeAllConnections();
    upstream?.close();
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
  }, 60_000);
  const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  test('behind the gateway knows who calls, and that nobody else is the gateway', async () => {
    const made = await admin.post('/v1/api-keys', { name: 'k', permissions: ['counterparties:view'] });
    const caller = admin.as(made.json.credentials.bearer_token as string);
    const through = await caller.get('/v1/counterparties');
    expect(through).toMatchObject({ status: 200, json: { credentialId: made.json.id as string } });
    expect(through.json.permissions).toEqual(['counterparties:view']);
    const past = new Client(urlOf(upstream), made.json.credentials.bearer_token as string);
    expect((await past.get('/v1/counterparties')).status).toBe(401);
  }, 60_000);

  test('goes on when the gateway comes back with another key', async () => {
    const before = Number(stack.pidOf('gateway'));
    process.kill(before, 'SIGKILL');
    await eventually(async () => {
      if (stack.pidOf('gateway') === before) return false;
      return (await new Client(stack.url).get('/readyz')).status === 200;
    }, 60_000);
    expect((await admin.get('/v1/counterparties')).status).toBe(200);
  }, 120_000);

  test('by the public keys alone accepts what was revoked until it ends: that is what joining is for', async () => {
    const verifier = new AccessTokenVerifier({ issuer: stack.url });
    const login = await new Client(stack.url).post('/v1/login', { email: stack.email, password: stack.password });
    const session = login.json.access_token as string;
    expect((await verifier.verify(session)).permissions).toContain('counterparties:view');
    expect((await admin.as(session).post('/v1/logout', {})).status).toBe(200);
    expect((await admin.as(session).get('/v1/whoami')).status).toBe(401);
    expect((await verifier.verify(session)).permissions).toContain('counterparties:view');
    await expect(verifier.verify(login.json.refresh_token as string)).rejects.toBeInstanceOf(AccessRefused);
  }, 60_000);
});
