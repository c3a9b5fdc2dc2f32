import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Socket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { Refusal } from '@portcullis/contracts';
import { type ContentDigest, type DigestChecker } from '@portcullis/credentials';
import { type Upstream } from '@portcullis/policy';
import { type Dispatcher, Pool } from 'undici';
import { drain } from '../drain.js';
import { type ForwardedAs, requestHeaders, responseHeaders, trailerFields, valuesOf } from './headers.js';
import { isWebSocket, Tunnel } from './tunnel.js';

/** A request that was decided on, as it goes on. */
export interface Forward extends ForwardedAs {
  readonly method: string;
  /** As it was matched; not parsed again. */
  readonly path: string;
  /** What follows `?`, as it was sent. */
  readonly query: string | null;
  /**
   * Ties an exchange that can outlast its decision (chunked upload, event stream) to it; undefined refuses. See
   * `Judge.attach`. Left out on public routes: there is nothing to revoke.
   */
  readonly attach?: ((close: () => void) => Hold | undefined) | undefined;
  /** What a signed request says of its body. The upstream gets no whole body that is another. */
  readonly contentDigest?: ContentDigest | null | undefined;
  /** Of a WebSocket handshake: what came behind its headers. */
  readonly upgradeHead?: Buffer | undefined;
}

/** A stream's right to go on. */
export interface Hold {
  /** Tested before each chunk. */
  admits(): boolean;
  release(): void;
}

/** How long a connection to an upstream may take, unless its whole time-out is shorter. */
const maxConnectMilliseconds = 5_000;
/** A signed body of no more bytes is read and digested before the upstream hears of it. */
const mostHeldBytes = 1_048_576;
/** How long the rest of a body is read that the upstream did not want. */
const maxDrainMilliseconds = 2_000;

/**
 * Sends requests on to upstreams, streaming in both directions at the pace of the slower side. Nothing is retried: a request
 * that was sent may have been carried out. Once an upstream has agreed to a WebSocket, bytes pass both ways.
 *
 * What does not pass: trailers of a request (undici has none), informational answers but `103 Early Hints`.
 */
export class Forwarder {
  /** One pool for each upstream as configured: a slow upstream slows only its own callers. */
  readonly #targets = new Map<string, Target>();
  /** The same by the object that the policy has. */
  #known = new WeakMap<Upstream, Target>();
  readonly #tunnels = new Set<Tunnel>();
  #ending = false;

  /**
   * Writes the upstream's answer to `response`. Rejects with a `Refusal`, before anything was written, with `invalid_request`
   * (see `requestHeaders`), `invalid_signature` (a body with another digest than was signed; the upstream has not got the last piece of
   * it), `unavailable` (it may not go on), `upstream_unreachable` or `upstream_timeout`; the rest of the
   * request's body is then the caller's to drain. Resolves once the exchange is over, also when it broke off midway: then
   * the client's connection is cut, so that it cannot take a part for the whole.
   */
  forward(request: IncomingMessage, response: ServerResponse, upstream: Upstream, as: Forward): Promise<void> {
    const headers = requestHeaders(request.rawHeaders, as, upstream);
    const chunked = request.headers['transfer-encoding'] !== undefined;
    const length = chunked ? undefined : valuesOf(request.rawHeaders, 'content-length')[0];
    const hasBody = chunked || (length !== undefined && length !== '0');
    if (length !== undefined) headers.push('Content-Length', length);
    const target = this.#target(upstream);

    return new Promise((resolve, reject) => {
      const exchange = new Exchange(request, response, as, this.#tunnels, resolve, reject);
      if (exchange.over) return;
      const upgrade = as.upgradeHead !== undefined;
      if (upgrade) exchange.mayUpgrade(!this.#ending);
      const dispatch = (body: Readable | Buffer | null): void => {
        if (exchange.over) return;
        target.pool.dispatch(
          {
            path: `${target.base}${as.path}${as.query === null ? '' : `?${as.query}`}`,
            method: as.method,
            headers,
            body,
            ...(upgrade ? { upgrade: 'websocket' } : {}),
            headersTimeout: upstream.timeoutSeconds * 1000,
            // An event stream may be silent for long. Whoever waits for a body that never ends can hang up.
            bodyTimeout: 0,
          },
          exchange,
        );
      };
      if (!hasBody || upgrade) return dispatch(null);
      const checker = as.contentDigest?.checker();
      if (checker && length !== undefined && Number(length) <= mostHeldBytes) exchange.wholeBody(checker, dispatch);
      else dispatch(exchange.body(chunked, checker));
    });
  }

  /** Ends the WebSockets, which do not end by themselves, and begins no other. Their clients come back, to another process. */
  endTunnels(): void {
    this.#ending = true;
    for (const tunnel of this.#tunnels) tunnel.cut();
  }

  /** Lets what is under way finish. */
  async close(): Promise<void> {
    this.endTunnels();
    await Promise.all([...this.#targets.values()].map(({ pool }) => pool.close()));
  }

  /** Pools of upstreams that a reloaded policy no longer names end when they are idle. */
  retain(upstreams: Iterable<Upstream>): void {
    const kept = new Set([...upstreams].map(targetKey));
    this.#known = new WeakMap();
    for (const [key, target] of this.#targets) {
      if (kept.has(key)) continue;
      this.#targets.delete(key);
      void target.pool.close();
    }
  }

  #target(upstream: Upstream): Target {
    const known = this.#known.get(upstream);
    if (known) return known;
    const key = targetKey(upstream);
    const target = this.#targets.get(key) ?? targetOf(upstream);
    this.#targets.set(key, target);
    this.#known.set(upstream, target);
    return target;
  }
}

/** An upstream, its URL parsed. */
interface Target {
  /** The path that the policy's URL has before every other; empty for `/`. */
  readonly base: string;
  readonly pool: Pool;
}

const targetKey = ({ name, url, timeoutSeconds }: Upstream): string => `${name} ${url} ${timeoutSeconds}`;

function targetOf({ url, timeoutSeconds }: Upstream): Target {
  const { origin, pathname } = new URL(url);
  const timeout = Math.min(timeoutSeconds * 1000, maxConnectMilliseconds);
  return {
    base: pathname === '/' ? '' : pathname,
    // As many connections as there are callers, so nobody waits for another's answer; pipelining would make them wait.
    pool: new Pool(origin, { pipelining: 1, connect: { timeout }, allowH2: false }),
  };
}

const nothing = Buffer.alloc(0);

/** One request and its answer. */
class Exchange implements Dispatcher.DispatchHandler {
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
    private readonly as: Forward,
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
    if (status < 200) return this.#hint(status, valuesOf(raw, 'link'));
    if (!this.#hold && valuesOf(raw, 'content-type').some((type) => /^text\/event-stream\b/i.test(type))) {
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
