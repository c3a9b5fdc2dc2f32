import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Socket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { Refusal } from '@portcullis/contracts';
import { type DigestChecker } from '@portcullis/credentials';
import { type Dispatcher } from 'undici';
import { drain } from '../drain.js';
import { headerValues } from '../header-values.js';
import { type ForwardedAs, responseHeaders, trailerFields } from './headers.js';
import { isWebSocket, Tunnel } from './tunnel.js';

/** What an exchange must know of its request beside the request itself. */
export interface ExchangeTerms extends ForwardedAs {
  /**
   * Ties an exchange that can outlast its decision (chunked upload, event stream) to it; undefined refuses. See
   * `Judge.attach`. Left out on public routes: there is nothing to revoke.
   */
  readonly attach?: ((close: () => void) => Hold | undefined) | undefined;
  /** Of a WebSocket handshake: what came behind its headers. */
  readonly upgradeHead?: Buffer | undefined;
}

/** A stream's right to go on. */
export interface Hold {
  /** Tested before each chunk. */
  admits(): boolean;
  release(): void;
}

/** How long the rest of a body is read that the upstream did not want. */
const maxDrainMilliseconds = 2_000;

const nothing = Buffer.alloc(0);

/**
 * One request to an upstream and its answer, as undici tells of them. It ends once, in one of three ways: `resolve` when the answer is
 * written, when its client has gone, or when it broke off midway and was cut; `reject` with a refusal as long as nothing was written.
 * From then on it is `over`, and whatever undici still has to say is not listened to.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  #controller: Dispatcher.DispatchController | undefined;
  #body: Readable | undefined;
  #hold: Hold | undefined;
  #cutTunnel: (() => void) | undefined;
  /** The first piece of the answer's body, until it is known whether it is all of it. */
  #first: Buffer | undefined;
  #hasBegun = false;
  #status = 0;
  /** Nobody waits for the answer any more, or nobody may have it. */
  over = false;

  constructor(
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    private readonly as: ExchangeTerms,
    private readonly tunnels: Set<Tunnel>,
    private readonly resolve: () => void,
    private readonly reject: (refusal: Refusal) => void,
  ) {
    // It stays; once this is over it does nothing.
    response.on('close', this.#onClientGone);
    const { socket } = request;
    // While it was decided, the client may have gone: of that there is no other event.
    if (socket.destroyed) this.#onClientGone();
    // Behind another answer this one is told nothing of the connection's end.
    else if (response.socket === null) callAtEnd(socket, this.#onClientGone);
  }

  /**
   * The request's body, behind a stream of our own: undici destroys the body of a request that fails, and the client's
   * connection, on which the answer must still go out, would go with it.
   */
  body(chunked: boolean, checker?: DigestChecker): Readable | null {
    if (chunked) this.#attach();
    if (this.over) return null;
    const { request } = this;
    // Of a body with a digest one piece is kept back until the digest is known: the upstream never has all of a false one.
    let held: Buffer | undefined;
    const nextOf = (chunk: Buffer): Buffer | undefined => {
      if (!checker) return chunk;
      checker.update(chunk);
      const before = held;
      held = chunk;
      return before;
    };
    const body = new Readable({
      read: () => {
        request.resume();
      },
      destroy: (error, done) => {
        request.off('data', onData).off('end', onEnd).off('close', onClose);
        done(error);
      },
    });
    const onData = (chunk: Buffer) => {
      if (!this.#admits()) return this.#cut();
      const next = nextOf(chunk);
      if (next && !body.push(next)) request.pause();
    };
    const onEnd = () => {
      if (checker && !checker.matches()) return this.#refuseDigest();
      if (held) body.push(held);
      body.push(null);
    };
    const onClose = () => {
      if (!request.complete) body.destroy(new Error('the client went away'));
    };
    // Undici takes over errors once the request is dispatched; until then there must be somebody.
    body.on('error', () => undefined);
    request.on('data', onData).on('end', onEnd).on('close', onClose);
    request.pause();
    this.#body = body;
    return body;
  }

  /** Reads a body that is announced to be small, and hands it on if it has its digest. */
  wholeBody(checker: DigestChecker, then: (body: Buffer) => void): void {
    const pieces: Buffer[] = [];
    this.request.on('data', (piece: Buffer) => {
      if (this.over) return;
      checker.update(piece);
      pieces.push(piece);
    });
    this.request.on('end', () => {
      if (this.over) return;
      if (checker.matches()) then(Buffer.concat(pieces));
      else this.#refuseDigest();
    });
  }

  /** A WebSocket outlives its decision, so it is tied to it before anybody hears of it. */
  mayUpgrade(isWelcome: boolean): void {
    if (isWelcome) this.#attach();
    else this.#refuse();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.over) controller.abort(new Error('the client went away'));
  }

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    _status: number,
    headers: Readonly<Record<string, unknown>>,
    upstream: Duplex,
  ): void {
    const { request, response } = this;
    if (this.over || !isWebSocket(headers)) {
      upstream.on('error', () => undefined).destroy();
      return this.onResponseError(controller, new Error('the upstream switched to another protocol'));
    }
    this.over = true;
    const tunnel = new Tunnel({
      client: request.socket,
      head: this.as.upgradeHead ?? nothing,
      upstream,
      answered: responseHeaders(textsOf(controller.rawHeaders), 101, this.as),
      admits: () => this.#admits(),
    });
    this.tunnels.add(tunnel);
    this.#cutTunnel = () => tunnel.cut();
    response.statusCode = 101;
    response.detachSocket(request.socket);
    tunnel.begin(() => {
      this.tunnels.delete(tunnel);
      this.#hold?.release();
      response.emit('close'); // whoever counts answers waits for it
      this.resolve();
    });
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.over) return;
    const raw = textsOf(controller.rawHeaders);
    if (status < 200) return this.#hint(status, headerValues(raw, 'link'));
    if (!this.#hold && headerValues(raw, 'content-type').some((type) => /^text\/event-stream\b/i.test(type))) {
      this.#attach();
      if (this.over) return;
    }
    this.#status = status;
    writeHead(this.response, status, responseHeaders(raw, status, this.as));
    queueMicrotask(() => this.#begin(controller));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.over) return;
    if (!this.#admits()) return this.#cut();
    if (!this.#hasBegun && !this.#first) {
      this.#first = chunk;
      return;
    }
    this.#begin(controller);
    this.#write(controller, chunk);
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.over) return;
    this.#finish();
    const trailers = trailerFields(textsOf(controller.rawTrailers));
    // Node writes them behind a chunked body and nowhere else.
    if (trailers.length > 0) this.response.addTrailers(trailers);
    // What came whole leaves whole: head and body in one write.
    this.response.end(this.#hasBegun ? undefined : this.#first);
    drain(this.request, maxDrainMilliseconds);
    this.resolve();
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    if (this.over) return;
    // A 304 may say how long the body is that it does not have (RFC 9110 section 8.6); undici waits for it in vain.
    if (this.#status === 304 && codeOf(error) === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH')
      return this.onResponseEnd(controller);
    if (this.response.headersSent) return this.#cut();
    this.#finish();
    this.reject(refusalOf(error));
  }

  readonly #onClientGone = (): void => {
    if (this.over) return;
    this.#finish();
    this.#controller?.abort(new Error('the client went away'));
    this.resolve();
  };

  /** Sends the head without waiting for more of the body; at the latest when this turn of the event loop is over. */
  #begin(controller: Dispatcher.DispatchController): void {
    if (this.#hasBegun || this.over) return;
    this.#hasBegun = true;
    // Not flushHeaders(): that writes the head as UTF-8, and a byte above ASCII becomes two.
    this.#write(controller, this.#first ?? nothing);
    this.#first = undefined;
  }

  #write(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.response.write(chunk)) return;
    controller.pause();
    this.response.once('drain', () => controller.resume());
  }

  #attach(): void {
    if (!this.as.attach) return;
    this.#hold = this.as.attach(() => (this.#cutTunnel ?? (() => this.#cut()))());
    if (!this.#hold) this.#refuse();
  }

  #refuse(): void {
    this.#finish();
    this.#controller?.abort(new Error('the credential may not go on'));
    this.reject(new Refusal('unavailable', 'This may not go on now. Try again shortly.', { retryAfterSeconds: 1 }));
  }

  #refuseDigest(): void {
    if (this.over) return;
    if (this.response.headersSent) return this.#cut();
    this.#finish();
    this.#controller?.abort(new Error('the body is not the one that was signed'));
    this.#body?.destroy();
    this.reject(new Refusal('invalid_signature', 'The signature is not valid.'));
  }

  #admits(): boolean {
    return this.#hold?.admits() ?? true;
  }

  /** Of the informational answers the one that a client makes use of (RFC 8297); what Node finds no link is dropped. */
  #hint(status: number, link: string[]): void {
    if (status !== 103 || link.length === 0 || this.request.httpVersion !== '1.1') return;
    try {
      this.response.writeEarlyHints({ link });
    } catch {
      // A hint is no answer: without it nothing is missing.
    }
  }

  /** Ends both sides at once. */
  #cut(): void {
    if (this.over) return;
    this.#finish();
    this.#controller?.abort(new Error('cut off'));
    this.#body?.destroy();
    this.response.destroy();
    this.resolve();
  }

  #finish(): void {
    this.over = true;
    this.#hold?.release();
    atEnd.get(this.request.socket)?.delete(this.#onClientGone);
  }
}

/** A field value is bytes; latin1 keeps each one, on the way in and on the way out. */
function textsOf(raw: Dispatcher.DispatchController['rawHeaders']): readonly string[] {
  if (!Array.isArray(raw)) return [];
  return raw.map((text) => (typeof text === 'string' ? text : text.toString('latin1')));
}

/** Node takes a list in the place of headers that were set before, and then keeps the last of each name. */
function writeHead(response: ServerResponse, status: number, list: string[]): void {
  if (response.getHeaderNames().length === 0) return void response.writeHead(status, list);
  const headers = new Map<string, string[]>();
  for (let at = 0; at < list.length; at += 2) {
    const lower = (list[at] ?? '').toLowerCase();
    headers.set(lower, [...(headers.get(lower) ?? []), list[at + 1] ?? '']);
  }
  response.writeHead(status, Object.fromEntries(headers));
}

/** What is to be called when a connection ends; one listener for all, since a client may send any number of requests at once. */
const atEnd = new WeakMap<Socket, Set<() => void>>();

function callAtEnd(socket: Socket, call: () => void): void {
  const known = atEnd.get(socket);
  if (known) return void known.add(call);
  const calls = new Set([call]);
  atEnd.set(socket, calls);
  socket.once('close', () => {
    for (const each of calls) each();
  });
}

const codeOf = (error: Error): unknown => (error as { code?: unknown }).code;

function refusalOf(error: Error): Refusal {
  return codeOf(error) === 'UND_ERR_HEADERS_TIMEOUT'
    ? new Refusal('upstream_timeout', 'The service behind the gateway did not answer in time.', { cause: error })
    : new Refusal('upstream_unreachable', 'The service behind the gateway could not be reached.', { cause: error });
}
