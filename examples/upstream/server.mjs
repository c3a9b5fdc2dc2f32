// An upstream to try the gateway on: plain node:http, no dependency. It trusts whoever reaches it, so it listens on the
// loopback interface: the gateway has already decided. `X-Portcullis-Identity` tells it who is calling.
//
//   PORT=7001 node examples/upstream/server.mjs
import { createServer } from 'node:http';

const counterparties = [
  { id: 'cp_1', name: 'Northwind Exchange', country: 'NL' },
  { id: 'cp_2', name: 'Aurora Custody', country: 'IS' },
];
const transactions = new Map();
const payments = new Map([['pay_1', { id: 'pay_1', amount: '10.00', currency: 'EUR', status: 'settled' }]]);

const routes = [
  ['GET', /^\/v1\/counterparties$/, () => [200, { items: counterparties, next_cursor: null }]],
  ['GET', /^\/v1\/counterparties\/([^/]+)$/, (id) => found(counterparties.find((one) => one.id === id))],
  ['POST', /^\/v1\/transactions$/, (_, body) => [201, keep(transactions, 'tx', body)]],
  ['GET', /^\/v1\/transactions\/([^/]+)$/, (id) => found(transactions.get(id))],
  ['GET', /^\/v1\/payments$/, () => [200, { items: [...payments.values()].slice(-100), next_cursor: null }]],
  ['GET', /^\/v1\/payments\/([^/]+)$/, (id) => found(payments.get(id))],
  ['POST', /^\/v1\/payments$/, (_, body) => [201, keep(payments, 'pay', body)]],
  ['GET', /^\/v1\/workflows$/, () => [200, { items: [{ id: 'wf_1', name: 'screening' }], next_cursor: null }]],
  ['POST', /^\/v1\/workflows\/([^/]+)\/run$/, (id) => [202, { workflow: id, status: 'started' }]],
  ['*', /^\/public(?:\/.*)?$/, () => [200, { hello: 'anyone may read this' }]],
];

const server = createServer(async (request, response) => {
  const path = request.url.split('?')[0];
  const [, pattern, answer] =
    routes.find(([method, p]) => ['*', request.method].includes(method) && p.test(path)) ?? [];
  try {
    const [status, value] = answer
      ? answer(pattern.exec(path)[1], await jsonOf(request))
      : [404, { error: 'not found' }];
    send(response, status, {
      ...value,
      caller: callerOf(request),
      request_id: request.headers['x-request-id'] ?? null,
    });
  } catch {
    send(response, 400, { error: 'the body is not JSON, or too large' });
  }
});

/**
 * What the gateway says about the caller. This example only reads the token; a service that others can reach must verify
 * it against /.well-known/jwks.json of the gateway first.
 */
function callerOf(request) {
  const token = request.headers['x-portcullis-identity'];
  if (!token) return null;
  const { sub, org, permissions } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  return { sub, org, permissions };
}

async function jsonOf(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= 1024 * 1024) chunks.push(chunk);
  }
  if (size > 1024 * 1024) throw new Error('too large');
  const text = Buffer.concat(chunks).toString();
  return request.method === 'POST' && text !== '' ? JSON.parse(text) : null;
}

function keep(kept, prefix, body) {
  const one = { id: `${prefix}_${kept.size + 1}`, ...body };
  if (kept.size < 10_000) kept.set(one.id, one);
  return one;
}

function found(value) {
  return value ? [200, value] : [404, { error: 'not found' }];
}

function send(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

server.listen(Number(process.env.PORT ?? 7001), process.env.HOST ?? '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ ready: 'example-upstream' })}\n`);
});
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 5_000).unref();
  });
}
