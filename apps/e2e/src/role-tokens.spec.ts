import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '@portcullis/embedded';
import { eventually } from '@portcullis/testing';
import { administrator, Client, type HttpAnswer } from './client.js';
import { type Stack, startStack } from './stack.js';

/** `hello`, by a tool of somebody else. */
const adminPasswordHash = '$2y$10$PJLb5yVmoFG86q0j27WWLeBnS2aG.WeblM9dvz5yahojiS.43TRSe';
const sharedKey = 'kX2vT9sQe7LwYb4NcR6mZp1HjD8fUgA3oViSxE5tBq0=';
const otherKey = 'q5Zt0Yc3nUuX8yMvJ2kLw7RrEo1aHsGfD4bTiPzK9Vg=';

/** Told in order, with three installations: two that share a key, and one that has just rotated to another. */
describe('from the node password to a token that nobody accepts any more', () => {
  let folder: string;
  let node: Server;
  let stack: Stack;
  let there: Stack;
  let anyone: Client;
  let secondGateway: Client;
  let admin: Client;
  let consumer: { key: string; token_id: string };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'portcullis-role-tokens-'));
    node = createServer((_request, response) => response.end('from the node'));
    node.listen(0, '127.0.0.1');
    await once(node, 'listening');
    const policy = join(folder, 'policy.yaml');
    writeFileSync(
      policy,
      `version: 1
upstreams: { node: { url: 'http://127.0.0.1:${(node.address() as AddressInfo).port}' } }
routes:
  - { match: 'GET /bytes/*', permission: node:data:view, upstream: node }
  - { match: 'GET /v1/bytes/*', permission: node:data:view, upstream: node }
  - { match: 'POST /bytes', permission: node:data:manage, upstream: node }
  - { match: 'GET /stamps', permission: node:stamps:view, upstream: node }
  - { match: 'POST /stake/*', permission: node:stake:manage, upstream: node }
`,
    );
    const env = { PORTCULLIS_POLICY: policy, PORTCULLIS_ADMIN_PASSWORD_HASH: adminPasswordHash };
    stack = await startStack({
      env: { ...env, PORTCULLIS_TOKEN_ENCRYPTION_KEY: sharedKey, PORTCULLIS_GATEWAYS: '2' },
    });
    // Another installation, which rotates: it encrypts with a key of its own and still reads what the shared one made.
    there = await startStack({
      env: { ...env, PORTCULLIS_TOKEN_ENCRYPTION_KEY: `${otherKey},${sharedKey}` },
    });
    anyone = new Client(stack.url);
    secondGateway = new Client(stack.urls[1] ?? '');
    admin = await administrator(stack);
  }, 300_000);
  afterAll(async () => {
    const codes = await Promise.all([stack?.stop(), there?.stop()]);
    stack?.remove();
    there?.remove();
    node?.close();
    rmSync(folder, { recursive: true, force: true });
    expect(codes).toEqual([0, 0]);
  }, 120_000);

  const basic = (text: string): Record<string, string> => ({
    Authorization: `Basic ${Buffer.from(text).toString('base64')}`,
  });
  const auth = (body: unknown, text = ':hello', at = anyone): Promise<HttpAnswer> =>
    at.post('/auth', body, basic(text));

  test('the document’s own request is answered as it says', async () => {
    const got = await anyone.send('POST', '/auth', JSON.stringify({ role: 'maintainer', expiry: 3600 }), {
      'Content-Type': 'application/json',
      Authorization: 'Basic OmhlbGxv',
    });
    expect(got).toMatchObject({
      status: 201,
      json: { role: 'maintainer', token_id: expect.stringMatching(/^tok_/) as string },
    });
    expect(got.headers['cache-control']).toBe('no-store');
    const lives = Date.parse(got.json.expires_at as string) - Date.now();
    expect(Math.abs(lives - 3_600_000)).toBeLessThan(60_000);
    expect((got.json.key as string).split('.')).toHaveLength(5);
    const header = JSON.parse(
      Buffer.from((got.json.key as string).split('.')[0] ?? '', 'base64url').toString(),
    ) as object;
    expect(header).toMatchObject({ alg: 'dir', enc: 'A256GCM' });
  });

  test('without a password, or with a wrong one, it is 401 and the realm is Restricted', async () => {
    for (const headers of [{}, basic(':wrong'), basic('hello'), { Authorization: 'Basic %%%' }] as Record<
      string,
      string
    >[]) {
      const got = await anyone.send('POST', '/auth', '{"role":"consumer","expiry":60}', headers);
      expect(got.status).toBe(401);
      expect(got.headers['www-authenticate']).toBe('Basic realm="Restricted"');
    }
    expect((await anyone.send('POST', '/auth')).status).toBe(401);
  });

  test.each<[string, unknown]>([
    ['no expiry', { role: 'consumer' }],
    ['0', { role: 'consumer', expiry: 0 }],
    ['-1', { role: 'consumer', expiry: -1 }],
    ['a text', { role: 'consumer', expiry: '60' }],
    ['a fraction', { role: 'consumer', expiry: 3600.5 }],
    ['beyond the maximum', { role: 'consumer', expiry: 9_223_372_037 }],
    ['an unknown role', { role: 'xyz', expiry: 60 }],
    ['no role', { expiry: 60 }],
  ])('%s is 400', async (_, body) => expect((await auth(body)).status).toBe(400));

  test('a body over 512 bytes is 413, whoever sends it; GET is 405', async () => {
    expect((await anyone.send('POST', '/auth', ' '.repeat(600), basic(':wrong'))).status).toBe(413);
    const got = await anyone.get('/auth');
    expect(got).toMatchObject({ status: 405, headers: { allow: 'POST' } });
  });

  test('a consumer reads and does not write, at every gateway', async () => {
    const got = await auth({ role: 'consumer', expiry: 3600 });
    consumer = got.json as typeof consumer;
    for (const at of [anyone, secondGateway]) {
      const client = at.as(consumer.key);
      for (const path of ['/bytes/ab', '/v1/bytes/ab']) expect(await client.get(path)).toMatchObject({ status: 200 });
      expect(await client.get('/stamps')).toMatchObject({
        status: 403,
        json: { required_permission: 'node:stamps:view' },
      });
      expect((await client.post('/bytes', {})).status).toBe(403);
      expect((await client.get('/v1/audit/events')).status).toBe(403);
    }
    const whoami = await anyone.as(consumer.key).get('/v1/whoami');
    expect(whoami.json).toMatchObject({ kind: 'node', credential_id: consumer.token_id, roles: ['consumer'] });
  });

  test('an auditor reads the record, a maintainer does everything of the node and nothing else', async () => {
    const auditor = anyone.as((await auth({ role: 'auditor', expiry: 60 })).json.key as string);
    expect((await auditor.get('/v1/audit/events')).status).toBe(200);
    expect((await auditor.get('/stamps')).status).toBe(200);
    expect((await auditor.post('/bytes', {})).status).toBe(403);
    const maintainer = anyone.as((await auth({ role: 'maintainer', expiry: 60 })).json.key as string);
    expect((await maintainer.post('/stake/1', {})).status).toBe(200);
    expect((await maintainer.get('/v1/api-keys')).status).toBe(403);
    expect((await maintainer.post('/v1/role-tokens/revoke', { all: true })).status).toBe(403);
  });

  test('a person gets the roles that they cover, with their own password', async () => {
    const mine = `${stack.email}:${stack.password}`;
    const got = await auth({ role: 'maintainer', expiry: 60 }, mine);
    expect(got).toMatchObject({ status: 201 });
    expect((await anyone.as(got.json.key as string).post('/stake/1', {})).status).toBe(200);
    expect((await auth({ role: 'consumer', expiry: 60 }, `${stack.email}:hello`)).status).toBe(401);
  });

  test('whose tokens end on every gateway when the password is changed, refreshed ones too', async () => {
    const invited = await admin.post('/v1/users', {
      email: 'ada@example.com',
      roles: ['accountant'],
      password: 'a pass phrase of Ada',
    });
    expect(invited.status).toBe(201);
    const got = await auth({ role: 'creator', expiry: 60 }, 'ada@example.com:a pass phrase of Ada');
    const refreshed = await anyone.as(got.json.key as string).post('/refresh', { expiry: 60 });
    const opens = () =>
      Promise.all(
        [got, refreshed].flatMap(({ json }) =>
          [anyone, secondGateway].map(async (at) => (await at.as(json.key as string).get('/bytes/ab')).status),
        ),
      );
    expect(await opens()).toEqual([200, 200, 200, 200]);
    const path = `/v1/users/${invited.json.id}/password`;
    const changed = await admin.post(path, { password: 'another phrase of Ada' });
    expect(changed).toMatchObject({ status: 200, json: { sessions_ended: 0, enforcement: { acknowledged: 2 } } });
    expect(await opens()).toEqual([401, 401, 401, 401]);
    const again = await auth({ role: 'creator', expiry: 60 }, 'ada@example.com:another phrase of Ada');
    expect((await secondGateway.as(again.json.key as string).get('/bytes/ab')).status).toBe(200);
  });

  test('a refresh goes down and never up, and the old token stays valid', async () => {
    const creator = (await auth({ role: 'creator', expiry: 60 })).json.key as string;
    const lower = await anyone.as(creator).post('/refresh', { role: 'consumer', expiry: 86_400 });
    expect(lower).toMatchObject({ status: 201, json: { role: 'consumer' } });
    for (const role of ['maintainer', 'creator']) {
      expect(await anyone.as(lower.json.key as string).post('/refresh', { role, expiry: 60 })).toMatchObject({
        status: 403,
        json: { code: 'exceeds_grant' },
      });
    }
    expect(await anyone.as(creator).post('/refresh', { expiry: 60 })).toMatchObject({ json: { role: 'creator' } });
    expect((await anyone.as(creator).get('/bytes/ab')).status).toBe(200);
    expect((await anyone.post('/refresh', { expiry: 60 }, basic(':hello'))).status).toBe(401);
  });

  test('an expired token says so, and junk is 401, never 500 and never a dropped connection', async () => {
    const short = anyone.as((await auth({ role: 'consumer', expiry: 1 })).json.key as string);
    const expired = await eventually(async () => {
      const got = await short.get('/bytes/ab');
      return got.status === 401 && got;
    });
    expect(expired.json).toMatchObject({ code: 'token_expired' });
    expect((await short.post('/refresh', { expiry: 60 })).json).toMatchObject({ code: 'token_expired' });
    for (const junk of ['AAAA', '%%%', 'a.b.c.d.e', `${consumer.key}x`, '....'])
      expect((await anyone.as(junk).get('/bytes/ab')).status).toBe(401);
  });

  test('an installation with the same key accepts it, one with another does not', async () => {
    const elsewhere = new Client(there.url);
    expect((await elsewhere.as(consumer.key).get('/bytes/ab')).status).toBe(200);
    const theirs = await auth({ role: 'consumer', expiry: 3600 }, ':hello', elsewhere);
    expect(theirs.status).toBe(201);
    expect((await elsewhere.as(theirs.json.key as string).get('/bytes/ab')).status).toBe(200);
    expect(await anyone.as(theirs.json.key as string).get('/bytes/ab')).toMatchObject({
      status: 401,
      json: { code: 'invalid_token' },
    });
  });

  test('when the revoking call answers, no gateway accepts the token or what was refreshed from it', async () => {
    const refreshed = (await anyone.as(consumer.key).post('/refresh', { expiry: 600 })).json.key as string;
    const revoked = await admin.post('/v1/role-tokens/revoke', { token: consumer.key });
    expect(revoked).toMatchObject({
      status: 200,
      json: { token_id: consumer.token_id, enforcement: { enforcers: 2, acknowledged: 2, fenced: 0 } },
    });
    for (const at of [anyone, secondGateway])
      for (const key of [consumer.key, refreshed]) {
        expect(await at.as(key).get('/bytes/ab')).toMatchObject({ status: 401, json: { code: 'invalid_token' } });
        expect((await at.as(key).post('/refresh', { expiry: 60 })).status).toBe(401);
      }
    const repeat = await admin.post('/v1/role-tokens/revoke', { token_id: consumer.token_id });
    expect(repeat.json).toMatchObject({ revoked_at: revoked.json.revoked_at as string });
    // The other installation is not reached: there it is good until it expires.
    expect((await new Client(there.url).as(consumer.key).get('/bytes/ab')).status).toBe(200);
  });

  test('revoking all ends all that there are, and what is issued afterwards is good', async () => {
    const before = (await auth({ role: 'creator', expiry: 60 })).json.key as string;
    const revoked = await admin.post('/v1/role-tokens/revoke', { all: true });
    expect(revoked).toMatchObject({ status: 200, json: { enforcement: { enforcers: 2, acknowledged: 2 } } });
    for (const at of [anyone, secondGateway]) expect((await at.as(before).get('/bytes/ab')).status).toBe(401);
    const after = (await auth({ role: 'creator', expiry: 60 })).json.key as string;
    for (const at of [anyone, secondGateway]) expect((await at.as(after).get('/bytes/ab')).status).toBe(200);
    for (const bad of [{}, { all: false }, { all: true, token_id: consumer.token_id }, { token_id: 'x' }])
      expect((await admin.post('/v1/role-tokens/revoke', bad)).status).toBe(400);
  });

  test('ten wrong passwords, at whichever gateway, stop the place for a while', async () => {
    const codes: number[] = [];
    for (let i = 0; i < 12; i++) {
      const got = await auth({ role: 'consumer', expiry: 60 }, ':wrong', i % 2 ? anyone : secondGateway);
      codes.push(got.status);
      if (got.status === 429) expect(Number(got.headers['retry-after'])).toBeGreaterThan(0);
    }
    expect(codes.at(-1)).toBe(429);
    expect(codes.lastIndexOf(401)).toBeLessThan(codes.indexOf(429));
    expect((await auth({ role: 'consumer', expiry: 60 })).status).toBe(429);
    expect((await admin.get('/v1/whoami')).status).toBe(200);
  });

  test('all of it is in the record, without a password or a token', async () => {
    const wanted = ['role-token.issued', 'role-token.refreshed', 'role-token.refused', 'role-tokens.revoked'];
    await eventually(async () => {
      for (const action of wanted) {
        const { items } = (await admin.get(`/v1/audit/events?action=${action}`)).json as { items: unknown[] };
        if (items.length === 0) return false;
      }
      return true;
    });
    const all = (await admin.get('/v1/audit/events?limit=100')).text;
    for (const secret of [consumer.key.slice(-40), 'OmhlbGxv', ':wrong', adminPasswordHash, sharedKey]) {
      expect(all).not.toContain(secret);
      expect(stack.output()).not.toContain(secret);
    }
  });
});

test.each([
  [
    'a hash that is none',
    { PORTCULLIS_ADMIN_PASSWORD_HASH: 'hunter2hunter2' },
    /ADMIN_PASSWORD_HASH: It is not a bcrypt hash/,
  ],
  ['a weak key', { PORTCULLIS_TOKEN_ENCRYPTION_KEY: 'hunter2hunter2' }, /TOKEN_ENCRYPTION_KEY: .*too short/],
])(
  '%s stops the start: exit 78, a sentence, and nothing of the value',
  async (_, env, sentence) => {
    const { code, output } = await upThatEnds(env);
    expect(output).toMatch(sentence);
    expect(output).not.toContain('hunter2');
    expect(code).toBe(78);
  },
  30_000,
);

/** `portcullis up`, with a configuration that it must not start with. */
async function upThatEnds(env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const home = mkdtempSync(join(tmpdir(), 'portcullis-e2e-'));
  const ports = { PORT: String(await freePort()), S3_PORT: String(await freePort()) };
  const child = spawn(process.execPath, [resolve(import.meta.dirname, '../../cli/bin/portcullis.mjs'), 'up'], {
    env: { PATH: process.env['PATH'], ...ports, PORTCULLIS_HOME: join(home, 'data'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  rmSync(home, { recursive: true, force: true });
  return { code, output };
}
