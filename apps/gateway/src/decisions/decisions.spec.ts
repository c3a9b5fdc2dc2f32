import { mintApiKey } from '@portcullis/credentials';
import { aGateway } from '../../spec/gateway.js';
import { type Got, send as sendTo, type Sent } from '../../spec/http-client.js';
import { bare, bound, foreignKey, held, idOf, organization, permissions, person } from '../../spec/services.js';

let gateway: Awaited<ReturnType<typeof aGateway>>;
beforeAll(async () => (gateway = await aGateway({ trustedProxies: ['127.0.0.1/32'] })));
beforeEach(() => {
  gateway.seen.events.length = 0;
  gateway.seen.reported.length = 0;
});
afterAll(() => gateway.close());

const send = (method: string, path: string, sent: Omit<Sent, 'port'> = {}): Promise<Got> =>
  sendTo(method, path, { ...sent, port: gateway.port });

const about = (method: string, uri: string, more: Sent['headers'] = {}): Sent['headers'] => ({
  'X-Forwarded-Method': method,
  'X-Forwarded-Uri': uri,
  'X-Forwarded-Host': 'shop.example',
  ...more,
});

const decide = (method: string, uri: string, sent: Omit<Sent, 'port'> = {}): Promise<Got> =>
  send('GET', '/v1/decisions', { ...sent, headers: about(method, uri, sent.headers) });

const claimsOf = (token: unknown): Record<string, unknown> =>
  JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;

describe('a decision', () => {
  test.each<[string, string, string, ReturnType<typeof mintApiKey> | undefined, number, string | undefined]>([
    ['the right permission', 'GET', '/v1/counterparties?page=2', held, 200, undefined],
    ['the right permission, for HEAD', 'HEAD', '/v1/counterparties', held, 200, undefined],
    ['no permission', 'GET', '/v1/counterparties', bare, 403, 'forbidden'],
    ['another method', 'POST', '/v1/counterparties', held, 403, 'forbidden'],
    ['nothing presented', 'GET', '/v1/counterparties', undefined, 401, 'unauthenticated'],
    ['an unknown key', 'GET', '/v1/counterparties', mintApiKey('ptc'), 401, 'invalid_token'],
    ['no rule', 'GET', '/v1/nowhere', held, 403, 'not_found'],
    ['no rule and no credential', 'GET', '/v1/nowhere', undefined, 401, 'unauthenticated'],
    ['a method that is never routed', 'TRACE', '/v1/counterparties', held, 403, 'not_found'],
    ['a method that is none', 'get', '/v1/counterparties', held, 403, 'forbidden'],
    ['a public route', 'GET', '/public/hello', undefined, 200, undefined],
    ['a public route of the gateway itself', 'POST', '/v1/login', undefined, 401, 'unauthenticated'],
    ['dot segments', 'GET', '/public/../v1/counterparties', undefined, 403, 'invalid_request'],
    ['an encoded slash', 'GET', '/public/%2e%2e%2fv1', held, 403, 'invalid_request'],
    ['an absolute form', 'GET', 'http://evil.example/public/x', held, 403, 'invalid_request'],
    ['no path', 'GET', 'public', held, 403, 'invalid_request'],
  ])('on %s is the front door’s, in a status that proxies know', async (_, method, uri, key, status, code) => {
    const got = await decide(method, uri, key ? { key } : {});
    expect([got.status, got.json?.code]).toEqual([status, code]);
    expect(got.headers['cache-control']).toBe('no-store');
    if (status === 401) expect(got.headers['www-authenticate']).toMatch(/^Bearer/);
    if (status === 200) expect(got.text).toBe('');
    if (got.json) expect((got.json as { status?: number }).status).toBe(status);
  });

  test('tells the proxy who asks, by the token that this upstream would get from us', async () => {
    const { headers } = await decide('GET', '/v1/counterparties', { key: held });
    expect(claimsOf(headers['x-portcullis-identity'])).toMatchObject({
      sub: person,
      org: organization,
      aud: 'upstream:books',
      cid: idOf(held),
      permissions: ['counterparties:view'],
    });
    expect(headers).toMatchObject({
      'x-portcullis-principal': person,
      'x-portcullis-organization': organization,
      'x-portcullis-credential': idOf(held),
    });
    const anonymous = await decide('GET', '/public/hello');
    expect(Object.keys(anonymous.headers).filter((name) => name.startsWith('x-portcullis-'))).toEqual([]);
  });

  test('tells a peer that is none of the proxies nothing but the status', async () => {
    const wary = await aGateway({ decisionPeers: ['192.0.2.0/24'] });
    try {
      const headers = about('GET', '/v1/counterparties');
      const got = await sendTo('GET', '/v1/decisions', { port: wary.port, key: held, headers });
      expect(got.status).toBe(200);
      expect(Object.keys(got.headers).filter((name) => name.startsWith('x-portcullis-'))).toEqual([]);
    } finally {
      await wary.close();
    }
  });

  test.each<[string, Sent['headers']]>([
    ['no method', { 'X-Forwarded-Uri': '/public/x', 'X-Forwarded-Host': 'h' }],
    ['no path', { 'X-Forwarded-Method': 'GET', 'X-Forwarded-Host': 'h' }],
    ['no host', { 'X-Forwarded-Method': 'GET', 'X-Forwarded-Uri': '/public/x' }],
    ['two methods', about('GET', '/public/x', { 'X-Forwarded-Method': ['GET', 'POST'] })],
    ['two paths', about('GET', '/public/x', { 'X-Forwarded-Uri': ['/public/x', '/v1/counterparties'] })],
    ['two hosts', about('GET', '/public/x', { 'X-Forwarded-Host': ['a', 'b'] })],
    ['two methods in one field', about('GET, POST', '/public/x')],
    ['two hosts in one field', about('GET', '/public/x', { 'X-Forwarded-Host': 'a, b' })],
  ])('on a request that says %s is 403, and the record of it is found', async (_, headers) => {
    const got = await send('GET', '/v1/decisions', { headers: headers ?? {} });
    expect([got.status, got.json?.code]).toEqual([403, 'forbidden']);
    expect(gateway.seen.events.map(({ id }) => id)).toContain(got.json?.decision_id);
    expect(got.headers['x-portcullis-decision-id']).toBe(got.json?.decision_id);
  });

  test('denied, carries what was required, and the event is about the request that was meant', async () => {
    const got = await decide('POST', '/v1/counterparties', { key: held });
    expect(got.json?.required_permission).toBe('counterparties:manage');
    expect(gateway.seen.events).toEqual([
      expect.objectContaining({
        id: got.json?.decision_id,
        action: 'request.denied',
        reason: 'missing_permission',
        details: expect.objectContaining({ method: 'POST', path: '/v1/counterparties' }) as unknown,
      }),
    ]);
  });

  test('two credentials, or one with a doubled header, are 403 with their code', async () => {
    const Authorization = [`Bearer ${held.text.reveal()}`, `Bearer ${bare.text.reveal()}`];
    const got = await decide('GET', '/v1/counterparties', { headers: { Authorization } });
    expect([got.status, got.json?.code]).toEqual([403, 'ambiguous_credentials']);
    const doubled = await decide('GET', '/v1/counterparties', { key: held, headers: { 'X-Org-ID': ['a', 'b'] } });
    expect([doubled.status, doubled.json?.code]).toEqual([403, 'invalid_request']);
    expect(doubled.json?.decision_id).toBeDefined();
  });
});

describe('as Envoy asks', () => {
  test.each<[string, string, boolean, number]>([
    ['GET', '/v1/counterparties?a=b', true, 200],
    ['POST', '/v1/counterparties', true, 403],
    ['DELETE', '/public/x', false, 200],
    ['PROPFIND', '/public/x', false, 200],
    ['GET', '/', true, 403],
    ['GET', '/public//x', true, 403],
    ['GET', '/public/%zz', true, 403],
    ['GET', '/v1/decisions/public/x', true, 403],
    ['GET', '/explain', true, 403],
  ])('the path is %s %s after the prefix', async (method, path, withKey, status) => {
    const got = await send(method, `/v1/decisions${path}`, withKey ? { key: held } : {});
    expect(got.status).toBe(status);
  });

  test('asked for in another spelling is nothing that is there', async () => {
    const got = await send('GET', '/v1/%64ecisions', { key: held, headers: about('GET', '/public/hello') });
    expect([got.status, gateway.seen.reported]).toEqual([404, []]);
  });

  test('a client that says X-Forwarded-Uri too gets nowhere', async () => {
    const got = await send('GET', '/v1/decisions/v1/counterparties', {
      key: held,
      headers: { 'X-Forwarded-Uri': '/public/x' },
    });
    expect(got.status).toBe(403);
  });
});

describe('the address that counts', () => {
  test.each<[string, string | undefined, string[], number]>([
    ['the client that a trusted proxy names', '203.0.113.9', ['127.0.0.1/32'], 200],
    ['another client that a trusted proxy names', '198.51.100.9', ['127.0.0.1/32'], 403],
    ['the right one, with a forged one before it', '198.51.100.9, 203.0.113.9', ['127.0.0.1/32'], 200],
    ['a forged one, with the real one after it', '203.0.113.9, 198.51.100.9', ['127.0.0.1/32'], 403],
    ['nobody’s, when a proxy speaks that is not trusted', '203.0.113.9', [], 403],
    ['the asker’s own, when it names nobody', undefined, [], 403],
  ])('is %s', async (_, forwardedFor, trusts, status) => {
    const other = await aGateway({ trustedProxies: trusts });
    try {
      const headers = about('GET', '/v1/counterparties', forwardedFor ? { 'X-Forwarded-For': forwardedFor } : {});
      const got = await sendTo('GET', '/v1/decisions', { port: other.port, key: bound, headers });
      expect([got.status, got.json?.code]).toEqual([status, status === 200 ? undefined : 'network_not_allowed']);
    } finally {
      await other.close();
    }
  });
});

describe('what a proxy cannot ask about', () => {
  const signed = { Signature: 'sig1=:AA==:', 'Signature-Input': 'sig1=("@method")' };
  test.each<[string, string, string, Sent['headers']]>([
    ['an S3 signature', 'GET', '/public/x', { Authorization: 'AWS4-HMAC-SHA256 Credential=x' }],
    ['a presigned S3 URL', 'GET', '/public/x?X-Amz-Signature=00', {}],
    ['a signed request with a digest', 'GET', '/v1/counterparties', { ...signed, 'Content-Digest': 'sha-256=:AA==:' }],
    ['a signed POST', 'POST', '/v1/counterparties', signed],
    [
      'a signed POST whose proxy says that it has no length',
      'POST',
      '/v1/counterparties',
      { ...signed, 'Content-Length': '0' },
    ],
    ['a signed GET with a length', 'GET', '/v1/counterparties', { ...signed, 'Content-Length': '3' }],
  ])('is %s: 403 needs_gateway', async (_, method, uri, headers) => {
    const body = headers?.['Content-Length'] === '3' ? { body: 'abc' } : {};
    const got = await decide(method, uri, { headers: headers ?? {}, ...body });
    expect([got.status, got.json?.code]).toEqual([403, 'needs_gateway']);
    expect(gateway.seen.events.map(({ id }) => id)).toContain(got.json?.decision_id);
  });
});

describe('explain', () => {
  const explain = async (body: object, key = held) => {
    const got = await send('POST', '/v1/decisions/explain', { key, body: JSON.stringify(body) });
    return { status: got.status, ...(got.json as unknown as Record<string, unknown>) } as Record<string, unknown>;
  };

  test.each<[string, object, object]>([
    [
      'a role that may',
      { method: 'GET', path: '/v1/counterparties/1', roles: ['observer'] },
      { verdict: 'allow', reason: null, requires: ['counterparties:view'], missing: [] },
    ],
    [
      'a role that may not',
      { method: 'POST', path: '/v1/counterparties', roles: ['consumer'] },
      { verdict: 'deny', reason: 'missing_permission', missing: ['counterparties:manage'] },
    ],
    ['no rule', { method: 'GET', path: '/x', roles: [] }, { rule: null, verdict: 'deny', reason: 'no_route' }],
    ['no path', { method: 'GET', path: '/x/../y', roles: [] }, { rule: null, reason: 'malformed_path' }],
    [
      'a route of the gateway',
      { method: 'DELETE', path: '/v1/api-keys/key_1', roles: ['admin'] },
      { verdict: 'allow', rule: { source: 'portcullis', match: 'DELETE /v1/api-keys/*', upstream: null } },
    ],
    ['a public route', { method: 'GET', path: '/public/x', roles: [] }, { verdict: 'allow', rule: { public: true } }],
  ])('says of %s the rule, what it requires, what is held, the verdict', async (_, asked, expected) => {
    expect(await explain(asked)).toMatchObject({ status: 200, ...expected });
  });

  test('a credential is judged as it is now', async () => {
    const asked = { method: 'GET', path: '/v1/counterparties', credential_id: idOf(held) };
    expect(await explain(asked)).toMatchObject({ status: 200, verdict: 'allow', held: [...permissions].sort() });
    expect(await explain({ ...asked, credential_id: idOf(bare) })).toMatchObject({
      verdict: 'deny',
      reason: 'missing_permission',
      held: [],
    });
  });

  test('a credential of another organization is as absent as one that is not there', async () => {
    const asked = { method: 'GET', path: '/v1/counterparties' };
    const [foreign, absent] = [
      await explain({ ...asked, credential_id: foreignKey }),
      await explain({ ...asked, credential_id: 'key_00000000000000000000000000' }),
    ];
    expect(foreign).toMatchObject({ status: 404, code: 'not_found' });
    expect({ ...foreign, request_id: '' }).toEqual({ ...absent, request_id: '' });
  });

  test.each<[string, object]>([
    ['neither', { method: 'GET', path: '/x' }],
    ['both', { method: 'GET', path: '/x', roles: [], credential_id: 'key_1' }],
    ['a role that is none', { method: 'GET', path: '/x', roles: ['nobody'] }],
    ['a method that is none', { method: 'get', path: '/x', roles: [] }],
    ['no path', { method: 'GET', path: 'x', roles: [] }],
    ['a field that is none', { method: 'GET', path: '/x', roles: [], role: 'x' }],
  ])('%s is 400', async (_, asked) => {
    expect(await explain(asked)).toMatchObject({ status: 400 });
  });

  test('needs policy:view', async () => {
    expect(await explain({ method: 'GET', path: '/x', roles: [] }, bare)).toMatchObject({
      status: 403,
      required_permission: 'policy:view',
    });
  });
});
