import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiKey, type AuditEvent, authorities, ClientRegistry } from '@portcullis/contracts';
import { generateSigningKey, NetworkList, originOf } from '@portcullis/credentials';
import { answer, Enforcer, type EnforcerRow, type Instant } from '@portcullis/enforcement';
import { PolicyFile } from '@portcullis/policy';
import { type Access } from '../src/events/access-log.js';
import { DenialLog } from '../src/events/denial-log.js';
import { EventBuffer } from '../src/events/event-buffer.js';
import { type FrontDoorParts } from '../src/front-door.js';
import { GatewayStop } from '../src/gateway.module.js';
import { ConsolePages } from '../src/console/console-pages.js';
import { keysInText } from '../src/credential/keys-in-text.js';
import { heldBy } from '../src/judge/held-by.js';
import { Judge } from '../src/judge/judge.js';
import { type CachedRecord } from '../src/judge/records.js';
import { Limits } from '../src/limits/limits.js';
import { Metrics } from '../src/metrics.js';
import { identityToken, passOn } from '../src/pass-on.js';
import { Forwarder } from '../src/proxy/forward.js';
import { UpstreamIdentity } from '../src/proxy/upstream-identity.js';
import { ownRoutePatterns, ownRoutes } from '../src/routes/control-routes.js';
import { createServer } from '../src/server.js';
import { ServiceCalls } from '../src/service-calls.js';
import { listen } from './http-client.js';
import { roleTokenKeys, services } from './services.js';

export const publicUrl = 'https://gate.example';

/** What the gateway of a spec did, and what it lacks. */
export interface Seen {
  events: AuditEvent[];
  /** What keys asked for, as it was answered. */
  accesses: Access[];
  reported: string[];
  upstream?: { url: string; headers: IncomingHttpHeaders; body: string } | undefined;
  /** Every request that reached the upstream, as `GET /path`. */
  reached: string[];
  missing: { field: string; message: string }[];
}

export interface Given {
  /** More of the policy's routes, behind the usual ones. */
  routes?: readonly string[];
  /** An upstream of the spec's own, by its port. */
  upstreamPort?: number;
  trustedProxies?: readonly string[];
  decisionPeers?: readonly string[];
  /** The folder of the console; none unless given. */
  consoleDirectory?: string;
  storage?: FrontDoorParts['routes']['storage'];
  server?: Pick<NonNullable<Parameters<typeof createServer>[1]>, 'tls' | 'limits'>;
}

/**
 * The whole gateway in one process, on a free port: real judging, forwarding and enforcement, an upstream of its own. In place of the
 * services over NATS stands `services`, which keeps to their contracts. `slow` says when the upstream was asked for `/public/slow`.
 */
export async function aGateway(given: Given = {}) {
  const seen: Seen = { events: [], accesses: [], reported: [], missing: [], reached: [] };
  const slow = new EventEmitter();
  const trustedProxies = NetworkList.parse(given.trustedProxies ?? []);
  const upstream = createHttpServer((request, response) => {
    seen.reached.push(`${request.method} ${request.url}`);
    const body: Buffer[] = [];
    request.on('data', (part: Buffer) => body.push(part));
    request.on('end', () => {
      seen.upstream = { url: request.url ?? '', headers: request.headers, body: Buffer.concat(body).toString() };
      if (request.url === '/public/slow') return void slow.emit('asked', response);
      response.writeHead(207, { 'X-Upstream': 'yes' }).end('from the upstream');
    });
  });
  const upstreamPort = await listen(upstream);
  const home = mkdtempSync(join(tmpdir(), 'gateway-spec-'));
  const policyPath = join(home, 'policy.yaml');
  writeFileSync(
    policyPath,
    `version: 1
upstreams:
  books: { url: http://127.0.0.1:${given.upstreamPort ?? upstreamPort} }
  nowhere: { url: http://127.0.0.1:1 }
routes:
  - { match: "GET /v1/counterparties/**", permission: counterparties:view, upstream: books }
  - { match: "POST /v1/counterparties", permission: counterparties:manage, upstream: books }
  - { match: "* /public/**", public: true, upstream: books }
  - { match: "GET /nowhere", permission: counterparties:view, upstream: nowhere }
${(given.routes ?? []).map((route) => `  - ${route}\n`).join('')}`,
  );
  const policy = await PolicyFile.open(policyPath, { ownRoutes: ownRoutePatterns });
  const enforcer = leased();
  const judge = new Judge({
    enforcer,
    now: clocks,
    ask: services,
    lattice: () => policy.current.lattice,
    apiKeyPrefixes: ['ptc'],
    trustedProxies,
    issuer: publicUrl,
    audience: publicUrl,
    origin: originOf(publicUrl),
    roleTokenKeys,
  });
  const buffer = new EventBuffer({
    publish: (event) => Promise.resolve(void seen.events.push(event)),
    report: fail,
  });
  const denials = new DenialLog(buffer, () => new Date());
  const calls = new ServiceCalls(
    { call: services, outboxes: () => Promise.resolve(new Map()) },
    (milliseconds, receipt) => metrics.revoked(milliseconds, receipt),
  );
  const metrics = new Metrics({
    leases: () => enforcer.status(clocks()),
    cached: () => enforcer.size,
    oldestMs: () => enforcer.oldestMs(clocks()),
    waitingEvents: () => buffer.size,
    spilledEvents: () => buffer.onDisk,
    lostEvents: () => buffer.dropped,
    waitingRequests: () => 0,
    lostRequests: () => 0,
    policyDigest: () => policy.current.digest,
    busConnected: () => true,
    outboxes: () => Promise.resolve(new Map([['api-key', { events: 2, oldest_seconds: 3.5, bound: 100_000 }]])),
    auditLog: () =>
      Promise.resolve({
        ...{ size: 1, checked_at: new Date().toISOString(), damaged_index: null, rejected: 0 },
        retention: { days: 90, dropped_below: 0, ran_at: null },
        webhooks: {
          ...{ active: 0, disabled: 0, paused: 0, failing: 0, pending: 0, dead_letters: 0, lag_seconds: 0 },
          attempts: { delivered: 0, failed: 0, given_up: 0, gone: 0 },
        },
      }),
  });
  const limits = new Limits({
    gatewayId: 'gw_spec',
    takeSlices: (request) => services(ApiKey.takeSlices, request),
    nowMs: () => performance.now(),
  });
  const forwarder = new Forwarder();
  const tokenFor = identityToken(
    new UpstreamIdentity({ key: generateSigningKey(), issuer: publicUrl, now: () => new Date() }),
  );
  const parts: FrontDoorParts = {
    judge,
    denials,
    limits,
    accesses: { answered: (access) => void seen.accesses.push(access) },
    forward: passOn({
      judge,
      forwarder,
      tokenFor,
      publicUrl,
      now: clocks,
    }),
    tokenFor,
    console: await ConsolePages.read(given.consoleDirectory ?? join(home, 'no-console')),
    metrics,
    trustedProxies,
    apiKeyPrefixes: ['ptc'],
    decisionPeers: NetworkList.parse(given.decisionPeers ?? ['127.0.0.0/8', '::1/128']),
    replyKey: calls.replyKey,
    stopping: () => false,
    report: (line) => seen.reported.push(line),
    routes: {
      publicUrl,
      ownRoutes,
      policy: () => policy.current,
      policyReports: () => Promise.resolve([]),
      explainCredential: (id, organizationId, lattice) =>
        heldBy({ id, organizationId }, { ask: services, lattice, now: new Date() }),
      ask: calls.ask.bind(calls),
      unseal: calls.unseal.bind(calls),
      publicKeys: () => calls.publicKeys(),
      keysIn: (text) => Promise.resolve(keysInText(text, { ours: ['ptc'], foreign: [] })),
      apiKeyPrefixes: ['ptc'],
      identifyClient: async (by, call) => {
        const who = await judge.identifyClient(by, call);
        if (who.kind === 'refused') denials.refusedCredential(call.arrival, who);
        return who;
      },
      inspect: (bearer) => judge.inspect(bearer),
      clientByClientId: async (client_id) => (await services(ClientRegistry.resolve, { client_id })).client,
      storage: given.storage ?? null,
      issuesRoleTokens: () => calls.issuesRoleTokens(),
      metricsText: () => metrics.text(),
      missing: () => seen.missing,
    },
  };
  const stop = new GatewayStop([() => denials.stop(), () => forwarder.close(), () => policy.close()], fail);
  const app = await createServer(parts, { stop, logger: false, ...given.server });
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return {
    port,
    parts,
    seen,
    slow,
    policy,
    policyPath,
    close: async () => {
      await app.close();
      upstream.close();
      rmSync(home, { recursive: true });
    },
  };
}

export function clocks(): Instant {
  return { monotonicMs: performance.now(), wallMs: Date.now() };
}

/** An enforcer with a lease of an hour from each authority, had by the real exchange. */
export function leased(): Enforcer<CachedRecord> {
  const enforcer = new Enforcer<CachedRecord>({
    id: 'gw_spec',
    authorities,
    driftMs: 250,
    maxEntries: 100,
    maxNegativeEntries: 100,
  });
  const rows = new Map<string, EnforcerRow>();
  let outgoing = enforcer.due(clocks());
  for (let round = 0; round < 10 && outgoing.length > 0; round++) {
    outgoing = outgoing.flatMap((sent) => {
      const view = { row: rows.get(sent.authority), head: { history: 'spec', seq: 0 }, markers: [], complete: true };
      const exchange = answer(view, sent.message, 3_600_000);
      if (exchange.write && exchange.write !== 'delete') rows.set(sent.authority, exchange.write);
      return enforcer.onReply(sent, exchange.reply, clocks());
    });
    outgoing = [...outgoing, ...enforcer.due({ ...clocks(), monotonicMs: performance.now() })];
  }
  return enforcer;
}

function fail(line: string): void {
  throw new Error(line);
}
