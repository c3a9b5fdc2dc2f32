import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type RequestOptions,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { Refusal } from '@portcullis/contracts';
import { type Upstream } from '@portcullis/policy';
import { type Hold } from './exchange.js';
import { type Forward, Forwarder } from './forward.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const server of open.splice(0).reverse()) await server.close();
});

async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({
    close: () => {
      if ('closeAllConnections' in server) server.closeAllConnections();
      server.close();
    },
  });
  return (server.address() as AddressInfo).port;
}

interface Given {
  upstream?: Partial<Upstream>;
  as?: Partial<Forward>;
  /** Done before the request is forwarded. */
  before?: (request: IncomingMessage, response: ServerResponse) => unknown;
}

/** A gateway that forwards everything to one upstream and answers refusals with their code. */
async function aGateway(upstream: Handler | number, given: Given = {}) {
  const upstreamServer = typeof upstream === 'number' ? undefined : createServer(upstream);
  const upstreamPort = typeof upstream === 'number' ? upstream : await listen(upstreamServer as Server);
  const forwarder = new Forwarder();
  const to: Upstream = {
    name: 'one',
    url: `http://127.0.0.1:${upstreamPort}`,
    timeoutSeconds: 30,
    audience: 'upstream:one',
    passAuthorization: false,
    ...given.upstream,
  };
  const settled: string[] = [];
  const gateway = createServer((request, response) => {
    const [path = '', ...query] = (request.url ?? '').split('?');
    const as: Forward = {
      requestId: 'req_1',
      clientIp: '192.0.2.9',
      publicUrl: new URL('https://gate.example:8443'),
      identity: 'the-identity-token',
      method: request.method ?? '',
      path,
      query: query.length === 0 ? null : query.join('?'),
      ...given.as,
    };
    Promise.resolve(given.before?.(request, response))
      .then(() => forwarder.forward(request, response, to, as))
      .then(
        () => settled.push('resolved'),
        (error: unknown) => {
          const code = error instanceof Refusal ? error.code : String(error);
          settled.push(code);
          request.resume();
          response.writeHead(599, { 'X-Code': code }).end();
        },
      );
  });
  const port = await listen(gateway);
  open.push({ close: () => forwarder.close() });
  return { port, settled };
}

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  rawHeaders: string[];
  body: string;
}

async function ask(port: number, options: RequestOptions = {}, body?: string | Buffer): Promise<Answer> {
  const sent = httpRequest({ port, host: '127.0.0.1', path: '/', ...options });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    rawHeaders: answer.rawHeaders,
    body: Buffer.concat(chunks).toString('latin1'),
  };
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 500) throw new Error('it did not happen');
    await wait(10);
  }
}

const readAll = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

test('method, path and query reach the upstream exactly as they were matched', async () => {
  const { port } = await aGateway((request, response) => response.end(`${request.method} ${request.url}`));
  const target = '/a%20b/c:d@e/?q=%2F..%2f&q=1&&x?y';
  expect((await ask(port, { method: 'PATCH', path: target })).body).toBe(`PATCH ${target}`);
});

test('a base path of the upstream comes before the path', async () => {
  const seen: string[] = [];
  const upstream = createServer((request, response) => {
    seen.push(request.url ?? '');
    response.end();
  });
  const upstreamPort = await listen(upstream);
  const { port } = await aGateway(upstreamPort, { upstream: { url: `http://127.0.0.1:${upstreamPort}/base` } });
  await ask(port, { path: '/x?y' });
  expect(seen).toEqual(['/base/x?y']);
});

test('nothing of the client speaks with the voice of the gateway', async () => {
  let seen: IncomingMessage['headers'] = {};
  let names: string[] = [];
  const { port } = await aGateway((request, response) => {
    seen = request.headers;
    names = request.rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
    response.end();
  });
  await ask(port, {
    headers: {
      Host: 'evil.test',
      Accept: 'text/plain',
      Authorization: 'Bearer secret',
      'Signature-Input': 'a=()',
      Signature: 'a=:AA==:',
      Connection: 'X-Hop, close',
      'X-Hop': '1',
      'Keep-Alive': 'timeout=5',
      'Proxy-Authorization': 'Basic x',
      TE: 'trailers',
      'X-Portcullis-Identity': 'forged',
      'x-portcullis-anything': 'forged',
      'X-Forwarded-For': '10.0.0.1',
      'X-Forwarded-Host': 'evil.test',
      'X-Forwarded-Prefix': '/admin',
      Forwarded: 'for=10.0.0.1',
      'X-Real-IP': '10.0.0.1',
      'X-HTTP-Method-Override': 'DELETE',
      'X-Original-URL': '/admin',
      'X-Auth-User': 'root',
      'X-Internal-Call': '1',
      'X-Request-Id': 'forged',
      'X-Own': 'kept',
    },
  });
  expect(seen).toMatchObject({
    accept: 'text/plain',
    'x-own': 'kept',
    'x-forwarded-for': '192.0.2.9',
    'x-forwarded-host': 'gate.example:8443',
    'x-forwarded-proto': 'https',
    'x-request-id': 'req_1',
    'x-portcullis-identity': 'the-identity-token',
  });
  expect(seen.host).toMatch(/^127\.0\.0\.1:/);
  expect([...names].sort()).toEqual(
    [
      'accept',
      'connection',
      'host',
      'x-forwarded-for',
      'x-forwarded-host',
      'x-forwarded-proto',
      'x-own',
      'x-portcullis-identity',
      'x-request-id',
    ].sort(),
  );
});

test('the credential travels on only to an upstream that asks for it', async () => {
  const handler: Handler = (request, response) => response.end(request.headers.authorization ?? 'none');
  const headers = { Authorization: 'Bearer secret' };
  expect((await ask((await aGateway(handler)).port, { headers })).body).toBe('none');
  expect((await ask((await aGateway(handler, { upstream: { passAuthorization: true } })).port, { headers })).body).toBe(
    'Bearer secret',
  );
});

test('without an identity no identity header is sent', async () => {
  const handler: Handler = (request, response) => response.end(request.headers['x-portcullis-identity'] ?? 'none');
  const { port } = await aGateway(handler, { as: { identity: undefined } });
  expect((await ask(port, { headers: { 'X-Portcullis-Identity': 'forged' } })).body).toBe('none');
});

test.each([
  'authorization',
  'Host',
  'X-Forwarded-For',
  'content-length',
  'Signature',
  'X-Portcullis-Identity',
  'X-Org-ID',
])('a Connection header that names %s is refused, and the upstream sees nothing', async (name) => {
  let calls = 0;
  const { port } = await aGateway((_request, response) => {
    calls++;
    response.end();
  });
  expect((await ask(port, { headers: { Connection: `close, ${name}` } })).headers['x-code']).toBe('invalid_request');
  expect(calls).toBe(0);
});

test('what is between the upstream and the gateway does not reach the client, and repeated headers stay apart', async () => {
  const { port } = await aGateway((_request, response) => {
    response.writeHead(201, 'Made', [
      ['Connection', 'X-Hop'],
      ['X-Hop', '1'],
      ['Proxy-Authenticate', 'Basic'],
      ['X-Request-Id', 'theirs'],
      ['X-Portcullis-Identity', 'echoed'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ] as never);
    response.end('made');
  });
  const answer = await ask(port);
  expect(answer).toMatchObject({ status: 201, body: 'made' });
  expect(answer.headers).toMatchObject({ 'set-cookie': ['a=1', 'b=2'], 'x-request-id': 'req_1' });
  for (const name of ['x-hop', 'proxy-authenticate', 'x-portcullis-identity'])
    expect(answer.headers).not.toHaveProperty(name);
});

test('a field value that is not ASCII passes byte by byte', async () => {
  const port = await listen(
    createTcpServer((socket: Socket) => {
      socket.once('data', () =>
        socket.end(Buffer.from('HTTP/1.1 200 OK\r\nX-Own: caf\xe9\r\nContent-Length: 2\r\n\r\nok', 'latin1')),
      );
    }),
  );
  expect((await ask((await aGateway(port)).port)).headers['x-own']).toBe('caf\u00e9');
});

test.each([
  ['with a length', { 'Content-Length': '1048576' }],
  ['in chunks', { 'Transfer-Encoding': 'chunked' }],
])('a large body %s arrives whole, and so does a large answer', async (_how, headers) => {
  const { port } = await aGateway((request, response) => void request.pipe(response));
  const body = Buffer.alloc(1_048_576, 'abcdefg');
  const answer = await ask(port, { method: 'POST', headers }, body);
  expect(answer.body).toBe(body.toString('latin1'));
});

test('a request framed by a length goes on framed by it, one in chunks in chunks, one without a body without', async () => {
  const { port } = await aGateway((request, response) => {
    const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
    request.resume().once('end', () => response.end(JSON.stringify([length, coding])));
  });
  const framing = async (headers: Record<string, string>, body?: string) =>
    JSON.parse((await ask(port, { method: 'POST', headers }, body)).body) as unknown;
  expect(await framing({ 'Content-Length': '3' }, 'abc')).toEqual(['3', null]);
  expect(await framing({ 'Transfer-Encoding': 'chunked' }, 'abc')).toEqual([null, 'chunked']);
  expect(await framing({ 'Content-Length': '0' })).toEqual(['0', null]);
});

test('bytes pass as they come, in both directions at once', async () => {
  const { port } = await aGateway((request, response) => {
    response.writeHead(200);
    request.on('data', (chunk: Buffer) => response.write(`<${chunk.toString()}>`)).on('end', () => response.end());
  });
  const sent = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers: { 'Transfer-Encoding': 'chunked' } });
  sent.write('one');
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const [first] = (await once(answer, 'data')) as [Buffer];
  expect(first.toString()).toBe('<one>');
  sent.write('two');
  const [second] = (await once(answer, 'data')) as [Buffer];
  expect(second.toString()).toBe('<two>');
  sent.end();
  await once(answer, 'end');
});

test('a client that does not read holds the upstream back', async () => {
  let written = 0;
  const { port } = await aGateway((_request, response) => {
    const chunk = Buffer.alloc(65_536);
    const more = () => {
      if (written === 512 * 65_536) return response.end();
      written += chunk.length;
      return response.write(chunk, () => setImmediate(more));
    };
    more();
  });
  const sent = httpRequest({ port, host: '127.0.0.1' });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  let before = -1;
  await until(() => {
    const still = written === before;
    before = written;
    return still && written > 0;
  });
  expect(written).toBeLessThan(512 * 65_536);
  let read = 0;
  for await (const chunk of answer) read += (chunk as Buffer).length;
  expect(read).toBeGreaterThanOrEqual(512 * 65_536);
});

test.each([
  ['HEAD', 200],
  ['GET', 204],
  ['GET', 304],
])('%s answered with %i has no body, and the connection serves the next request', async (method, status) => {
  const { port } = await aGateway((_request, response) => {
    response.writeHead(status, method === 'HEAD' ? { 'Content-Length': '1000' } : { ETag: '"a"' });
    response.end();
  });
  const answer = await ask(port, { method });
  expect([answer.status, answer.body]).toEqual([status, '']);
  if (method === 'HEAD') expect(answer.headers['content-length']).toBe('1000');
  expect((await ask(port, { method })).status).toBe(status);
});

test("a redirect is the client's to follow", async () => {
  const { port } = await aGateway((_request, response) => response.writeHead(302, { Location: '/elsewhere' }).end());
  expect(await ask(port)).toMatchObject({ status: 302, headers: { location: '/elsewhere' } });
});

test('an informational answer is not taken for the answer', async () => {
  const { port } = await aGateway((_request, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' }, () => response.end('the answer'));
  });
  expect(await ask(port)).toMatchObject({ status: 200, body: 'the answer' });
});

test('early hints reach the client, and a hint that is no link reaches nobody', async () => {
  for (const link of ['</style.css>; rel=preload', 'nonsense']) {
    const port = await listen(
      createTcpServer((socket: Socket) => {
        socket.once('data', () =>
          socket.end(`HTTP/1.1 103 Early Hints\r\nLink: ${link}\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`),
        );
      }),
    );
    const sent = httpRequest({ port: (await aGateway(port)).port, host: '127.0.0.1' });
    const hints: unknown[] = [];
    sent.on('information', ({ statusCode, headers }) => hints.push([statusCode, headers.link])).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(200);
    expect(hints).toEqual(link === 'nonsense' ? [] : [[103, link]]);
    answer.resume();
  }
});

test('what is repeated stays repeated beside a header that was set before', async () => {
  const upstream: Handler = (_request, response) =>
    response.writeHead(200, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-Two', '1', 'x-two', '2']).end();
  const { port } = await aGateway(upstream, {
    before: (_request, response) => response.setHeader('X-Content-Type-Options', 'nosniff'),
  });
  const { headers, rawHeaders } = await ask(port);
  expect(headers).toMatchObject({ 'set-cookie': ['a=1', 'b=2'], 'x-two': '1, 2' });
  expect(rawHeaders.filter((name) => /^x-content-type-options$/i.test(name))).toHaveLength(1);
});

test('a 304 may say how long the body is that it does not have', async () => {
  const { port, settled } = await aGateway((_request, response) =>
    response.writeHead(304, { 'Content-Length': 10, ETag: '"x"' }).end(),
  );
  expect(await ask(port)).toMatchObject({ status: 304, headers: { etag: '"x"', 'content-length': '10' }, body: '' });
  await until(() => settled.length === 1);
  expect(settled).toEqual(['resolved']);
});

test('trailers of an answer pass, but for those that would change what was read before them', async () => {
  const { port } = await aGateway((_request, response) => {
    response.writeHead(200, { Trailer: 'X-Checksum' });
    response.write('body');
    response.addTrailers([
      ['X-Checksum', 'abc'],
      ['Set-Cookie', 'a=1'],
      ['X-Portcullis-Identity', 'forged'],
      ['X-Request-Id', 'forged'],
      ['WWW-Authenticate', 'Basic'],
    ] as never);
    response.end();
  });
  const sent = httpRequest({ port, host: '127.0.0.1' });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  await once(answer.resume(), 'end');
  expect(answer.trailers).toEqual({ 'x-checksum': 'abc' });
});

test('trailers of a request are read and go no further', async () => {
  let trailers: unknown;
  const { port } = await aGateway((request, response) => {
    request.resume().once('end', () => {
      trailers = request.trailers;
      response.end('seen');
    });
  });
  const sent = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers: { Trailer: 'X-Portcullis-Identity' } });
  sent.write('body');
  sent.addTrailers({ 'X-Portcullis-Identity': 'forged' });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  expect([answer.statusCode, trailers]).toEqual([200, {}]);
  answer.resume();
});

test.each<[string, string, boolean]>([
  ['a whole exchange', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', true],
  ['an answer with more behind it', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n', false],
  ['an answer before the body was read', 'HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nok', false],
  ['an answer that cannot be read', 'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok', false],
  ['an answer with two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok', false],
])('after %s the connection to the upstream is used again only if nothing is left on it', async (what, text, kept) => {
  let connections = 0;
  const upstreamPort = await listen(
    createTcpServer((socket: Socket) => {
      connections++;
      socket
        .on('error', () => undefined)
        .on('data', (part: Buffer) => {
          if (/^(?:GET|POST) /.test(part.toString('latin1'))) socket.write(text);
        });
    }),
  );
  const { port } = await aGateway(upstreamPort);
  const isEarly = what.includes('before the body');
  for (let n = 0; n < 2; n++) {
    if (!isEarly) await ask(port);
    else {
      const sent = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers: { 'Content-Length': '10' } });
      sent.on('error', () => undefined).write('abc');
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      await once(answer.resume(), 'end');
      sent.destroy();
    }
  }
  expect(connections).toBe(kept ? 1 : 2);
});

test('an upstream that is not there is unreachable', async () => {
  const server = createTcpServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  const gateway = await aGateway(port);
  expect((await ask(gateway.port, { method: 'POST' }, 'abc')).headers['x-code']).toBe('upstream_unreachable');
});

test('an upstream that hangs up before it answers is unreachable, and is not asked twice', async () => {
  let connections = 0;
  const port = await listen(
    createTcpServer((socket: Socket) => {
      connections++;
      socket.once('data', () => socket.destroy());
    }),
  );
  const gateway = await aGateway(port);
  expect((await ask(gateway.port)).headers['x-code']).toBe('upstream_unreachable');
  expect(connections).toBe(1);
});

test('an upstream that answers nonsense is unreachable', async () => {
  const port = await listen(
    createTcpServer((socket: Socket) => void socket.once('data', () => socket.end('SMTP ready\r\n\r\n'))),
  );
  expect((await ask((await aGateway(port)).port)).headers['x-code']).toBe('upstream_unreachable');
});

test('an upstream that does not answer in its time is a time-out, and its connection is not kept', async () => {
  let closed = false;
  const { port } = await aGateway((request) => void request.socket.once('close', () => (closed = true)), {
    upstream: { timeoutSeconds: 0.2 },
  });
  expect((await ask(port, { method: 'POST' }, 'abc')).headers['x-code']).toBe('upstream_timeout');
  await until(() => closed);
});

test('an answer that breaks off midway is not taken for a whole one', async () => {
  const { port, settled } = await aGateway((_request, response) => {
    response.writeHead(200);
    response.write('half', () => response.destroy());
  });
  await expect(ask(port)).rejects.toMatchObject({ code: 'ECONNRESET' });
  await until(() => settled.length === 1);
  expect(settled).toEqual(['resolved']);
});

test('a client that hangs up while it waits frees the upstream', async () => {
  let closed = false;
  let asked = false;
  const { port, settled } = await aGateway((request) => {
    asked = true;
    request.socket.once('close', () => (closed = true));
  });
  const sent = httpRequest({ port, host: '127.0.0.1' }).on('error', () => undefined);
  sent.end();
  await until(() => asked);
  sent.destroy();
  await until(() => closed && settled.length === 1);
  expect(settled).toEqual(['resolved']);
});

test('a client that hangs up in the middle of its body frees the upstream', async () => {
  let closed = false;
  let received = 0;
  const { port, settled } = await aGateway((request) => {
    request.on('data', (chunk: Buffer) => (received += chunk.length)).on('error', () => undefined);
    request.socket.once('close', () => (closed = true));
  });
  const sent = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers: { 'Content-Length': '1000' } });
  sent.on('error', () => undefined).write('abc');
  await until(() => received === 3);
  sent.destroy();
  await until(() => closed && settled.length === 1);
});

test('a client that hangs up in the middle of the answer frees the upstream', async () => {
  let closed = false;
  const { port } = await aGateway((request, response) => {
    response.write('some');
    request.socket.once('close', () => (closed = true));
  });
  const sent = httpRequest({ port, host: '127.0.0.1' }).on('error', () => undefined);
  sent.end();
  await once(sent, 'response');
  sent.destroy();
  await until(() => closed);
});

test('a client that hangs up before its turn came frees every upstream', async () => {
  let begun = 0;
  let closed = 0;
  const { port, settled } = await aGateway((request, response) => {
    begun++;
    response.on('close', () => closed++);
    if (request.url !== '/first') response.end(Buffer.alloc(4_000_000));
  });
  const client = connect(port, '127.0.0.1').on('error', () => undefined);
  const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
  client.write(ask('/first') + ask('/then').repeat(12));
  await until(() => begun === 13);
  client.destroy();
  await until(() => closed === 13 && settled.length === 13);
  expect(new Set(settled)).toEqual(new Set(['resolved']));
});

test('for a client that hung up while it was decided nothing is asked', async () => {
  let asked = 0;
  const { port, settled } = await aGateway(() => asked++, { before: (_request, response) => once(response, 'close') });
  const client = connect(port, '127.0.0.1').on('error', () => undefined);
  client.write('GET /a HTTP/1.1\r\nHost: x\r\n\r\n', () => client.destroy());
  await until(() => settled.length === 1);
  expect([settled, asked]).toEqual([['resolved'], 0]);
});

test('an answer that comes before the body was read reaches the client', async () => {
  const { port } = await aGateway((_request, response) => response.writeHead(413).end('too much'));
  const answer = await ask(port, { method: 'POST', headers: { 'Content-Length': '3000000' } }, Buffer.alloc(3_000_000));
  expect(answer).toMatchObject({ status: 413, body: 'too much' });
});

test('one slow upstream request does not hold up the next', async () => {
  const { port } = await aGateway((request, response) => {
    if (request.url !== '/slow') response.end('fast');
  });
  const slow = httpRequest({ port, host: '127.0.0.1', path: '/slow' }).on('error', () => undefined);
  slow.end();
  expect((await ask(port, { path: '/fast' })).body).toBe('fast');
  slow.destroy();
});

/** A hold that can be let go, and counts what is attached. */
function aHold() {
  const state = { attached: 0, released: 0, admits: true, close: (): void => undefined };
  const attach = (close: () => void): Hold => {
    state.attached++;
    state.close = close;
    return { admits: () => state.admits, release: () => void state.released++ };
  };
  return { state, attach };
}

const events: Handler = (_request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
  response.write('data: 1\n\n');
};

test('an event stream ends at once when its credential is revoked', async () => {
  const { state, attach } = aHold();
  let closed = false;
  const { port } = await aGateway(
    (request, response) => {
      request.socket.once('close', () => (closed = true));
      events(request, response);
    },
    { as: { attach } },
  );
  const sent = httpRequest({ port, host: '127.0.0.1' });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  await once(answer, 'data');
  state.close();
  await expect(once(answer, 'end')).rejects.toMatchObject({ code: 'ECONNRESET' });
  await until(() => closed);
  expect([state.attached, state.released]).toEqual([1, 1]);
});

test('a chunked upload ends at the first chunk that may not go on', async () => {
  const { state, attach } = aHold();
  let received = 0;
  const { port } = await aGateway(
    (request) => void request.on('data', (chunk: Buffer) => (received += chunk.length)).on('error', () => undefined),
    { as: { attach } },
  );
  const sent = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers: { 'Transfer-Encoding': 'chunked' } });
  const failed = once(sent, 'error').catch((error: unknown) => [error]);
  sent.write('abc');
  await until(() => received === 3);
  state.admits = false;
  sent.write('def');
  expect(await failed).toMatchObject([{ code: expect.stringMatching(/ECONNRESET|EPIPE/) as string }]);
  expect([received, state.released]).toEqual([3, 1]);
});

test('what may not be attached does not begin', async () => {
  let calls = 0;
  const { port } = await aGateway(
    (_request, response) => {
      calls++;
      response.end();
    },
    { as: { attach: () => undefined } },
  );
  const headers = { 'Transfer-Encoding': 'chunked' };
  expect((await ask(port, { method: 'POST', headers }, 'abc')).headers['x-code']).toBe('unavailable');
  expect(calls).toBe(0);
  expect((await ask((await aGateway(events, { as: { attach: () => undefined } })).port)).headers['x-code']).toBe(
    'unavailable',
  );
});

test('an ordinary request is not attached: it may finish', async () => {
  const { state, attach } = aHold();
  const { port } = await aGateway((request, response) => void request.pipe(response), { as: { attach } });
  expect((await ask(port, { method: 'POST', headers: { 'Content-Length': '3' } }, 'abc')).body).toBe('abc');
  expect(state.attached).toBe(0);
});

test('reading all of a body is possible for whoever needs it whole', async () => {
  const { port } = await aGateway(
    (request, response) => void readAll(request).then((body) => response.end(String(body.length))),
  );
  expect((await ask(port, { method: 'PUT' }, 'x'.repeat(70_000))).body).toBe('70000');
});
