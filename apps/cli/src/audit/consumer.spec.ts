import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { ensureStreams, publishEvent } from '@portcullis/bus';
import {
  type Action,
  type AuditEvent,
  type CloudEvent,
  completeEvent,
  newId,
  type Service,
} from '@portcullis/contracts';
import { findNatsServer, type RunningNats, startNats } from '@portcullis/embedded';
import { eventually } from '@portcullis/testing';
import { runCommand } from '../../spec/run-command.js';
import { natsAccounts } from '../provision/nats-accounts.js';
import { readOrMakeSecrets, type Secrets } from '../provision/secrets.js';
import { type ReaderCredentials } from './reader.js';

// The home of a stack whose message server runs, as `up` leaves it.
const now = new Date('2026-02-01T00:00:00.000Z');
let home: string;
let secrets: Secrets;
let nats: RunningNats;
let admin: NatsConnection;
const connections: NatsConnection[] = [];
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'portcullis-consumer-'));
  secrets = readOrMakeSecrets(join(home, 'secrets.json'));
  nats = await startNats({
    binary: await findNatsServer(
      join(import.meta.dirname, '../../../../node_modules/.cache/portcullis'),
      () => undefined,
    ),
    users: natsAccounts(secrets.nats),
    storeDirectory: join(home, 'nats'),
    log: () => undefined,
  });
  writeFileSync(join(home, 'ports.json'), JSON.stringify({ nats: nats.port }));
  admin = await connect({ servers: nats.url(), user: 'admin', pass: secrets.nats.admin });
  await ensureStreams(admin);
}, 60_000);
afterEach(async () => {
  await Promise.all(connections.splice(0).map((connection) => connection.close()));
});
afterAll(async () => {
  await admin.close();
  await nats.stop();
  rmSync(home, { recursive: true });
});

const run = (...args: string[]) => runCommand(['audit', 'consumer', ...args], { PORTCULLIS_HOME: home });
async function created(name: string, ...more: string[]): Promise<ReaderCredentials> {
  const ran = await run('create', name, '--output', 'json', ...more);
  expect([ran.code, ran.err]).toEqual([0, '']);
  return JSON.parse(ran.out) as ReaderCredentials;
}
const connected = ({ servers, user, password, inbox_prefix }: ReaderCredentials) =>
  eventually(async () => {
    const connection = await connect({
      servers: [...servers],
      user,
      pass: password,
      inboxPrefix: inbox_prefix,
      reconnect: false,
    });
    connections.push(connection);
    return connection;
  });

const organization = newId('org', now);
const published = async (action: Action = 'api-key.created', service: Service = 'api-key'): Promise<AuditEvent> => {
  const event = completeEvent(
    { organization_id: organization, action, resource: { kind: 'api-key', id: newId('key', now) } },
    { id: newId('evt', now), time: now, service },
  );
  await publishEvent(jetstream(admin), event);
  return event;
};
async function read(credentials: ReaderCredentials, count: number): Promise<CloudEvent[]> {
  const consumer = await jetstream(await connected(credentials)).consumers.get(credentials.stream, credentials.durable);
  const messages = await consumer.fetch({ max_messages: count, expires: 5_000 });
  const events: CloudEvent[] = [];
  for await (const message of messages) {
    events.push(message.json<CloudEvent>());
    message.ack();
  }
  return events;
}

test('a consumer reads what is on the stream, from its start or from now on, and goes on where it ended', async () => {
  const [first, second] = [await published(), await published()];
  const siem = await created('siem');
  const late = await created('late', '--from', 'new');
  expect(siem).toMatchObject({ name: 'siem', stream: 'AUDIT', servers: [nats.url()] });
  expect((await read(siem, 1)).map(({ data }) => data)).toEqual([first]);
  expect((await read(siem, 1)).map(({ data }) => data)).toEqual([second]);
  const third = await published();
  expect((await read(siem, 1)).map(({ data }) => data)).toEqual([third]);
  expect((await read(late, 1)).map(({ data }) => data)).toEqual([third]);
}, 60_000);

test('a consumer reads from a time on, and on the subjects that it was made for', async () => {
  await published();
  const since = new Date();
  const later = await published();
  const denied = await published('request.denied', 'gateway');
  const timed = await created('timed', '--from', since.toISOString());
  expect((await read(timed, 2)).map(({ data }) => data)).toEqual([later, denied]);
  const narrow = await created('filtered', '--subject', 'audit.*.gateway.>');
  expect((await read(narrow, 1)).map(({ data }) => data)).toEqual([denied]);
});

test('beside a server that it did not start, it writes the configuration anew and tells the process', async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'portcullis-consumer-'));
  writeFileSync(join(elsewhere, 'secrets.json'), readFileSync(join(home, 'secrets.json')), { mode: 0o600 });
  const place = ['--server', nats.url(), '--nats-config', join(home, 'nats/nats.conf'), '--nats-pid', String(nats.pid)];
  const beside = (...args: string[]) =>
    runCommand(['audit', 'consumer', ...place, ...args], { PORTCULLIS_HOME: elsewhere });
  const made = await beside('create', 'composed', '--output', 'json');
  expect([made.code, made.err]).toEqual([0, '']);
  const credentials = JSON.parse(made.out) as ReaderCredentials;
  await published();
  expect(await read(credentials, 1)).toHaveLength(1);
  expect((await beside('list')).out).toContain('composed');
  const connection = await connected(credentials);
  expect((await beside('delete', 'composed')).code).toBe(0);
  await connection.closed();
  expect((await run('create', 'x', '--nats-pid', '1')).code).toBe(2);
  rmSync(elsewhere, { recursive: true });
}, 60_000);

test('its password is shown once, and kept for its owner alone', async () => {
  const { password } = await created('once');
  const again = await run('create', 'once');
  expect([again.code, again.out]).toEqual([1, '']);
  expect(again.err).toContain('There is a consumer once');
  expect((await run('list')).out).not.toContain(password);
  expect(statSync(join(home, 'secrets.json')).mode & 0o777).toBe(0o600);
  expect(statSync(join(home, 'nats/nats.conf')).mode & 0o777).toBe(0o600);
});

describe('may do nothing else', () => {
  let narrow: ReaderCredentials;
  beforeAll(async () => {
    narrow = await created('narrow');
    await created('neighbour');
  });

  test.each([
    `audit.${organization}.api-key.api-key.created`,
    'audit.list',
    'identity.installation',
    'api-key.resolve',
    'committed.api-key',
    'access.requests',
    '$JS.API.INFO',
    '$JS.API.STREAM.LIST',
    '$JS.API.STREAM.INFO.AUDIT',
    '$JS.API.STREAM.DELETE.AUDIT',
    '$JS.API.STREAM.PURGE.AUDIT',
    '$JS.API.STREAM.MSG.GET.AUDIT',
    '$JS.API.STREAM.MSG.DELETE.AUDIT',
    '$JS.API.DIRECT.GET.AUDIT',
    '$JS.API.CONSUMER.CREATE.AUDIT',
    '$JS.API.CONSUMER.CREATE.AUDIT.mine',
    '$JS.API.CONSUMER.DURABLE.CREATE.AUDIT.mine',
    '$JS.API.CONSUMER.DELETE.AUDIT.audit',
    '$JS.API.CONSUMER.MSG.NEXT.AUDIT.audit',
    '$JS.API.CONSUMER.MSG.NEXT.AUDIT.consumer-neighbour',
    '$JS.API.CONSUMER.MSG.NEXT.ACCESS.usage',
    '$JS.ACK.AUDIT.audit.1.1.1.1.1',
    '$SYS.REQ.SERVER.PING',
  ])('it may not say %s', async (subject) => {
    const connection = await connected(narrow);
    await expect(connection.request(subject, '{}', { timeout: 3_000 })).rejects.toThrow(/permissions violation/i);
  });

  test.each([
    '>',
    'audit.>',
    'identity.>',
    'api-key.*',
    '_INBOX.>',
    '_INBOX.audit.>',
    '_INBOX.audit-consumer-neighbour.>',
    '$JS.>',
    '$SYS.>',
  ])('it may not hear %s', async (subject) => {
    const connection = await connected(narrow);
    const refused = new Promise<string>((resolve) => {
      connection.subscribe(subject, { callback: (error) => void (error && resolve(error.message)) });
    });
    expect(await refused).toMatch(/permissions violation/i);
  });
});

test('one that is deleted is refused from then on, and others stay connected', async () => {
  const [gone, stays] = [await created('gone'), await created('stays')];
  const [leaving, staying] = [await connected(gone), await connected(stays)];
  expect((await run('delete', 'gone')).code).toBe(0);
  await leaving.closed();
  const { servers, user, password } = gone;
  await expect(connect({ servers: [...servers], user, pass: password, reconnect: false })).rejects.toThrow(
    /authorization/i,
  );
  expect(staying.isClosed()).toBe(false);
  expect(await read(stays, 1)).toHaveLength(1);
  expect((await run('delete', 'gone')).err).toContain('There is no consumer gone');
}, 30_000);

test.each([
  [['create']],
  [['create', 'Not_A_Name']],
  [['make', 'x']],
  [['create', 'x', 'y']],
  [['create', 'x', '--from', 'soon']],
  [['create', 'x', '--subject', '>']],
  [['create', 'x', '--subject', 'audit.list']],
  [['create', 'x', '--subject', 'checkpoints.audit']],
  [['create', 'x', '--subject', 'audit.*.gateway.a b.c']],
])('%j is not understood', async (args) => {
  expect((await run(...args)).code).toBe(2);
});

test('without a stack it says which home to give', async () => {
  const ran = await runCommand(['audit', 'consumer', 'create', 'x'], { PORTCULLIS_HOME: join(home, 'nowhere') });
  expect([ran.code, ran.out]).toEqual([1, '']);
  expect(ran.err).toContain('set PORTCULLIS_HOME');
});
