import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type Socket } from 'node:net';
import { newId } from '@portcullis/contracts';
import { mayAnswerParser } from '../parser-error.js';
import { end, type ServerLimits, usualLimits } from '../server-limits.js';
import { type TlsIdentity } from '../tls.js';
import { errorDocument } from './error-document.js';
import { s3Methods } from './operations.js';
import { type S3Door } from './s3-door.js';

/** How much of a large object may wait for its client: below the four pieces that this is, each would stop the storage and start it again. */
const waitingBytes = 256 * 1024;

/**
 * The server of the S3 port: plain Node, since S3 has no routes and no body that a framework could help with. Its limits are the main
 * server's. Nothing says "100 Continue" before the door does; what the HTTP parser refuses is answered in S3's XML.
 */
export function createS3Server(
  door: Pick<S3Door, 'take'>,
  options: { readonly tls?: TlsIdentity | undefined; readonly limits?: Partial<ServerLimits> } = {},
): Server {
  const limits = { ...usualLimits, ...options.limits };
  const http = {
    headersTimeout: limits.headersMilliseconds,
    connectionsCheckingInterval: limits.checkMilliseconds,
    requestTimeout: limits.requestMilliseconds,
    keepAliveTimeout: limits.keepAliveMilliseconds,
    maxHeaderSize: limits.maxHeaderBytes,
    highWaterMark: waitingBytes,
    insecureHTTPParser: false,
    // The door asks for a Host, and says so in XML.
    requireHostHeader: false,
  };
  const take = (request: IncomingMessage, response: ServerResponse): void => door.take(request, response);
  const server = options.tls ? createHttps({ ...http, ...options.tls.serverOptions }, take) : createHttp(http, take);
  server.on('checkContinue', take);
  server.on('checkExpectation', take);
  server.on('clientError', answerParserError);
  // Of upgrades there is none here: what offers one is the request that it also is, which without a listener Node makes it.
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    writeError(socket, 405, 'MethodNotAllowed', 'S3 is no tunnel.');
  });
  options.tls?.watch(server);
  return server;
}

function answerParserError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!mayAnswerParser(error, socket)) return;
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return writeError(socket, 400, 'RequestHeaderSectionTooLarge', 'The headers are too large.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return writeError(socket, 400, 'RequestTimeout', 'The request took too long to arrive.');
    default:
      return writeError(socket, 400, 'BadRequest', 'The request is not HTTP/1.1 as this server reads it.');
  }
}

function writeError(socket: Socket, status: number, code: string, message: string): void {
  const requestId = newId('req', new Date());
  const text = errorDocument({ code, message }, { resource: '/', requestId });
  const lines = Object.entries({
    'Content-Type': 'application/xml',
    'x-amz-request-id': requestId,
    'X-Request-Id': requestId,
    'X-Content-Type-Options': 'nosniff',
    'Content-Length': String(Buffer.byteLength(text)),
    ...(status === 405 ? { Allow: s3Methods } : {}),
    Connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(
    `HTTP/1.1 ${status} ${status === 405 ? 'Method Not Allowed' : 'Bad Request'}\r\n${lines.join('')}\r\n${text}`,
  );
  end(socket);
}
