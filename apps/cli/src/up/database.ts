import { startPostgres, type Log } from '@portcullis/embedded';
import type pg from 'pg';
import { Refused } from '../command.js';
import { connectTo, databaseServices, provisionDatabase, urlAs, type DatabaseService } from '../provision/database.js';
import { type Secrets } from '../provision/secrets.js';
import { notablePostgresLine } from './child-log.js';
import { type Home } from './home.js';
import { keepServer } from './kept-server.js';
import { logFile } from './log-file.js';

/** A database that is prepared: what each service connects with, and how to let go of it. */
export interface PreparedDatabase {
  readonly urls: Readonly<Record<DatabaseService, string>>;
  readonly stop: () => Promise<void>;
}

/** Starts Postgres in the home, makes the database `portcullis` and prepares it. */
export async function embeddedDatabase(home: Home, secrets: Secrets, say: Log): Promise<PreparedDatabase> {
  const password = secrets.postgres.superuser;
  const keep = logFile(home.file('logs', 'postgres.log'));
  const output = (line: string) => {
    keep(line);
    if (notablePostgresLine(line)) say(`postgres: ${line}`);
  };
  say('Starting Postgres.');
  const kept = await keepServer(
    'Postgres',
    (port) =>
      startPostgres({
        dataDirectory: home.file('postgres'),
        password,
        durable: true,
        log: say,
        output,
        ...(port ? { port } : {}),
      }),
    await home.lastPort('postgres'),
    say,
  );
  try {
    home.rememberPort('postgres', kept.first.port);
    const url = kept.first.url(embeddedName);
    await makeDatabase(kept.first.url('postgres'), home);
    const { roles } = await provisionDatabase(url, secrets.postgres, { ours: true });
    return { urls: serviceUrls(url, roles, secrets), stop: kept.stop };
  } catch (error) {
    await kept.stop();
    throw error;
  }
}

/**
 * Prepares the database of `url` and holds an advisory lock on it: a second stack on one database would give the roles other
 * passwords. `onLost` hears if another one took it while the connection was away.
 */
export async function externalDatabase(
  url: string,
  secrets: Secrets,
  say: Log,
  onLost: (why: string) => void,
): Promise<PreparedDatabase> {
  say('Preparing the database of DATABASE_URL.');
  const lock = await holdLock(url, say, onLost);
  try {
    const { roles } = await provisionDatabase(url, secrets.postgres);
    return { urls: serviceUrls(url, roles, secrets), stop: () => lock.release() };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

const embeddedName = 'portcullis';

async function makeDatabase(url: string, home: Home): Promise<void> {
  let client: pg.Client;
  try {
    client = await connectTo(url);
  } catch {
    throw new Refused(
      `The data in ${home.file('postgres')} was made with other secrets than ${home.file('secrets.json')}: restore both from one backup, or move the folder away to start anew.`,
    );
  }
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [embeddedName]);
    if (!rowCount) await client.query(`create database ${embeddedName}`);
  } finally {
    await client.end();
  }
}

function serviceUrls(
  url: string,
  roles: Record<DatabaseService, string>,
  secrets: Secrets,
): Record<DatabaseService, string> {
  const entries = databaseServices.map((service) => [service, urlAs(url, roles[service], secrets.postgres[service])]);
  return Object.fromEntries(entries) as Record<DatabaseService, string>;
}

/** Locks of a session: Postgres lets go of them when the connection ends, so none outlives a stack that was killed. */
async function holdLock(url: string, say: Log, onLost: (why: string) => void): Promise<{ release(): Promise<void> }> {
  let released = false;
  let client = await lockOnce(url);
  const keep = (held: pg.Client) => {
    held.once('end', () => {
      if (!released) void again();
    });
  };
  const again = async () => {
    say('The connection that holds the lock on the database was lost: taking it again.');
    while (!released) {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      try {
        client = await lockOnce(url);
        return keep(client);
      } catch (error) {
        if (error instanceof InUse) return onLost(error.message);
      }
    }
  };
  keep(client);
  return {
    release: async () => {
      released = true;
      await client.end().catch(() => undefined);
    },
  };
}

class InUse extends Refused {}

async function lockOnce(url: string): Promise<pg.Client> {
  const client = await connectTo(url);
  const { rows } = await client.query<{ held: boolean }>('select pg_try_advisory_lock($1, $2) as held', stackLock);
  if (rows[0]?.held) return client;
  await client.end();
  throw new InUse('The database of DATABASE_URL is in use by another stack: stop that one, or use another database.');
}

const stackLock = [0x706f7274, 0x63756c6c]; // "port", "cull"
