import { once } from 'node:events';
import { type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { mintApiKey } from '@portcullis/credentials';
import { aGateway, publicUrl } from '../spec/gateway.js';
import { type Got, send as sendTo, type Sent, talk } from '../spec/http-client.js';
import { bare, held } from '../spec/services.js';
import { GatewayStop } from './gateway.module.js';
import { createServer } from './server.js';

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

describe('the front door', () => {
  test.each<[string, string, number, string]>([
    ['GET', '/v1/whoami', 401, 'unauthenticated'],
    ['HEAD', '/v1/whoami', 401, ''],
    ['GET', '/v1/counterparties/1', 401, 'unauthenticated'],
    ['GET', '/nothing/here', 401, 'unauthenticated'],
    ['GET', '/', 401, 'unauthenticated'],
    ['GET', '/v1/WHOAMI', 401, 'unauthenticated'],
    ['GET', '/v1/whoami/', 401, 'unauthenticated'],
    ['GET', '/v1/api-keys/', 401, 'unauthenticated'],
    ['GET', '/v1/whoami?access_token=x', 401, 'unauthenticated'],
    ['GET', '/v1/whoami%2f', 400, 'invalid_request'],
    ['GET', '//v1/whoami', 400, 'invalid_request'],
    ['GET', '/v1/../v1/whoami', 400, 'invalid_request'],
    ['GET', '/v1/%2e%2e/whoami', 400, 'invalid_request'],
    ['GET', '/v1/whoami;x=1', 400, 'invalid_request'],
    ['GET', '/v1/%zz', 400, 'invalid_request'],
    ['GET', '/v1/%ff', 400, 'invalid_request'],
    ['DELETE', '/v1/login', 405, 'method_not_allowed'],
    ['OPTIONS', '/v1/api-keys', 405, 'method_not_allowed'],
    ['TRACE', '/v1/counterparties/1', 405, 'method_not_allowed'],
    ['PROPFIND', '/v1/whoami', 405, 'method_not_allowed'],
  ])('without a credential %s %s is %i', async (method, path, status, code) => {
    const got = await send(method, path);
    expect(got.status).toBe(status);
    if (code !== '') expect(got.json).toMatchObject({ status, code, type: `${publicUrl}/docs#${code}` });
    expect(got.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(got.headers['x-content-type-options']).toBe('nosniff');
    if (status === 401) expect(got.headers['www-authenticate']).toBe('Bearer realm="portcullis"');
    if (status === 405) expect(got.headers.allow).not.toBe('');
    expect(gateway.seen.upstream).toBeUndefined();
    expect(gateway.seen.reported).toEqual([]);
  });

  test.each(['/v1/api-keys/', '/nothing', '/v1/whoami/x', `/v1/api-keys/${'x'.repeat(3000)}`])(
    'with a credential %s is 404',
    async (path) => {
      const got = await send('GET', path, { key: held });
      expect([got.status, got.json?.code]).toEqual([404, 'not_found']);
    },
  );

  test('a credential that is no good is told from none, and written down', async () => {
    const got = await send('GET', '/v1/whoami', { key: mintApiKey('ptc') });
    expect([got.status, got.json?.code]).toEqual([401, 'invalid_token']);
    expect(got.headers['www-authenticate']).toContain('error="invalid_token"');
    expect(gateway.seen.events).toMatchObject([
      { id: got.json?.decision_id, action: 'credential.refused', reason: 'unknown_key' },
    ]);
  });

  test.each<[string, string]>([
    ['POST', '/v1/api-keys'],
    ['POST', '/v1/counterparties'],
  ])('%s %s without the permission is 403, says which and where it is written', async (method, path) => {
    const got = await send(method, path, { key: bare, body: '{}' });
    expect([got.status, got.json?.code]).toEqual([403, 'forbidden']);
    const wanted = path === '/v1/api-keys' ? 'apikeys:manage' : 'counterparties:manage';
    expect(got.json?.required_permission).toBe(wanted);
    expect(got.headers['www-authenticate']).toContain(`error="insufficient_scope", scope="${wanted}"`);
    expect(gateway.seen.events).toMatchObject([
      { id: got.json?.decision_id, action: 'request.denied', reason: 'missing_permission' },
    ]);
  });

  test.each<Record<string, string | string[]>>([{ X_Portcullis_Identity: 'forged' }, { 'X-Org-ID': ['a', 'b'] }])(
    'a request that two readers would read in two ways is 400 on a public route too',
    async (headers) => {
      const got = await send('GET', '/public/x', { headers });
      expect([got.status, got.json?.code]).toEqual([400, 'invalid_request']);
      expect(gateway.seen.upstream).toBeUndefined();
    },
  );

  test('two credentials are 400', async () => {
    const key = held.text.reveal();
    const got = await send('GET', '/v1/whoami', { headers: { Authorization: [`Bearer ${key}`, `Bearer ${key}`] } });
    expect([got.status, got.json?.code]).toEqual([400, 'ambiguous_credentials']);
  });

  test.each<[string, string | string[], boolean]>([
    ['kept', 'abc-123', true],
    ['kept at 128 characters', 'x'.repeat(128), true],
    ['replaced at 129', 'x'.repeat(129), false],
    ['replaced when it is not printable', 'a\u00e9', false],
    ['replaced when it came twice', ['a', 'b'], false],
  ])('a request id is %s', async (_, given, kept) => {
    const got = await send('GET', '/healthz', { headers: { 'X-Request-Id': given } });
    expect(got.headers['x-request-id']).toEqual(kept ? given : expect.stringMatching(/^req_[0-9A-Z]{26}$/));
  });

  test('the body of a refused request is not asked for, and does not break the answer', async () => {
    const raw = await talk(
      gateway.port,
      'POST /v1/api-keys HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n',
    );
    expect(raw).toMatch(/^HTTP\/1\.1 401 /);
    const large = await send('POST', '/v1/api-keys', { body: 'x'.repeat(3_000_000) });
    expect(large.status).toBe(401);
  });

  test('a client that asks first may send its body once its credential was accepted', async () => {
    const raw = await talk(
      gateway.port,
      `POST /v1/api-keys HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${held.text.reveal()}\r\n` +
        'Expect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"name":"ci"}',
    );
    expect(raw).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 /);
  });

  test.each<[string, string]>([
    ['no HTTP', 'hello\r\n\r\n'],
    ['two lengths', 'POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}'],
    [
      'length and chunks',
      'POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a space before the colon', 'GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n'],
    ['another target form', 'GET http://evil.example/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
    ['no target', 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
    ['no host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n'],
  ])('%s is a 400 problem and no more', async (_, text) => {
    const got = await talk(gateway.port, text);
    expect(got).toMatch(/^HTTP\/1\.1 400 /);
    expect(got).toMatch(/\r\nContent-Type: application\/problem\+json; charset=utf-8\r\n/i);
    expect(got).toMatch(/\r\nX-Request-Id: req_/i);
    expect(got.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
  });

  test('a client that hangs up is no fault of ours', async () => {
    const asked = once(gateway.slow, 'asked') as Promise<[ServerResponse]>;
    const socket = connect(gateway.port, '127.0.0.1');
    socket.write('GET /public/slow HTTP/1.1\r\nHost: x\r\n\r\n');
    const [response] = await asked;
    const hungUp = once(response, 'close');
    socket.destroy();
    await hungUp;
    expect((await send('GET', '/healthz')).status).toBe(200);
    expect(gateway.seen.reported).toEqual([]);
  });

  test('a client of HTTP/1.0 that expects "100 Continue" gets the answer alone', async () => {
    const got = await talk(
      gateway.port,
      'POST /public/x HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi',
    );
    expect(got).toMatch(/^HTTP\/1\.1 207 /);
  });

  test('a tunnel is 405', async () => {
    expect(await talk(gateway.port, 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 405 /,
    );
  });

  test('an upgrade that nobody offers is an ordinary request', async () => {
    const got = await talk(
      gateway.port,
      'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n',
    );
    expect(got).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('upstreams', () => {
  test('a permitted request goes on with an identity and without its credential', async () => {
    const got = await send('GET', '/v1/counterparties/1?a=b', { key: held, headers: { 'X-Request-Id': 'mine' } });
    expect([got.status, got.text, got.headers['x-upstream'], got.headers['x-request-id']]).toEqual([
      207,
      'from the upstream',
      'yes',
      'mine',
    ]);
    expect(gateway.seen.upstream?.url).toBe('/v1/counterparties/1?a=b');
    expect(gateway.seen.upstream?.headers).toMatchObject({
      'x-request-id': 'mine',
      'x-portcullis-identity': expect.any(String) as string,
    });
    expect(gateway.seen.upstream?.headers.authorization).toBeUndefined();
  });

  test('HEAD is permitted as GET', async () => {
    expect((await send('HEAD', '/v1/counterparties/1', { key: held })).status).toBe(207);
    expect((await send('HEAD', '/v1/counterparties/1', { key: bare })).status).toBe(403);
  });

  test('a public route passes a body of any type, with or without a credential, good or bad', async () => {
    for (const key of [undefined, held, mintApiKey('ptc')]) {
      const got = await send('POST', '/public/x', {
        ...(key ? { key } : {}),
        body: '<xml/>',
        headers: { 'Content-Type': 'text/xml' },
      });
      expect([got.status, gateway.seen.upstream?.body]).toEqual([207, '<xml/>']);
      expect(gateway.seen.upstream?.headers['x-portcullis-identity'] !== undefined).toBe(key === held);
    }
  });

  test('an upstream that is not there is a 502 problem', async () => {
    const got = await send('GET', '/nowhere', { key: held });
    expect([got.status, got.json?.code]).toEqual([502, 'upstream_unreachable']);
  });
});

test('a stop lets what is under way finish, takes nothing new, then runs its steps in order, past one that fails', async () => {
  const done: string[] = [];
  const steps = [() => void done.push('first'), () => Promise.reject(new Error('away')), () => void done.push('last')];
  let stopping = false;
  const stop = new GatewayStop(steps, (line) => void done.push(line));
  const other = await createServer({ ...gateway.parts, stopping: () => stopping }, { stop, logger: false });
  await other.listen(0, '127.0.0.1');
  const otherPort = (other.getHttpServer().address() as AddressInfo).port;
  const asked = once(gateway.slow, 'asked') as Promise<[ServerResponse]>;
  const underWay = sendTo('GET', '/public/slow', { port: otherPort });
  const [response] = await asked;
  stopping = true;
  const closed = other.close();
  await expect(sendTo('GET', '/healthz', { port: otherPort })).rejects.toThrow(/ECONNREFUSED|ECONNRESET/);
  expect(done).toEqual([]);
  response.end('late, but whole');
  expect((await underWay).text).toBe('late, but whole');
  await closed;
  expect(done).toEqual(['first', 'stopping: Error: away', 'last']);
});
