import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { natsConfig, type Log } from '@portcullis/embedded';
import { services } from '@portcullis/contracts';
import { ConfigFault, readSettings } from '@portcullis/settings';
import { z } from 'zod';
import { type Environment } from '../command.js';
import { guardCredentials, writeGuardFile } from '../guard/guard-file.js';
import { databaseServices, roleOf, urlAs } from './database.js';
import { natsAccounts } from './nats-accounts.js';
import { natsUrlAs } from './nats-connection.js';
import { readOrMakeSecrets, writeSecrets } from './secrets.js';

const shape = z.object({
  PORTCULLIS_FIRST_ADMIN_EMAIL: z.string().default('admin@portcullis.local'),
  PORTCULLIS_FIRST_ADMIN_PASSWORD: z.string().optional(),
  PORTCULLIS_KEY_ENCRYPTION_KEY: z.string().optional(),
  PORTCULLIS_TOKEN_ENCRYPTION_KEY: z.string().optional(),
  PORTCULLIS_PUBLIC_URL: z.string().default('http://127.0.0.1:8080'),
  S3_UPSTREAM_URL: z.string().optional(),
  S3_UPSTREAM_SECRET_ACCESS_KEY: z.string().optional(),
});

const database = 'portcullis';
const databaseUrl = `postgres://postgres@postgres:5432/${database}`;
const natsUrl = 'nats://nats:4222';

/**
 * Writes what each container of docker-compose.yml reads, one folder a container: each mounts its own and sees no other's.
 * The same secrets, roles, users and permissions as those of `portcullis up`. Tells the first administrator's password once.
 */
export function writeComposeFiles(folder: string, env: Environment, say: Log): void {
  const settings = readSettings(shape, env);
  for (const name of [...services, 'guard', 'provision', 'postgres', 'nats'])
    mkdirSync(join(folder, name), { recursive: true });
  const secretsFile = join(folder, 'provision', 'secrets.json');
  const secrets = readOrMakeSecrets(secretsFile);
  const put = (container: string, name: string, content: string, mode = 0o400) => {
    const path = join(folder, container, name);
    writeFileSync(`${path}.new`, `${content}\n`, { mode });
    renameSync(`${path}.new`, path);
  };

  // Postgres reads it as a user of its own image; no other container mounts that folder.
  put('postgres', 'password', secrets.postgres.superuser, 0o444);
  put(
    'nats',
    'nats.conf',
    natsConfig({
      users: natsAccounts(secrets.nats, secrets.auditReaders),
      listen: '0.0.0.0:4222',
      monitor: '127.0.0.1:8222',
      storeDirectory: '/data',
      syncAlways: true,
    }),
  );
  put('provision', 'database-url', urlAs(databaseUrl, 'postgres', secrets.postgres.superuser));
  put('provision', 'nats-url', natsUrlAs(natsUrl, 'admin', secrets.nats.admin));
  for (const service of services) put(service, 'nats-url', natsUrlAs(natsUrl, service, secrets.nats[service]));
  // For services of other teams on this network: each mounts this folder and no other.
  const issuer = settings.PORTCULLIS_PUBLIC_URL;
  const guard = guardCredentials(natsUrlAs(natsUrl, 'guard', secrets.nats.guard), { issuer, audience: issuer });
  writeGuardFile(join(folder, 'guard', 'guard.json'), guard, 0o400);
  for (const service of databaseServices)
    put(service, 'database-url', urlAs(databaseUrl, roleOf(service, database), secrets.postgres[service]));

  const keyEncryptionKey = settings.PORTCULLIS_KEY_ENCRYPTION_KEY ?? secrets.keyEncryptionKey;
  for (const service of ['identity', 'api-key', 'audit']) put(service, 'key-encryption-key', keyEncryptionKey);
  const tokenEncryptionKey = settings.PORTCULLIS_TOKEN_ENCRYPTION_KEY ?? secrets.tokenEncryptionKey;
  for (const service of ['identity', 'gateway']) put(service, 'token-encryption-key', tokenEncryptionKey);

  const upstreamSecret = 's3-upstream-secret-access-key';
  if (settings.S3_UPSTREAM_SECRET_ACCESS_KEY !== undefined)
    put('gateway', upstreamSecret, settings.S3_UPSTREAM_SECRET_ACCESS_KEY);
  else if (settings.S3_UPSTREAM_URL !== undefined && !existsSync(join(folder, 'gateway', upstreamSecret)))
    throw new ConfigFault(['S3_UPSTREAM_SECRET_ACCESS_KEY is not set, and S3_UPSTREAM_URL is: they go together.']);

  // Identity reads it at every start and uses it at the first; it was shown then, and is of no use to anybody once changed.
  const password = settings.PORTCULLIS_FIRST_ADMIN_PASSWORD ?? secrets.firstAdminPassword;
  if (password === null) return;
  put('identity', 'first-admin-password', password);
  const generated = settings.PORTCULLIS_FIRST_ADMIN_PASSWORD === undefined;
  say(
    `First administrator: ${settings.PORTCULLIS_FIRST_ADMIN_EMAIL}${generated ? `, password ${password} (shown this once)` : ', with the password given'}`,
  );
  writeSecrets(secretsFile, { ...secrets, firstAdminPassword: null });
}
