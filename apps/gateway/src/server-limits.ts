import { type Socket } from 'node:net';

/** What a client may take of time and memory before its request is looked at; on every port the same. */
export interface ServerLimits {
  /** A client that trickles its headers loses its connection after this. */
  readonly headersMilliseconds: number;
  /** How often Node looks for such clients. */
  readonly checkMilliseconds: number;
  /** A body may be a long upload through a slow line; control routes read theirs under a time-out of their own. */
  readonly requestMilliseconds: number;
  /** Longer than the 60 s after which common balancers drop an idle connection, so that they never write to a closed one. */
  readonly keepAliveMilliseconds: number;
  /** All headers together. */
  readonly maxHeaderBytes: number;
}

export const usualLimits: ServerLimits = {
  headersMilliseconds: 10_000,
  checkMilliseconds: 2_000,
  requestMilliseconds: 3_600_000,
  keepAliveMilliseconds: 65_000,
  maxHeaderBytes: 32_768,
};

/** How long a client that got the last answer of its connection may take to read it. */
const lingerMilliseconds = 2_000;

/** Half-closes, and reads on for a while: a kernel that closes with unread bytes takes the answer back. */
export function end(socket: Socket): void {
  socket.end();
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), lingerMilliseconds).unref();
  socket.once('close', () => clearTimeout(timer));
}
