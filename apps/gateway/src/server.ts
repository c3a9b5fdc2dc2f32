import { type IncomingMessage, type RequestListener, ServerResponse } from 'node:http';
import { type Socket } from 'node:net';
import { type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { newId, Refusal } from '@portcullis/contracts';
import { MAX_TARGET_BYTES } from '@portcullis/policy';
import { fastify } from 'fastify';
import { ArrivingRequest } from './arriving-request.js';
import { FrontDoor, type FrontDoorParts } from './front-door.js';
import { GatewayModule, type GatewayStop } from './gateway.module.js';
import { maxBodyBytes } from './json-body.js';
import { problemOf } from './problem.js';
import { controlRoutes } from './routes/control-routes.js';
import { frameworkPath } from './routes/path-pattern.js';
import { mayAnswerParser } from './parser-error.js';
import { end, type ServerLimits, usualLimits } from './server-limits.js';
import { type TlsIdentity } from './tls.js';
import { requestIdOf } from './visit.js';

/**
 * The gateway's HTTP side: one hook before every body, the control routes from their table, everything else forwarded or refused.
 * Routing counts case and trailing slashes. Every answer, of the HTTP parser too, is a problem document or what a route answers.
 */
export async function createServer(
  parts: FrontDoorParts,
  options: { stop: GatewayStop; logger: LoggerService | false; tls?: TlsIdentity; limits?: Partial<ServerLimits> },
): Promise<NestFastifyApplication> {
  const door = new FrontDoor(parts);
  const limits = { ...usualLimits, ...options.limits };
  const http = {
    headersTimeout: limits.headersMilliseconds,
    connectionsCheckingInterval: limits.checkMilliseconds,
    maxHeaderSize: limits.maxHeaderBytes,
    insecureHTTPParser: false,
    // Node would answer its own empty 400; the front door asks for a Host and says so.
    requireHostHeader: false,
    IncomingMessage: ArrivingRequest,
  };
  const instance = fastify({
    logger: false,
    bodyLimit: maxBodyBytes,
    requestTimeout: limits.requestMilliseconds,
    keepAliveTimeout: limits.keepAliveMilliseconds,
    // One field or the other: fastify makes a TLS server of the second.
    ...((options.tls ? { https: { ...http, ...options.tls.serverOptions } } : { http }) as { http: typeof http }),
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
      url: frameworkPath(control.path),
      config: { control },
      errorHandler: (error, request, reply) => void door.refuse(request, reply, error),
      handler: (request, reply) => void door.serve(request, reply),
    });
  }
  // The framework's listener answers for what the door does not take.
  const routing = instance.server.listeners('request') as RequestListener[];
  instance.server.removeAllListeners('request').on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!door.takes(request, response)) for (const listener of routing) listener(request, response);
  });
  // Without this listener Node would send "100 Continue" before the credential was looked at.
  instance.server.on('checkContinue', (request, response) => instance.routing(request, response));
  // Nor would its own answer to other expectations be a problem document.
  instance.server.on('checkExpectation', (request, response) => instance.routing(request, response));
  instance.server.on('upgrade', (request: ArrivingRequest, socket: Socket, head: Buffer) => {
    request.upgradeHead = head;
    instance.routing(request, lastResponse(request, socket));
  });
  options.tls?.watch(instance.server);
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

/** The answer to a handshake that is not taken, on a socket from which Node has withdrawn: behind it the connection ends. */
function lastResponse(request: ArrivingRequest, socket: Socket): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  socket.on('error', () => undefined); // `close` follows
  response.once('finish', () => {
    response.detachSocket(socket);
    response.emit('close');
    end(socket);
  });
  return response;
}

/** What the HTTP parser refuses never becomes a request; it is answered here, not dropped. */
function answerParserError(error: NodeJS.ErrnoException, socket: Socket, publicUrl: string): void {
  if (mayAnswerParser(error, socket)) writeProblem(socket, parserRefusal(error), publicUrl);
}

function parserRefusal({ code }: NodeJS.ErrnoException): Refusal {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Refusal('headers_too_large', 'The headers are too large.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Refusal('request_timeout', 'The request took too long to arrive.');
    default:
      return new Refusal('invalid_request', 'The request is not HTTP/1.1 as this server reads it.');
  }
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
  socket.write(`HTTP/1.1 ${status} ${body.title}\r\n${lines.join('')}${extra}\r\n${text}`);
  end(socket);
}
