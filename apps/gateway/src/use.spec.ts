import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { eventually } from '@portcullis/testing';
import { aGateway } from '../spec/gateway.js';
import { type Got, send as sendTo, type Sent } from '../spec/http-client.js';
import { bare, held, idOf, limited, organization, person } from '../spec/services.js';

let gateway: Awaited<ReturnType<typeof aGateway>>;
const upstream = createServer((_request, response) =>
  response.writeHead(200, { RateLimit: '"their-own";r=7', 'RateLimit-Policy': '"their-own";q=8' }).end('ok'),
);

beforeAll(async () => {
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
});
beforeEach(async () => (gateway = await aGateway({ trustedProxies: ['127.0.0.1/32'] })));
afterEach(() => gateway.close());
afterAll(() => upstream.close());

const send = (method: string, path: string, sent: Omit<Sent, 'port'> = {}): Promise<Got> =>
  sendTo(method, path, { ...sent, port: gateway.port });

const decide = (key: Sent['key']): Promise<Got> =>
  send('GET', '/v1/decisions', {
    ...(key ? { key } : {}),
    headers: {
      'X-Forwarded-Method': 'GET',
      'X-Forwarded-Uri': '/v1/counterparties?x=1',
      'X-Forwarded-Host': 'a.example',
    },
  });

describe('a key with a limit', () => {
  test('is told on every answer what remains, and is refused when nothing does', async () => {
    const path = '/v1/counterparties';
    const answers = [
      await send('GET', path, { key: limited }),
      await send('GET', '/v1/whoami', { key: limited }),
      await send('DELETE', `/v1/api-keys/${idOf(held)}`, { key: limited }),
      await send('GET', path, { key: limited }),
      await send('GET', '/v1/whoami', { key: limited }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([207, 200, 503, 429, 429]);
    expect(answers.map(({ headers }) => headers['ratelimit'])).toEqual(
      [2, 1, 0, 0, 0].map((left) => expect.stringMatching(new RegExp(`^"api-key";r=${left};t=(60|5\\d)$`)) as string),
    );
    for (const { headers } of answers) expect(headers['ratelimit-policy']).toBe('"api-key";q=3;w=60');
    const refused = answers[3];
    expect(refused?.json?.code).toBe('rate_limited');
    expect(Number(refused?.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(gateway.seen.reached).toHaveLength(1);
  });

  test('uses it up by requests that are denied too, and each 429 leads to its event', async () => {
    for (let n = 0; n < 3; n++) {
      expect((await send('POST', '/v1/counterparties', { key: limited })).status).toBe(403);
    }
    const { status, json } = await send('GET', '/v1/counterparties', { key: limited });
    expect(status).toBe(429);
    await eventually(() => gateway.seen.events.some(({ id }) => id === json?.decision_id));
    expect(gateway.seen.events.find(({ id }) => id === json?.decision_id)).toMatchObject({
      action: 'request.denied',
      reason: 'rate_limited',
      actor: { credential_id: idOf(limited) },
    });
  });

  test('is 403 with its code where a proxy asks, and the headers are there to hand on', async () => {
    for (let n = 0; n < 3; n++) {
      const { status, headers } = await decide(limited);
      expect([status, headers['ratelimit']]).toEqual([200, expect.stringContaining(`r=${2 - n};`)]);
    }
    const { status, json, headers } = await decide(limited);
    expect([status, json?.code]).toEqual([403, 'rate_limited']);
    expect(headers['ratelimit']).toContain('r=0;');
    expect(headers['x-portcullis-decision-id']).toBe(json?.decision_id);
  });

  test('opens public routes as ever: they need no credential, so none can be used up', async () => {
    for (let n = 0; n < 5; n++) {
      const { status, headers } = await send('GET', '/public/hello', { key: limited });
      expect([status, headers['ratelimit']]).toEqual([207, undefined]);
    }
    expect((await send('GET', '/v1/counterparties', { key: limited })).headers['ratelimit']).toContain('r=2;');
  });

  test('hears an upstream’s own limit beside it', async () => {
    const { port } = upstream.address() as AddressInfo;
    const other = await aGateway({ upstreamPort: port });
    try {
      const { headers } = await sendTo('GET', '/v1/counterparties', { key: limited, port: other.port });
      expect(headers['ratelimit']).toMatch(/^"their-own";r=7, "api-key";r=2;t=\d+$/);
      expect(headers['ratelimit-policy']).toBe('"their-own";q=8, "api-key";q=3;w=60');
    } finally {
      await other.close();
    }
  });
});

test('a key without a limit hears of none, and is never refused for one', async () => {
  for (let n = 0; n < 10; n++) {
    const { status, headers } = await send('GET', '/v1/counterparties', { key: held });
    expect([status, headers['ratelimit'], headers['ratelimit-policy']]).toEqual([207, undefined, undefined]);
  }
});

describe('what a key asked for', () => {
  const seen = (count = 1) => eventually(() => gateway.seen.accesses.length >= count && gateway.seen.accesses);

  test.each([
    ['a forwarded request', 'GET', '/v1/counterparties?page=2', held, 'GET /v1/counterparties/**', 207],
    ['a public route', 'GET', '/public/hello', held, '* /public/**', 207],
    ['a control route', 'GET', '/v1/whoami', held, 'GET /v1/whoami', 200],
    ['a denied request', 'GET', '/v1/counterparties', bare, 'GET /v1/counterparties/**', 403],
    ['a path that nobody knows', 'GET', '/v1/nowhere', held, null, 404],
    ['an upstream that is away', 'GET', '/nowhere', held, 'GET /nowhere', 502],
  ])('is listed: %s', async (_what, method, path, key, route, status) => {
    await send(method, path, { key, headers: { 'User-Agent': 'spec/1', 'X-Request-Id': 'mine' } });
    const [access] = await seen();
    expect(access).toMatchObject({
      requestId: 'mine',
      method,
      path: path.split('?')[0],
      route,
      status,
      userAgent: 'spec/1',
      identity: {
        clientIp: '127.0.0.1',
        key: { id: idOf(key), organization_id: organization },
        principal: { id: person },
      },
    });
    expect(access?.identity.secretId).toMatch(/^sec_/);
    expect(Math.abs(Date.now() - (access?.timeMs ?? 0))).toBeLessThan(10_000);
    expect(gateway.seen.accesses).toHaveLength(1);
  });

  test('of a proxy, is what the proxy asks about', async () => {
    await decide(held);
    const [access] = await seen();
    expect(access).toMatchObject({
      method: 'GET',
      path: '/v1/counterparties',
      route: 'GET /v1/counterparties/**',
      status: 200,
    });
  });

  test('is 499 where the client went before the answer', async () => {
    const client = connect(gateway.port, '127.0.0.1');
    client.write(`GET /public/slow HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${held.text.reveal()}\r\n\r\n`);
    await once(gateway.slow, 'asked');
    client.destroy();
    expect((await seen())[0]).toMatchObject({ status: 499 });
  });

  test('is not listed where nobody asks, or somebody without a good key', async () => {
    await send('GET', '/public/hello');
    await send('GET', '/v1/counterparties', { headers: { Authorization: 'Bearer ptc_nonsense' } });
    await send('GET', '/v1/whoami', { key: held });
    expect(await seen()).toHaveLength(1);
  });
});
