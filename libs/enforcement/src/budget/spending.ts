/** At most `requests` in `perMs`. */
export interface Limit {
  readonly requests: number;
  readonly perMs: number;
}

/** As it is kept between two looks at it. */
export interface SpendingState {
  readonly sinceMs: number;
  readonly previous: number;
  readonly current: number;
}

/**
 * What was spent in the last `perMs`, from two numbers: a window that began with the first use, and the one before it. Of that one
 * counts the part that the last `perMs` still reach back into. From rest a burst is counted exactly, in steady use every window gives
 * back what the one before took, as it took it: nothing is lost to whoever looks only now and then, and ten windows give ten limits.
 * Roads not taken: a token bucket gives eleven; an exact log needs a row a request; plain windows give two limits across an edge.
 *
 * Refunds go to the window that was charged. Times are of one clock, which may stand still but is not followed backwards.
 */
export class Spending {
  #sinceMs: number;
  #previous: number;
  #current: number;

  constructor(state: SpendingState = { sinceMs: -Infinity, previous: 0, current: 0 }) {
    this.#sinceMs = state.sinceMs;
    this.#previous = state.previous;
    this.#current = state.current;
  }

  get state(): SpendingState {
    return { sinceMs: this.#sinceMs, previous: this.#previous, current: this.#current };
  }

  /** Brings the windows up to `nowMs`. True: nothing of before counts any more, a first window begins now. */
  advance(nowMs: number, perMs: number): boolean {
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs < perMs) return false;
    if (elapsedMs < 2 * perMs) {
      this.#previous = this.#current;
      this.#current = 0;
      this.#sinceMs += perMs;
      return false;
    }
    this.#previous = 0;
    this.#current = 0;
    this.#sinceMs = nowMs;
    return true;
  }

  /**
   * What counts as spent `aheadMs` from now, as far as this window reaches. To be asked after `advance` to the same instant. Whoever
   * looks only every so often looks so far ahead: else what falls free after its last look in a window is lost with it.
   */
  spent(nowMs: number, perMs: number, aheadMs = 0): number {
    return this.#previous * Math.max(0, 1 - (nowMs + aheadMs - this.#sinceMs) / perMs) + this.#current;
  }

  charge(count: number): void {
    this.#current += count;
  }

  /** Charges what was spent evenly over the last `spanMs`. Where nothing else counts, the window began with it. */
  chargeLate(count: number, nowMs: number, spanMs: number, perMs: number): void {
    const span = Math.min(spanMs, perMs);
    if (this.#current === 0 && this.#previous === 0 && this.#sinceMs === nowMs && span < perMs) this.#sinceMs -= span;
    const inThis = span === 0 ? 1 : Math.min(1, (nowMs - this.#sinceMs) / span);
    this.#current += count * inThis;
    this.#previous += count * (1 - inThis);
  }

  /** Takes back what was charged in the window that began at `sinceMs`, if that one still counts. */
  refund(count: number, sinceMs: number, perMs: number): void {
    if (sinceMs === this.#sinceMs) this.#current = Math.max(0, this.#current - count);
    else if (sinceMs === this.#sinceMs - perMs) this.#previous = Math.max(0, this.#previous - count);
  }

  /** What is left of the window. */
  leftMs(nowMs: number, perMs: number): number {
    return this.#sinceMs + perMs - nowMs;
  }

  /** How long until no more than `target` counts as spent, seen `aheadMs` ahead, if nothing more is spent. */
  waitMs(target: number, nowMs: number, perMs: number, aheadMs = 0): number {
    const spent = this.spent(nowMs, perMs, aheadMs);
    if (spent <= target) return 0;
    const leftMs = this.leftMs(nowMs, perMs);
    if (this.#current <= target) return Math.min(leftMs, ((spent - target) * perMs) / this.#previous);
    return leftMs + Math.max(0, perMs * (1 - Math.max(0, target) / this.#current) - aheadMs);
  }
}
