/** One user of the message server: what it may publish and subscribe to, as NATS subjects with wildcards. Nothing else. */
export interface NatsUser {
  readonly user: string;
  readonly password: string;
  readonly publish: { readonly allow: readonly string[] };
  readonly subscribe: { readonly allow: readonly string[] };
  /** May answer once, within a minute, on the reply subject of a request that it received. */
  readonly allowResponses?: boolean;
}

/**
 * The configuration file of a nats-server with JetStream and exactly these users. A client that is none of them is refused.
 * It holds passwords: write it with mode 0600.
 */
export function natsConfig(options: {
  readonly users: readonly NatsUser[];
  /** `host:port` */
  readonly listen: string;
  readonly storeDirectory: string;
  /** `host:port` of the monitoring endpoint, for a container's health check. Off unless given. */
  readonly monitor?: string;
  /** Flush every message to disk before it is acknowledged: nats-server 2.10 and later; 2.9 refuses the word. */
  readonly syncAlways: boolean;
}): string {
  const config = {
    listen: options.listen,
    ...(options.monitor === undefined ? {} : { http: options.monitor }),
    server_name: 'portcullis',
    max_payload: maxPayloadBytes,
    jetstream: {
      store_dir: options.storeDirectory,
      max_memory_store: 64 * 1024 * 1024,
      // The default is a share of the disk that is free at the start, which would refuse our streams on a small disk.
      max_file_store: 1024 ** 4,
      ...(options.syncAlways ? { sync_interval: 'always' } : {}),
    },
    authorization: { timeout: 5, users: options.users.map(userEntry) },
  };
  // The format is a superset of JSON. Passwords are quoted strings there too, so a `$` in one is no variable.
  return `${JSON.stringify(config, null, 2).replace(/^\{\n|\n\}$/g, '')}\n`;
}

/** A configuration of `natsConfig` with other users, and all else as it is. */
export function withUsers(config: string, users: readonly NatsUser[]): string {
  const read = JSON.parse(`{${config}}`) as { authorization: object };
  const changed = { ...read, authorization: { ...read.authorization, users: users.map(userEntry) } };
  return `${JSON.stringify(changed, null, 2).replace(/^\{\n|\n\}$/g, '')}\n`;
}

/** 1 MiB, the most that a message of ours holds, and room for headers. */
const maxPayloadBytes = 1024 * 1024 + 64 * 1024;

function userEntry({ user, password, publish, subscribe, allowResponses }: NatsUser) {
  return {
    user,
    password,
    permissions: {
      publish: only(publish.allow),
      subscribe: only(subscribe.allow),
      ...(allowResponses ? { allow_responses: { max: 1, expires: '1m' } } : {}),
    },
  };
}

/** An empty list of what is allowed would mean everything. */
function only(allow: readonly string[]) {
  return allow.length > 0 ? { allow } : { deny: ['>'] };
}
