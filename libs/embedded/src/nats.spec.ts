import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import {
  EmbeddedFault,
  findNatsServer,
  identityOf,
  isAlive,
  startNats,
  type NatsServer,
  type NatsUser,
  type RunningNats,
} from './index.js';

const everything = { allow: ['>'] };
const users: NatsUser[] = [
  { user: 'admin', password: '$a"d\\min', publish: everything, subscribe: everything },
  { user: 'narrow', password: 'n', publish: { allow: ['mine.>'] }, subscribe: { allow: ['_INBOX.narrow.>'] } },
  { user: 'mute', password: 'm', publish: { allow: [] }, subscribe: { allow: ['_INBOX.mute.>'] } },
  { user: 'answerer', password: 'a', publish: { allow: [] }, subscribe: { allow: ['ask'] }, allowResponses: true },
];
const [admin, narrow, mute, answerer] = users as [NatsUser, NatsUser, NatsUser, NatsUser];

let binary: NatsServer;
let storeDirectory: string;
let server: RunningNats;
const connections: NatsConnection[] = [];
const said: string[] = [];

beforeAll(async () => {
  binary = await findNatsServer(join(import.meta.dirname, '../../../node_modules/.cache/portcullis'), () => undefined);
  storeDirectory = mkdtempSync(join(tmpdir(), 'portcullis-nats-'));
  server = await start();
}, 120_000);
afterEach(async () => {
  await Promise.all(connections.splice(0).map((connection) => connection.close()));
});
afterAll(async () => {
  await server.stop();
  rmSync(storeDirectory, { recursive: true });
});

const start = (port?: number) =>
  startNats({ binary, users, storeDirectory, log: (line) => said.push(line), ...(port ? { port } : {}) });
const as = async (user: NatsUser, inboxPrefix = `_INBOX.${user.user}`) => {
  const connection = await connect({ servers: server.url(), user: user.user, pass: user.password, inboxPrefix });
  connections.push(connection);
  return connection;
};

test('nobody connects without a password, nor with a wrong one', async () => {
  await expect(connect({ servers: server.url(), reconnect: false })).rejects.toThrow(/authorization/i);
  await expect(as({ ...narrow, password: 'x' })).rejects.toThrow(/authorization/i);
});

test('the URL of a user carries a password of any characters', async () => {
  const url = new URL(server.url(admin)); // the client itself does not read credentials from a URL
  const connection = await connect({ servers: url.host, user: url.username, pass: decodeURIComponent(url.password) });
  await connection.close();
});

test('a user publishes to its own subjects and no others; an empty list allows nothing', async () => {
  const connection = await as(narrow);
  await expect(connection.request('mine.x')).rejects.toThrow(/no responders/i);
  await expect(connection.request('theirs.x')).rejects.toThrow(/permissions violation/i);
  await expect((await as(mute)).request('mine.x')).rejects.toThrow(/permissions violation/i);
});

test('a user that may publish nothing still answers what it was asked', async () => {
  const responder = await as(answerer);
  responder.subscribe('ask', { callback: (_, message) => void message.respond('yes') });
  await responder.flush();
  expect((await (await as(admin)).request('ask')).string()).toBe('yes');
});

test('the configuration, which holds passwords, is for its owner alone', () => {
  expect(statSync(join(storeDirectory, 'nats.conf')).mode & 0o777).toBe(0o600);
});

test('a second start finds the messages of the first, and an orphan is stopped before', async () => {
  const connection = await as(admin);
  await (await jetstreamManager(connection)).streams.add({ name: 'KEPT', subjects: ['kept'] });
  await jetstream(connection).publish('kept', 'this');
  const orphan = identityOf(server.pid)!;
  const record = join(storeDirectory, 'process');
  const value = JSON.parse(readFileSync(record, 'utf8')) as { owner: { started: string } };
  value.owner.started = 'before'; // as if the run that wrote it were gone
  writeFileSync(record, JSON.stringify(value));

  said.length = 0;
  await connection.close();
  server = await start();
  expect(isAlive(orphan)).toBe(false);
  expect(said).toEqual([expect.stringContaining('earlier run left behind')]);
  const manager = await jetstreamManager(await as(admin));
  expect((await manager.streams.info('KEPT')).state.messages).toBe(1);
});

test('a store that a live run uses is refused', async () => {
  await expect(start()).rejects.toMatchObject({ code: 'in-use' });
});

test('a port that is taken is refused in one sentence that names it', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-nats-'));
  try {
    await expect(startNats({ binary, users, storeDirectory: folder, port, log: () => undefined })).rejects.toEqual(
      new EmbeddedFault('port-taken', `Port ${port} is taken: nats-server cannot listen on it.`),
    );
  } finally {
    other.close();
    rmSync(folder, { recursive: true });
  }
});
