import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { ApiKey, type AuditEvent, Bucket } from '@portcullis/contracts';
import { NetworkList, originOf, Secret } from '@portcullis/credentials';
import { type Marker } from '@portcullis/enforcement';
import { PolicyFile } from '@portcullis/policy';
import { type Access } from '../src/events/access-log.js';
import { DenialLog } from '../src/events/denial-log.js';
import { EventBuffer } from '../src/events/event-buffer.js';
import { Judge } from '../src/judge/judge.js';
import { Limits } from '../src/limits/limits.js';
import { Metrics } from '../src/metrics.js';
import { GatewayS3, type GatewayS3Parts } from '../src/s3/gateway-s3.js';
import { ServiceCalls } from '../src/service-calls.js';
import { clocks, leased } from './gateway.js';
import { type S3Key, S3Services } from './s3-services.js';

export interface GivenS3 {
  /** Organization by bucket, in the policy. */
  readonly policyBuckets?: Readonly<Record<string, string>>;
  readonly publicUrl?: string;
  readonly trustedProxies?: readonly string[];
  /** Another upstream than the example store. */
  readonly upstreamUrl?: string;
  readonly tls?: GatewayS3Parts['tls'];
  readonly bodyMemoryBytes?: number;
  readonly serverLimits?: GatewayS3Parts['serverLimits'];
}

export const storeCredentials = {
  accessKeyId: 'AKIA0123456789ABCDEF',
  secretAccessKey: 'a secret of forty characters, as S3 does',
};

/** The S3 port of a gateway on a free port, over the example store: real judging, signing and enforcement. */
export async function anS3Gateway(given: GivenS3 = {}) {
  const seen = { events: [] as AuditEvent[], accesses: [] as Access[], reported: [] as string[] };
  const home = mkdtempSync(join(tmpdir(), 's3-gateway-spec-'));
  const store = given.upstreamUrl === undefined ? await aStore(join(home, 'store')) : undefined;
  const policyPath = join(home, 'policy.yaml');
  const buckets = Object.entries(given.policyBuckets ?? {}).map(([name, owner]) => `    ${name}: ${owner}\n`);
  writeFileSync(policyPath, `version: 1\n${buckets.length > 0 ? `storage:\n  buckets:\n${buckets.join('')}` : ''}`);
  const policy = await PolicyFile.open(policyPath);
  const enforcer = leased();
  const mark = (scope: Marker['scope'], id: string, effect: Marker['effect']): void => {
    const marker = { seq: ++services.seq, scope, id, effect };
    enforcer.onMarkers('api-key', { history: 'spec', markers: [marker] }, clocks());
  };
  const services: S3Services = new S3Services(mark);
  const calls = new ServiceCalls({ call: services.ask, outboxes: () => Promise.resolve(new Map()) });
  const trustedProxies = NetworkList.parse(given.trustedProxies ?? []);
  const judge = new Judge({
    enforcer,
    now: clocks,
    ask: services.ask,
    lattice: () => policy.current.lattice,
    apiKeyPrefixes: ['ptc'],
    trustedProxies,
    issuer: 'https://gate.example',
    audience: 'https://gate.example',
    origin: originOf('https://gate.example'),
    s3: {
      sealing: { replyKey: calls.replyKey, unseal: calls.unseal(ApiKey.resolveAccessKey.subject) },
      policyBuckets: () => policy.current.storage.buckets,
    },
  });
  const buffer = new EventBuffer({
    publish: (event) => Promise.resolve(void seen.events.push(event)),
    report: (line) => void seen.reported.push(line),
  });
  const denials = new DenialLog(buffer, () => new Date());
  const metrics = new Metrics({
    leases: () => enforcer.status(clocks()),
    cached: () => enforcer.size,
    oldestMs: () => enforcer.oldestMs(clocks()),
    auditLog: () => Promise.resolve(null),
    outboxes: () => Promise.resolve(new Map()),
    waitingEvents: () => 0,
    spilledEvents: () => 0,
    lostEvents: () => 0,
    waitingRequests: () => 0,
    lostRequests: () => 0,
    policyDigest: () => policy.current.digest,
    busConnected: () => true,
  });
  const upstream = {
    url: given.upstreamUrl ?? store!.url,
    region: 'us-east-1',
    accessKeyId: storeCredentials.accessKeyId,
    secret: Secret.of(storeCredentials.secretAccessKey),
  };
  const publicUrl = given.publicUrl ?? 'http://127.0.0.1:9000';
  const s3 = new GatewayS3(
    { port: 0, publicUrl, region: 'us-east-1', upstream },
    {
      judge,
      denials,
      metrics,
      limits: new Limits({
        gatewayId: 'gw_spec',
        takeSlices: (request) => services.ask(ApiKey.takeSlices, request),
        nowMs: () => performance.now(),
      }),
      accesses: { answered: (access) => void seen.accesses.push(access) },
      trustedProxies,
      replyKey: calls.replyKey,
      policyBuckets: () => policy.current.storage.buckets,
      ask: (operation, request, caller) => calls.ask(operation, request, [], caller),
      listOwned: (request) => services.ask(Bucket.listOwned, request),
      now: clocks,
      stopping: () => false,
      report: (line) => void seen.reported.push(line),
      tls: given.tls,
      ...(given.bodyMemoryBytes === undefined ? {} : { bodyMemoryBytes: given.bodyMemoryBytes }),
      ...(given.serverLimits ? { serverLimits: given.serverLimits } : {}),
    },
  );
  await s3.listen(0, '127.0.0.1');
  const { port } = s3.server.address() as AddressInfo;
  return {
    port,
    url: `${given.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    seen,
    services,
    metrics,
    store,
    s3,
    judge,
    /** Writes what was counted until now, and counts anew. */
    forgetDenials: () => denials.stop(),
    /** As api-key does, before it answers: the record changes, then every enforcer hears of it. */
    revoke: (key: S3Key): void => {
      key.record.status = 'revoked';
      mark('credential', key.record.id, 'drop');
    },
    client: (key: Pick<S3Key, 'accessKeyId' | 'secretAccessKey'>, changes: Partial<S3ClientConfig> = {}): S3Client =>
      new S3Client({
        endpoint: `http://127.0.0.1:${port}`,
        region: 'us-east-1',
        credentials: { accessKeyId: key.accessKeyId, secretAccessKey: key.secretAccessKey },
        forcePathStyle: true,
        maxAttempts: 1,
        ...changes,
      }),
    /** Of the store itself, with no gateway before it. */
    behind: (): S3Client =>
      new S3Client({
        endpoint: upstream.url,
        region: 'us-east-1',
        credentials: storeCredentials,
        forcePathStyle: true,
        maxAttempts: 1,
      }),
    close: async (): Promise<void> => {
      s3.cutAll();
      await s3.drain();
      await s3.close();
      await policy.close();
      if (store) await store.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

const script = resolve(import.meta.dirname, '../../../examples/object-store/server.mjs');

async function aStore(directory: string) {
  const child: ChildProcess = spawn(process.execPath, [script], {
    env: {
      PORT: '0',
      OBJECT_STORE_DIRECTORY: directory,
      OBJECT_STORE_ACCESS_KEY_ID: storeCredentials.accessKeyId,
      OBJECT_STORE_SECRET_ACCESS_KEY: storeCredentials.secretAccessKey,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout!.setEncoding('utf8');
  const [line] = (await once(child.stdout!, 'data')) as [string];
  const { port } = JSON.parse(line) as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async (): Promise<void> => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
