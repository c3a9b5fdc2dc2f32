import { once } from 'node:events';
import { connect } from 'node:net';
import { aGateway } from '../spec/gateway.js';
import { answersIn, talk } from '../spec/http-client.js';
import { held } from '../spec/services.js';

let gateway: Awaited<ReturnType<typeof aGateway>>;
beforeAll(async () => {
  gateway = await aGateway({
    server: { limits: { headersMilliseconds: 200, requestMilliseconds: 400, checkMilliseconds: 20 } },
  });
});
afterAll(() => gateway.close());

const host = 'Host: gate.example\r\n';
const key = `Authorization: Bearer ${held.text.reveal()}\r\n`;
const closing = 'Connection: close\r\n\r\n';
const codeIn = (body: string): string => (JSON.parse(body) as { code: string }).code;

test.each<[string, string, number, string]>([
  [
    'headers of more than 32 KB',
    `GET /healthz HTTP/1.1\r\n${host}X: ${'x'.repeat(33_000)}\r\n\r\n`,
    431,
    'headers_too_large',
  ],
  ['a target of more than 8 KB', `GET /${'x'.repeat(8_200)} HTTP/1.1\r\n${host}${closing}`, 400, 'invalid_request'],
  [
    'a target of more than the headers may be',
    `GET /${'x'.repeat(70_000)} HTTP/1.1\r\n${host}${closing}`,
    431,
    'headers_too_large',
  ],
  [
    'a body beyond 1 MiB on a control route',
    `POST /v1/login HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 1048577\r\n${closing}`,
    413,
    'too_large',
  ],
  [
    'an expectation that nobody knows',
    `GET /healthz HTTP/1.1\r\n${host}Expect: tea\r\n${closing}`,
    400,
    'invalid_request',
  ],
  ['a host that is none', `GET /healthz HTTP/1.1\r\nHost: a/b\r\n${closing}`, 400, 'invalid_request'],
  ['two hosts on a public route', `GET /public/x HTTP/1.1\r\n${host}${host}${closing}`, 400, 'invalid_request'],
  [
    'an underscore header on a public route',
    `GET /public/x HTTP/1.1\r\n${host}X_Org_ID: a\r\n${closing}`,
    400,
    'invalid_request',
  ],
  [
    'two credentials on a public route',
    `GET /public/x HTTP/1.1\r\n${host}${key}${key}${closing}`,
    400,
    'ambiguous_credentials',
  ],
  [
    'a credential and a signature on a public control route',
    `GET /healthz HTTP/1.1\r\n${host}${key}Signature: a=:AA==:\r\n${closing}`,
    400,
    'ambiguous_credentials',
  ],
  ['two cookies', `GET /public/x HTTP/1.1\r\n${host}Cookie: a=1\r\nCookie: b=2\r\n${closing}`, 400, 'invalid_request'],
])('%s is refused with a problem', async (_what, text, status, code) => {
  gateway.seen.reached.length = 0;
  const answers = answersIn(await talk(gateway.port, text));
  expect(answers.map((answer) => [answer.status, codeIn(answer.body)])).toEqual([[status, code]]);
  expect(answers[0]?.head).toMatch(/\r\nX-Content-Type-Options: nosniff\r\n/i);
  expect(answers[0]?.head).toMatch(/\r\nCache-Control: no-store\r\n/i);
  expect(gateway.seen.reached).toEqual([]);
});

test.each([
  ['headers', `GET /healthz HTTP/1.1\r\n${host}`],
  ['headers behind a request that was answered', `GET /healthz HTTP/1.1\r\n${host}\r\nGET /healthz HTTP/1.1\r\n`],
  ['a body', `POST /v1/login HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{`],
  ['a body on its way to an upstream', `POST /public/x HTTP/1.1\r\n${host}Content-Length: 10\r\n\r\nabc`],
])('%s that never end are answered with 408, and the connection closes', async (_what, text) => {
  const answers = answersIn(await talk(gateway.port, text));
  const last = answers.at(-1);
  expect([last?.status, codeIn(last?.body ?? '{}')]).toEqual([408, 'request_timeout']);
});

test('a client that trickles its headers is not waited for', async () => {
  const socket = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
  socket.write(`GET /healthz HTTP/1.1\r\n`);
  const trickle = setInterval(() => socket.write('X: y\r\n'), 20);
  socket.resume();
  await once(socket, 'close');
  clearInterval(trickle);
});

test('a body that nobody wants and that does not end is no second answer', async () => {
  const text = `POST /v1/api-keys HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{`;
  expect(answersIn(await talk(gateway.port, text)).map(({ status }) => status)).toEqual([401]);
});

test('HTTP/1.0 is served, without chunks', async () => {
  const answer = await talk(gateway.port, 'GET /public/x HTTP/1.0\r\n\r\n');
  expect(answer).toMatch(/^HTTP\/1\.1 207 [\s\S]*\r\nfrom the upstream$/);
  expect(answer).not.toMatch(/Transfer-Encoding/i);
});

test.each(['GET /v1/counterparties/1', 'HEAD /v1/counterparties/1'])(
  '%s of somebody in particular varies by who asks, and is not sniffed',
  async (line) => {
    const answer = await talk(gateway.port, `${line} HTTP/1.1\r\n${host}${key}${closing}`);
    expect(answer).toMatch(/\r\nvary: Authorization, Signature\r\n/i);
    expect(answer).toMatch(/\r\nX-Content-Type-Options: nosniff\r\n/i);
  },
);

test('an origin is never told that it may read', async () => {
  const answer = await talk(
    gateway.port,
    `OPTIONS /v1/whoami HTTP/1.1\r\n${host}Origin: https://evil.example\r\n${closing}`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 405 /);
  expect(answer).not.toMatch(/Access-Control/i);
});

test('an address comes from X-Forwarded-For through trusted proxies alone, and from nowhere else', async () => {
  const behind = await aGateway({ trustedProxies: ['127.0.0.0/8'] });
  const seenBy = async (port: number, seen: typeof gateway.seen, headers: string) => {
    await talk(port, `GET /public/x HTTP/1.1\r\n${host}${headers}${closing}`);
    return seen.upstream?.headers['x-forwarded-for'];
  };
  const spoofed =
    'X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.9, 127.0.0.2\r\nX-Real-IP: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\n';
  expect(await seenBy(gateway.port, gateway.seen, spoofed)).toBe('127.0.0.1');
  expect(await seenBy(behind.port, behind.seen, spoofed)).toBe('203.0.113.9');
  expect(await seenBy(behind.port, behind.seen, 'X-Forwarded-For: unknown\r\n')).toBe('unknown');
  expect(await seenBy(behind.port, behind.seen, 'X-Real-IP: 192.0.2.1\r\n')).toBe('127.0.0.1');
  await behind.close();
});
