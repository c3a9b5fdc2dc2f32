import { type ApiKey, type RateLimit, type ReplyOf, type RequestInputOf } from '@portcullis/contracts';
import { Allowance, type Ask, askEveryMs } from '@portcullis/enforcement';

/** A request of a limited key, counted. */
export interface Taken {
  readonly passes: boolean;
  /** `RateLimit` and `RateLimit-Policy`, name, value, name, value. */
  readonly headers: readonly string[];
  /** What `Retry-After` says where it does not pass. */
  readonly retryAfterSeconds: number;
}

export interface LimitsOptions {
  readonly gatewayId: string;
  readonly takeSlices: (
    request: RequestInputOf<typeof ApiKey.takeSlices>,
  ) => Promise<ReplyOf<typeof ApiKey.takeSlices>>;
  /** Monotonic. */
  readonly nowMs: () => number;
}

/** So that what comes at once asks at once, together. */
const firstAskMs = 2;
/** How often it is asked how many gateways there are, where nothing else is asked. */
const countEveryMs = 5_000;
const maxAsks = 500;

interface Entry {
  readonly keyId: string;
  readonly allowance: Allowance;
  /** The record's, to see a change by. */
  rateLimit: RateLimit;
  policy: string;
}

/**
 * The rate limits of keys at this gateway process. A request is counted from memory and never waits; slices of each limit come from
 * api-key in the background (`Allowance` has the rules), some every 100 ms for all keys in use together, and none for keys at rest.
 */
export class Limits {
  readonly #options: LimitsOptions;
  readonly #entries = new Map<string, Entry>();
  /** Those with something to say. */
  readonly #active = new Set<Entry>();
  #gateways = 1;
  #asking: Promise<void> | undefined;
  #countedMs = -Infinity;
  #tidiedMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: LimitsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.tick(), askEveryMs);
    this.tick();
  }

  /** Hands back what it holds, so that the other gateways have it at once. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
    await this.#asking;
    const nowMs = this.#options.nowMs();
    const held = [...this.#entries.values()].filter(({ allowance }) => allowance.isDue(nowMs, Infinity));
    if (held.length > 0) await this.#ask(held.slice(0, maxAsks), (ask) => ({ ...ask, want: 0 }));
  }

  /** Keys that are remembered. For the metric. */
  get size(): number {
    return this.#entries.size;
  }

  /** Counts a request of a key that has this limit now. */
  take(keyId: string, rateLimit: RateLimit): Taken {
    const nowMs = this.#options.nowMs();
    const entry = this.#entry(keyId, rateLimit);
    const { allowance } = entry;
    const passes = allowance.take(nowMs, this.#gateways);
    this.#active.add(entry);
    if (allowance.isBare && !this.#soon && !this.#stopped && !this.#asking) {
      this.#soon = setTimeout(() => {
        this.#soon = undefined;
        this.tick();
      }, firstAskMs);
    }
    const { remaining, waitMs } = allowance.outlook(nowMs, this.#gateways);
    // To the millisecond first: sums of a clock with fractions come out a hair above a whole second.
    const seconds = Math.max(1, Math.ceil(Math.round(waitMs) / 1_000));
    return {
      passes,
      headers: ['RateLimit-Policy', entry.policy, 'RateLimit', `"api-key";r=${remaining};t=${seconds}`],
      retryAfterSeconds: seconds,
    };
  }

  /** Asks for what is due. */
  tick(): void {
    if (this.#asking || this.#stopped) return;
    const nowMs = this.#options.nowMs();
    const due: Entry[] = [];
    for (const entry of this.#active) {
      if (due.length === maxAsks) break;
      if (entry.allowance.isDue(nowMs, 2 * askEveryMs)) due.push(entry);
      else if (!entry.allowance.isDue(nowMs, Infinity)) this.#active.delete(entry);
    }
    if (due.length > 0 || nowMs - this.#countedMs >= countEveryMs) {
      this.#asking = this.#ask(due, (ask) => ask).finally(() => (this.#asking = undefined));
    }
    if (nowMs - this.#tidiedMs >= countEveryMs) this.#tidy(nowMs);
  }

  /** Never rejects: who is not answered goes on with its own share, and says again later what was not heard. */
  async #ask(entries: readonly Entry[], change: (ask: Ask) => Ask): Promise<void> {
    const { gatewayId, takeSlices, nowMs } = this.#options;
    const askedMs = nowMs();
    const asks = new Map(entries.map((entry) => [entry.keyId, { entry, ask: change(entry.allowance.ask(askedMs)) }]));
    this.#countedMs = askedMs;
    try {
      const { gateways, slices } = await takeSlices({
        gateway: gatewayId,
        asks: [...asks.values()].map(({ entry, ask: { spanMs, hungryMs, ...ask } }) => ({
          key: entry.keyId,
          ...ask,
          span_ms: spanMs,
          hungry_ms: hungryMs,
        })),
      });
      this.#gateways = gateways;
      for (const { key, granted, remaining, wait_ms: waitMs } of slices) {
        const asked = asks.get(key);
        asked?.entry.allowance.receive(asked.ask, { granted, remaining, waitMs }, askedMs);
        asks.delete(key);
      }
      // No limit there any more, or no key. Whoever still presents it as limited begins anew.
      for (const { entry } of asks.values()) this.#forget(entry);
    } catch {
      // The bus says what is away.
    }
  }

  #entry(keyId: string, rateLimit: RateLimit): Entry {
    const known = this.#entries.get(keyId);
    if (!known) {
      const entry = { keyId, rateLimit, allowance: new Allowance(limitOf(rateLimit)), policy: policyOf(rateLimit) };
      this.#entries.set(keyId, entry);
      return entry;
    }
    if (known.rateLimit !== rateLimit) {
      const { requests, per_seconds: seconds } = known.rateLimit;
      if (requests !== rateLimit.requests || seconds !== rateLimit.per_seconds) {
        known.allowance.change(limitOf(rateLimit));
        known.policy = policyOf(rateLimit);
      }
      known.rateLimit = rateLimit;
    }
    return known;
  }

  #tidy(nowMs: number): void {
    this.#tidiedMs = nowMs;
    for (const entry of this.#entries.values()) if (entry.allowance.isIdle(nowMs)) this.#forget(entry);
  }

  #forget(entry: Entry): void {
    this.#active.delete(entry);
    if (this.#entries.get(entry.keyId) === entry) this.#entries.delete(entry.keyId);
  }
}

const limitOf = ({ requests, per_seconds: seconds }: RateLimit) => ({ requests, perMs: seconds * 1_000 });

const policyOf = ({ requests, per_seconds: seconds }: RateLimit): string => `"api-key";q=${requests};w=${seconds}`;
