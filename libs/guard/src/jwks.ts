import { type KeyObject } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { importPublicJwk, parseStrictJson } from '@portcullis/credentials';
import { type PublicKeys } from './verify-token.js';

export interface JwksOptions {
  /** A gateway's `/.well-known/jwks.json`. */
  readonly url: string;
  /** Plain http to another machine: whoever is on the way there chooses the keys. Without this it is refused. */
  readonly insecureHttp?: boolean;
  /** An unknown kid causes a fetch, but no more than one in this time. */
  readonly refetchSeconds?: number;
  /** A set that is older is fetched again, beside the requests, which do not wait for it. */
  readonly freshSeconds?: number;
  /** How long keys are good that cannot be fetched again. After that nothing is known. */
  readonly holdSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly maxBytes?: number;
}

/** Requests that wait for a fetch because of an unknown kid. Those beyond are told that it cannot be known now. */
const maxWaiting = 100;
const maxKeys = 1_000;

/**
 * A set of public keys (RFC 7517), fetched when it is first needed. Only public P-256 keys that name their `kid` and ES256 are
 * taken; whatever else is in the set is as good as absent. An unknown kid is looked for once more in a set that was fetched after it
 * was asked for, so keys may change and gateways may start at any time; a flood of made-up ones costs one fetch in `refetchSeconds`.
 * No redirect is followed and no address in a token is ever looked at.
 */
export class Jwks implements PublicKeys {
  readonly #options: Required<Omit<JwksOptions, 'insecureHttp'>>;
  #keys = new Map<string, KeyObject>();
  /** When the request was sent that the keys are the answer to. */
  #askedAtMs = -Infinity;
  #attemptedAtMs = -Infinity;
  #fetching: Promise<void> | undefined;
  #waiting = 0;

  /** Throws TypeError for a URL that keys cannot be trusted from. */
  constructor({ insecureHttp = false, ...options }: JwksOptions) {
    const { protocol, hostname } = new URL(options.url);
    const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
    if (protocol !== 'https:' && !(protocol === 'http:' && (isHere || insecureHttp))) {
      throw new TypeError('The keys are at an https URL, or on this machine, unless insecureHttp says otherwise.');
    }
    this.#options = {
      refetchSeconds: 1,
      freshSeconds: 60,
      holdSeconds: 600,
      timeoutSeconds: 3,
      maxBytes: 262_144,
      ...options,
    };
  }

  async find(kid: string): Promise<KeyObject | undefined> {
    const arrivedMs = performance.now();
    const ageMs = arrivedMs - this.#askedAtMs;
    const held = this.#keys.get(kid);
    if (held && ageMs <= this.#options.holdSeconds * 1000) {
      if (ageMs > this.#options.freshSeconds * 1000) void this.#refetch().catch(() => undefined);
      return held;
    }
    if (this.#waiting >= maxWaiting) throw new Error('too many requests wait for keys that are not known');
    this.#waiting++;
    try {
      // The fetch under way may have been answered before the key was made: that it is absent there says nothing.
      while (this.#askedAtMs < arrivedMs) {
        await this.#refetch();
        const found = this.#keys.get(kid);
        if (found) return found;
      }
    } finally {
      this.#waiting--;
    }
    return undefined;
  }

  #refetch(): Promise<void> {
    return (this.#fetching ??= this.#fetch().finally(() => (this.#fetching = undefined)));
  }

  async #fetch(): Promise<void> {
    const earliestMs = this.#attemptedAtMs + this.#options.refetchSeconds * 1000;
    while (performance.now() < earliestMs) await sleep(Math.ceil(earliestMs - performance.now()));
    const askedAtMs = (this.#attemptedAtMs = performance.now());
    const response = await fetch(this.#options.url, {
      headers: { Accept: 'application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(this.#options.timeoutSeconds * 1000),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`${this.#options.url} answered ${response.status}`);
    }
    this.#keys = keysOf(await this.#bodyOf(response));
    this.#askedAtMs = askedAtMs;
  }

  async #bodyOf(response: Response): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > this.#options.maxBytes) throw new Error(`${this.#options.url} answered too much`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }
}

function keysOf(body: Buffer): Map<string, KeyObject> {
  const set = parseStrictJson(body) as { keys?: unknown } | null;
  if (typeof set !== 'object' || !Array.isArray(set?.keys) || set.keys.length > maxKeys)
    throw new Error('this is no set of keys');
  const keys = set.keys.flatMap((jwk: unknown) => {
    const { kid, alg } = (jwk ?? {}) as { kid?: unknown; alg?: unknown };
    if (typeof kid !== 'string' || alg !== 'ES256') return [];
    try {
      return [[kid, importPublicJwk(jwk)] as const];
    } catch {
      return [];
    }
  });
  // A good set is never empty: rather the keys of before than none.
  if (keys.length === 0) throw new Error('no key of the set can be used');
  return new Map(keys);
}
