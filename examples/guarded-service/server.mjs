// A service that takes access tokens itself, without the gateway in front of it: plain node:http and @portcullis/guard. It has joined
// enforcement: when a call that revokes returns, it refuses what was revoked. Everything is denied that no route here opens.
//
//   PORT=7002 node examples/guarded-service/server.mjs .portcullis/guard.json
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { AccessRefused, authorize, JoinedGuard } from '@portcullis/guard';

const ledger = [
  { id: 'entry_1', amount: '120.00', currency: 'EUR' },
  { id: 'entry_2', amount: '75.50', currency: 'EUR' },
];

/** What each route needs. `null`: anyone may come in. */
const routes = {
  'GET /ledger': {
    permission: 'counterparties:view',
    answer: (principal) => ({ items: ledger, caller: callerOf(principal) }),
  },
  'GET /healthz': { permission: null, answer: () => ({ status: 'ok' }) },
  'GET /readyz': { permission: null, answer: () => ({ ready: guard.ready }), status: () => (guard.ready ? 200 : 503) },
};

const guard = await JoinedGuard.connect({
  ...JSON.parse(readFileSync(process.argv[2] ?? '.portcullis/guard.json', 'utf8')),
  report: (line) => console.error(line),
});

const server = createServer(async (request, response) => {
  try {
    const name = `${request.method} ${request.url.split('?')[0]}`;
    const route = Object.hasOwn(routes, name) ? routes[name] : undefined;
    if (!route) throw new AccessRefused('forbidden', { detail: 'There is nothing here that is open to anyone.' });
    const principal =
      route.permission === null ? null : await authorize(request, { by: guard, permissions: [route.permission] });
    send(response, route.status?.() ?? 200, route.answer(principal));
  } catch (error) {
    if (!(error instanceof AccessRefused)) {
      console.error(error);
      return void response.writeHead(500).end();
    }
    console.error(`${error.status} ${error.code}: ${error.cause?.message ?? error.message}`);
    response.writeHead(error.status, error.headers).end(error.body);
  }
});

const callerOf = ({ id, organizationId, credentialId, permissions }) => ({
  id,
  organizationId,
  credentialId,
  permissions,
});

function send(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

server.listen(Number(process.env.PORT ?? 7002), '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ ready: 'guarded-service', port: server.address().port })}\n`);
});
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, async () => {
    server.close();
    server.closeIdleConnections();
    // A clean end: no revocation waits for this process from here on.
    await guard.close();
    process.exit(0);
  });
}
