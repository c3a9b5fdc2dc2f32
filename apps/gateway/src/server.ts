import { type IncomingMessage } from 'node:http';
import { type Socket } from 'node:net';
import { type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { newId, Refusal } from '@portcullis/contracts';
import { MAX_TARGET_BYTES } from '@portcullis/policy';
import { fastify } from 'fastify';
import { FrontDoor, type FrontDoorParts, requestIdOf } from './front-door.js';
import { GatewayModule, type GatewayStop } from './gateway.module.js';
import { maxBodyBytes } from './json-body.js';
import { problemOf } from './problem.js';
import { controlRoutes } from './routes/control-routes.js';

/** A client that trickles its headers loses its connection after this. */
const headersMilliseconds = 10_000;
/** How often Node looks for such clients. */
const checkMilliseconds = 2_000;
/** A body may be a long upload through a slow line; control routes read theirs under a time-out of their own. */
const requestMilliseconds = 3_600_000;
/** Longer than the 60 s after which common balancers drop an idle connection, so that they never write to a closed one. */
const keepAliveMilliseconds = 65_000;
const maxHeaderBytes = 32_768;

/**
 * The gateway's HTTP side: one hook before every body, the control routes from their table, everything else forwarded or refused.
 * Routing counts case and trailing slashes. Every answer, of the HTTP parser too, is a problem document or what a route answers.
 */
export async function createServer(
  parts: FrontDoorParts,
  options: { stop: GatewayStop; logger: LoggerService | false },
): Promise<NestFastifyApplication> {
  const door = new FrontDoor(parts);
  const instance = fastify({
    logger: false,
    bodyLimit: maxBodyBytes,
    requestTimeout: requestMilliseconds,
    keepAliveTimeout: keepAliveMilliseconds,
    http: {
      headersTimeout: headersMilliseconds,
      connectionsCheckingInterval: checkMilliseconds,
      maxHeaderSize: maxHeaderBytes,
      insecureHTTPParser: false,
      // Node would answer its own empty 400; the front door asks for a Host and says so.
      requireHostHeader: false,
    },
    // A stopping gateway answers what reaches it, and says that the connection ends.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    genReqId: requestIdOf,
    requestIdHeader: false,
    routerOptions: { caseSensitive: true, ignoreTrailingSlash: false, maxParamLength: MAX_TARGET_BYTES },
    frameworkErrors: (_error, request, reply) => {
      reply.raw.setHeader('X-Request-Id', request.id);
      reply.raw.setHeader('X-Content-Type-Options', 'nosniff');
      door.refuse(request, reply, new Refusal('invalid_request', 'The path is not acceptable.'));
    },
    clientErrorHandler: (error, socket) => answerParserError(error, socket, parts.routes.publicUrl),
  });
  // Bodies are read by who needs them, after the hook: the parser leaves the stream alone.
  instance.removeAllContentTypeParsers();
  instance.addContentTypeParser('*', (_request, _payload, done) => done(null));
  instance.addHook('onRequest', (request, reply, done) => {
    void door.enter(request, reply).then((mayGoOn) => {
      if (mayGoOn) done();
    });
  });
  for (const control of controlRoutes) {
    instance.route({
      method: control.method,
      url: control.path,
      config: { control },
      errorHandler: (error, request, reply) => void door.refuse(request, reply, error),
      handler: (request, reply) => void door.serve(request, reply),
    });
  }
  // Without this listener Node would send "100 Continue" before the credential was looked at.
  instance.server.on('checkContinue', (request, response) => instance.routing(request, response));
  instance.server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    writeProblem(
      socket,
      new Refusal('method_not_allowed', 'The gateway is no tunnel.'),
      parts.routes.publicUrl,
      'Allow: GET, POST\r\n',
    );
  });

  const adapter = new FastifyAdapter(instance);
  return NestFactory.create<NestFastifyApplication>(GatewayModule.of({ stop: options.stop }), adapter, {
    bodyParser: false,
    logger: options.logger,
    abortOnError: false,
  });
}

/** What the HTTP parser refuses never becomes a request; it is answered here, not dropped. */
function answerParserError(error: NodeJS.ErrnoException, socket: Socket, publicUrl: string): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const refusal =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new Refusal('too_large', 'The headers are too large.')
      : new Refusal('invalid_request', 'The request is not HTTP/1.1 as this server reads it.');
  writeProblem(socket, refusal, publicUrl);
}

function writeProblem(socket: Socket, refusal: Refusal, publicUrl: string, extra = ''): void {
  const requestId = newId('req', new Date());
  const { status, headers, body } = problemOf(refusal, { requestId, publicUrl });
  const text = JSON.stringify(body);
  const lines = Object.entries({
    ...headers,
    'X-Request-Id': requestId,
    'X-Content-Type-Options': 'nosniff',
    'Content-Length': String(Buffer.byteLength(text)),
    Connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${body.title}\r\n${lines.join('')}${extra}\r\n${text}`);
}
