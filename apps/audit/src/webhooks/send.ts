import { type LookupFunction } from 'node:net';
import { Agent, request } from 'undici';
import { DestinationRefused, type Destinations, HostUnknown } from './destinations.js';

/** What became of one attempt. What a receiver answers is not kept beyond its status: it may be of a host that nobody here may read. */
export type Attempt =
  | { readonly outcome: 'delivered' }
  /** 410: the receiver wants no more. */
  | { readonly outcome: 'gone' }
  | { readonly outcome: 'failed'; readonly reason: string; readonly retryAfterSeconds: number | null }
  /** This process stops: it was no attempt. */
  | { readonly outcome: 'stopped' };

export interface SendOptions {
  readonly destinations: Destinations;
  readonly timeoutMilliseconds: number;
  /** Aborted when the process stops. */
  readonly stopping: AbortSignal;
  readonly now: () => Date;
}

/**
 * Posts a message once. Its host is resolved once and the connection is made to what was found, redirects are not followed, and no more
 * is read of the answer than its head.
 */
export async function send(
  target: string,
  message: { headers: Record<string, string>; body: string },
  { destinations, timeoutMilliseconds, stopping, now }: SendOptions,
): Promise<Attempt> {
  // By hand: `AbortSignal.any` would have the signal of the process remember each attempt.
  const ending = new AbortController();
  const { signal } = ending;
  let isOverdue = false;
  const timer = setTimeout(() => {
    isOverdue = true;
    ending.abort();
  }, timeoutMilliseconds);
  const stop = (): void => ending.abort();
  stopping.addEventListener('abort', stop, { once: true });
  if (stopping.aborted) stop();
  let agent: Agent | undefined;
  try {
    const url = new URL(target);
    const addresses = await destinations.of(url, signal);
    // Asked by the socket for the name that was resolved already, so that TLS still verifies that name.
    const lookup: LookupFunction = (_host, options, found) =>
      options.all ? found(null, addresses) : found(null, addresses[0].address, addresses[0].family);
    agent = new Agent({ connect: { lookup, timeout: timeoutMilliseconds }, connections: 1, pipelining: 0 });
    const { statusCode, headers, body } = await request(url, {
      dispatcher: agent,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'Portcullis', ...message.headers },
      body: message.body,
      signal,
    });
    body.on('error', () => undefined).destroy();
    if (statusCode >= 200 && statusCode < 300) return { outcome: 'delivered' };
    if (statusCode === 410) return { outcome: 'gone' };
    const reason = statusCode >= 300 && statusCode < 400 ? 'redirect' : `status_${statusCode}`;
    return { outcome: 'failed', reason, retryAfterSeconds: retryAfter(headers['retry-after'], now()) };
  } catch (error) {
    if (stopping.aborted) return { outcome: 'stopped' };
    return { outcome: 'failed', reason: isOverdue ? 'timeout' : reasonOf(error), retryAfterSeconds: null };
  } finally {
    clearTimeout(timer);
    stopping.removeEventListener('abort', stop);
    await agent?.destroy();
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof DestinationRefused) return 'address_refused';
  if (error instanceof HostUnknown) return 'host_unknown';
  return 'unreachable';
}

/** RFC 9110 section 10.2.3: seconds, or a date. */
function retryAfter(field: string | string[] | undefined, now: Date): number | null {
  if (typeof field !== 'string') return null;
  if (/^\d{1,9}$/.test(field)) return Number(field);
  const seconds = Math.ceil((Date.parse(field) - now.getTime()) / 1000);
  return /GMT$/.test(field) && seconds > 0 ? seconds : null;
}
