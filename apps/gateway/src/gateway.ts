import { type Server } from 'node:http';
import { type LoggerService } from '@nestjs/common';
import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { jetstream } from '@nats-io/jetstream';
import {
  accessSubject,
  Bus,
  CallerSigner,
  EnforcerLink,
  gatherOutboxStates,
  gatherPolicyReports,
  PolicyReporter,
  publishEvent,
} from '@portcullis/bus';
import {
  type AccessBatch,
  ApiKey,
  Bucket,
  ClientRegistry,
  completeEvent,
  newId,
  type OwedEvent,
} from '@portcullis/contracts';
import { originOf } from '@portcullis/credentials';
import { type Policy, type PolicyFault, PolicyFile } from '@portcullis/policy';
import { type GatewayConfig } from './config.js';
import { ConsolePages } from './console/console-pages.js';
import { keysInText } from './credential/keys-in-text.js';
import { AccessLog } from './events/access-log.js';
import { DenialLog } from './events/denial-log.js';
import { EventBuffer } from './events/event-buffer.js';
import { Spill } from './events/spill.js';
import { GatewayKey } from './gateway-key.js';
import { GatewayStop } from './gateway.module.js';
import { heldBy } from './judge/held-by.js';
import { Judge } from './judge/judge.js';
import { type CachedRecord } from './judge/records.js';
import { Limits } from './limits/limits.js';
import { Metrics } from './metrics.js';
import { identityToken, passOn } from './pass-on.js';
import { Forwarder } from './proxy/forward.js';
import { UpstreamIdentity } from './proxy/upstream-identity.js';
import { ownRoutePatterns, ownRoutes } from './routes/control-routes.js';
import { GatewayS3 } from './s3/gateway-s3.js';
import { createServer } from './server.js';
import { ServiceCalls } from './service-calls.js';
import { TlsIdentity } from './tls.js';
import { type FleetMetrics } from './workers.js';

/** How long requests that are under way at a stop may take. */
const stopMilliseconds = 30_000;
/** How long the stream may take for a batch of requests before it is sent again. */
const accessMilliseconds = 3_000;

export interface Gateway {
  readonly app: NestFastifyApplication;
  /** Its S3 port; undefined where none is spoken. */
  readonly s3: Pick<GatewayS3, 'listen'> | undefined;
  /** What keeps it from deciding; empty when it is ready. */
  missing(): { field: string; message: string }[];
  /** Lets requests under way finish, then everything behind them. Answers when the process may end. */
  stop(): Promise<void>;
}

/**
 * Puts the gateway together from its parts, and starts them; the caller listens. Throws `PolicyFaults` for a bad policy, `TlsFault` for a
 * certificate and `SpillFault` for a folder that cannot be used. `fleet` answers the metrics of all processes that share the port.
 */
export async function createGateway(
  config: GatewayConfig,
  logger: LoggerService,
  fleet?: FleetMetrics,
): Promise<Gateway> {
  const now = (): Date => new Date();
  const report = (line: string): void => void logger.warn(line, 'gateway');
  const tls = config.tlsFiles && new TlsIdentity(config.tlsFiles, report);
  // The policy comes first, so that its faults are told before anything is waited for; who listens to its edits comes later.
  const edits: PolicyListener = { loaded: () => undefined, refused: () => undefined };
  const policy = await PolicyFile.open(config.policyPath, {
    variables: config.policyVariables,
    ownRoutes: ownRoutePatterns,
    ...(config.catalogueDirectory === undefined ? {} : { catalogueDirectory: config.catalogueDirectory }),
    onReload: (loaded) => edits.loaded(loaded),
    onFault: (faults) => edits.refused(faults),
  });

  const spill =
    config.spillDirectory === undefined
      ? undefined
      : await Spill.open({
          directory: config.spillDirectory,
          worker: config.worker,
          workers: config.workers,
          report,
        });
  const consolePages = await ConsolePages.read(config.consoleDirectory);
  const gatewayKey = new GatewayKey(now(), report);
  const bus = await Bus.connect('gateway', config.natsUrl, { signer: new CallerSigner(gatewayKey.key, now), report });
  const reporter = new PolicyReporter(bus, () => policy.status, gatewayKey.gatewayId);
  const link = new EnforcerLink<CachedRecord>(bus, {
    id: gatewayKey.gatewayId,
    acknowledged: (authority, milliseconds) => metrics.acknowledged(authority, milliseconds),
    heard: (authority, milliseconds) => metrics.heardAfter(authority, milliseconds),
  });
  const stream = jetstream(bus.connection);
  const events = new EventBuffer({ publish: (event) => publishEvent(stream, event), report, spill });
  const denials = new DenialLog(events, now);
  const publishAccesses = async (batch: AccessBatch): Promise<void> => {
    await stream.publish(accessSubject, JSON.stringify(batch), { msgID: batch.id, timeout: accessMilliseconds });
  };
  const accesses = new AccessLog({ publish: publishAccesses, now, report });
  const limits = new Limits({
    gatewayId: gatewayKey.gatewayId,
    takeSlices: (request) => bus.call(ApiKey.takeSlices, request),
    nowMs: () => performance.now(),
  });
  const forwarder = new Forwarder();
  const calls = new ServiceCalls(
    { call: bus.call.bind(bus), outboxes: () => gatherOutboxStates(bus) },
    (milliseconds, receipt) => metrics.revoked(milliseconds, receipt),
  );
  const judge = new Judge({
    enforcer: link.enforcer,
    now: () => link.now(),
    ask: bus.call.bind(bus),
    lattice: () => policy.current.lattice,
    apiKeyPrefixes: config.keyPrefixes,
    trustedProxies: config.trustedProxies,
    issuer: config.publicUrl,
    audience: config.tokenAudience,
    origin: originOf(config.publicUrl),
    roleTokenKeys: config.roleTokenKeys,
    s3: {
      sealing: { replyKey: calls.replyKey, unseal: calls.unseal(ApiKey.resolveAccessKey.subject) },
      policyBuckets: () => policy.current.storage.buckets,
    },
  });
  const metrics = new Metrics({
    leases: () => link.enforcer.status(link.now()),
    cached: () => link.enforcer.size,
    oldestMs: () => link.enforcer.oldestMs(link.now()),
    waitingEvents: () => events.size,
    spilledEvents: () => events.onDisk,
    lostEvents: () => events.dropped,
    waitingRequests: () => accesses.buffered,
    lostRequests: () => accesses.dropped,
    policyDigest: () => policy.current.digest,
    busConnected: () => bus.connected,
    auditLog: () => calls.auditLog(),
    outboxes: () => calls.outboxes(),
  });
  const write = (owed: OwedEvent): void => {
    const event = completeEvent(owed, { id: newId('evt', now()), time: now(), service: 'gateway' });
    events.keep(event, { isRare: true });
  };
  edits.loaded = (loaded) => {
    forwarder.retain(loaded.upstreams.values());
    logger.log(`the policy ${loaded.digest} is in force`, 'gateway');
    write(policyEvent('policy.loaded', { digest: loaded.digest }));
  };
  edits.refused = (faults) => {
    metrics.policyRefused();
    const lines = faults.map(({ file, line, message }) => `${file}:${line}: ${message}`);
    report(`the policy was edited and cannot be used; the one before stays in force:\n${lines.join('\n')}`);
    write(policyEvent('policy.refused', { faults: lines.slice(0, 20) }));
  };
  write(policyEvent('policy.loaded', { digest: policy.current.digest }));

  const tokenFor = identityToken(new UpstreamIdentity({ key: gatewayKey.key, issuer: config.publicUrl, now }));
  let stopping = false;
  const s3 = config.s3
    ? new GatewayS3(config.s3, {
        judge,
        denials,
        limits,
        accesses,
        metrics,
        tls,
        trustedProxies: config.trustedProxies,
        replyKey: calls.replyKey,
        policyBuckets: () => policy.current.storage.buckets,
        ask: (operation, request, caller) => calls.ask(operation, request, [], caller),
        listOwned: (request) => bus.call(Bucket.listOwned, request),
        now: () => link.now(),
        stopping: () => stopping,
        report,
      })
    : undefined;
  let s3Drained: Promise<void> | undefined;
  const stop = new GatewayStop(
    [
      () => s3Drained,
      () => s3?.close(),
      () => reporter.stop(),
      () => policy.close(),
      () => denials.stop(),
      () => spill?.close(),
      () => accesses.stop(),
      () => limits.stop(),
      () => gatewayKey.stop(),
      () => link.stop(),
      () => forwarder.close(),
      () => bus.close(),
    ],
    report,
  );
  const missing = (): { field: string; message: string }[] => [
    ...(stopping ? [{ field: 'gateway', message: 'is stopping' }] : []),
    ...(bus.connected ? [] : [{ field: 'bus', message: 'is away' }]),
    ...(gatewayKey.registered ? [] : [{ field: 'gateway_key', message: 'is not registered yet' }]),
    ...link.enforcer
      .status(link.now())
      .filter(({ lease }) => !lease)
      .map(({ authority }) => ({ field: `lease.${authority}`, message: 'is not held' })),
  ];
  const app = await createServer(
    {
      judge,
      denials,
      limits,
      accesses,
      forward: passOn({
        judge,
        forwarder,
        tokenFor,
        publicUrl: config.publicUrl,
        now: () => link.now(),
      }),
      tokenFor,
      console: consolePages,
      metrics,
      trustedProxies: config.trustedProxies,
      apiKeyPrefixes: config.keyPrefixes,
      decisionPeers: config.decisionPeers,
      replyKey: calls.replyKey,
      stopping: () => stopping,
      report,
      routes: {
        publicUrl: config.publicUrl,
        ownRoutes,
        policy: () => policy.current,
        policyReports: () => gatherPolicyReports(bus),
        explainCredential: (id, organizationId, lattice) =>
          heldBy({ id, organizationId }, { ask: bus.call.bind(bus), lattice, now: now() }),
        ask: calls.ask.bind(calls),
        unseal: calls.unseal.bind(calls),
        publicKeys: () => calls.publicKeys(),
        keysIn: async (text) =>
          keysInText(text, {
            ours: config.keyPrefixes,
            foreign: (await bus.call(ApiKey.foreignPrefixes, {})).prefixes,
          }),
        apiKeyPrefixes: config.keyPrefixes,
        identifyClient: async (by, call) => {
          const who = await judge.identifyClient(by, call);
          if (who.kind === 'refused') denials.refusedCredential(call.arrival, who);
          return who;
        },
        inspect: (bearer) => judge.inspect(bearer),
        clientByClientId: async (clientId) => (await bus.call(ClientRegistry.resolve, { client_id: clientId })).client,
        storage: s3 ? { buckets: s3.buckets, ownerOf: (bucket) => judge.bucketOwner(bucket) } : null,
        issuesRoleTokens: () => calls.issuesRoleTokens(),
        metricsText: fleet?.(metrics.registry) ?? (() => metrics.text()),
        missing,
      },
    },
    { stop, logger, ...(tls ? { tls } : {}) },
  );
  reporter.start();
  link.start();
  denials.start();
  accesses.start();
  limits.start();
  gatewayKey.over(bus).start();

  const stopOnce = async (): Promise<void> => {
    stopping = true;
    const server: Server = app.getHttpServer();
    const impatient = setTimeout(() => {
      server.closeAllConnections();
      s3?.cutAll();
    }, stopMilliseconds);
    s3Drained = s3?.drain();
    forwarder.endTunnels();
    await app.close();
    clearTimeout(impatient);
  };
  let stopped: Promise<void> | undefined;
  return { app, s3, missing, stop: () => (stopped ??= stopOnce()) };
}

interface PolicyListener {
  loaded(policy: Policy): void;
  refused(faults: readonly PolicyFault[]): void;
}

const policyEvent = (action: OwedEvent['action'], details: Record<string, unknown>): OwedEvent => ({
  organization_id: null,
  action,
  outcome: action === 'policy.refused' ? 'failure' : 'success',
  resource: { kind: 'policy', id: null },
  details,
});
