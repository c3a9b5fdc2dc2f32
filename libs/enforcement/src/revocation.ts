import { type EnforcerRow, type FenceOrder, type FenceOutcome } from './authority.js';
import { type Ack, type Receipt } from './messages.js';

/**
 * - `waiting`: until an acknowledgement or a new listing arrives; nothing can be fenced before `untilMs`
 * - `fence`: carry out each order, tell `fenced` what came of it, ask again
 * - `done`: the old grant is refused everywhere; answer the caller
 */
export type RevocationProgress =
  | { state: 'waiting'; untilMs: number }
  | { state: 'fence'; orders: FenceOrder[] }
  | { state: 'done'; receipt: Receipt };

/**
 * One committed revocation, on the replica that answers for it. Times are this replica's own monotonic clock.
 *
 * Use: commit; read the clock; construct; publish the marker; `list` what `AuthorityStore.enforcers` says; then loop over
 * `progress` until done, feeding acknowledgements as they come and a new listing every now and then (an
 * acknowledgement may have gone to another replica). A replica that takes over starts anew: its `sinceMs` is the take-over.
 */
export class PendingRevocation {
  readonly #seq: number;
  readonly #history: string;
  readonly #leaseMs: number;
  readonly #sinceMs: number;
  readonly #unknownUntilMs: number;
  #awaited: Map<string, Awaited> | undefined;

  /**
   * @param options.seq the marker's (the highest, if the revocation made several)
   * @param options.leaseMs L
   * @param options.sinceMs the monotonic clock, read AFTER the commit returned: an instant before it would end the wait
   * while a lease from before the commit still runs
   * @param options.unknownUntilMs where the rows may not be all who hold leases: the database was put back, or a standby took over. By
   * then, L after this history was first seen here, leases that are given in no row have run out
   */
  constructor(options: { seq: number; history: string; leaseMs: number; sinceMs: number; unknownUntilMs?: number }) {
    this.#seq = options.seq;
    this.#history = options.history;
    this.#leaseMs = options.leaseMs;
    this.#sinceMs = options.sinceMs;
    this.#unknownUntilMs = options.unknownUntilMs ?? -Infinity;
  }

  /** The first listing, begun after the commit, settles who is waited for; who joins later loads the marker. */
  list(rows: readonly EnforcerRow[]): void {
    if (!this.#awaited) {
      const live = rows.filter((row) => row.state === 'live');
      this.#awaited = new Map(live.map((row) => [row.id, { incarnation: row.incarnation, leaseMs: row.leaseMs }]));
    }
    const now = new Map(rows.map((row) => [row.id, row]));
    for (const [id, awaited] of this.#awaited) {
      const row = now.get(id);
      if (!row || row.incarnation > awaited.incarnation || row.appliedThrough >= this.#seq) {
        awaited.end ??= 'acknowledged';
      } else if (row.state === 'fenced') {
        awaited.end ??= 'fenced';
      }
    }
  }

  /**
   * An acknowledgement heard by this replica, now or earlier. Those of another history or incarnation prove nothing.
   * @returns whether it was this one that its enforcer was waited for
   */
  acknowledge(ack: Ack): boolean {
    const awaited = this.#awaited?.get(ack.enforcerId);
    if (awaited?.incarnation !== ack.incarnation || ack.history !== this.#history) return false;
    if (awaited.end || ack.appliedThrough < this.#seq) return false;
    awaited.end = 'acknowledged';
    return true;
  }

  /** What came of an order. */
  fenced(order: FenceOrder, { outcome, ...rest }: FenceOutcome): void {
    const awaited = this.#awaited?.get(order.id);
    if (!awaited) return;
    if (outcome === 'fenced') awaited.end ??= 'fenced';
    if (outcome === 'acknowledged' || outcome === 'gone') awaited.end ??= 'acknowledged';
    if ('leaseMs' in rest) awaited.leaseMs = Math.max(awaited.leaseMs, rest.leaseMs);
  }

  progress(nowMs: number): RevocationProgress {
    if (!this.#awaited) return { state: 'waiting', untilMs: this.#sinceMs };
    const waitedMs = nowMs - this.#sinceMs;
    const open = [...this.#awaited].filter(([, awaited]) => !awaited.end);
    if (open.length === 0) {
      if (nowMs < this.#unknownUntilMs) return { state: 'waiting', untilMs: this.#unknownUntilMs };
      return { state: 'done', receipt: this.#receipt(waitedMs) };
    }
    const needMs = (awaited: Awaited): number => Math.max(this.#leaseMs, awaited.leaseMs);
    const silent = open.filter(([, awaited]) => waitedMs >= needMs(awaited));
    if (silent.length === 0) {
      return { state: 'waiting', untilMs: this.#sinceMs + Math.min(...open.map(([, awaited]) => needMs(awaited))) };
    }
    const orders = silent.map(([id, { incarnation }]): FenceOrder => {
      return { id, incarnation, because: 'revocation', seq: this.#seq, waitedMs };
    });
    return { state: 'fence', orders };
  }

  #receipt(waitedMs: number): Receipt {
    const ends = [...this.#awaited!.values()].map((awaited) => awaited.end);
    return {
      enforcers: ends.length,
      acknowledged: ends.filter((end) => end === 'acknowledged').length,
      fenced: ends.filter((end) => end === 'fenced').length,
      elapsed_ms: Math.max(0, Math.round(waitedMs)),
    };
  }
}

interface Awaited {
  incarnation: number;
  leaseMs: number;
  end?: 'acknowledged' | 'fenced';
}

/**
 * Finds rows whose process is gone, so that revocations need not wait for them. Silence is measured on the watching
 * replica's monotonic clock between two readings that show the same count of renewals: a database clock that steps forward
 * would fence enforcers whose leases run.
 */
export class SilenceWatch {
  readonly #leaseMs: number;
  #seen = new Map<string, { incarnation: number; renewals: number; sinceMs: number }>();

  constructor(options: { leaseMs: number }) {
    this.#leaseMs = options.leaseMs;
  }

  /**
   * @param rows a fresh listing
   * @param nowMs the monotonic clock, read after the listing
   * @returns the rows to fence: silent for twice the lease. The order is tested again under the row's lock
   */
  observe(rows: readonly EnforcerRow[], nowMs: number): FenceOrder[] {
    const before = this.#seen;
    this.#seen = new Map();
    const orders: FenceOrder[] = [];
    for (const { id, incarnation, renewals, leaseMs, state } of rows) {
      if (state === 'fenced') continue;
      const last = before.get(id);
      const same = last?.incarnation === incarnation && last.renewals === renewals ? last : undefined;
      const seen = same ?? { incarnation, renewals, sinceMs: nowMs };
      this.#seen.set(id, seen);
      if (nowMs - seen.sinceMs > 2 * Math.max(this.#leaseMs, leaseMs)) {
        orders.push({ id, incarnation, because: 'silence', renewals });
      }
    }
    return orders;
  }
}
