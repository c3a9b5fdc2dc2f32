import { AuthorityView } from './authority-view.js';
import { leaseAgeMs, leaseRuns, type Instant } from './lease.js';
import {
  tag,
  type AuthorityReply,
  type EnforcerMessage,
  type MarkerNotice,
  type Position,
  type Renewed,
  type Tag,
} from './messages.js';
import { TagIndex, TaggedCache } from './tag-index.js';

export { type Instant } from './lease.js';

export interface EnforcerOptions {
  /** New at each start of the process. */
  id: string;
  /** Every authority that this process caches from or whose markers it must heed. */
  authorities: readonly string[];
  /** The most that clocks may go wrong within one lease, on both machines together. L minus this is what a lease is worth. */
  driftMs: number;
  renewEveryMs?: number;
  maxEntries: number;
  /** A table of its own, so that a flood of junk evicts no real record. */
  maxNegativeEntries: number;
}

/** A message to send now. `join` and `renew` expect a reply: hand it back with this very object. */
export interface Outgoing {
  authority: string;
  message: EnforcerMessage;
  /** The clocks as passed in: a lease counts from here, so send at once. */
  sentAt: Instant;
}

/** What a decision is about: every tag that a marker could name, and the authorities whose markers could name them. */
export interface Subject {
  tags: readonly Tag[];
  under: readonly string[];
  /** Of a role token. */
  epoch?: number;
}

/** `no-lease`: nothing may be answered from memory. Refuse with 503, or ask those authorities about this one request. */
export type Judgement =
  | { outcome: 'clear' }
  | { outcome: 'blocked'; authority: string; tag: Tag; seq: number }
  | { outcome: 'no-lease'; authorities: string[] };

export type Recall<Entry> =
  { outcome: 'record'; record: Entry } | { outcome: 'none' } | Exclude<Judgement, { outcome: 'clear' }>;

/** How an enforcer stands with one authority. */
export interface LeaseStatus {
  authority: string;
  lease: boolean;
  /** Since the renewal was sent that the lease counts from. Null without one. */
  leaseAgeMs: number | null;
  /** L, as it was granted. Null without a lease. */
  leaseMs: number | null;
  appliedThrough: number;
  incarnation: number;
  /** How much of its markers is in memory: blocks, epochs, and the tags by which resolves under way are judged. */
  held: { blocks: number; epochs: number; remembered: number };
}

/** A WebSocket, event stream or chunked upload that lives on after its decision. */
export interface Attachment {
  /** Tested before each chunk in either direction: a lease ends without any event. */
  admits(now: Instant): boolean;
  /** The stream has ended by itself. */
  release(): void;
}

/**
 * The enforcing half: what a gateway process or a joined guard may answer from memory, and for how long. It never waits
 * and never sets a timer; the carrier sends what it returns and passes both clocks, freshly read, to every call.
 *
 * A request is decided so, each time, after its headers were read: `recall` the record; if there is `none`, resolve it from
 * its authority, `remember` the answer and `recall` again; then `judge` the tags that the record does not carry (a token's
 * family, `jti`, `kid`). An answer that was not `kept` is not used, and least of all by requests that came while it was
 * under way.
 */
export class Enforcer<Entry> {
  readonly #options: Required<EnforcerOptions>;
  readonly #views: Map<string, AuthorityView>;
  readonly #records: TaggedCache<CacheEntry<Entry>>;
  readonly #negatives: TaggedCache<CacheEntry<Entry>>;
  readonly #streams = new Set<Stream>();
  readonly #streamsByTag = new TagIndex<Stream>();
  #sweepMs = -Infinity;

  constructor(options: EnforcerOptions) {
    this.#options = { renewEveryMs: 1000, ...options };
    this.#views = new Map(options.authorities.map((authority) => [authority, new AuthorityView(authority)]));
    this.#records = new TaggedCache(options.maxEntries);
    this.#negatives = new TaggedCache(options.maxNegativeEntries);
  }

  /** What to send now. To be called a few times a second, and soon after every reply. */
  due(now: Instant): Outgoing[] {
    this.#lapse(now);
    if (now.monotonicMs - this.#sweepMs > sweepEveryMs) {
      this.#sweepMs = now.monotonicMs;
      for (const view of this.#views.values()) view.sweep(now);
    }
    const due = [...this.#views.values()].filter((view) => now.monotonicMs >= view.dueMs);
    return due.flatMap((view) => this.#next(view, now));
  }

  /**
   * The reply to `sent`, however late. Markers are applied, and what they close is closed, before the lease counts.
   * @returns what to send next: an acknowledgement, the exchange that follows
   */
  onReply(sent: Outgoing, reply: AuthorityReply, now: Instant): Outgoing[] {
    this.#lapse(now);
    const view = this.#view(sent.authority);
    if (sent.message.incarnation !== view.incarnation || view.phase === 'stopped') return [];
    if (reply.kind === 'noted') return [];
    if (reply.kind === 'rejoin') {
      this.#reset(view);
      return this.#next(view, now);
    }
    if (reply.kind === 'joined') {
      if (view.phase === 'renewing') return [];
      view.phase = 'renewing';
      return this.#next(view, now);
    }
    return this.#onRenewed(view, sent, reply, now);
  }

  /** A broadcast, however late, doubled or out of order. @returns an acknowledgement, or a renewal to fill a gap */
  onMarkers(authority: string, notice: MarkerNotice, now: Instant): Outgoing[] {
    this.#lapse(now);
    const view = this.#view(authority);
    // Before the first answer there is nothing in memory that it could match, and the load will bring it.
    if (view.phase !== 'renewing' || view.history === undefined) return [];
    if (notice.history !== view.history) return this.#hurry(view, now);
    this.#apply(view, notice.markers, now);
    return [...this.#acknowledge(view, now), ...(view.hasGap ? this.#hurry(view, now) : [])];
  }

  /** Whether answers from memory that depend on `authority` are allowed at this instant. */
  holdsLease(authority: string, now: Instant): boolean {
    this.#lapse(now);
    return this.#view(authority).holds(now, this.#options.driftMs);
  }

  /** The decision on tags, cached or fresh. `clear` holds for this turn of the event loop only. */
  judge(subject: Subject, now: Instant): Judgement {
    this.#lapse(now);
    const without = subject.under.filter((authority) => !this.#view(authority).holds(now, this.#options.driftMs));
    if (without.length > 0) return { outcome: 'no-lease', authorities: without };
    for (const view of this.#views.values()) {
      for (const name of subject.tags) {
        const seq = view.refusal(name, subject.epoch, now);
        if (seq !== undefined) return { outcome: 'blocked', authority: view.authority, tag: name, seq };
      }
    }
    return { outcome: 'clear' };
  }

  /**
   * Keep what `authority` answered.
   * - `kept`
   * - `stale` a matching marker newer than the answer was applied while it was under way: ask again
   * - `no-lease` nothing is kept without the leases
   * @param about.at the position that the answer was read at. The record may hold facts of this authority only: another
   * authority's facts are that one's record, or a block
   * @param about.under further authorities whose lease the record needs (an API key: identity)
   * @param about.keepMs for how long at most
   * @param about.negative goes to the table for unknown credentials
   */
  remember(
    key: string,
    record: Entry,
    about: {
      authority: string;
      at: Position;
      tags: readonly Tag[];
      under?: readonly string[];
      keepMs?: number;
      negative?: boolean;
    },
    now: Instant,
  ): 'kept' | 'stale' | 'no-lease' {
    this.#lapse(now);
    const under = [...new Set([about.authority, ...(about.under ?? [])])];
    if (under.some((authority) => !this.#view(authority).holds(now, this.#options.driftMs))) return 'no-lease';
    if (this.#view(about.authority).isStale(about.at, about.tags)) return 'stale';
    const untilMs = about.keepMs === undefined ? Infinity : now.monotonicMs + about.keepMs;
    this.forget(key);
    const table = about.negative ? this.#negatives : this.#records;
    table.set({ key, record, tags: about.tags, under, keptMs: now.monotonicMs, untilMs });
    return 'kept';
  }

  /** The record, if it may be used at this instant: leases held, no tag blocked. */
  recall(key: string, now: Instant): Recall<Entry> {
    this.#lapse(now);
    const entry = this.#records.get(key) ?? this.#negatives.get(key);
    if (!entry) return { outcome: 'none' };
    if (now.monotonicMs >= entry.untilMs) {
      this.forget(key);
      return { outcome: 'none' };
    }
    const judgement = this.judge(entry, now);
    return judgement.outcome === 'clear' ? { outcome: 'record', record: entry.record } : judgement;
  }

  forget(key: string): void {
    this.#records.delete(key);
    this.#negatives.delete(key);
  }

  /**
   * Tie a stream to its decision. To be called in the same turn as the decision, before anything is awaited.
   * `close` is called once, at once, when a marker matches or a lease ends; it cuts the connection before it returns, for
   * the acknowledgement follows. @returns undefined if the subject is refused at this instant
   */
  attach(subject: Subject, close: () => void, now: Instant): Attachment | undefined {
    if (this.judge(subject, now).outcome !== 'clear') return undefined;
    const stream: Stream = { ...subject, close };
    this.#streams.add(stream);
    this.#streamsByTag.add(stream);
    return {
      admits: (at) => this.judge(subject, at).outcome === 'clear' && this.#streams.has(stream),
      release: () => this.#release(stream),
    };
  }

  /** A clean stop: all is dropped, closed and refused from here on. Send what it returns. */
  stop(now: Instant): Outgoing[] {
    return [...this.#views.values()].flatMap((view) => {
      const { incarnation } = view;
      this.#reset(view);
      view.phase = 'stopped';
      view.dueMs = Infinity;
      return [this.#outgoing(view, { kind: 'deregister', enforcerId: this.#options.id, incarnation }, now)];
    });
  }

  /** For readiness and metrics. */
  status(now: Instant): LeaseStatus[] {
    this.#lapse(now);
    return [...this.#views.values()].map((view) => {
      const { authority, appliedThrough, incarnation, held, lease } = view;
      return {
        authority,
        lease: lease !== undefined,
        leaseAgeMs: lease ? leaseAgeMs(lease.sentAt, now) : null,
        leaseMs: lease?.leaseMs ?? null,
        appliedThrough,
        incarnation,
        held,
      };
    });
  }

  /**
   * How long ago the oldest record of each table was kept that may still be used; null where there is none. It looks at every
   * record: for metrics.
   */
  oldestMs(now: Instant): { records: number | null; negatives: number | null } {
    return { records: oldestMs(this.#records, now), negatives: oldestMs(this.#negatives, now) };
  }

  /** How much is in memory. */
  get size(): { records: number; negatives: number; streams: number } {
    return { records: this.#records.size, negatives: this.#negatives.size, streams: this.#streams.size };
  }

  #onRenewed(view: AuthorityView, sent: Outgoing, reply: Renewed, now: Instant): Outgoing[] {
    if (view.history !== undefined && view.history !== reply.history) {
      this.#reset(view);
      return this.#next(view, now);
    }
    view.history = reply.history;
    this.#apply(view, reply.markers, now);
    view.advance(reply.seq);
    if (reply.leaseMs === 0) return [...this.#acknowledge(view, now), ...this.#next(view, now)];
    view.finishLoad(reply.seq);
    const { sentAt } = sent;
    const later = !view.lease || sentAt.monotonicMs > view.lease.sentAt.monotonicMs;
    if (later && leaseRuns(sentAt, reply.leaseMs, now, this.#options.driftMs)) {
      view.lease = { sentAt, leaseMs: reply.leaseMs };
    }
    return this.#acknowledge(view, now);
  }

  #apply(view: AuthorityView, markers: MarkerNotice['markers'], now: Instant): void {
    for (const marker of markers) {
      if (!view.apply(marker, now)) continue;
      const name = tag(marker.scope, marker.id);
      this.#records.dropTag(name);
      this.#negatives.dropTag(name);
      if (marker.effect === 'refresh') continue;
      for (const stream of this.#streamsByTag.matching(name)) this.#close(stream);
    }
  }

  #acknowledge(view: AuthorityView, now: Instant): Outgoing[] {
    if (view.history === undefined || view.appliedThrough <= view.acknowledged) return [];
    view.acknowledged = view.appliedThrough;
    const { incarnation, appliedThrough, history } = view;
    return [
      this.#outgoing(view, { kind: 'ack', enforcerId: this.#options.id, incarnation, appliedThrough, history }, now),
    ];
  }

  #next(view: AuthorityView, now: Instant): Outgoing[] {
    const { incarnation, appliedThrough, history, phase } = view;
    if (phase === 'stopped') return [];
    view.lastSentMs = now.monotonicMs;
    view.dueMs = now.monotonicMs + this.#options.renewEveryMs;
    const enforcerId = this.#options.id;
    if (phase === 'joining') return [this.#outgoing(view, { kind: 'join', enforcerId, incarnation }, now)];
    const message = {
      kind: 'renew' as const,
      enforcerId,
      incarnation,
      appliedThrough,
      ...(history !== undefined && { history }),
    };
    return [this.#outgoing(view, message, now)];
  }

  /** A renewal before its time, but not a storm of them. */
  #hurry(view: AuthorityView, now: Instant): Outgoing[] {
    view.dueMs = Math.min(view.dueMs, view.lastSentMs + this.#options.renewEveryMs / 10);
    return now.monotonicMs >= view.dueMs ? this.#next(view, now) : [];
  }

  /**
   * Whoever sees that a lease is over ends the incarnation with it. Besides emptying the cache this latches a
   * disagreement of the clocks: they may agree again by the next look.
   */
  #lapse(now: Instant): void {
    for (const view of this.#views.values()) {
      if (view.lease && !view.holds(now, this.#options.driftMs)) this.#reset(view);
    }
  }

  #reset(view: AuthorityView): void {
    view.reset();
    const needs = ({ under }: { under: readonly string[] }): boolean => under.includes(view.authority);
    this.#records.dropWhere(needs);
    this.#negatives.dropWhere(needs);
    for (const stream of [...this.#streams]) if (needs(stream)) this.#close(stream);
  }

  #close(stream: Stream): void {
    if (!this.#streams.has(stream)) return;
    this.#release(stream);
    try {
      stream.close();
    } catch {
      // `admits` refuses every further chunk, and the other streams must be closed as well.
    }
  }

  #release(stream: Stream): void {
    this.#streams.delete(stream);
    this.#streamsByTag.delete(stream);
  }

  #outgoing(view: AuthorityView, message: EnforcerMessage, sentAt: Instant): Outgoing {
    return { authority: view.authority, message, sentAt };
  }

  #view(authority: string): AuthorityView {
    const view = this.#views.get(authority);
    if (!view) throw new Error(`no authority named ${authority}`);
    return view;
  }
}

const sweepEveryMs = 60_000;

interface CacheEntry<Entry> extends Subject {
  key: string;
  record: Entry;
  /** Monotonic, both. */
  keptMs: number;
  untilMs: number;
}

function oldestMs(table: TaggedCache<CacheEntry<unknown>>, now: Instant): number | null {
  let oldest: number | null = null;
  for (const { keptMs, untilMs } of table.entries()) {
    if (now.monotonicMs < untilMs) oldest = Math.max(oldest ?? 0, now.monotonicMs - keptMs);
  }
  return oldest;
}

interface Stream extends Subject {
  close(): void;
}
