import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { ensureStreams, natsUsers } from '@portcullis/bus';
import { type BusUser, busUsers } from '@portcullis/contracts';
import { findNatsServer, startNats } from '@portcullis/embedded';

const password = 'spec';

export interface OwnNats {
  url(user: BusUser | 'admin'): string;
  connection(user: BusUser | 'admin'): Promise<NatsConnection>;
  stop(): Promise<void>;
}

/** A message server of one spec file: on the one that all share, processes of the service in other files would answer as well. */
export async function ownNats(): Promise<OwnNats> {
  const home = mkdtempSync(join(tmpdir(), 'portcullis-audit-nats-'));
  const everything = { allow: ['>'] };
  const server = await startNats({
    binary: await findNatsServer(join(import.meta.dirname, '../../../node_modules/.cache/portcullis'), () => undefined),
    users: [
      ...natsUsers(Object.fromEntries(busUsers.map((user) => [user, password])) as Record<BusUser, string>),
      { user: 'admin', password, publish: everything, subscribe: everything },
    ],
    storeDirectory: join(home, 'nats'),
    log: () => undefined,
  });
  const connection = (user: BusUser | 'admin') =>
    connect({ servers: server.url(), user, pass: password, inboxPrefix: `_INBOX.${user}` });
  const admin = await connection('admin');
  await ensureStreams(admin);
  await admin.close();
  return {
    url: (user) => server.url({ user, password }),
    connection,
    stop: async () => {
      await server.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
