import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Readable } from 'node:stream';
import { type ContentDigest } from '@portcullis/credentials';
import { type Upstream } from '@portcullis/policy';
import { Pool } from 'undici';
import { headerValues } from '../header-values.js';
import { Exchange, type ExchangeTerms } from './exchange.js';
import { requestHeaders } from './headers.js';
import { type Tunnel } from './tunnel.js';

/** A request that was decided on, as it goes on. */
export interface Forward extends ExchangeTerms {
  readonly method: string;
  /** As it was matched; not parsed again. */
  readonly path: string;
  /** What follows `?`, as it was sent. */
  readonly query: string | null;
  /** What a signed request says of its body. The upstream gets no whole body that is another. */
  readonly contentDigest?: ContentDigest | null | undefined;
}

/** How long a connection to an upstream may take, unless its whole time-out is shorter. */
const maxConnectMilliseconds = 5_000;
/** A signed body of no more bytes is read and digested before the upstream hears of it. */
const mostHeldBytes = 1_048_576;

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
    const length = chunked ? undefined : headerValues(request.rawHeaders, 'content-length')[0];
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
