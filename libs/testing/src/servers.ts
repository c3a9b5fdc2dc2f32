import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { ensureStreams, natsUsers } from '@portcullis/bus';
import { type BusUser, busUsers } from '@portcullis/contracts';
import { findNatsServer, startNats, startPostgres } from '@portcullis/embedded';

/** Where specs find the servers of this jest run: set by `startServers`, inherited by every worker. */
export const postgresVariable = 'PORTCULLIS_SPEC_POSTGRES';
export const natsVariable = 'PORTCULLIS_SPEC_NATS';

/** The password of a NATS user in specs. */
export const natsPassword = (user: BusUser | 'admin'): string => `spec-${user}`;

/** Not in the temporary folder: from a name that anyone can guess no program is run. */
const serverCache = resolve(import.meta.dirname, '../../../node_modules/.cache/portcullis');

const quiet = (): void => undefined;

/** Starts one real Postgres and one real nats-server for a jest run, on free ports, not durable. Answers how to stop them. */
export async function startServers(): Promise<() => Promise<void>> {
  const home = mkdtempSync(join(tmpdir(), 'portcullis-specs-'));
  // As root, Postgres runs as another user, who must be able to come in.
  chmodSync(home, 0o755);
  const passwords = Object.fromEntries(busUsers.map((user) => [user, natsPassword(user)])) as Record<BusUser, string>;
  const everything = { allow: ['>'] };
  const [postgres, nats] = await Promise.all([
    startPostgres({ dataDirectory: join(home, 'postgres'), password: 'spec', durable: false, log: quiet }),
    findNatsServer(serverCache, quiet).then((binary) =>
      startNats({
        binary,
        users: [
          ...natsUsers(passwords),
          { user: 'admin', password: natsPassword('admin'), publish: everything, subscribe: everything },
        ],
        storeDirectory: join(home, 'nats'),
        log: quiet,
      }),
    ),
  ]);
  // A run that is cut short has no teardown; its servers must not outlive it.
  process.once('exit', () => [postgres.pid, nats.pid].forEach(endQuietly));
  process.env[postgresVariable] = postgres.url();
  process.env[natsVariable] = nats.url();
  const admin = await connect({ servers: nats.url(), user: 'admin', pass: natsPassword('admin') });
  await ensureStreams(admin);
  await admin.close();
  return async () => {
    await Promise.all([postgres.stop(), nats.stop()]);
    rmSync(home, { recursive: true, force: true });
    rmSync(postgres.dataDirectory, { recursive: true, force: true });
  };
}

function endQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGINT');
  } catch {
    // It has ended.
  }
}
