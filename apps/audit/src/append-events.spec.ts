import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { connect, nanos, type NatsConnection } from '@nats-io/transport-node';
import { auditConsumer, auditStream, ensureStreams, natsUsers, publishEvent } from '@portcullis/bus';
import {
  type AuditEvent,
  type BusUser,
  busUsers,
  completeEvent,
  eventSubject,
  newId,
  type OwedEvent,
  type Service,
  toCloudEvent,
} from '@portcullis/contracts';
import { findNatsServer, freePort, type RunningNats, startNats } from '@portcullis/embedded';
import { eventually, specDatabase, type SpecDatabase } from '@portcullis/testing';
import { type Cable, cableTo } from '../spec/cable.js';
import { auditDatabase } from './audit.module.js';

// The service as its own process on a message server of its own, so that both may be killed. Needs the build, as `npm test` does.
const program = join(import.meta.dirname, '../dist/main.js');
const password = 'spec';
const keyEncryptionKey = randomBytes(32).toString('base64');
const now = new Date('2026-02-01T00:00:00.000Z');
const organization = newId('org', now);
const patience = 90_000;
const ackWaitMilliseconds = 3_000;

let home: string;
let natsPort: number;
let nats: RunningNats;
let admin: NatsConnection;
let manager: JetStreamManager;
let stream: JetStreamClient;
let spec: SpecDatabase;
let cable: Cable;
let audit: ChildProcess | undefined;
/** What the process printed. */
let said = '';

const startServer = async (): Promise<void> => {
  nats = await startNats({
    binary: await findNatsServer(join(tmpdir(), 'portcullis-nats-server'), () => undefined),
    users: [
      ...natsUsers(Object.fromEntries(busUsers.map((user) => [user, password])) as Record<BusUser, string>),
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
    env: {
      NATS_URL: nats.url({ user: 'audit', password }),
      DATABASE_URL: database.href,
      PORTCULLIS_PUBLIC_URL: 'http://127.0.0.1:8080',
      PORTCULLIS_KEY_ENCRYPTION_KEY: keyEncryptionKey,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  audit = child;
  child.stdout.setEncoding('utf8');
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code, signal) => reject(new Error(`audit ended: ${code ?? signal}`)));
    child.stdout.on('data', (text: string) => {
      said += text;
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
  admin = await connect({
    servers: nats.url(),
    user: 'admin',
    pass: password,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
  });
  await ensureStreams(admin);
  manager = await jetstreamManager(admin);
  stream = jetstream(admin);
  // What a killed process had in hand comes back after this time; an installation's half minute is long for a spec.
  await manager.consumers.update(auditStream, auditConsumer, { ack_wait: nanos(ackWaitMilliseconds) });
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
    {
      organization_id: organization,
      action: 'api-key.created',
      resource: { kind: 'api-key', id: newId('key', now) },
      ...given,
    },
    { id: newId('evt', now), time: now, service },
  );
const someEvents = (count: number): AuditEvent[] => Array.from({ length: count }, () => anEvent());
/** Until the stream has them: a busy machine may take its time, and a repeat is no harm. */
const publish = async (events: readonly AuditEvent[]): Promise<void> => {
  for (let at = 0; at < events.length; at += 100) {
    const some = events.slice(at, at + 100);
    await Promise.all(some.map((event) => eventually(() => publishEvent(stream, event).then(() => true), patience)));
  }
};
const rows = <T>(sql: string, values: unknown[] = []) =>
  eventually(() => spec.database.read((m) => m.query<T[]>(sql, values)), patience);
const inHand = () => manager.consumers.info(auditStream, auditConsumer);
/** Nothing waits on the stream and nothing is in anybody's hand. */
const settled = () =>
  eventually(async () => {
    const { num_pending, num_ack_pending } = await inHand();
    return num_pending === 0 && num_ack_pending === 0;
  }, 60_000);
const expectKeptOnce = async (events: readonly AuditEvent[]): Promise<void> => {
  const kept = await rows<{ leaf_index: string; id: string }>('select leaf_index, id from event order by leaf_index');
  const ids = new Set(kept.map((row) => row.id));
  expect(events.filter((event) => !ids.has(event.id))).toEqual([]);
  expect(ids.size).toBe(kept.length);
  expect(kept.map((row) => Number(row.leaf_index))).toEqual(kept.map((_, position) => position));
};

const size = async (): Promise<number> => Number((await rows<{ size: string }>('select size from log_size'))[0]?.size);

describe('every event is kept exactly once', () => {
  test(
    'when the process is killed again and again in the midst of them',
    async () => {
      const events = someEvents(1_500);
      const publishing = publish(events);
      for (let kill = 0; kill < 3; kill++) {
        const before = await size();
        await eventually(async () => (await size()) > before, patience);
        await stopAudit('SIGKILL');
        await startAudit();
      }
      await publishing;
      await settled();
      await expectKeptOnce(events);
    },
    patience,
  );

  test(
    'when the process is told to stop in the midst of them',
    async () => {
      const events = someEvents(600);
      const before = await size();
      const publishing = publish(events);
      await eventually(async () => (await size()) > before, patience);
      await stopAudit('SIGTERM');
      await startAudit();
      await publishing;
      await settled();
      await expectKeptOnce(events);
    },
    patience,
  );

  test(
    'when the message server is killed and comes back',
    async () => {
      const before = someEvents(200);
      await publish(before);
      process.kill(nats.pid, 'SIGKILL');
      await nats.exited;
      await startServer();
      const after = someEvents(200);
      await eventually(() => publish(after).then(() => true));
      await settled();
      await expectKeptOnce([...before, ...after]);
    },
    patience,
  );

  test(
    'when the process starts before the stream and its consumer are there',
    async () => {
      await stopAudit('SIGTERM');
      await manager.consumers.delete(auditStream, auditConsumer);
      await startAudit();
      const events = someEvents(20);
      await publish(events);
      await ensureStreams(admin);
      await manager.consumers.update(auditStream, auditConsumer, { ack_wait: nanos(ackWaitMilliseconds) });
      // A new consumer begins at the beginning: all that was kept before is delivered again.
      await settled();
      await expectKeptOnce(events);
    },
    patience,
  );

  test(
    'when Postgres is away, and that is said once',
    async () => {
      said = '';
      cable.unplug();
      const events = someEvents(50);
      await publish(events);
      await eventually(() => said.includes('the record cannot be written'), 30_000);
      expect((await inHand()).num_ack_pending).toBe(50);
      cable.plug();
      await settled();
      await expectKeptOnce(events);
      await eventually(() => said.includes('the record is written again'), 30_000);
      expect(said.match(/the record cannot be written/g)).toHaveLength(1);
    },
    patience,
  );

  test(
    'when Postgres stops answering without a word',
    async () => {
      cable.hold();
      const events = someEvents(50);
      await publish(events);
      await eventually(async () => (await inHand()).num_ack_pending === 50, 30_000);
      cable.unplug();
      cable.plug();
      await settled();
      await expectKeptOnce(events);
    },
    patience,
  );

  test(
    'when the fault is the table’s: nothing is put aside for it',
    async () => {
      said = '';
      const before = await rows('select stream_seq from rejected order by stream_seq');
      await rows('alter table event rename to event_elsewhere');
      const events = someEvents(10);
      await publish(events);
      await eventually(() => said.includes('the record cannot be written'), 30_000);
      await rows('alter table event_elsewhere rename to event');
      await settled();
      await expectKeptOnce(events);
      expect(await rows('select stream_seq from rejected order by stream_seq')).toEqual(before);
    },
    patience,
  );
});

describe('what cannot be kept is put aside once, for good, and stops nothing', () => {
  const subject = `audit.${organization}.api-key.api-key.created`;
  const aBody = (given: Partial<OwedEvent> = {}): string => JSON.stringify(toCloudEvent(anEvent(given)));
  const nested = `"a":${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  const someId = newId('evt', now);

  test.each<{ what: string; on?: string; body: string; reason: RegExp }>([
    { what: 'no JSON', body: 'x', reason: /^not JSON$/ },
    { what: 'a subject with a NUL', on: 'audit.a\0b.api-key.api-key.created', body: aBody(), reason: /subject/ },
    { what: 'a body with a NUL', body: 'a\0b', reason: /^not JSON$/ },
    { what: 'an event with a NUL', body: aBody({ details: { a: '\0' } }), reason: /^cannot be stored/ },
    {
      what: 'nesting without end',
      body: aBody({ details: { a: 1 } }).replace('"a":1', nested),
      reason: /^nested too deeply$/,
    },
    { what: 'an id without end', body: aBody().replaceAll(/evt_\w+/g, long('evt')), reason: /^cannot be stored/ },
  ])(
    '$what',
    async ({ on, body, reason }) => {
      const [before, after] = [anEvent(), anEvent()];
      const sending = stream.publish(on ?? subject, body);
      await publish([before, after]);
      await settled();
      await expectKeptOnce([before, after]);
      const { seq } = await sending;
      expect(await rows('select reason from rejected where stream_seq = $1', [seq])).toEqual([
        { reason: expect.stringMatching(reason) as unknown },
      ]);
    },
    patience,
  );

  test(
    'an event under the id of another service’s event; that one stays, and its repeat is still a repeat',
    async () => {
      const owned = { ...anEvent(), id: someId };
      await publish([owned]);
      await settled();
      const told: string[] = [];
      const listening = admin.subscribe('committed.*', {
        callback: (_error, message) =>
          void told.push(...message.json<string[]>().map((id) => `${message.subject} ${id}`)),
      });
      await admin.flush();
      const thief: AuditEvent = { ...anEvent({}, 'identity'), id: someId };
      const put = (event: AuditEvent) => stream.publish(eventSubject(event), JSON.stringify(toCloudEvent(event)));
      const [{ seq }] = await Promise.all([put(thief), put(owned)]);
      await settled();
      await eventually(() => told.length > 0);
      listening.unsubscribe();
      expect(told).toEqual([`committed.api-key ${someId}`]);
      expect(await rows('select body from event where id = $1', [someId])).toEqual([{ body: owned }]);
      expect(await rows('select reason from rejected where stream_seq = $1', [seq])).toEqual([
        { reason: "its id is that of another service's event" },
      ]);
    },
    patience,
  );
});

test('an event whose ids are longer than an index may hold is kept', async () => {
  const event = anEvent({
    resource: { kind: long('kind'), id: long('res') },
    request_id: long('req'),
    actor: { kind: 'user', id: long('usr'), credential_id: long('key') },
  });
  await publish([event]);
  await settled();
  expect(await rows('select body from event where id = $1', [event.id])).toEqual([{ body: event }]);
});

/** Long and hard to compress, so that no index of Postgres takes it. */
function long(word: string): string {
  return `${word}_${randomBytes(6_000).toString('hex')}`;
}
