import { connect, type NatsConnection } from '@nats-io/transport-node';
import { type BusUser } from '@portcullis/contracts';
import { natsPassword, natsVariable } from './servers.js';

/** The URL by which `user` reaches the nats-server of this jest run, with the permissions it has in production. */
export function specNatsUrl(user: BusUser | 'admin'): string {
  const server = process.env[natsVariable];
  if (!server) throw new Error('No NATS for specs: run them through the jest configuration at the root.');
  const url = new URL(server);
  url.username = user;
  url.password = natsPassword(user);
  return url.href;
}

/** A plain connection as `user`, to look at what passes or to say what a service would. */
export function specConnection(user: BusUser | 'admin'): Promise<NatsConnection> {
  const url = new URL(specNatsUrl(user));
  return connect({ servers: url.host, user: url.username, pass: url.password, inboxPrefix: `_INBOX.${user}` });
}
