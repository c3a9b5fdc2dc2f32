import { connect, type ConnectionOptions, type NatsConnection } from '@nats-io/transport-node';
import { Refused } from '../command.js';

/** One connection for a command: given up after a few seconds, never made again. Refuses in one sentence without a password in it. */
export async function connectToNats(url: string, options: ConnectionOptions = {}): Promise<NatsConnection> {
  try {
    return await connect({ ...addressOf(url), name: 'portcullis', reconnect: false, timeout: 5_000, ...options });
  } catch (error) {
    if (/authorization/i.test((error as Error).message))
      throw new Refused('The NATS server of NATS_URL refuses its user or password.');
    throw new Refused(`The NATS server of NATS_URL cannot be reached: ${(error as Error).message.replace(/\.$/, '')}.`);
  }
}

/** `url` (several servers: separated by commas) with another user. */
export function natsUrlAs(url: string, user: string, password: string): string {
  return url
    .split(',')
    .map((server) => {
      const [, scheme = 'nats', rest = ''] = /^(\w+):\/\/(.*)$/.exec(server.trim()) ?? [];
      const host = rest.slice(rest.lastIndexOf('@') + 1);
      return `${scheme}://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}`;
    })
    .join(',');
}

/** The client does not read credentials from a URL. */
function addressOf(url: string): ConnectionOptions {
  const servers = url.split(',').map((server) => new URL(server.trim()));
  const first = servers[0];
  return {
    servers: servers.map((server) => server.host),
    ...(first?.username ? { user: decodeURIComponent(first.username), pass: decodeURIComponent(first.password) } : {}),
    ...(first?.protocol === 'tls:' ? { tls: {} } : {}),
  };
}
