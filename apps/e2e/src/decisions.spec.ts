import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@portcullis/testing';
import { administrator, Client } from './client.js';
import { frontProxyNames, isInstalled, startFrontProxy } from './front-proxy.js';
import { type Stack, startStack } from './stack.js';
import { startUpstream } from './upstream.js';

/** Proxies that ask Portcullis, in front of an upstream that Portcullis never reaches. */
const folder = mkdtempSync(join(tmpdir(), 'portcullis-decisions-'));
let stack: Stack;
let upstream: Awaited<ReturnType<typeof startUpstream>>;
let anyone: Client;
let admin: Client;
let key: { id: string; token: string };
let bound: { id: string; token: string };

beforeAll(async () => {
  upstream = await startUpstream();
  const policy = join(folder, 'policy.yaml');
  writeFileSync(
    policy,
    `version: 1
permissions: { "orders:view": Can view orders, "orders:manage": Can manage orders }
upstreams: { shop: { url: "${upstream.url}" } }
routes:
  - { match: "GET /orders/**", permission: "orders:view", upstream: shop }
  - { match: "POST /orders", permission: "orders:manage", upstream: shop }
  - { match: "* /public/**", public: true, upstream: shop }
`,
  );
  stack = await startStack({ env: { PORTCULLIS_POLICY: policy, PORTCULLIS_TRUSTED_PROXIES: '127.0.0.1/32' } });
  anyone = new Client(stack.url);
  admin = await administrator(stack);
  const make = async (name: string, more: object) => {
    const made = await admin.post('/v1/api-keys', { name, permissions: ['orders:view'], ...more });
    expect(made.status).toBe(201);
    return { id: made.json.id as string, token: made.json.credentials.bearer_token as string };
  };
  key = await make('shop', {});
  bound = await make('bound', { networks: ['203.0.113.0/24'] });
}, 150_000);

afterAll(async () => {
  expect(await stack?.stop()).toBe(0);
  stack?.remove();
  await upstream?.stop();
  rmSync(folder, { recursive: true });
}, 60_000);

const forged = {
  'X-Portcullis-Identity': 'forged',
  'X-Portcullis-Principal': 'usr_forged',
  'X-Portcullis-Organization': 'org_forged',
  'X-Portcullis-Credential': 'key_forged',
};

const claimsOf = (token: unknown): Record<string, unknown> =>
  JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;

describe.each(frontProxyNames)('behind a real %s with its example', (name) => {
  if (!isInstalled(name)) {
    test.skip(`${name} is not installed here (Debian: apt-get install ${name})`, () => undefined);
    return;
  }
  let proxy: Awaited<ReturnType<typeof startFrontProxy>>;
  beforeAll(async () => {
    proxy = await startFrontProxy(name, { gateway: stack.url, upstream: upstream.url });
  }, 30_000);
  beforeEach(() => void (upstream.seen.length = 0));
  afterAll(() => proxy?.stop(), 30_000);

  test('who may, passes; the upstream learns who calls and not with what', async () => {
    const answer = await proxy.client.as(key.token).get('/orders/1?page=2', forged);
    expect(answer.status).toBe(200);
    const { url, headers } = upstream.seen.at(-1)!;
    expect(url).toBe('/orders/1?page=2');
    expect(claimsOf(headers['x-portcullis-identity'])).toMatchObject({ aud: 'upstream:shop', cid: key.id });
    expect(headers).toMatchObject({ 'x-portcullis-credential': key.id });
    expect(headers.authorization).toBeUndefined();
    expect(JSON.stringify(headers)).not.toContain('forged');
  });

  test('who may not is stopped before the upstream, and the record of it is found by its id', async () => {
    const { client } = proxy;
    const denied = await client.as(key.token).post('/orders', { order: 1 });
    expect(denied.status).toBe(403);
    expect((await client.as(key.token).get('/nowhere')).status).toBe(403);
    const nobody = await client.get('/orders/1');
    expect(nobody.status).toBe(401);
    expect(nobody.headers['www-authenticate']).toMatch(/^Bearer/);
    expect((await client.as(`${key.token.slice(0, -1)}x`).get('/orders/1')).status).toBe(401);
    expect(upstream.seen).toEqual([]);
    const id = String(denied.headers['x-portcullis-decision-id']);
    const event = await eventually(async () => {
      const found = await admin.get(`/v1/audit/events/${id}`);
      return found.status === 200 && (found.json as unknown);
    });
    expect(event).toMatchObject({
      action: 'request.denied',
      reason: 'missing_permission',
      actor: { credential_id: key.id },
      details: { method: 'POST', path: '/orders' },
    });
  });

  test('a client cannot say itself which request is decided on', async () => {
    const asIf = { 'X-Forwarded-Uri': '/public/x', 'X-Forwarded-Method': 'GET', 'X-Forwarded-Host': 'elsewhere' };
    expect((await proxy.client.get('/orders/1', asIf)).status).toBe(401);
    expect((await proxy.client.as(key.token).send('POST', '/orders', '{}', asIf)).status).toBe(403);
    expect((await proxy.client.get('/orders/1', { 'X-Original-URL': '/public/x' })).status).toBe(401);
    expect(upstream.seen).toEqual([]);
  });

  test('nobody on a public route stays nobody, whatever was sent', async () => {
    expect((await proxy.client.get('/public/hello', forged)).status).toBe(200);
    expect(Object.keys(upstream.seen.at(-1)!.headers).filter((one) => one.startsWith('x-portcullis-'))).toEqual([]);
    await proxy.client.get('/public/hello', { X_Portcullis_Identity: 'forged' });
    expect(JSON.stringify(upstream.seen)).not.toContain('forged');
  });

  test.each(['/public/../orders/1', '/public/%2e%2e/orders/1', '//orders/1', '/public/%2f..%2forders', '/orders;x/1'])(
    'the path %s, which two readers read in two ways, goes nowhere',
    async (path) => {
      const answer = await proxy.client.get(path);
      expect([400, 401, 403]).toContain(answer.status);
      expect(upstream.seen).toEqual([]);
    },
  );

  test('an address that the client writes itself does not count', async () => {
    const answer = await proxy.client.as(bound.token).get('/orders/1', { 'X-Forwarded-For': '203.0.113.9' });
    expect(answer.status).toBe(403);
    expect(upstream.seen).toEqual([]);
  });
});

describe('as Traefik asks (forwardAuth: GET with X-Forwarded-Method, -Proto, -Host, -Uri, -For)', () => {
  const ask = (method: string, uri: string, token?: string, client = '203.0.113.9') =>
    (token === undefined ? anyone : anyone.as(token)).get('/v1/decisions', {
      'User-Agent': 'Go-http-client/1.1',
      'X-Forwarded-Method': method,
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'shop.example',
      'X-Forwarded-Uri': uri,
      'X-Forwarded-For': client,
    });

  test('gets the status and what it copies', async () => {
    const allowed = await ask('GET', '/orders/1?x=y', key.token);
    expect(allowed).toMatchObject({ status: 200, text: '', headers: { 'cache-control': 'no-store' } });
    expect(claimsOf(allowed.headers['x-portcullis-identity'])).toMatchObject({ cid: key.id });
    expect((await ask('POST', '/orders', key.token)).status).toBe(403);
    expect((await ask('GET', '/orders/1')).status).toBe(401);
    expect((await ask('GET', '/orders/1', bound.token)).status).toBe(200);
    expect((await ask('GET', '/orders/1', bound.token, '198.51.100.7')).status).toBe(403);
  });
});

describe('as Envoy asks (ext_authz: the method, path_prefix + path, Content-Length 0)', () => {
  const ask = (method: string, path: string, token?: string, more: Record<string, string> = {}) =>
    (token === undefined ? anyone : anyone.as(token)).send(method, `/v1/decisions${path}`, undefined, {
      Host: 'shop.example',
      'Content-Length': '0',
      'X-Forwarded-For': '203.0.113.9,127.0.0.1',
      ...more,
    });

  test('gets the status and what it copies', async () => {
    const allowed = await ask('GET', '/orders/1?x=y', key.token);
    expect(allowed).toMatchObject({ status: 200, text: '' });
    expect(claimsOf(allowed.headers['x-portcullis-identity'])).toMatchObject({ cid: key.id });
    expect((await ask('POST', '/orders', key.token)).status).toBe(403);
    expect((await ask('GET', '/orders/1')).status).toBe(401);
    expect((await ask('DELETE', '/public/x')).status).toBe(200);
    expect((await ask('GET', '/orders/1', bound.token)).status).toBe(200);
  });

  test('a client that adds X-Forwarded-Uri, should it come through, gets nowhere', async () => {
    expect((await ask('GET', '/orders/1', key.token, { 'X-Forwarded-Uri': '/public/x' })).status).toBe(403);
  });
});

test('the credential is revoked, and the next decision refuses it', async () => {
  const ask = () =>
    anyone.as(key.token).get('/v1/decisions', {
      'X-Forwarded-Method': 'GET',
      'X-Forwarded-Uri': '/orders/1',
      'X-Forwarded-Host': 'shop.example',
    });
  expect((await ask()).status).toBe(200);
  const explained = () =>
    admin.post('/v1/decisions/explain', { method: 'GET', path: '/orders/1', credential_id: key.id });
  expect(await explained()).toMatchObject({
    status: 200,
    json: { verdict: 'allow', rule: { match: 'GET /orders/**' }, requires: ['orders:view'], held: ['orders:view'] },
  });
  expect((await admin.delete(`/v1/api-keys/${key.id}`)).status).toBe(200);
  expect((await ask()).status).toBe(401);
  expect((await explained()).json).toMatchObject({ verdict: 'deny', reason: 'revoked' });
});
