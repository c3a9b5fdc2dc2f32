import { type Socket } from 'node:net';
import { type Duplex } from 'node:stream';

export interface TunnelEnds {
  readonly client: Socket;
  /** What the client sent behind its handshake. */
  readonly head: Buffer;
  readonly upstream: Duplex;
  /** The upstream's headers, less hop-by-hop: name, value, name, value. */
  readonly answered: readonly string[];
  /** Tested before each chunk, in both directions. */
  admits(): boolean;
}

/** How often the kernel asks an idle end whether it is still there. */
const keepAliveMilliseconds = 60_000;

/**
 * A WebSocket that both sides agreed on: from here on it is bytes, each direction at the pace of its reader, and one may end
 * before the other. When one end breaks, or `cut` is called, both are gone at once.
 */
export class Tunnel {
  #open = 2;
  #over: () => void = () => undefined;

  constructor(private readonly ends: TunnelEnds) {}

  /** Answers the client with 101, then passes bytes on. `over` is called once, when both directions have ended. */
  begin(over: () => void): void {
    const { client, upstream, head, answered } = this.ends;
    this.#over = over;
    for (const end of [client, upstream]) {
      // The other direction may go on after one has ended; undici's sockets would end both.
      end.allowHalfOpen = true;
      end.on('error', () => this.cut()).on('close', () => this.#closed(end));
      if ('setKeepAlive' in end) end.setKeepAlive(true, keepAliveMilliseconds).setNoDelay(true);
    }
    const lines = answered.map((text, at) => (at % 2 === 0 ? `${text}: ` : `${text}\r\n`));
    const answer = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${lines.join('')}\r\n`;
    client.write(answer, 'latin1');
    if (head.length > 0) client.unshift(head);
    this.#pump(client, upstream);
    this.#pump(upstream, client);
    if (client.destroyed || upstream.destroyed) this.cut();
  }

  /** Ends both directions at once. */
  cut(): void {
    this.ends.client.destroy();
    this.ends.upstream.destroy();
  }

  #pump(from: Duplex, to: Duplex): void {
    from.on('data', (chunk: Buffer) => {
      if (!this.ends.admits()) return this.cut();
      if (to.write(chunk)) return;
      from.pause();
      to.once('drain', () => from.resume());
    });
    from.once('end', () => to.end());
  }

  #closed(end: Duplex): void {
    if (!end.readableEnded || !end.writableFinished) this.cut();
    this.#open -= 1;
    if (this.#open === 0) this.#over();
  }
}

/** Whether an answer of 101 is to what was asked for. */
export function isWebSocket(headers: Readonly<Record<string, unknown>>): boolean {
  const { upgrade } = headers;
  return typeof upgrade === 'string' && upgrade.toLowerCase() === 'websocket';
}
