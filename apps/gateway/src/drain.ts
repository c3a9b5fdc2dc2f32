import { type IncomingMessage } from 'node:http';
import { type Socket } from 'node:net';

const draining = new WeakSet<Socket>();

/**
 * Reads on what is still coming of a body after its request was answered: closing at once would make the kernel take the answer back
 * from a client that is still sending. A body that does not end in time loses its connection.
 */
export function drain(request: IncomingMessage, milliseconds: number): void {
  const { socket } = request;
  request.resume();
  if (request.complete || draining.has(socket)) return;
  draining.add(socket);
  const timer = setTimeout(() => socket.destroy(), milliseconds).unref();
  request.once('close', () => clearTimeout(timer));
  request.once('end', () => {
    clearTimeout(timer);
    draining.delete(socket);
  });
}

/** Whether what comes on this socket belongs to a request that has its answer: another would be taken for the next one's. */
export const isDraining = (socket: Socket): boolean => draining.has(socket);
