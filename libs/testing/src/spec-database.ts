import { randomBytes } from 'node:crypto';
import { type AuditEvent, eventFaults } from '@portcullis/contracts';
import { Database, type DatabaseOptions } from '@portcullis/persistence';
import { Client } from 'pg';
import { postgresVariable } from './servers.js';

export interface SpecDatabase {
  database: Database;
  /** Connects as the service's own role. */
  url: string;
  /** Closes and drops it. Rejects if an event that waits there is not what the schema of its type says. */
  drop(): Promise<void>;
}

/**
 * A fresh database of one service for one spec file, with its schema and login role as in production. `now` is the clock
 * that the service sees. `madeUp`: its events are of the spec's making, and need not be what a service would write.
 */
export async function specDatabase(
  options: Omit<DatabaseOptions, 'url'>,
  { madeUp = false }: { madeUp?: boolean } = {},
): Promise<SpecDatabase> {
  const name = `spec_${randomBytes(8).toString('hex')}`;
  await asSuperuser('postgres', [`create role ${name} login password 'spec'`, `create database ${name}`]);
  await asSuperuser(name, [`create schema ${options.schema} authorization ${name}`]);
  const url = new URL(serverUrl());
  url.username = name;
  url.password = 'spec';
  url.pathname = `/${name}`;
  const database = await Database.open({ connections: 5, ...options, url: url.href });
  return {
    database,
    url: url.href,
    drop: async () => {
      await database.close();
      const waiting = madeUp ? [] : await asSuperuser(name, [`select event from ${options.schema}.outbox`]);
      await asSuperuser('postgres', [`drop database ${name} with (force)`, `drop role ${name}`]);
      const faults = new Set(waiting.flatMap(({ event }) => eventFaults(event as AuditEvent)));
      if (faults.size > 0) throw new Error(`Events are not what their schemas say:\n${[...faults].join('\n')}`);
    },
  };
}

/**
 * The outbox as it is when `audit` has long been away: as many events as a service may owe, and the service knows it. Answers how to
 * empty it again.
 */
export async function fillOutbox(database: Database): Promise<() => Promise<void>> {
  const filler = 'filler';
  await database.read((manager) =>
    manager.query(
      `insert into outbox (id, event, due_at) select $1 || n, '{}', 'infinity' from generate_series(1, 100000) n`,
      [filler],
    ),
  );
  await database.outbox.depth();
  return async () => {
    await database.read((manager) => manager.query(`delete from outbox where id like $1 || '%'`, [filler]));
    await database.outbox.depth();
  };
}

/** Answers the rows of the last statement. */
async function asSuperuser(database: string, statements: readonly string[]): Promise<Record<string, unknown>[]> {
  const url = new URL(serverUrl());
  url.pathname = `/${database}`;
  const client = new Client({ connectionString: url.href });
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) ({ rows } = await client.query<Record<string, unknown>>(statement));
    return rows;
  } finally {
    await client.end();
  }
}

function serverUrl(): string {
  const url = process.env[postgresVariable];
  if (!url) throw new Error('No Postgres for specs: run them through the jest configuration at the root.');
  return url;
}
