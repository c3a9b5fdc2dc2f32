import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { type BusUser, busUsers } from '@portcullis/contracts';
import { z } from 'zod';
import { Refused } from '../command.js';
import { databaseServices, type DatabaseService } from './database.js';

/** What the stack made up for itself, once. Lose it and what it encrypts is lost too: it belongs in the backup. */
const Secrets = z.object({
  version: z.literal(1),
  keyEncryptionKey: z.string(),
  tokenEncryptionKey: z.string(),
  postgres: z.record(z.enum(['superuser', ...databaseServices]), z.string()),
  nats: z.record(z.enum(['admin', ...busUsers]), z.string()),
  /** Of readers of the record outside, by name. */
  auditReaders: z.record(z.string(), z.string()).default({}),
  /** Kept only until it was shown: null after that, or if the operator chose one. */
  firstAdminPassword: z.string().nullable(),
});
export type Secrets = z.infer<typeof Secrets>;

/** Reads the secrets at `path`, or makes them (mode 0600). Refuses a file that it cannot make sense of: it never replaces one. */
export function readOrMakeSecrets(path: string): Secrets {
  if (!existsSync(path)) {
    const made = makeSecrets();
    writeSecrets(path, made);
    return made;
  }
  try {
    const read = JSON.parse(readFileSync(path, 'utf8')) as { nats?: Record<string, unknown> };
    // Made before there were guards.
    const isOlder = read.nats !== undefined && read.nats['guard'] === undefined;
    const secrets = Secrets.parse(isOlder ? { ...read, nats: { ...read.nats, guard: madePassword() } } : read);
    if (isOlder) writeSecrets(path, secrets);
    return secrets;
  } catch {
    throw new Refused(
      `${path} cannot be read or is damaged. It holds keys that nothing can replace: restore it from a backup, or move the whole folder away to start anew.`,
    );
  }
}

export function writeSecrets(path: string, secrets: Secrets): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export const madePassword = (): string => randomBytes(24).toString('base64url');

function makeSecrets(): Secrets {
  const each = <N extends string>(names: readonly N[]) =>
    Object.fromEntries(names.map((name) => [name, madePassword()])) as Record<N, string>;
  return {
    version: 1,
    keyEncryptionKey: randomBytes(32).toString('base64'),
    tokenEncryptionKey: randomBytes(32).toString('base64'),
    postgres: each<DatabaseService | 'superuser'>(['superuser', ...databaseServices]),
    nats: each<BusUser | 'admin'>(['admin', ...busUsers]),
    auditReaders: {},
    firstAdminPassword: randomBytes(15).toString('base64url'),
  };
}
