import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jetstream } from '@nats-io/jetstream';
import { auditReader, auditStream, dropAuditReader, giveAuditReader, type ReadsFrom } from '@portcullis/bus';
import { changeNatsUsers } from '@portcullis/embedded';
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

/**
 * Gives the stack of `home`, whose server listens at `url`, one more reader: a user that the server knows at once, and a durable consumer.
 * Answers its password. `again`: one that is there is no fault, and keeps its password.
 */
export async function addReader(
  home: string,
  { name, url, from, again = false }: { name: string; url: string; from: ReadsFrom; again?: boolean },
): Promise<string> {
  const file = join(home, 'secrets.json');
  const secrets = readOrMakeSecrets(file);
  const known = Object.hasOwn(secrets.auditReaders, name) ? secrets.auditReaders[name] : undefined;
  if (known !== undefined && !again)
    throw new Refused(`There is a consumer ${name}, and its password was shown: delete it, or take another name.`);
  await asAdmin(url, secrets, (connection) => giveAuditReader(connection, auditReader(name).durable, from));
  if (known !== undefined) return known;
  const password = madePassword();
  change(home, file, { ...secrets, auditReaders: { ...secrets.auditReaders, [name]: password } });
  await canRead(url, name, password);
  return password;
}

const patienceMilliseconds = 15_000;

/** Until the server has taken up its new configuration. While it does, JetStream is away for a moment. */
async function canRead(url: string, name: string, password: string): Promise<void> {
  const { user, inboxPrefix, durable } = auditReader(name);
  const until = performance.now() + patienceMilliseconds;
  for (;;) {
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
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** Takes it away: the server ends its connections. */
export async function removeReader(home: string, { name, url }: { name: string; url: string }): Promise<void> {
  const file = join(home, 'secrets.json');
  const secrets = readOrMakeSecrets(file);
  if (!Object.hasOwn(secrets.auditReaders, name)) throw new Refused(`There is no consumer ${name}.`);
  const auditReaders = Object.fromEntries(Object.entries(secrets.auditReaders).filter(([one]) => one !== name));
  change(home, file, { ...secrets, auditReaders });
  await asAdmin(url, secrets, (connection) => dropAuditReader(connection, auditReader(name).durable));
}

export function writeReaderFile(path: string, credentials: ReaderCredentials): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export const removeReaderFile = (path: string): void => rmSync(path, { force: true });

function change(home: string, file: string, secrets: Secrets): void {
  writeSecrets(file, secrets);
  changeNatsUsers(join(home, 'nats'), natsAccounts(secrets.nats, secrets.auditReaders));
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
