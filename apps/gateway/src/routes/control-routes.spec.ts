import { newId } from '@portcullis/contracts';
import { mintApiKey, sha256Hex } from '@portcullis/credentials';
import { aGateway, publicUrl } from '../../spec/gateway.js';
import { type Got, send as sendTo, type Sent } from '../../spec/http-client.js';
import { asked, bare, held, organization, permissions, person } from '../../spec/services.js';

let gateway: Awaited<ReturnType<typeof aGateway>>;
beforeAll(async () => (gateway = await aGateway()));
beforeEach(() => {
  Object.assign(gateway.seen, { missing: [], upstream: undefined });
  gateway.seen.events.length = 0;
  gateway.seen.reported.length = 0;
});
afterAll(() => gateway.close());

const send = (method: string, path: string, sent: Omit<Sent, 'port'> = {}): Promise<Got> =>
  sendTo(method, path, { ...sent, port: gateway.port });

describe('control routes', () => {
  test('whoami answers the principal', async () => {
    const got = await send('GET', '/v1/whoami', { key: held });
    expect(got.status).toBe(200);
    expect(got.json).toMatchObject({
      kind: 'user',
      id: person,
      organization_id: organization,
      permissions: [...permissions].sort(),
    });
    expect(got.headers['cache-control']).toBe('no-store');
    expect((await send('HEAD', '/v1/whoami', { key: held })).text).toBe('');
  });

  test('a key is created: the caller goes along, the secret comes back in plain text once and is not stored', async () => {
    const got = await send('POST', '/v1/api-keys', {
      key: held,
      body: '{"name":"ci"}',
      headers: { 'Idempotency-Key': 'once', 'User-Agent': 'spec' },
    });
    expect(got.status).toBe(201);
    expect(got.json).toMatchObject({
      name: 'ci',
      credentials: { bearer_token: 'ptc_the-secret' },
      metadata: { sealed: 'not ours' },
    });
    expect(got.headers['cache-control']).toBe('no-store');
    expect(asked.caller).toMatchObject({
      principal: { id: person },
      request: { id: got.headers['x-request-id'], client_ip: '127.0.0.1', user_agent: 'spec', idempotency_key: 'once' },
    });
  });

  test.each<[string, string, string[]]>([
    ['an unknown field', '{"name":"ci","expire_in_days":1}', ['expire_in_days']],
    ['several faults', '{"name":"","expires_in_days":999}', ['name', 'expires_in_days']],
    ['nothing', '{}', ['name']],
    ['a field twice', '{"name":"a","name":"b"}', ['name']],
  ])('%s is a 400 that names the fields', async (_, body, fields) => {
    const got = await send('POST', '/v1/api-keys', { key: held, body });
    expect([got.status, got.json?.errors?.map(({ field }) => field)]).toEqual([400, fields]);
  });

  test.each<[string, number, string | null]>([
    ['', 200, null],
    ['?limit=5&status=active', 200, null],
    ['?limit=5&access_token=x', 200, null],
    ['?limit=0', 400, 'limit'],
    ['?limit=101', 400, 'limit'],
    ['?limit=1e1', 400, 'limit'],
    ['?limit=%205', 400, 'limit'],
    ['?limit=5&limit=6', 400, 'limit'],
    ['?limt=5', 400, 'limt'],
    ['?q=%ff', 400, 'q'],
    ['?status=gone', 400, 'status'],
    ['?__proto__=1', 400, '__proto__'],
  ])('a list with %j is %i', async (query, status, field) => {
    const got = await send('GET', `/v1/api-keys${query}`, { key: held });
    expect(got.status).toBe(status);
    if (field !== null) expect(got.json?.errors?.map((fault) => fault.field)).toEqual([field]);
    if (query.startsWith('?limit=5&')) expect(asked.request).toMatchObject({ limit: 5 });
  });

  test.each(['', 'x'.repeat(256), 'a\tb'])('the Idempotency-Key %j is 400', async (key) => {
    const got = await send('POST', '/v1/api-keys', {
      key: held,
      body: '{"name":"ci"}',
      headers: { 'Idempotency-Key': key },
    });
    expect([got.status, got.json?.errors?.[0]?.field]).toEqual([400, 'Idempotency-Key']);
  });

  test('a refusal of a service keeps its code and fields; what is absent is 404', async () => {
    const absent = await send('GET', `/v1/api-keys/${newId('key', new Date())}`, { key: held });
    expect([absent.status, absent.json?.code]).toEqual([404, 'not_found']);
    const odd = await send('GET', `/v1/api-keys/${'x'.repeat(90)}`, { key: held });
    expect([odd.status, odd.json?.code]).toEqual([404, 'not_found']);
    const pending = await send('DELETE', '/v1/api-keys/key_pending', { key: held });
    expect([pending.status, pending.json?.code, pending.headers['retry-after']]).toEqual([
      503,
      'enforcement_pending',
      '2',
    ]);
  });

  test('what breaks inside is reported here and a 500 without a word of it', async () => {
    const got = await send('GET', '/v1/api-keys/key_broken', { key: held });
    expect([got.status, got.json?.code]).toEqual([500, 'internal']);
    expect(got.text).not.toContain('hunter2');
    expect(gateway.seen.reported.join()).toContain('hunter2');
  });

  test('a service that does not know this gateway is 503, not the client’s 401', async () => {
    const got = await send('GET', '/v1/api-keys/key_strange', { key: held });
    expect([got.status, got.json?.code]).toEqual([503, 'unavailable']);
  });

  test.each([undefined, mintApiKey('ptc')])(
    'login needs no credential and minds none, and its password crosses sealed',
    async (key) => {
      const body = JSON.stringify({ email: 'ada@example.com', password: 'hunter2' });
      const got = await send('POST', '/v1/login', {
        ...(key ? { key } : {}),
        body,
        headers: { 'Idempotency-Key': 'once' },
      });
      expect(got.status).toBe(200);
      expect(got.json).toMatchObject({
        access_token: 'the access token',
        refresh_token: 'the refresh token',
        expires_in: 3600,
      });
      expect(got.headers['cache-control']).toBe('no-store');
      expect(asked.caller?.request.idempotency_key).toBeNull();
      expect(JSON.stringify(asked.request)).not.toContain('hunter2');
    },
  );

  test('a wrong password is 401 with a challenge', async () => {
    const got = await send('POST', '/v1/login', {
      body: JSON.stringify({ email: 'ada@example.com', password: 'wrong' }),
    });
    expect([got.status, got.json?.code, got.headers['www-authenticate']]).toEqual([
      401,
      'invalid_credentials',
      'Bearer realm="portcullis"',
    ]);
  });

  test('of a client secret only the digest crosses', async () => {
    const got = await send('POST', '/v1/authenticate', {
      body: JSON.stringify({ client_id: 'me', client_secret: 'hunter2' }),
    });
    expect(got.status).toBe(200);
    expect(asked.request).toEqual({ client_id: 'me', secret_sha256: sha256Hex('hunter2') });
  });

  test('a body without its type, or too large, is refused as such', async () => {
    const form = await send('POST', '/v1/login', {
      body: 'a=b',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    });
    expect([form.status, form.json?.code]).toEqual([415, 'unsupported_media_type']);
    const odd = await send('POST', '/v1/login', { body: '{}', headers: { 'Content-Type': 'not a type' } });
    expect([odd.status, odd.json?.code]).toEqual([415, 'unsupported_media_type']);
    const large = await send('POST', '/v1/login', { body: `{"email":"${'x'.repeat(1_100_000)}"}` });
    expect([large.status, large.json?.code]).toEqual([413, 'too_large']);
  });

  test('the catalogue says what roles mean', async () => {
    const roles = await send('GET', '/v1/roles', { key: bare });
    const items = (roles.json as unknown as { items: { name: string; covers: string[] }[] }).items;
    expect(items.find(({ name }) => name === 'maintainer')?.covers).toEqual(
      expect.arrayContaining(['consumer', 'creator', 'auditor']),
    );
    const got = await send('GET', '/v1/permissions', { key: bare });
    expect((got.json as unknown as { items: unknown[] }).items).toContainEqual(
      expect.objectContaining({ name: 'counterparties:view', in: 'read' }),
    );
  });

  test('public keys are cached by tag', async () => {
    const got = await send('GET', '/.well-known/jwks.json');
    expect([got.status, got.headers['cache-control']]).toEqual([200, 'public, max-age=60']);
    expect((got.json as unknown as { keys: unknown[] }).keys).toHaveLength(2);
    const again = await send('GET', '/.well-known/jwks.json', { headers: { 'If-None-Match': got.headers.etag ?? '' } });
    expect([again.status, again.text]).toEqual([304, '']);
  });

  test('readiness says what is missing', async () => {
    expect((await send('GET', '/readyz')).status).toBe(200);
    gateway.seen.missing = [{ field: 'lease.api-key', message: 'is not held' }];
    const got = await send('GET', '/readyz');
    expect([got.status, got.json?.errors]).toEqual([503, gateway.seen.missing]);
    expect(got.headers['retry-after']).toBe('1');
    expect((await send('GET', '/healthz')).status).toBe(200);
  });

  test('metrics are for programs on this machine, or for who may view the policy', async () => {
    const local = await send('GET', '/metrics');
    expect(local.status).toBe(200);
    expect(local.text).toContain('portcullis_http_requests_total{route="GET /v1/whoami",status="2xx"}');
    expect(local.text).toContain('portcullis_enforcement_lease{authority="identity"} 1');
    const proxied = { 'X-Forwarded-For': '192.0.2.1' };
    expect((await send('GET', '/metrics', { headers: proxied })).status).toBe(401);
    expect((await send('GET', '/metrics', { headers: proxied, key: bare })).status).toBe(403);
    expect((await send('GET', '/metrics', { headers: proxied, key: held })).status).toBe(200);
  });

  test('the reference is there for people and for programs', async () => {
    const document = await send('GET', '/openapi.json');
    expect(document.json).toMatchObject({ openapi: '3.1.0', servers: [{ url: publicUrl }] });
    const page = await send('GET', '/docs');
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
  });
});
