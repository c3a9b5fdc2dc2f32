import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Refusal } from '@portcullis/contracts';
import { readJsonBody } from './json-body.js';

/** A real HTTP server, so that framing, continuation and early ends are Node's own. It answers what was read, or the refusal. */
let server: Server;
let port: number;
let proceeded: number;

beforeAll(async () => {
  server = createServer();
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const proceed = (): void => {
      proceeded += 1;
      response.writeContinue();
    };
    readJsonBody(request, { maxBytes: 64, ...(request.headers.expect ? { proceed } : {}) }).then(
      (read) => response.end(JSON.stringify({ read })),
      (error: unknown) => {
        if (!(error instanceof Refusal)) throw error;
        response.end(JSON.stringify({ code: error.code, errors: error.errors, message: error.publicMessage }));
        request.resume();
      },
    );
  };
  server.on('request', listener);
  server.on('checkContinue', listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
beforeEach(() => (proceeded = 0));
afterAll(() => new Promise((resolve) => server.close(resolve)));

interface Sent {
  body?: string | Buffer;
  headers?: Record<string, string | string[]>;
  chunked?: boolean;
}
interface Got {
  read?: unknown;
  code?: string;
  message?: string;
  errors?: { field: string; message: string }[];
}

function send({ body, headers = {}, chunked = false }: Sent): Promise<Got> {
  return new Promise((resolve, reject) => {
    const length = chunked || body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    const outgoing = httpRequest({ port, method: 'POST', headers: { ...length, ...headers } }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => resolve(JSON.parse(Buffer.concat(parts).toString()) as Got));
    });
    outgoing.on('error', reject);
    if (body !== undefined) outgoing.write(body);
    outgoing.end();
  });
}

const json = { 'Content-Type': 'application/json' };

test.each<[string, Sent, unknown]>([
  ['an object', { body: '{"a":1}', headers: json }, { a: 1 }],
  [
    'UTF-8 said aloud',
    { body: '{"a":"ä"}', headers: { 'Content-Type': 'Application/JSON; charset="UTF-8"' } },
    { a: 'ä' },
  ],
  ['no body', {}, {}],
  ['an empty body', { body: '', headers: json }, {}],
  ['no body and a foreign type', { headers: { 'Content-Type': 'text/plain', 'Content-Length': '0' } }, {}],
  ['chunks', { body: '{"a":[]}', headers: json, chunked: true }, { a: [] }],
  ['the identity encoding', { body: '{}', headers: { ...json, 'Content-Encoding': 'identity' } }, {}],
])('%s is read', async (_, sent, expected) => {
  expect(await send(sent)).toEqual({ read: expected });
});

test.each<[string, Sent, string, string | null]>([
  ['a body without a type', { body: '{}' }, 'unsupported_media_type', null],
  [
    'a form',
    { body: 'a=1', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } },
    'unsupported_media_type',
    null,
  ],
  ['text that is JSON', { body: '{}', headers: { 'Content-Type': 'text/plain' } }, 'unsupported_media_type', null],
  [
    'a relative of JSON',
    { body: '{}', headers: { 'Content-Type': 'application/json-seq' } },
    'unsupported_media_type',
    null,
  ],
  [
    'another charset',
    { body: '{}', headers: { 'Content-Type': 'application/json; charset=latin1' } },
    'unsupported_media_type',
    null,
  ],
  ['gzip', { body: '{}', headers: { ...json, 'Content-Encoding': 'gzip' } }, 'unsupported_media_type', null],
  ['a byte too many', { body: `"${'x'.repeat(63)}"`, headers: json }, 'too_large', null],
  ['too much in chunks', { body: 'x'.repeat(100_000), headers: json, chunked: true }, 'too_large', null],
  ['no JSON', { body: '{a:1}', headers: json }, 'invalid_request', '(body)'],
  ['an array', { body: '[]', headers: json }, 'invalid_request', '(body)'],
  ['null', { body: 'null', headers: json }, 'invalid_request', '(body)'],
  ['two members of one name', { body: '{"a":{"b":1,"b":2}}', headers: json }, 'invalid_request', 'a.b'],
  ['a prototype', { body: '{"__proto__":{}}', headers: json }, 'invalid_request', '__proto__'],
  ['NUL', { body: '{"a":"\\u0000"}', headers: json }, 'invalid_request', 'a'],
  ['bytes that are no UTF-8', { body: Buffer.from([0x7b, 0xff, 0x7d]), headers: json }, 'invalid_request', '(body)'],
  ['a byte order mark', { body: '\ufeff{}', headers: json }, 'invalid_request', '(body)'],
])('%s is refused', async (_, sent, code, field) => {
  const got = await send(sent);
  expect(got.code).toBe(code);
  if (field !== null) expect(got.errors?.map((fault) => fault.field)).toEqual([field]);
});

test('a refusal never repeats what was sent', async () => {
  const got = await send({ body: '{"password":"hunter2", "password":"hunter2"}', headers: json });
  expect(JSON.stringify(got)).toContain('password');
  expect(JSON.stringify(got)).not.toContain('hunter2');
});

test.each<[string, string]>([
  ['two content types', 'Content-Type: application/json\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}'],
  [
    'an encoded transfer',
    'Content-Type: application/json\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
  ],
])('%s is refused', async (_, rest) => {
  expect(await raw(`POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${rest}`)).toMatch(
    /unsupported_media_type|invalid_request/,
  );
});

test('a client that asks first is told to go on only when its headers are in order', async () => {
  const ask = (headers: string): Promise<string> =>
    raw(`POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n${headers}\r\n{}`);
  expect(await ask('Content-Type: application/json\r\nContent-Length: 2\r\n')).toMatch(/^HTTP\/1\.1 100 Continue/);
  expect(proceeded).toBe(1);
  expect(await ask('Content-Type: application/json\r\nContent-Length: 2000\r\n')).toMatch(
    /^HTTP\/1\.1 200[^]*too_large/,
  );
  expect(await ask('Content-Type: text/plain\r\nContent-Length: 2\r\n')).toMatch(
    /^HTTP\/1\.1 200[^]*unsupported_media_type/,
  );
  expect(proceeded).toBe(1);
});

function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (part: Buffer) => (got += part.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(got));
  });
}
