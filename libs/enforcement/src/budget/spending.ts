/** At most `requests` in `perMs`. */
export interface Limit {
  readonly requests: number;
  readonly perMs: number;
}

/** So many were spent evenly from one instant to another. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number;
}

/** A limit's span of time is told apart in so many parts. */
const parts = 20;

/**
 * What was spent in the last `perMs`, as some twenty spans. A burst counts until it is `perMs` old and no longer; steady use falls off as
 * evenly as it came. Roads not taken: a token bucket lets eleven limits pass in ten spans; fixed windows let two pass across an edge;
 * two windows, weighed, still hold a burst against its key when it is long past; an exact log needs a row a request.
 *
 * Times are of one clock.
 */
export class Spending {
  #spans: { fromMs: number; toMs: number; count: number }[];

  constructor(spans: readonly Span[] = []) {
    this.#spans = spans.map((span) => ({ ...span }));
  }

  get spans(): readonly Span[] {
    return this.#spans;
  }

  /** Forgets what is past. True: nothing is left. */
  advance(nowMs: number, perMs: number): boolean {
    const isPast = ({ toMs, count }: Span): boolean => toMs + perMs <= nowMs || count <= 0;
    if (this.#spans.some(isPast)) this.#spans = this.#spans.filter((span) => !isPast(span));
    return this.#spans.length === 0;
  }

  /** What counts as spent at an instant, now or to come. */
  spent(atMs: number, perMs: number): number {
    let sum = 0;
    for (const { fromMs, toMs, count } of this.#spans) {
      const leftMs = toMs + perMs - atMs;
      if (leftMs > 0) sum += leftMs >= toMs - fromMs ? count : (count * leftMs) / (toMs - fromMs);
    }
    return sum;
  }

  /** Charges what is spent evenly from one instant to another. */
  charge(count: number, fromMs: number, untilMs: number, perMs: number): void {
    if (count <= 0) return;
    // What is spent at once falls off in a millisecond: no instant has two values.
    const toMs = Math.max(untilMs, fromMs + 1);
    const last = this.#spans.at(-1);
    if (last && fromMs >= last.fromMs && fromMs - last.fromMs < perMs / parts) {
      last.toMs = Math.max(last.toMs, toMs);
      last.count += count;
    } else this.#spans.push({ fromMs, toMs, count });
  }

  /** Takes back of what was charged from `fromMs` on. */
  refund(count: number, fromMs: number): void {
    const span = this.#spans.findLast((each) => each.fromMs <= fromMs);
    if (span) span.count = Math.max(0, span.count - count);
  }

  /** How long until some of what is spent does not count any more; the whole span of the limit, where nothing is. */
  firstMs(nowMs: number, perMs: number): number {
    const firstMs = this.#spans.reduce((first, { fromMs }) => Math.min(first, fromMs), nowMs);
    return Math.max(0, firstMs + perMs - nowMs);
  }

  /** How long until no more than `target` counts as spent, if nothing more is. */
  waitMs(target: number, nowMs: number, perMs: number): number {
    let before = { atMs: nowMs, spent: this.spent(nowMs, perMs) };
    if (before.spent <= target) return 0;
    const turns = this.#spans.flatMap(({ fromMs, toMs }) => [fromMs + perMs, toMs + perMs]).sort((a, b) => a - b);
    for (const atMs of turns) {
      if (atMs <= nowMs) continue;
      const spent = this.spent(atMs, perMs);
      // Between two turns it falls evenly.
      if (spent <= target) {
        const part = (before.spent - target) / (before.spent - spent);
        return before.atMs + part * (atMs - before.atMs) - nowMs;
      }
      before = { atMs, spent };
    }
    return perMs;
  }
}
