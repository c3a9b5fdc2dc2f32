import { type ServerResponse } from 'node:http';
import { type Socket } from 'node:net';
import { isDraining } from './drain.js';
import { end } from './server-limits.js';

/**
 * Whether what the HTTP parser refuses can be answered on its socket now, as the only answer that its client then gets. Where it cannot,
 * the socket is ended: at once, or behind the answer that is still to come.
 */
export function mayAnswerParser(error: NodeJS.ErrnoException, socket: Socket): boolean {
  // No TLS, no HTTP to answer in.
  if (error.code === 'ECONNRESET' || error.code?.startsWith('ERR_SSL_') || !socket.writable) {
    socket.destroy();
    return false;
  }
  const { _httpMessage: underWay } = socket as Socket & { _httpMessage?: ServerResponse };
  if (underWay?.req.complete) {
    // The fault is in what was pipelined behind: an answer now would be taken for the one that is still to come.
    underWay.shouldKeepAlive = false;
    underWay.once('finish', () => end(socket));
    return false;
  }
  if (underWay?.headersSent || isDraining(socket)) {
    socket.destroy();
    return false;
  }
  return true;
}
