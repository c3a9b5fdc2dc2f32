import { type Ask, ownShare, type Slice, sliceMs } from './ledger.js';
import { type Limit, Spending } from './spending.js';

/**
 * What one gateway may still let pass of one key's limit: a slice while it has one, and else its own share, limit ÷ gateways. It never
 * waits and asks nobody: whoever holds it carries its `ask` to the authority and the slice back.
 */
export class Allowance {
  #limit: Limit;
  readonly #own = new Spending();
  #credit = 0;
  /** Until then the slice says what may pass. */
  #untilMs = -Infinity;
  #slice: { readonly remaining: number; readonly moreAtMs: number } = { remaining: 0, moreAtMs: 0 };
  #used = 0;
  #acknowledged = 0;
  /** When the first passed that is not acknowledged. */
  #unheardMs = 0;
  /** Requests since the last ask, those refused among them. */
  #seen = 0;

  constructor(limit: Limit) {
    this.#limit = limit;
  }

  get limit(): Limit {
    return this.#limit;
  }

  /** From now on by another limit. What it held under the old one is left to the next ask to settle. */
  change(limit: Limit): void {
    this.#limit = limit;
    this.#credit = 0;
    this.#untilMs = -Infinity;
  }

  /** Counts a request, and says whether it may pass. */
  take(nowMs: number, gateways: number): boolean {
    this.#seen += 1;
    const { perMs } = this.#limit;
    this.#own.advance(nowMs, perMs);
    if (nowMs < this.#untilMs) {
      if (this.#credit < 1) return false;
      this.#credit -= 1;
    } else if (this.#own.spent(nowMs, perMs) + 1 > ownShare(this.#limit, gateways)) return false;
    this.#own.charge(1, nowMs, nowMs, perMs);
    if (this.#used === this.#acknowledged) this.#unheardMs = nowMs;
    this.#used += 1;
    return true;
  }

  /** How many more may pass, as far as is known here, and how long until that may be more. */
  outlook(nowMs: number, gateways: number): { remaining: number; waitMs: number } {
    const { perMs } = this.#limit;
    if (nowMs < this.#untilMs) {
      return { remaining: this.#credit + this.#slice.remaining, waitMs: Math.max(0, this.#slice.moreAtMs - nowMs) };
    }
    const share = ownShare(this.#limit, gateways);
    const remaining = Math.max(0, Math.floor(share - this.#own.spent(nowMs, perMs)));
    const waitMs = remaining > 0 ? this.#own.firstMs(nowMs, perMs) : this.#own.waitMs(share - 1, nowMs, perMs);
    return { remaining, waitMs };
  }

  /** True while it waits for a first slice: asking soon pays. */
  get isBare(): boolean {
    return this.#untilMs === -Infinity && this.#seen > 0;
  }

  /** Whether there is something to say: use to report, or a slice to hand back before it ends. */
  isDue(nowMs: number, marginMs: number): boolean {
    if (this.#seen > 0 || this.#used > this.#acknowledged) return true;
    return this.#credit > 0 && nowMs >= this.#untilMs - marginMs;
  }

  /** True when nothing is known here that a new one would not know. */
  isIdle(nowMs: number): boolean {
    const { perMs } = this.#limit;
    this.#own.advance(nowMs, perMs);
    return (
      this.#seen === 0 &&
      this.#credit === 0 &&
      this.#used === this.#acknowledged &&
      nowMs >= this.#untilMs &&
      this.#own.spent(nowMs, perMs) === 0
    );
  }

  ask(nowMs: number): Ask {
    const { perMs } = this.#limit;
    this.#own.advance(nowMs, perMs);
    const ask = {
      used: this.#used,
      acknowledged: this.#acknowledged,
      recent: Math.ceil(this.#own.spent(nowMs, perMs)),
      spanMs: this.#used === this.#acknowledged ? 0 : Math.ceil(nowMs - this.#unheardMs),
      want: Math.min(this.#limit.requests, 2 * this.#seen),
    };
    this.#seen = 0;
    return ask;
  }

  /** Takes the answer to `ask`, which was made at `askedMs`. What passed meanwhile was of the old slice, and is of the new one. */
  receive(ask: Ask, slice: Slice, askedMs: number): void {
    this.#acknowledged = ask.used;
    this.#unheardMs = askedMs;
    this.#slice = { remaining: slice.remaining, moreAtMs: askedMs + slice.waitMs };
    this.#credit = Math.max(0, slice.granted - (this.#used - ask.used));
    if (ask.want === 0) this.#untilMs = -Infinity;
    else this.#untilMs = askedMs + (slice.granted === 0 ? Math.max(sliceMs, slice.waitMs) : sliceMs);
  }
}
