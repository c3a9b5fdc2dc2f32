import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { connect, nanos, type NatsConnection } from '@nats-io/transport-node';
import { auditConsumer, auditStream, ensureStreams, natsUsers, publishEvent } from '@portcullis/bus';
import { type AuditEvent, completeEvent, newId, type OwedEvent, services, type Service, toCloudEvent } from '@portcullis/contracts';
import { findNatsServer, freePort, type RunningNats, startNats } from '@portcullis/embedded';
import { eventually, specDatabase, type SpecDatabase } from '@portcullis/testing';
import { type Cable, cableTo } from '../spec/cable.js';
import { auditDatabase } from './audit.module.js';

// The service as its own process on a message server of its own, so that both may be killed. Needs the build, as `npm test` does.
const program = join(import.meta.dirname, '../dist/main.js');
const password = 'spec';
const now = new Date('2026-02-01T00:00:00.000Z');
const organization = newId('org', now);
const patience = 60_000;

let home: string;
let natsPort: number;
let nats: RunningNats;
let admin: NatsConnection;
let manager: JetStreamManager;
let stream: JetStreamClient;
let spec: SpecDatabase;
let cable: Cable;
let audit: ChildProcess | undefined;

const startServer = async (): Promise<void> => {
  nats = await startNats({
    binary: await findNatsServer(join(tmpdir(), 'portcullis-nats-server'), () => undefined),
    users: [
      ...natsUsers(Object.fromEntries(services.map((service) => [service, password])) as Record<Service, string>),
      { user: 'admin', password, publish: { allow: ['>'] }, subscribe: { allow: ['>'] } },
    ],
    storeDirectory: join(home, 'nats'),
    port: natsPort,
    log: () => undefined,
  });
};

const startAudit = async (): Promise<void> => {
  const database = new URL(spec.url);
  database.port = String(cable.port);
  const child = spawn(process.execPath, [program], {
    env: { NATS_URL: nats.url({ user: 'audit', password }), DATABASE_URL: database.href },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  audit = child;
  child.stdout.setEncoding('utf8');
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code, signal) => reject(new Error(`audit ended: ${code ?? signal}`)));
    child.stdout.on('data', (text: string) => {
      if (process.env['SHOW']) process.stderr.write(text);
      if (text.includes('"ready":"audit"')) resolve();
    });
  });
};

const stopAudit = async (signal: NodeJS.Signals): Promise<void> => {
  const child = audit;
  audit = undefined;
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
};

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'portcullis-audit-'));
  natsPort = await freePort();
  await startServer();
  admin = await connect({ servers: nats.url(), user: 'admin', pass: password, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  await ensureStreams(admin);
  manager = await jetstreamManager(admin);
  stream = jetstream(admin);
  // What a killed process had in hand comes back after this time. The installation's half minute is long for a spec.
  await manager.consumers.update(auditStream, auditConsumer, { ack_wait: nanos(1_000) });
  spec = await specDatabase(auditDatabase);
  cable = await cableTo(Number(new URL(spec.url).port));
  await startAudit();
}, patience);

afterAll(async () => {
  await stopAudit('SIGTERM');
  await admin.close();
  await nats.stop();
  await cable.close();
  await spec.drop();
  rmSync(home, { recursive: true, force: true });
});

const anEvent = (given: Partial<OwedEvent> = {}, service: Service = 'api-key'): AuditEvent =>
  completeEvent(
    { organization_id: organization, action: 'api-key.created', resource: { kind: 'api-key', id: newId('key', now) }, ...given },
    { id: newId('evt', now), time: now, service },
  );
const someEvents = (count: number): AuditEvent[] => Array.from({ length: count }, () => anEvent());
const publish = async (events: readonly AuditEvent[]): Promise<void> => {
  for (let at = 0; at < events.length; at += 200) {
    await Promise.all(events.slice(at, at + 200).map((event) => publishEvent(stream, event)));
  }
};
const rows = <T>(sql: string, values: unknown[] = []) => spec.database.read((m) => m.query<T[]>(sql, values));
/** Nothing waits on the stream and nothing is in anybody's hand. */
const settled = () =>
  eventually(async () => {
    const { num_pending, num_ack_pending } = await manager.consumers.info(auditStream, auditConsumer);
    return num_pending === 0 && num_ack_pending === 0;
  }, 45_000);
const expectKeptOnce = async (events: readonly AuditEvent[]): Promise<void> => {
  const kept = await rows<{ leaf_index: string; id: string }>('select leaf_index, id from event order by leaf_index');
  const ids = new Set(kept.map((row) => row.id));
  expect(events.filter((event) => !ids.has(event.id))).toEqual([]);
  expect(ids.size).toBe(kept.length);
  expect(kept.map((row) => Number(row.leaf_index))).toEqual(kept.map((_, position) => position));
};

describe('every event is kept exactly once', () => {
  test('when the process is killed again and again in the midst of them', async () => {
    const events = someEvents(3_000);
    const publishing = publish(events);
    for (let kill = 0; kill < 4; kill++) {
      const before = (await rows<{ size: string }>('select size from log_size'))[0]?.size;
      await eventually(async () => (await rows<{ size: string }>('select size from log_size'))[0]?.size !== before || Date.now());
      await stopAudit('SIGKILL');
      await startAudit();
    }
    await publishing;
    await settled();
    await expectKeptOnce(events);
  }, patience);

  test('when the message server is killed and comes back', async () => {
    const before = someEvents(200);
    await publish(before);
    process.kill(nats.pid, 'SIGKILL');
    await nats.exited;
    await startServer();
    const after = someEvents(200);
    await eventually(() => publish(after).then(() => true));
    await eventually(async () => (await rows('select 1 from event where id = $1', [after.at(-1)?.id])).length === 1, 45_000);
    await settled();
    await expectKeptOnce([...before, ...after]);
  }, patience);

  test('when Postgres is away for longer than a message may be in hand', async () => {
    cable.unplug();
    const events = someEvents(50);
    await publish(events);
    await eventually(async () => (await manager.consumers.info(auditStream, auditConsumer)).num_redelivered > 0 || Date.now() % 50 === 0, 5_000).catch(() => undefined);
    cable.plug();
    await settled();
    await expectKeptOnce(events);
  }, patience);

  test('when Postgres stops answering without a word', async () => {
    await publish(someEvents(1));
    await settled();
    cable.hold();
    const events = someEvents(50);
    await publish(events);
    await eventually(async () => (await manager.consumers.info(auditStream, auditConsumer)).num_ack_pending === 50);
    cable.unplug();
    cable.plug();
    await settled();
    await expectKeptOnce(events);
  }, patience);
});

describe('what is no event of ours', () => {
  const send = (subject: string, body: string) => stream.publish(subject, body);
  const subject = `audit.${organization}.api-key.api-key.created`;
  test.each<[string, string, () => string]>([
    ['not JSON', subject, () => 'x'],
    ['a subject with a NUL', `audit.a\0b.api-key.api-key.created`, () => JSON.stringify(toCloudEvent(anEvent()))],
    ['text that Postgres has no room for', subject, () => JSON.stringify(toCloudEvent(anEvent({ details: { a: '\0' } })))],
    ['nesting without end', subject, () => JSON.stringify(toCloudEvent(anEvent({ details: { a: 1 } }))).replace('"a":1', `"a":${'['.repeat(200_000)}${']'.repeat(200_000)}`)],
    ['a time that is none', subject, () => JSON.stringify(toCloudEvent({ ...anEvent(), time: '0000-01-01T00:00:00Z' }))],
    ['a resource without end', subject, () => JSON.stringify(toCloudEvent(anEvent({ resource: { kind: 'x', id: Array.from({length: 9000}, (_, i) => newId('req', now)).join('') } })))],
  ])('%s is put aside once and stops nothing', async (_name, on, body) => {
    const { seq } = await send(on, body());
    const after = anEvent();
    await publish([after]);
    await settled();
    await expectKeptOnce([after]);
    console.error(_name, await rows('select subject, left(reason, 100) from rejected where stream_seq = $1', [seq]));
  }, patience);
});
