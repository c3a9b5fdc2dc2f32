import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres, type RunningPostgres } from '@portcullis/embedded';
import pg from 'pg';
import { type DatabaseService, provisionDatabase, roleOf, urlAs } from './database.js';
import { scramVerifier } from './scram.js';

let folder: string;
let server: RunningPostgres;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-provision-'));
  chmodSync(folder, 0o755);
  server = await startPostgres({
    dataDirectory: join(folder, 'postgres'),
    password: 'root',
    durable: false,
    log: () => undefined,
  });
}, 60_000);
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const passwords = { identity: 'i', 'api-key': 'k', 'client-registry': 'c', audit: 'a' };
let made = 0;

async function query(url: string, ...statements: string[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const text of statements) rows = (await client.query<Record<string, unknown>>(text)).rows;
    return rows;
  } finally {
    await client.end();
  }
}

/** A database of its own, owned by a user of its own with these attributes. */
async function aDatabase({ attributes = '', grants = '' } = {}) {
  const name = `db${++made}`;
  await query(server.url(), `create role owner_${name} login password 'o' ${attributes}`, `create database ${name}`);
  if (grants) await query(server.url(name), grants.replaceAll('$owner', `owner_${name}`).replaceAll('$db', name));
  return { name, asSuperuser: server.url(name), asOwner: urlAs(server.url(name), `owner_${name}`, 'o') };
}
const as = (url: string, database: string, service: DatabaseService) =>
  urlAs(url, roleOf(service, database), passwords[service]);

const ordinaryOwner = { attributes: 'createrole', grants: 'grant create on database $db to $owner' };

test.each([
  ['a superuser', {}, 'asSuperuser' as const],
  ['a user with CREATEROLE and CREATE', ordinaryOwner, 'asOwner' as const],
])('%s gives each service a schema that only it can use, again and again', async (_, kind, who) => {
  const database = await aDatabase(kind);
  const url = database[who];
  for (let n = 0; n < 2; n++) await provisionDatabase(url, passwords);

  const identity = as(url, database.name, 'identity');
  expect(await query(identity, 'create table kept as select 1 as n', 'select current_schema() as schema')).toEqual([
    { schema: 'identity' },
  ]);
  const audit = as(url, database.name, 'audit');
  await expect(query(audit, 'select * from identity.kept')).rejects.toThrow(/permission denied for schema identity/);
  await expect(query(audit, 'create schema mine')).rejects.toThrow(/permission denied/);
  await expect(query(audit, 'create role mine')).rejects.toThrow(/permission denied/);
  await provisionDatabase(url, passwords); // and what is there stays
  expect(await query(identity, 'select n from kept')).toEqual([{ n: 1 }]);
});

test('a database of our own loses what PUBLIC has by default', async () => {
  const { name, asSuperuser } = await aDatabase();
  await provisionDatabase(asSuperuser, passwords, { ours: true });
  await query(server.url(), `create role stranger_${name} login password 's'`);
  await expect(query(urlAs(asSuperuser, `stranger_${name}`, 's'), 'select 1')).rejects.toThrow(
    /permission denied for database/,
  );
  expect(await query(as(asSuperuser, name, 'audit'), 'select 1 as n')).toEqual([{ n: 1 }]);
});

test('passwords follow the secrets', async () => {
  const { name, asSuperuser } = await aDatabase();
  await provisionDatabase(asSuperuser, passwords);
  await provisionDatabase(asSuperuser, { ...passwords, audit: 'changed' });
  await expect(query(as(asSuperuser, name, 'audit'), 'select 1')).rejects.toThrow(/password authentication failed/);
});

test('two at once wait for each other', async () => {
  const { asSuperuser } = await aDatabase();
  await Promise.all([1, 2, 3].map(() => provisionDatabase(asSuperuser, passwords)));
});

test('two databases of one server have roles of their own, however long their names', () => {
  const long = 'x'.repeat(60);
  const names = ['a', 'b', `${long}1`, `${long}2`].map((database) => roleOf('client-registry', database));
  expect(new Set(names).size).toBe(4);
  expect(Math.max(...names.map((name) => name.length))).toBeLessThanOrEqual(63);
});

describe('refusals, each one sentence', () => {
  test('a user without CREATEROLE', async () => {
    const { asOwner } = await aDatabase({ grants: 'grant create on database $db to $owner' });
    await expect(provisionDatabase(asOwner, passwords)).rejects.toThrow(/may not create roles.*give it CREATEROLE/);
  });

  test('a user without CREATE on the database', async () => {
    const { asOwner } = await aDatabase({ attributes: 'createrole' });
    await expect(provisionDatabase(asOwner, passwords)).rejects.toThrow(
      /may not create schemas in the database db\d+: grant it CREATE/,
    );
  });

  test('a schema of somebody else', async () => {
    const { asSuperuser } = await aDatabase();
    await query(asSuperuser, 'create schema audit');
    await expect(provisionDatabase(asSuperuser, passwords)).rejects.toThrow(/schema audit .* belongs to postgres/);
  });

  test('roles that another user made', async () => {
    const { name, asOwner } = await aDatabase(ordinaryOwner);
    await query(server.url(), `create role ${roleOf('identity', name)}`);
    await expect(provisionDatabase(asOwner, passwords)).rejects.toThrow(
      /Connect as a superuser, or as the user that prepared it/,
    );
  });

  test('a wrong password, which is not repeated', async () => {
    const url = urlAs(server.url(), 'postgres', 'hunter2');
    await expect(provisionDatabase(url, passwords)).rejects.toThrow(
      'The database of DATABASE_URL cannot be reached: it refuses the user or the password.',
    );
  });
});

test('the verifier of a password is the one that Postgres itself would store', async () => {
  await query(server.url(), `create role scram login password 'plain ascii'`);
  const [row] = await query(server.url(), `select rolpassword as stored from pg_authid where rolname = 'scram'`);
  const stored = row?.['stored'] as string;
  const [, iterations = '', salt = ''] = /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(stored) ?? [];
  expect(scramVerifier('plain ascii', Buffer.from(salt, 'base64'), Number(iterations))).toBe(stored);
});
