import { createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { eventually } from '@portcullis/testing';
import { administrator, Client } from './client.js';
import { downloadServer, slowDownloads } from './slow-downloads.js';
import { type Stack, startStack } from './stack.js';

/** Enough connections that each of two workers, which take turns, gets some. */
const connections = Array.from({ length: 8 });

/** Told in order, on one stack of two gateways with two workers each. */
describe('two gateways of two workers each', () => {
  const upstream = anUpstream();
  let stack: Stack;
  let urls: readonly string[];
  let admin: Client;

  beforeAll(async () => {
    upstream.server.listen(0, '127.0.0.1');
    await once(upstream.server, 'listening');
    const { port } = upstream.server.address() as AddressInfo;
    stack = await startStack({
      env: {
        PORTCULLIS_GATEWAYS: '2',
        PORTCULLIS_WORKERS: '2',
        PORTCULLIS_VARIABLE_EXAMPLE_UPSTREAM_URL: `http://127.0.0.1:${port}`,
      },
    });
    urls = stack.urls;
    admin = await administrator(stack);
  }, 150_000);
  afterAll(async () => {
    upstream.close();
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
  }, 60_000);

  const aKey = async (): Promise<{ id: string; token: string }> => {
    const made = await admin.post('/v1/api-keys', {
      name: `fleet ${Math.random()}`,
      permissions: ['counterparties:view', 'travelrule:manage', 'workflows:view'],
    });
    expect(made.status).toBe(201);
    return { id: made.json.id as string, token: made.json.credentials.bearer_token as string };
  };
  /** What every worker of every gateway says of a key. */
  const everywhere = async (token: string): Promise<number[]> => {
    const asked = urls.flatMap((url) => connections.map(() => new Client(url, token).get('/v1/counterparties')));
    return [...new Set((await Promise.all(asked)).map(({ status }) => status))];
  };

  test('a revocation is acknowledged by all four, and when it is answered none of them knows the key', async () => {
    const key = await aKey();
    expect(await everywhere(key.token)).toEqual([200]);
    const revoked = await admin.delete(`/v1/api-keys/${key.id}`);
    expect(await everywhere(key.token)).toEqual([401]);
    expect(revoked.json).toMatchObject({ enforcement: { enforcers: 4, acknowledged: 4, fenced: 0 } });
  });

  test('event streams, chunked uploads and WebSockets of a key are closed before its revocation is answered', async () => {
    const [key, other] = [await aKey(), await aKey()];
    const streams = urls.flatMap((url) => [
      stream(url, `GET /v1/counterparties/events HTTP/1.1\r\n`, key.token),
      stream(url, `POST /v1/transactions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n`, key.token),
      stream(url, `GET /v1/workflows/ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`, key.token),
    ]);
    const kept = stream(urls[0] ?? '', `GET /v1/counterparties/events HTTP/1.1\r\n`, other.token);
    // An event stream has nothing to say; what stood behind its request would be another.
    const talking = streams.filter((_, n) => n % 3 !== 0);
    for (const { socket } of talking) socket.write('6\r\nbefore\r\n');
    const greeted = () => [...streams, kept].filter(({ got }) => got().includes('hello'));
    await eventually(() => upstream.open.size === 7 && upstream.said().match(/before/g)?.length === 4);
    await eventually(() => greeted().length === 5);

    expect((await admin.delete(`/v1/api-keys/${key.id}`)).status).toBe(200);
    // Whatever is said from now on, on either side, must reach nobody.
    for (const { socket } of talking) if (socket.writable) socket.write('5\r\nafter\r\n');
    upstream.say('after');
    await eventually(() => streams.every(({ socket }) => socket.destroyed) && upstream.open.size === 1);
    for (const { got } of streams) expect(got()).not.toContain('after');
    expect(upstream.said()).not.toContain('after');
    await eventually(() => kept.got().includes('after'));
    kept.socket.destroy();
  });

  test('the identity that an upstream gets is checkable by the published keys, for a minute, and opens nothing', async () => {
    const key = await aKey();
    for (const url of urls) {
      for (let n = 0; n < connections.length; n++) {
        await new Client(url, key.token).get('/v1/counterparties');
        const [header = '', claims = '', signature = ''] = upstream.identity().split('.');
        expect(decode(header)).toMatchObject({ typ: 'portcullis-identity+jwt', alg: 'ES256' });
        const said = decode(claims) as { iat: number; exp: number };
        expect(said).toMatchObject({ aud: 'upstream:example', iss: stack.url, cid: key.id });
        expect(said.exp - said.iat).toBe(60);
        // Any worker of the other gateway publishes it too.
        const { keys } = (await new Client(urls[0] ?? '').get('/.well-known/jwks.json')).json as {
          keys: { kid: string }[];
        };
        const jwk = keys.find(({ kid }) => kid === decode(header)['kid']);
        const valid = verify(
          'sha256',
          Buffer.from(`${header}.${claims}`),
          { key: createPublicKey({ key: jwk as never, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
          Buffer.from(signature, 'base64url'),
        );
        expect(valid).toBe(true);
      }
    }
    const identity = upstream.identity();
    const anyone = new Client(stack.url);
    expect((await anyone.as(identity).get('/v1/counterparties')).status).toBe(401);
    expect((await anyone.as(identity).get('/v1/whoami')).status).toBe(401);
    expect((await anyone.post('/v1/reauthenticate', { refresh_token: identity })).status).toBe(401);
    expect((await anyone.get('/v1/whoami', { 'X-Portcullis-Identity': identity })).status).toBe(401);
  });

  test('the metrics that one worker answers are those of both', async () => {
    const metrics = (await new Client(urls[1] ?? '').get('/metrics')).text;
    expect(metrics).toMatch(/^portcullis_policy_info\{digest="[^"]+"\} 2$/m);
    expect(metrics).toMatch(/^portcullis_enforcement_lease\{authority="api-key"\} 1$/m);
  });

  test('40 slow downloads of 20 MB raise a gateway’s memory by less than 128 MB', async () => {
    const pids = childrenOf(stack.pidOf('gateway'));
    expect(pids).toHaveLength(2);
    const port = Number(new URL(stack.url).port);
    const use = await slowDownloads({ port, path: '/public/d?megabytes=20', count: 40, megabytes: 20, pids });
    expect(use.peakMegabytes - use.beforeMegabytes).toBeLessThan(128);
  }, 120_000);

  test('a worker that is killed is replaced, refuses nobody meanwhile, and is fenced', async () => {
    const gateway = stack.pidOf('gateway');
    const [victim = 0] = childrenOf(gateway);
    const key = await aKey();
    expect(await everywhere(key.token)).toEqual([200]);
    process.kill(victim, 'SIGKILL');
    await eventually(() => !childrenOf(gateway).includes(victim));
    expect(await everywhere(key.token)).toEqual([200]);
    const { enforcement } = (await admin.delete(`/v1/api-keys/${key.id}`)).json as {
      enforcement: { enforcers: number; acknowledged: number; fenced: number };
    };
    expect(enforcement.fenced).toBeGreaterThanOrEqual(1);
    expect(enforcement.acknowledged + enforcement.fenced).toBe(enforcement.enforcers);
    expect(await everywhere(key.token)).toEqual([401]);
    const log = join(stack.home, 'data', 'logs', 'gateway.log');
    await eventually(() => /worker \d+ is ready in the place/.test(existsSync(log) ? readFileSync(log, 'utf8') : ''));
    expect(childrenOf(gateway)).toHaveLength(2);
    expect(readFileSync(log, 'utf8')).toMatch(/worker \d+ ended \(SIGKILL\); another takes its place/);
  }, 60_000);
});

/** What is behind the gateways: it keeps its streams open, and remembers what it was told. */
function anUpstream() {
  const open = new Set<Socket | ServerResponse>();
  let said = '';
  let identity = '';
  const downloads = downloadServer();
  const keep = (one: Socket | ServerResponse): void => {
    open.add(one);
    one.on('error', () => undefined).once('close', () => open.delete(one));
  };
  const hear = (from: Socket | IncomingMessage): void =>
    void from.on('data', (part: Buffer) => (said += part.toString())).on('error', () => undefined);
  const server = createServer((request, response) => {
    identity = String(request.headers['x-portcullis-identity'] ?? identity);
    if (request.url?.startsWith('/public/d')) return void downloads.emit('request', request, response);
    if (request.method === 'POST') {
      keep(response);
      return hear(request);
    }
    if (!request.url?.endsWith('/events')) return void response.end('{}');
    keep(response);
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: hello\n\n');
  });
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    keep(socket);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello');
    socket.unshift(head);
    socket.once('end', () => socket.end());
    hear(socket);
  });
  return {
    server,
    open,
    said: () => said,
    identity: () => identity,
    say: (text: string) => open.forEach((one) => one.writable && one.write(text)),
    close: () => {
      server.closeAllConnections();
      for (const one of open) one.destroy();
      server.close();
    },
  };
}

/** A connection that lives on, with what it has got so far. */
function stream(url: string, start: string, token: string): { socket: Socket; got: () => string } {
  let got = '';
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('data', (part: Buffer) => (got += part.toString())).on('error', () => undefined);
  socket.write(`${start}Host: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  return { socket, got: () => got };
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

const decode = (part: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
