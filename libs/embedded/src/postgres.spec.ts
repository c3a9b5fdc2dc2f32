import { chmodSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { EmbeddedFault, identityOf, isAlive, startPostgres, type RunningPostgres } from './index.js';

let home: string;
let dataDirectory: string;
const running: RunningPostgres[] = [];
const said: string[] = [];

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'portcullis-pg-'));
  chmodSync(home, 0o755); // as root, Postgres runs as another user, who must be able to get here
  mkdirSync(join(home, 'open'), { mode: 0o755 });
  dataDirectory = join(home, 'open', 'postgres');
});
afterAll(async () => {
  await Promise.all(running.map((server) => server.stop()));
  for (const place of [...elsewhere(), home]) rmSync(place, { recursive: true, force: true });
});

const start = async (options: { port?: number; dataDirectory?: string } = {}) => {
  const server = await startPostgres({
    dataDirectory,
    password: 'p@ss/word',
    durable: false,
    log: (line) => said.push(line),
    ...options,
  });
  running.push(server);
  return server;
};

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows.map((row) => Object.values(row)[0]);
  } finally {
    await client.end();
  }
}

/** Where root's Postgres keeps data that it could not keep in the home. */
function elsewhere(): string[] {
  return running.map((server) => server.dataDirectory).filter((path) => path.startsWith('/var/lib/portcullis/'));
}

test('a second start finds the data of the first', async () => {
  const first = await start();
  await query(first.url(), 'create table kept as select 42 as answer');
  await first.stop();
  await first.exited;
  expect(identityOf(first.pid)).toBeNull();

  const second = await start();
  expect(await query(second.url(), 'select answer from kept')).toEqual([42]);
  expect(await query(second.url('template1'), 'select current_database()')).toEqual(['template1']);
  await second.stop();
});

test('as root in a folder that only root may enter, it runs all the same and keeps its data', async () => {
  const closed = join(home, 'closed');
  mkdirSync(closed, { mode: 0o700 });
  const first = await start({ dataDirectory: join(closed, 'postgres') });
  await query(first.url(), 'create table kept as select 1 as answer');
  await first.stop();
  const second = await start({ dataDirectory: join(closed, 'postgres') });
  expect(second.dataDirectory).toBe(first.dataDirectory);
  expect(await query(second.url(), 'select answer from kept')).toEqual([1]);
  await second.stop();
});

test('data that a live run uses is refused', async () => {
  const server = await start();
  await expect(start()).rejects.toMatchObject({
    code: 'in-use',
    message: expect.stringContaining(`process ${process.pid}`) as unknown,
  });
  await server.stop();
});

test('what a killed run left behind is stopped, and its committed rows are there', async () => {
  const orphan = await start();
  await query(orphan.url(), 'create table committed as select 7 as answer');
  const identity = identityOf(orphan.pid)!;
  disown(`${dataDirectory}.process`);

  said.length = 0;
  const next = await start();
  expect(isAlive(identity)).toBe(false);
  expect(said).toEqual([expect.stringContaining('earlier run left behind')]);
  expect(await query(next.url(), 'select answer from committed')).toEqual([7]);
  await next.stop();
});

test('a pid file that names some other process does not keep it from starting', async () => {
  writeFileSync(join((await start()).dataDirectory, 'note'), ''); // where the data is
  const server = running.at(-1)!;
  await server.stop();
  writeFileSync(join(server.dataDirectory, 'postmaster.pid'), `${process.pid}\n`);
  await (await start()).stop();
});

describe('a port that is taken', () => {
  let other: Server;
  let port: number;
  beforeAll(async () => {
    other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    port = (other.address() as { port: number }).port;
  });
  afterAll(() => other.close());

  test('is refused in one sentence that names it', async () => {
    await expect(start({ port })).rejects.toEqual(
      new EmbeddedFault('port-taken', `Port ${port} is taken: Postgres cannot listen on it.`),
    );
  });

  test('leaves nothing running: the next start works', async () => {
    await (await start()).stop();
  });
});

test('files that are no Postgres data are never touched', async () => {
  const folder = join(home, 'open', 'other');
  mkdirSync(folder, { mode: 0o755 });
  writeFileSync(join(folder, 'thesis.txt'), 'years of work');
  await expect(start({ dataDirectory: folder })).rejects.toThrow(/holds files but no Postgres data/);
  expect(readFileSync(join(folder, 'thesis.txt'), 'utf8')).toBe('years of work');
});

/** Makes the record look as if the run that wrote it were gone. */
function disown(record: string): void {
  const value = JSON.parse(readFileSync(record, 'utf8')) as { owner: { started: string } };
  value.owner.started = 'before';
  writeFileSync(record, JSON.stringify(value));
}
