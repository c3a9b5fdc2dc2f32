import {
  type BusUser,
  type Caller,
  type Operation,
  Refusal,
  RefusalMessage,
  type ReplyOf,
  type RequestInputOf,
} from '@portcullis/contracts';
import {
  ClosedConnectionError,
  connect,
  headers,
  type ConnectionOptions,
  type NatsConnection,
  NoRespondersError,
  PermissionViolationError,
  RequestError,
  TimeoutError,
} from '@nats-io/transport-node';
import { type CallerSigner, callerHeader } from './caller-token.js';
import { streamReader } from './nats-users.js';

/** One process's connection to the bus: for calls, JetStream and enforcement. Handlers have their own (Nest's transport). */
export class Bus {
  private up = true;

  private constructor(
    readonly service: BusUser,
    readonly connection: NatsConnection,
    private readonly url: string,
    private readonly signer: CallerSigner | undefined,
    private readonly report: (line: string) => void,
  ) {
    void this.watch();
  }

  /** Connects as `service`, waiting for the server if it is not there yet. Only a process that vouches for callers has a signer. */
  static async connect(
    service: BusUser,
    url: string,
    options: { signer?: CallerSigner; report?: (line: string) => void } = {},
  ): Promise<Bus> {
    return new Bus(
      service,
      await connect(connectionOptions(service, url)),
      url,
      options.signer,
      options.report ?? (() => undefined),
    );
  }

  /** False while the server is away: callers are refused at once instead of waiting for a time-out. */
  get connected(): boolean {
    return this.up;
  }

  /** Another connection, to read the service's stream by and nothing else; whoever asked closes it. Rejects while the server is away. */
  connectToStream(): Promise<NatsConnection> {
    const { user, ...options } = connectionOptions(this.service, this.url);
    const reader = streamReader(this.service);
    return connect({
      ...options,
      ...(user === undefined ? {} : { user: reader.user }),
      name: reader.user,
      inboxPrefix: reader.inboxPrefix,
      waitOnFirstConnect: false,
    });
  }

  /**
   * Asks the service that answers `operation`. Throws the `Refusal` that it answered with, `unavailable` when nobody
   * answers in time, and a plain error when this process's own NATS user may not publish the subject.
   */
  async call<O extends Operation>(operation: O, request: RequestInputOf<O>, caller?: Caller): Promise<ReplyOf<O>> {
    if (!this.up) throw unavailable(operation.subject, 'the message bus is away');
    const body = JSON.stringify(request);
    const message = await this.request(operation, body, caller);
    const answer = message.json<{ ok?: unknown; refusal?: unknown }>();
    if (answer.refusal !== undefined) throw Refusal.from(RefusalMessage.parse(answer.refusal));
    return operation.reply.parse(answer.ok) as ReplyOf<O>;
  }

  /** Lets what is under way finish, then closes. */
  async close(): Promise<void> {
    if (!this.connection.isClosed()) await this.connection.drain();
  }

  private async request(operation: Operation, body: string, caller: Caller | undefined) {
    const header = headers();
    if (caller) {
      if (!this.signer) throw new Error(`${this.service} cannot vouch for a caller of ${operation.subject}`);
      header.set(callerHeader, this.signer.sign(operation.subject, body, caller));
    }
    try {
      return await this.connection.request(operation.subject, body, {
        timeout: operation.timeoutSeconds * 1000,
        headers: header,
      });
    } catch (error) {
      if (error instanceof TimeoutError) throw unavailable(operation.subject, 'no answer in time', error);
      if (error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders())) {
        throw unavailable(operation.subject, 'nobody answers', error);
      }
      if (error instanceof ClosedConnectionError)
        throw unavailable(operation.subject, 'the message bus is closed', error);
      if (
        error instanceof PermissionViolationError ||
        (error instanceof Error && error.cause instanceof PermissionViolationError)
      ) {
        throw new Error(`${this.service} may not call ${operation.subject}`, { cause: error });
      }
      throw error;
    }
  }

  private async watch(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === 'disconnect') {
        this.up = false;
        this.report('the message bus is away');
      } else if (status.type === 'reconnect') {
        this.up = true;
        this.report('the message bus is back');
      } else if (status.type === 'error') {
        this.report(`message bus: ${status.error.message}`);
      }
    }
    this.up = false;
  }
}

const againMilliseconds = 250;

/** How every connection of a service is made: for ever reconnecting, with an inbox of its own. */
export function connectionOptions(service: BusUser, url: string): ConnectionOptions {
  const servers = url.split(',').map((text) => new URL(text));
  const first = servers[0];
  if (!first) throw new Error('NATS_URL names no server');
  return {
    servers: servers.map((server) => server.host),
    ...(first.username ? { user: decodeURIComponent(first.username), pass: decodeURIComponent(first.password) } : {}),
    ...(first.protocol === 'tls:' ? { tls: {} } : {}),
    name: service,
    inboxPrefix: `_INBOX.${service}`,
    maxReconnectAttempts: -1,
    // The client measures its own waits by the wall clock: after one that was set back an hour, it would not try again for an hour.
    reconnectDelayHandler: () => -Infinity,
    reconnectToServer: ([server]) =>
      server ? { server, delay: server.lastConnect === 0 ? 0 : againMilliseconds } : null,
    waitOnFirstConnect: true,
    ignoreClusterUpdates: servers.length === 1,
  };
}

function unavailable(subject: string, why: string, cause?: unknown): Refusal {
  return new Refusal('unavailable', 'A part of Portcullis that this needs is away. Try again shortly.', {
    cause: new Error(`${subject}: ${why}`, { cause }),
    retryAfterSeconds: 2,
  });
}
