import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jetstream } from '@nats-io/jetstream';
import { auditReader, auditStream, dropAuditReader, giveAuditReader, type ReadsWhat } from '@portcullis/bus';
import { changeNatsUsers, type NatsUser } from '@portcullis/embedded';
import { Refused } from '../command.js';
import { natsAccounts } from '../provision/nats-accounts.js';
import { connectToNats, natsUrlAs } from '../provision/nats-connection.js';
import { madePassword, readOrMakeSecrets, type Secrets, writeSecrets } from '../provision/secrets.js';

/** What a reader of the record outside connects with. */
export interface ReaderCredentials {
  readonly name: string;
  readonly servers: readonly string[];
  readonly user: string;
  readonly password: string;
  readonly inbox_prefix: string;
  readonly stream: string;
  /** The pull consumer that is its own; it makes no others. */
  readonly durable: string;
}

export function readerCredentials(name: string, url: string, password: string): ReaderCredentials {
  const { user, inboxPrefix, durable } = auditReader(name);
  return { name, servers: [url], user, password, inbox_prefix: inboxPrefix, stream: auditStream, durable };
}

/** A message server that readers are made on. */
export interface ReadersServer {
  /** Where readers find it. */
  readonly url: string;
  /** The file with the passwords of its users. */
  readonly secretsFile: string;
  /** Has it know these users and no others, soon. */
  readonly takeUp: (users: readonly NatsUser[]) => void;
}

/** The server that `portcullis up` runs in its home. */
export const serverOfHome = (home: string, url: string): ReadersServer => ({
  url,
  secretsFile: join(home, 'secrets.json'),
  takeUp: (users) => changeNatsUsers(join(home, 'nats'), users),
});

/**
 * Makes one more reader: a user that the server knows when this answers, and a durable consumer. Answers its password. Refuses if there is
 * one of that name.
 */
export async function addReader(
  server: ReadersServer,
  { name, ...what }: { name: string } & ReadsWhat,
): Promise<string> {
  const secrets = readOrMakeSecrets(server.secretsFile);
  if (Object.hasOwn(secrets.auditReaders, name))
    throw new Refused(`There is a consumer ${name}, and its password was shown: delete it, or take another name.`);
  await giveDurable(server, secrets, name, what);
  const password = madePassword();
  change(server, { ...secrets, auditReaders: { ...secrets.auditReaders, [name]: password } });
  await canRead(server.url, name, password);
  return password;
}

/** Keeps a password for a reader, for a server that will be started with it. Nothing changes if there is one. */
export function keepReader(secretsFile: string, name: string): void {
  const secrets = readOrMakeSecrets(secretsFile);
  if (Object.hasOwn(secrets.auditReaders, name)) return;
  writeSecrets(secretsFile, { ...secrets, auditReaders: { ...secrets.auditReaders, [name]: madePassword() } });
}

/** Gives a reader that the server knows its durable consumer, from the start of the stream, if it has none. Answers its password. */
export async function giveKeptReader(server: ReadersServer, name: string): Promise<string> {
  const secrets = readOrMakeSecrets(server.secretsFile);
  const password = secrets.auditReaders[name];
  if (password === undefined) throw new Error(`no reader ${name} is kept`);
  await giveDurable(server, secrets, name, { from: 'start' });
  return password;
}

const giveDurable = (server: ReadersServer, secrets: Secrets, name: string, what: ReadsWhat): Promise<void> =>
  asAdmin(server.url, secrets, (connection) => giveAuditReader(connection, auditReader(name).durable, what));

const patienceMilliseconds = 15_000;
/** What a server takes at the most to read its configuration, unless it is busy. Who comes earlier is refused, and the server says so. */
const reloadMilliseconds = 250;

/** Until the server has taken up its new configuration. While it does, JetStream is away for a moment. */
async function canRead(url: string, name: string, password: string): Promise<void> {
  const { user, inboxPrefix, durable } = auditReader(name);
  const until = performance.now() + patienceMilliseconds;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, reloadMilliseconds));
    try {
      const connection = await connectToNats(natsUrlAs(url, user, password), { inboxPrefix });
      try {
        await jetstream(connection).consumers.get(auditStream, durable);
        return;
      } finally {
        await connection.close();
      }
    } catch (error) {
      if (performance.now() > until)
        throw new Refused(`The message server does not take up the consumer ${name}: ${(error as Error).message}.`);
    }
  }
}

/** Takes it away: the server ends its connections. */
export async function removeReader(server: ReadersServer, name: string): Promise<void> {
  const secrets = readOrMakeSecrets(server.secretsFile);
  if (!Object.hasOwn(secrets.auditReaders, name)) throw new Refused(`There is no consumer ${name}.`);
  const auditReaders = Object.fromEntries(Object.entries(secrets.auditReaders).filter(([one]) => one !== name));
  // Before the server reads its configuration: while it does, JetStream is away for a moment.
  await asAdmin(server.url, secrets, (connection) => dropAuditReader(connection, auditReader(name).durable));
  change(server, { ...secrets, auditReaders });
}

export function writeReaderFile(path: string, credentials: ReaderCredentials): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export const removeReaderFile = (path: string): void => rmSync(path, { force: true });

function change({ secretsFile, takeUp }: ReadersServer, secrets: Secrets): void {
  writeSecrets(secretsFile, secrets);
  takeUp(natsAccounts(secrets.nats, secrets.auditReaders));
}

async function asAdmin(
  url: string,
  secrets: Secrets,
  work: (connection: Awaited<ReturnType<typeof connectToNats>>) => Promise<void>,
): Promise<void> {
  const connection = await connectToNats(natsUrlAs(url, 'admin', secrets.nats.admin));
  try {
    await work(connection);
  } finally {
    await connection.close();
  }
}
