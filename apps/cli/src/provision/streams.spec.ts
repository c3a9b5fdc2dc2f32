import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type NatsConnection } from '@nats-io/transport-node';
import { findNatsServer, freePort, startNats, type NatsServer, type RunningNats } from '@portcullis/embedded';
import { services } from '@portcullis/contracts';
import { externalBus } from '../up/message-bus.js';
import { writeComposeFiles } from './compose-files.js';
import { natsAccounts } from './nats-accounts.js';
import { connectToNats, natsUrlAs } from './nats-connection.js';
import { readOrMakeSecrets } from './secrets.js';
import { provisionStreams } from './streams.js';

let folder: string;
let binary: NatsServer;
let server: RunningNats;
let admin: NatsConnection;
const secretsFile = () => join(folder, 'secrets.json');
const connections: NatsConnection[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-streams-'));
  binary = await findNatsServer(
    join(import.meta.dirname, '../../../../node_modules/.cache/portcullis'),
    () => undefined,
  );
  const secrets = readOrMakeSecrets(secretsFile());
  server = await startNats({
    binary,
    users: natsAccounts(secrets.nats),
    storeDirectory: join(folder, 'nats'),
    log: () => undefined,
  });
  admin = await as('admin');
}, 120_000);
afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await server.stop();
  rmSync(folder, { recursive: true });
});

async function as(user: 'admin' | (typeof services)[number]) {
  const { nats } = readOrMakeSecrets(secretsFile());
  const connection = await connectToNats(natsUrlAs(server.url(), user, nats[user]), { inboxPrefix: `_INBOX.${user}` });
  connections.push(connection);
  return connection;
}

test('the streams are made as the services need them, again and again', async () => {
  for (let n = 0; n < 2; n++) await provisionStreams(admin);
  const manager = await jetstreamManager(admin);
  expect((await manager.streams.info('AUDIT')).config).toMatchObject({
    subjects: ['audit.*.*.*.*'],
    storage: 'file',
    deny_delete: true,
    deny_purge: true,
    max_age: 0,
    discard: 'new',
    duplicate_window: 120e9,
  });
  expect((await manager.streams.info('ACCESS')).config).toMatchObject({
    max_age: 24 * 3600e9,
    max_bytes: 2 ** 30,
    discard: 'old',
    retention: 'limits',
    subjects: ['access.requests'],
  });
  for (const [stream, consumer, inHand] of [
    ['AUDIT', 'audit', 2000],
    ['ACCESS', 'usage', 1000],
  ] as const) {
    expect((await manager.consumers.info(stream, consumer)).config).toMatchObject({
      ack_policy: 'explicit',
      max_ack_pending: inHand,
    });
  }
});

test('a consumer of a version that had fewer messages in hand has as many as this one', async () => {
  await provisionStreams(admin);
  const manager = await jetstreamManager(admin);
  await manager.consumers.update('AUDIT', 'audit', { max_ack_pending: 500 });
  await provisionStreams(admin);
  expect((await manager.consumers.info('AUDIT', 'audit')).config.max_ack_pending).toBe(2000);
});

test('a stream that was changed is brought back, with what it holds', async () => {
  await provisionStreams(admin);
  const manager = await jetstreamManager(admin);
  await jetstream(admin).publish('access.requests');
  await manager.streams.update('ACCESS', { max_age: 1e9 * 3600 });
  await provisionStreams(admin);
  const { config, state } = await manager.streams.info('ACCESS');
  expect([config.max_age, state.messages]).toEqual([24 * 3600e9, 1]);
});

test('AUDIT keeps a message as long as audit keeps what it says, and for ever again without a term', async () => {
  const manager = await jetstreamManager(admin);
  const maxAge = async () => (await manager.streams.info('AUDIT')).config.max_age;
  for (const auditDays of [90, 365]) {
    await provisionStreams(admin, { auditDays });
    expect(await maxAge()).toBe(auditDays * 24 * 3600e9);
  }
  await provisionStreams(admin);
  expect(await maxAge()).toBe(0);
});

test('what is in AUDIT can be neither deleted nor purged, by the administrator either', async () => {
  await provisionStreams(admin);
  const manager = await jetstreamManager(admin);
  const { seq } = await jetstream(admin).publish('audit.organization.service.noun.done');
  await expect(manager.streams.deleteMessage('AUDIT', seq)).rejects.toThrow(/delete not permitted/i);
  await expect(manager.streams.purge('AUDIT')).rejects.toThrow(/purge not permitted/i);
});

test('a service publishes its own events, and can neither read nor change a stream', async () => {
  await provisionStreams(admin);
  const identity = await as('identity');
  await jetstream(identity).publish('audit.org.identity.user.created');
  await expect(jetstream(identity).publish('audit.org.api-key.key.revoked')).rejects.toThrow(/permissions violation/i);
  await expect(identity.request('$JS.API.STREAM.INFO.AUDIT')).rejects.toThrow(/permissions violation/i);
});

test('only gateways say what was answered, and only api-key hears it', async () => {
  await provisionStreams(admin);
  const [gateway, apiKey, audit] = [await as('gateway'), await as('api-key'), await as('audit')];
  await (await jetstreamManager(admin)).streams.purge('ACCESS');
  await jetstream(gateway).publish('access.requests', 'a batch');
  await expect(jetstream(apiKey).publish('access.requests')).rejects.toThrow(/permissions violation/i);
  const consumer = await jetstream(apiKey).consumers.get('ACCESS', 'usage');
  const message = await consumer.next({ expires: 5_000 });
  expect(message?.string()).toBe('a batch');
  message?.ack();
  await expect(gateway.request('$JS.API.CONSUMER.INFO.ACCESS.usage')).rejects.toThrow(/permissions violation/i);
  await expect(audit.request('$JS.API.CONSUMER.INFO.ACCESS.usage')).rejects.toThrow(/permissions violation/i);
  await expect(apiKey.request('$JS.API.CONSUMER.DELETE.ACCESS.usage')).rejects.toThrow(/permissions violation/i);
  await expect(apiKey.request('$JS.API.CONSUMER.INFO.AUDIT.audit')).rejects.toThrow(/permissions violation/i);
});

describe('a server that is there already', () => {
  test('that knows the services is used with a user for each', async () => {
    const secrets = readOrMakeSecrets(secretsFile());
    const said: string[] = [];
    const bus = await externalBus(natsUrlAs(server.url(), 'admin', secrets.nats.admin), secrets, (line) =>
      said.push(line),
    );
    expect(services.map((service) => new URL(bus.urls[service]).username)).toEqual([...services]);
    expect(new URL(bus.guardUrl ?? '').username).toBe('guard');
    expect(said).toHaveLength(1);
  });

  test('that knows nobody is used as it is, and whose job the permissions are is said', async () => {
    const url = await aPlainServer(['-js', '-sd', mkdtempSync(join(folder, 'plain-'))]);
    const said: string[] = [];
    const bus = await externalBus(url, readOrMakeSecrets(secretsFile()), (line) => said.push(line));
    expect(new Set(Object.values(bus.urls))).toEqual(new Set([url]));
    expect(said.at(-1)).toMatch(/for you to limit/);
    // Whatever that URL may do, another team's service must not get it.
    expect(bus.guardUrl).toBeNull();
  });

  test('without JetStream is refused in one sentence', async () => {
    const url = await aPlainServer([]);
    await expect(externalBus(url, readOrMakeSecrets(secretsFile()), () => undefined)).rejects.toThrow(
      /has no JetStream/,
    );
  });

  test('that is away is refused in one sentence', async () => {
    const url = `nats://me:hunter2@127.0.0.1:${await freePort()}`;
    const refusal = externalBus(url, readOrMakeSecrets(secretsFile()), () => undefined);
    await expect(refusal).rejects.toThrow(/NATS_URL cannot be reached/);
    await expect(refusal).rejects.not.toThrow(/hunter2/);
  });
});

describe('the files of docker-compose.yml', () => {
  const write = (place: string, env = {}) => {
    const said: string[] = [];
    writeComposeFiles(place, env, (line) => said.push(line));
    return said;
  };

  test('a real server accepts the configuration', async () => {
    const place = join(folder, 'compose-a');
    write(place);
    const config = join(place, 'nats/nats.conf');
    // 2.9 does not know the word for flushing each message; the image of the compose file does.
    if (binary.version[1] < 10) {
      writeFileSync(`${config}.old`, readFileSync(config, 'utf8').replace(/,\s*"sync_interval": "always"/, ''));
    }
    const child = spawn(binary.path, ['-t', '-c', binary.version[1] < 10 ? `${config}.old` : config], {
      stdio: 'ignore',
    });
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
  });

  test('each container finds its own and nothing else, and a repeat changes nothing', () => {
    const place = join(folder, 'compose-b');
    expect(write(place)).toEqual([
      expect.stringMatching(/^First administrator: admin@portcullis.local, password \S{20} /),
    ]);
    const files = () =>
      Object.fromEntries(readdirSync(place).map((name) => [name, readdirSync(join(place, name)).sort()]));
    expect(files()).toEqual({
      'api-key': ['database-url', 'key-encryption-key', 'nats-url'],
      'client-registry': ['database-url', 'nats-url'],
      audit: ['database-url', 'key-encryption-key', 'nats-url'],
      gateway: ['nats-url', 'token-encryption-key'],
      guard: ['guard.json'],
      identity: ['database-url', 'first-admin-password', 'key-encryption-key', 'nats-url', 'token-encryption-key'],
      nats: ['nats.conf'],
      postgres: ['password'],
      provision: ['database-url', 'nats-url', 'secrets.json'],
    });
    expect(statSync(join(place, 'identity/key-encryption-key')).mode & 0o777).toBe(0o400);
    const guard = JSON.parse(readFileSync(join(place, 'guard/guard.json'), 'utf8')) as Record<string, unknown>;
    expect(guard).toMatchObject({ servers: ['nats://nats:4222'], user: 'guard', issuer: 'http://127.0.0.1:8080' });
    const before = readFileSync(join(place, 'identity/database-url'), 'utf8');
    expect(write(place)).toEqual([]);
    expect(readFileSync(join(place, 'identity/database-url'), 'utf8')).toBe(before);
  });

  test('secrets that were made before there were guards get one for them, once, and keep the rest', () => {
    const place = join(folder, 'older.json');
    const { nats, ...rest } = readOrMakeSecrets(place);
    const { guard, ...older } = nats;
    writeFileSync(place, JSON.stringify({ ...rest, nats: older }));
    const mended = readOrMakeSecrets(place);
    expect(mended).toEqual({ ...rest, nats: { ...older, guard: expect.stringMatching(/^[\w-]{32}$/) as string } });
    expect(mended.nats.guard).not.toBe(guard);
    expect(readOrMakeSecrets(place)).toEqual(mended);
  });

  test('damaged secrets are refused, never replaced', () => {
    const place = join(folder, 'compose-c');
    mkdirSync(join(place, 'provision'), { recursive: true });
    writeFileSync(join(place, 'provision/secrets.json'), '{"version":1');
    expect(() => write(place)).toThrow(/nothing can replace/);
    expect(readFileSync(join(place, 'provision/secrets.json'), 'utf8')).toBe('{"version":1');
  });
});

const plain: ReturnType<typeof spawn>[] = [];
afterAll(() => plain.forEach((child) => child.kill()));

/** A nats-server without users, as an operator may have one. */
async function aPlainServer(args: string[]): Promise<string> {
  const port = await freePort();
  const child = spawn(binary.path, ['-a', '127.0.0.1', '-p', String(port), ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  plain.push(child);
  await new Promise<void>((resolve) => {
    let text = '';
    child.stderr?.on('data', (part: Buffer) => {
      if (/Server is ready/.test((text += part.toString()))) resolve();
    });
  });
  return `nats://127.0.0.1:${port}`;
}
