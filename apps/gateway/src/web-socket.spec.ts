import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type Duplex } from 'node:stream';
import { mintApiKey } from '@portcullis/credentials';
import { eventually } from '@portcullis/testing';
import { aGateway } from '../spec/gateway.js';
import { answersIn, listen, talk } from '../spec/http-client.js';
import { bare, held } from '../spec/services.js';

/** An upstream that agrees to every WebSocket but those of `/public/not` and `/public/other`, and says what it got in capitals. */
const upstream = createServer((request, response) =>
  response.writeHead(426, { 'X-Url': request.url }).end('upgrade, please'),
);
const opened: { request: IncomingMessage; socket: Duplex }[] = [];
upstream.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
  socket.on('error', () => undefined);
  if (request.url === '/public/not') return socket.end('HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno');
  const protocol = request.url === '/public/other' ? 'smtp' : 'websocket';
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n` +
      'Sec-WebSocket-Accept: yes\r\nX-Request-Id: theirs\r\nX-Portcullis-Identity: echoed\r\n\r\nwelcome ',
  );
  opened.push({ request, socket });
  socket.unshift(head);
  socket.on('data', (part: Buffer) => socket.write(part.toString().toUpperCase()));
  socket.on('end', () => socket.end(' bye'));
});

let gateway: Awaited<ReturnType<typeof aGateway>>;
beforeAll(async () => (gateway = await aGateway({ upstreamPort: await listen(upstream) })));
beforeEach(() => (opened.length = 0));
afterEach(() => expect(gateway.seen.reported).toEqual([]));
afterAll(async () => {
  for (const { socket } of opened) socket.destroy();
  await gateway.close();
  upstream.close();
});

const path = '/v1/counterparties/feed';
const handshake = (
  target: string,
  { key, method = 'GET', more = '' }: { key?: typeof held; method?: string; more?: string } = {},
) =>
  `${method} ${target} HTTP/1.1\r\nHost: gate.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n` +
  `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n${more}` +
  `${key ? `Authorization: Bearer ${key.text.reveal()}\r\n` : ''}\r\n`;

/** A client with what it has got so far. */
function open(text: string): { socket: Socket; got: () => string } {
  let got = '';
  const socket = connect({ port: gateway.port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('data', (part: Buffer) => (got += part.toString())).on('error', () => undefined);
  socket.write(text);
  return { socket, got: () => got };
}

test('a permitted handshake goes through, and bytes pass both ways, those sent ahead of the answer too', async () => {
  const { socket, got } = open(`${handshake(path, { key: held })}early `);
  await eventually(() => got().endsWith('EARLY '));
  socket.write('and late');
  await eventually(() => got().endsWith('AND LATE'));
  const [head = '', bytes] = got().split('\r\n\r\n');
  expect(bytes).toBe('welcome EARLY AND LATE');
  expect(head).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
  expect(head).toMatch(/\r\nsec-websocket-accept: yes(\r\n|$)/i);
  expect(head).toMatch(/\r\nx-request-id: req_/i);
  expect(head).not.toMatch(/theirs|echoed/);
  const headers = opened[0]?.request.headers ?? {};
  expect(headers).toMatchObject({ connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' });
  expect(headers['x-portcullis-identity']).toBeDefined();
  expect(headers.authorization).toBeUndefined();
  socket.destroy();
  await eventually(() => opened[0]?.socket.destroyed === true);
});

test('one direction may end before the other', async () => {
  const { socket, got } = open(handshake('/public/x'));
  await eventually(() => got().endsWith('welcome '));
  socket.end('last words');
  await once(socket, 'end');
  expect(got()).toMatch(/welcome LAST WORDS bye$/);
});

test.each<[string, typeof held | undefined, number]>([
  ['no credential', undefined, 401],
  ['a credential that is no good', mintApiKey('ptc'), 401],
  ['one that may not', bare, 403],
])(
  'with %s the handshake is refused, the upstream hears nothing, and what follows is not read',
  async (_what, key, status) => {
    const canary = 'GET /public/canary HTTP/1.1\r\nHost: x\r\n\r\n';
    const answers = answersIn(await talk(gateway.port, `${handshake(path, key ? { key } : {})}${canary}`));
    expect(answers.map((answer) => answer.status)).toEqual([status]);
    expect(answers[0]?.head).toMatch(/\r\nConnection: close\r\n/i);
    expect(opened).toEqual([]);
  },
);

test('what the upstream answers instead of 101 is the answer, and what follows is not read', async () => {
  const canary = 'GET /v1/whoami HTTP/1.1\r\nHost: x\r\n\r\n';
  const answers = answersIn(await talk(gateway.port, `${handshake('/public/not')}${canary}`));
  expect(answers.map(({ status, body }) => [status, body])).toEqual([[403, 'no']]);
});

test('an upstream that switches to something else is a 502', async () => {
  const answers = answersIn(await talk(gateway.port, handshake('/public/other')));
  expect(answers.map(({ status }) => status)).toEqual([502]);
});

test('a control route has no WebSocket: it answers as it would', async () => {
  const answers = answersIn(await talk(gateway.port, handshake('/healthz')));
  expect(answers.map(({ status }) => status)).toEqual([200]);
});

test.each([
  ['POST', '/public/x', ''],
  ['GET', '/public/x', 'Content-Length: 0\r\n'],
])('%s %s %j with an offer of one is an ordinary request', async (method, target, more) => {
  const answers = answersIn(await talk(gateway.port, handshake(target, { method, more: `${more}` })));
  expect(answers.map(({ status }) => status)).toEqual([426]);
  expect(opened).toEqual([]);
});

test('a handshake behind a request that waits for its answer is an ordinary request', async () => {
  const text = `GET /public/a HTTP/1.1\r\nHost: x\r\n\r\n${handshake('/public/b')}`;
  const answers = answersIn(await talk(gateway.port, text));
  expect(answers.map(({ head }) => /x-url: (\S+)/i.exec(head)?.[1])).toEqual(['/public/a', '/public/b']);
  expect(opened).toEqual([]);
});

test('a reader that does not read holds the other side back', async () => {
  const { socket } = open(handshake('/public/x'));
  await eventually(() => opened.length === 1);
  socket.pause();
  const sender = opened[0]?.socket as Socket;
  let written = 0;
  const chunk = Buffer.alloc(65_536);
  while (sender.write(chunk) || sender.writableLength < 1_048_576) {
    written += chunk.length;
    if (written > 256 * 1_048_576) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(written).toBeLessThan(64 * 1_048_576);
  socket.destroy();
});
