import { type Authority, type EnforcementReceipt, Refusal } from '@portcullis/contracts';
import {
  type Ack,
  answer,
  type AuthorityReply,
  type AuthorityStore,
  decideFence,
  type EnforcerMessage,
  type EnforcerRow,
  type MarkerNotice,
  PendingRevocation,
  type RevocationProgress,
  type Room,
  SilenceWatch,
} from '@portcullis/enforcement';
import { type Bus } from './bus.js';
import { Acknowledgement, ExchangeMessage } from './enforcement-messages.js';
import {
  appliedSubject,
  type EnforcerKind,
  enforcerKinds,
  exchangeSubject,
  guardIds,
  isIdOf,
  markerSubject,
} from './enforcement-subjects.js';
import { listen } from './listen.js';

/** What an authority's database gives beyond the protocol. */
export interface MarkerSource {
  /**
   * The committed markers with these seqs, to broadcast them, the latest seq, all rows as `enforcers` answers them, and whether these
   * are known to be all who hold leases in this history: one statement.
   */
  confirming(
    seqs: readonly number[],
  ): Promise<{ notice: MarkerNotice; seq: number; enforcers: EnforcerRow[]; settled: boolean }>;
  /** Notes that from now on they are, in this history. */
  settle(history: string): Promise<void>;
}

export interface AuthorityOptions {
  store: AuthorityStore & MarkerSource;
  /** L: how long an enforcer may answer from its cache after a renewal. */
  leaseSeconds: number;
  report: (line: string) => void;
}

const relistMilliseconds = 50;
/** Guards share one password. Whoever has it must not make every revocation wait for thousands that are silent. */
const roomForGuards: Room = { prefix: guardIds, live: 200, rows: 1_000 };
/** Enforcers whose acknowledgements are remembered. Of more, renewals tell. Guards leave room for gateways. */
const mostAcknowledged: Record<EnforcerKind, number> = { gateway: 4_096, guard: 2_048 };
/** Whoever takes longer did not hear the broadcast, or had no time for it: the log names it. */
const slowMilliseconds = 1_000;
const watchMilliseconds = 1_000;
const pruneMilliseconds = 600_000;
/** Beyond the lease, for fencing and for a database that stumbles. Callers wait longer still (`revokingSeconds`). */
const patienceMilliseconds = 3_000;

/**
 * The authority's half of enforcement, carried over NATS. Replicas share one database and nothing else: any of them
 * answers an exchange, all of them hear an acknowledgement, and the one that revoked waits.
 */
export class EnforcementAuthority {
  private readonly pending = new Set<Waiter>();
  /** The furthest acknowledgement of each enforcer, of those that have a row. */
  private readonly acknowledged = new Map<string, Heard>();
  private readonly silence: SilenceWatch;
  /** The history that this replica has seen last, and when first (monotonic). */
  private seen: { history: string; atMs: number } | undefined;
  private readonly timers: NodeJS.Timeout[] = [];
  private stopped = false;

  constructor(
    private readonly bus: Bus,
    private readonly options: AuthorityOptions,
  ) {
    this.silence = new SilenceWatch({ leaseMs: this.leaseMs });
  }

  start(): void {
    const { connection } = this.bus;
    const queue = this.authority;
    // No answer is the answer: the enforcer asks again, and its lease runs out meanwhile.
    const failed = (cause: unknown): void => this.options.report(`enforcement: ${String(cause)}`);
    for (const kind of enforcerKinds) {
      listen(connection, exchangeSubject(this.authority, kind), { queue, failed }, async (message) => {
        const sent = fromItsOwn(kind, ExchangeMessage.parse(message.json()));
        message.respond(JSON.stringify(await this.exchange(sent)));
      });
      listen(connection, appliedSubject(this.authority, kind), {}, (message) => {
        const ack = fromItsOwn(kind, Acknowledgement.parse(message.json()));
        this.heard(kind, { ack, atMs: performance.now(), reply: message.reply });
      });
    }
    const watch = (): void => void this.watch().catch(failed);
    watch();
    this.timers.push(
      setInterval(watch, watchMilliseconds),
      setInterval(() => void this.options.store.prune().catch(() => undefined), pruneMilliseconds),
    );
  }

  /** Whoever still waits for a confirmation is told to ask again: another replica, or this one after its restart, confirms it. */
  stop(): void {
    this.stopped = true;
    for (const timer of this.timers) clearInterval(timer);
    for (const { wake } of this.pending) wake();
  }

  /**
   * To be called right after the commit of a revocation, with the seqs of its markers. Answers when every live enforcer
   * refuses what was revoked or is fenced; a repeat may be confirmed again at any time. Refuses with `enforcement_pending`
   * when that cannot be known: the change stays committed.
   * @param known the markers, where the revoking transaction has answered them: they are broadcast while it is looked up who is waited for
   */
  async confirm(seqs: readonly number[], known?: MarkerNotice): Promise<EnforcementReceipt> {
    const sinceMs = performance.now();
    const deadlineMs = sinceMs + this.leaseMs + patienceMilliseconds;
    const { store } = this.options;
    const before = new Map(this.acknowledged);
    if (known) this.broadcast(known);
    const asked = known ? [] : seqs;
    const asOf = await this.untilDeadline(deadlineMs, () => store.confirming(asked));
    const { notice, seq: head, enforcers } = asOf;
    const unknownUntilMs = asOf.settled ? undefined : this.firstSeenMs(notice.history) + this.leaseMs;
    const seq = Math.max(...seqs);
    const { history } = notice;
    // Put back in between: perhaps without the change.
    if (seq > head || (known && known.history !== history)) throw pendingRefusal();
    const revocation = new PendingRevocation({ seq, history, leaseMs: this.leaseMs, sinceMs, unknownUntilMs });
    const waiter: Waiter = { revocation, sinceMs, wake: () => undefined };
    this.pending.add(waiter);
    try {
      this.broadcast(notice);
      revocation.list(enforcers);
      for (const [id, heard] of this.acknowledged) {
        const isNew = before.get(id) !== heard;
        if (isNew || heard.ack.appliedThrough <= head) {
          if (revocation.acknowledge(heard.ack) && isNew) this.tell(heard, [heard.atMs - sinceMs]);
        }
        // Of a database that was put back to an earlier point: what it acknowledged were other markers.
        else this.acknowledged.delete(id);
      }
      let listedMs = performance.now();
      for (;;) {
        const progress = await this.advance(revocation, deadlineMs);
        if (progress.state === 'done') return progress.receipt;
        await wakeOrTimeout(waiter, listedMs + relistMilliseconds - performance.now());
        const after = revocation.progress(performance.now());
        if (after.state === 'done') return after.receipt;
        if (this.stopped || performance.now() > deadlineMs) throw pendingRefusal();
        // Not at each wake: with many enforcers that would be a query for each acknowledgement.
        if (performance.now() - listedMs < relistMilliseconds) continue;
        const now = await this.untilDeadline(deadlineMs, () => store.confirming([]));
        if (now.notice.history !== history) throw pendingRefusal();
        revocation.list(now.enforcers);
        listedMs = performance.now();
      }
    } finally {
      this.pending.delete(waiter);
    }
  }

  private broadcast(notice: MarkerNotice): void {
    if (notice.markers.length > 0) this.bus.connection.publish(markerSubject(this.authority), JSON.stringify(notice));
  }

  private get leaseMs(): number {
    return this.options.leaseSeconds * 1000;
  }

  private get authority(): Authority {
    return this.bus.service as Authority;
  }

  private async exchange(message: EnforcerMessage): Promise<AuthorityReply> {
    const after = 'appliedThrough' in message ? message.appliedThrough : 0;
    const room = message.kind === 'join' && isIdOf('guard', message.enforcerId) ? roomForGuards : undefined;
    return this.options.store.exchange(message.enforcerId, after, (view) => answer(view, message, this.leaseMs), room);
  }

  /**
   * An acknowledgement is kept in memory and written nowhere: every replica hears it, and a renewal says the same within a second to
   * whoever did not. A write for each enforcer would be as many commits at every revocation.
   */
  private heard(kind: EnforcerKind, heard: Heard): void {
    const { ack, atMs } = heard;
    const last = this.acknowledged.get(ack.enforcerId);
    const isNew = last === undefined && this.acknowledged.size < mostAcknowledged[kind];
    if (isNew || (last && isFurther(ack, last.ack))) this.acknowledged.set(ack.enforcerId, heard);
    const waited: number[] = [];
    for (const { revocation, sinceMs, wake } of this.pending) {
      if (!revocation.acknowledge(ack)) continue;
      waited.push(atMs - sinceMs);
      wake();
    }
    if (waited.length > 0) this.tell(heard, waited);
  }

  /** Tells an enforcer that wants to know how long after the commit it was heard, for each revocation that waited for it: its metrics. */
  private tell(heard: Heard, waited: readonly number[]): void {
    const { ack, reply } = heard;
    // The server lets a message be answered once.
    heard.reply = undefined;
    for (const waitedMs of waited) {
      if (waitedMs > slowMilliseconds) this.options.report(`enforcement: ${ack.enforcerId} obeyed ${told(waitedMs)}`);
    }
    if (reply) this.bus.connection.publish(reply, JSON.stringify(waited));
  }

  /** Fences who has been silent for the whole lease, until there is nothing to do but wait. */
  private async advance(revocation: PendingRevocation, deadlineMs: number): Promise<RevocationProgress> {
    for (;;) {
      const progress = revocation.progress(performance.now());
      if (progress.state !== 'fence') return progress;
      for (const order of progress.orders) {
        if (performance.now() > deadlineMs) throw pendingRefusal();
        const outcome = await this.untilDeadline(deadlineMs, () =>
          this.options.store.fence(order, (row) => decideFence(row, order)),
        );
        revocation.fenced(order, outcome);
        if (outcome.outcome === 'fenced' && order.because === 'revocation') {
          this.options.report(`enforcement: ${order.id} was silent ${told(order.waitedMs)} and is fenced`);
        }
      }
    }
  }

  private async watch(): Promise<void> {
    const { notice, enforcers, settled } = await this.options.store.confirming([]);
    const isOver = performance.now() - this.firstSeenMs(notice.history) >= this.leaseMs;
    if (!settled && isOver) await this.options.store.settle(notice.history);
    await this.fenceSilent(enforcers);
  }

  /**
   * When this replica first saw that the database is in this history: whatever leases were given before, in one that it was put back
   * from or took over from, are over L later, whether it knows their holders or not.
   */
  private firstSeenMs(history: string): number {
    if (this.seen?.history !== history) this.seen = { history, atMs: performance.now() };
    return this.seen.atMs;
  }

  private async fenceSilent(rows: readonly EnforcerRow[]): Promise<void> {
    const known = new Set(rows.map(({ id }) => id));
    for (const id of this.acknowledged.keys()) if (!known.has(id)) this.acknowledged.delete(id);
    for (const order of this.silence.observe(rows, performance.now())) {
      const { outcome } = await this.options.store.fence(order, (row) => decideFence(row, order));
      if (outcome === 'fenced') this.options.report(`enforcement: ${order.id} was silent and is fenced`);
    }
  }

  /** A database that stumbles is asked again; one that stays away leaves the enforcement unconfirmed. */
  private async untilDeadline<T>(deadlineMs: number, work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof Refusal) || performance.now() > deadlineMs) throw pendingRefusal(error);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}

/** A revocation that is waited for here. */
interface Waiter {
  readonly revocation: PendingRevocation;
  /** Monotonic: right after the commit. */
  readonly sinceMs: number;
  wake: () => void;
}

/** An acknowledgement, when it was heard (monotonic), and where its sender is told of it. */
interface Heard {
  readonly ack: Ack;
  readonly atMs: number;
  reply: string | undefined;
}

/** Incarnations count up, and within one what was applied does. */
const isFurther = (ack: Ack, than: Ack): boolean =>
  ack.incarnation === than.incarnation ? ack.appliedThrough >= than.appliedThrough : ack.incarnation > than.incarnation;

const told = (waitedMs: number): string => `${(waitedMs / 1000).toFixed(1)} s after a revocation`;

/** Throws for what a guard says in the name of a gateway, or the other way round. */
function fromItsOwn<M extends EnforcerMessage>(kind: EnforcerKind, message: M): M {
  if (!isIdOf(kind, message.enforcerId)) throw new Error(`no ${kind} has an id like that`);
  return message;
}

function pendingRefusal(cause?: unknown): Refusal {
  return new Refusal(
    'enforcement_pending',
    'The change is made, but it could not be confirmed that every gateway enforces it yet. Repeat the call.',
    { cause, retryAfterSeconds: 2 },
  );
}

function wakeOrTimeout(waiter: Waiter, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    waiter.wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
