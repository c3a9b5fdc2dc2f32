import { createHash } from 'node:crypto';
import pg from 'pg';
import { Refused } from '../command.js';
import { scramVerifier } from './scram.js';

/** The services that keep records, each in a schema of its own. */
export const databaseServices = ['identity', 'api-key', 'client-registry', 'audit'] as const;
export type DatabaseService = (typeof databaseServices)[number];

/** The schema of a service: its name, as an identifier that needs no quotes. */
export function schemaOf(service: DatabaseService): string {
  return service.replaceAll('-', '_');
}

/** The login role of a service. Roles belong to a whole server, so the database is in the name: two stacks may share one. */
export function roleOf(service: DatabaseService, database: string): string {
  const name = `portcullis_${database}_${schemaOf(service)}`;
  if (Buffer.byteLength(name) <= 63) return name; // longer identifiers Postgres would cut, and two could become one
  return `portcullis_${createHash('sha256').update(database).digest('hex').slice(0, 12)}_${schemaOf(service)}`;
}

/**
 * Gives every service its schema and its login role in the database of `url`, and nothing beyond: a role owns its schema,
 * finds nothing else, and has the password given. Idempotent; two at a time wait for each other.
 *
 * `ours` says that the database exists for Portcullis alone: PUBLIC then loses what it has on it by default. In somebody
 * else's database nothing outside of our schemas is touched.
 *
 * Refuses, in one sentence, if the user of `url` may not do this or a schema belongs to somebody else.
 */
export async function provisionDatabase(
  url: string,
  passwords: Readonly<Record<DatabaseService, string>>,
  { ours = false }: { ours?: boolean } = {},
): Promise<{ database: string; roles: Record<DatabaseService, string> }> {
  const client = await connectTo(url);
  try {
    const me = await privileges(client);
    await client.query('select pg_advisory_lock($1)', [provisioningLock]);
    const roles: Partial<Record<DatabaseService, string>> = {};
    for (const service of databaseServices) {
      const role = roleOf(service, me.database);
      await giveRole(client, role, passwords[service], me);
      await giveSchema(client, schemaOf(service), role, me);
      roles[service] = role;
    }
    if (ours) {
      await client.query(`revoke all on database ${quoted(me.database)} from public`);
      await client.query('revoke all on schema public from public');
    }
    for (const role of Object.values(roles)) await letConnect(client, role, me);
    return { database: me.database, roles: roles as Record<DatabaseService, string> };
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === '42501')
      throw new Refused(
        `The user of DATABASE_URL may not prepare the database: ${error.message}. Connect as a superuser, or as the user that prepared it before.`,
      );
    throw error;
  } finally {
    await client.end();
  }
}

/** `url` with another user; host, port, database and options stay. */
export function urlAs(url: string, user: string, password: string): string {
  const changed = new URL(url);
  changed.username = encodeURIComponent(user);
  changed.password = encodeURIComponent(password);
  return changed.href;
}

/** A client, connected. Refuses in one sentence that names no password. */
export async function connectTo(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    application_name: 'portcullis',
  });
  client.on('error', () => undefined); // a lost connection shows at the next query
  try {
    await client.connect();
  } catch (error) {
    throw new Refused(`The database of DATABASE_URL cannot be reached: ${reason(error)}.`);
  }
  return client;
}

interface Me {
  readonly database: string;
  readonly superuser: boolean;
}

/** So that a stack on the same server that starts at the same moment does not make the same role. */
const provisioningLock = 0x706f7274;

/** Connections a service may hold at once, over all its replicas: enough for several, too few to starve the server. */
const connectionLimit = 100;

async function privileges(client: pg.Client): Promise<Me> {
  const { rows } = await client.query<{
    database: string;
    superuser: boolean;
    makes_roles: boolean;
    makes_schemas: boolean;
  }>(
    `select current_database() as database, rolsuper as superuser, rolcreaterole as makes_roles,
       has_database_privilege(current_database(), 'create') as makes_schemas
     from pg_roles where rolname = current_user`,
  );
  const me = rows[0];
  if (!me) throw new Error('Postgres does not know the user that is connected');
  if (!me.superuser && !me.makes_roles)
    throw new Refused(
      'The user of DATABASE_URL may not create roles, and each service needs one of its own: give it CREATEROLE, or connect as a superuser.',
    );
  if (!me.superuser && !me.makes_schemas)
    throw new Refused(
      `The user of DATABASE_URL may not create schemas in the database ${me.database}: grant it CREATE on that database, or connect as a superuser.`,
    );
  return me;
}

async function giveRole(client: pg.Client, role: string, password: string, me: Me): Promise<void> {
  const { rowCount } = await client.query('select from pg_roles where rolname = $1', [role]);
  await client.query(
    `${rowCount ? 'alter' : 'create'} role ${quoted(role)} login connection limit ${connectionLimit} password '${scramVerifier(password)}'`,
  );
  // Whoever is no superuser may hand a schema only to a role that it is a member of (from Postgres 16 on, with SET).
  if (!me.superuser) await client.query(`grant ${quoted(role)} to current_user`);
}

async function giveSchema(client: pg.Client, schema: string, role: string, me: Me): Promise<void> {
  const { rows } = await client.query<{ owner: string }>(
    'select pg_get_userbyid(nspowner) as owner from pg_namespace where nspname = $1',
    [schema],
  );
  const owner = rows[0]?.owner;
  if (owner === undefined) await client.query(`create schema ${schema} authorization ${quoted(role)}`);
  else if (owner !== role)
    throw new Refused(
      `The schema ${schema} of the database ${me.database} belongs to ${owner}: Portcullis needs it for itself, so use another database.`,
    );
  await client.query(`revoke all on schema ${schema} from public`);
  await client.query(`alter role ${quoted(role)} in database ${quoted(me.database)} set search_path = ${schema}`);
}

async function letConnect(client: pg.Client, role: string, me: Me): Promise<void> {
  const may = 'select has_database_privilege($1, $2, $3) as may';
  const asked = await client.query<{ may: boolean }>(may, [role, me.database, 'connect']);
  if (asked.rows[0]?.may) return;
  await client.query(`grant connect on database ${quoted(me.database)} to ${quoted(role)}`);
  // Without the right to grant, Postgres only warns.
  const again = await client.query<{ may: boolean }>(may, [role, me.database, 'connect']);
  if (!again.rows[0]?.may)
    throw new Refused(
      `The role ${role} may not connect to the database ${me.database}, and the user of DATABASE_URL may not allow it: grant it CONNECT.`,
    );
}

function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'there is no such host';
  if (code === '28P01' || code === '28000') return 'it refuses the user or the password';
  if (code === '3D000') return 'there is no such database';
  return message.replace(/\.$/, '');
}
