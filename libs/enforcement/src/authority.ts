import {
  type Ack,
  type AuthorityReply,
  type EnforcerMessage,
  type Join,
  type Marker,
  passing,
  type Position,
  type Renew,
} from './messages.js';

/** One enforcer as its authority knows it: table `enforcer`. Every write is made under the row's own lock. */
export interface EnforcerRow {
  id: string;
  incarnation: number;
  state: 'live' | 'fenced';
  /** What the enforcer says that it has applied. Never goes down within an incarnation. */
  appliedThrough: number;
  /** The highest seq that came with any lease given in this incarnation. Never goes down: late answers overtake. */
  grantedThrough: number;
  /** The longest lease given in this incarnation: replicas may be configured differently during a roll-out. */
  leaseMs: number;
  /** Renewals answered in this incarnation: tells silence from life without reading a clock. */
  renewals: number;
}

/** What an exchange sees: the row (locked), then head and markers read in one statement, after the lock was had. */
export interface ExchangeView {
  row: EnforcerRow | undefined;
  head: Position;
  /** Markers with a seq above the message's `appliedThrough`, ascending, at most a page of them. */
  markers: Marker[];
  /** Whether `markers` goes up to `head`. */
  complete: boolean;
}

/** What an exchange does: the row to write (or delete), and the reply to send after the commit. */
export interface Exchange {
  reply: AuthorityReply;
  write?: EnforcerRow | 'delete';
}

/** How many rows there may be whose ids begin alike. */
export interface Room {
  prefix: string;
  /** Each that falls silent is one more to fence, which a revocation waits for. */
  live: number;
  /** In any state: every revocation reads them all. */
  rows: number;
}

/** What to do about a silent row, and the condition that is tested again under its lock. */
export type FenceOrder = { id: string; incarnation: number } & (
  { because: 'revocation'; seq: number; waitedMs: number } | { because: 'silence'; renewals: number }
);

/**
 * - `fenced` holds no lease and can get none
 * - `acknowledged` has applied the marker, or can hold no lease but one that came with it
 * - `gone` deregistered, or joined again since with an empty cache
 * - `wait` was given a lease longer than the wait so far
 * - `alive` renewed after all (orders for silence only)
 */
export type FenceOutcome =
  { outcome: 'fenced' | 'acknowledged' | 'gone' | 'alive' } | { outcome: 'wait'; leaseMs: number };

/**
 * What the protocol asks of an authority's database, always of the primary. READ COMMITTED suffices throughout, where it
 * says lock it means `select … for update`.
 *
 * Two things stand outside of this interface because they belong to the service's own transactions:
 * - **Taking a seq.** In the revoking transaction, as late as possible: lock the one row of `enforcement_head`, increment
 *   `last_seq`, insert the marker with it, commit. The lock held until commit is what makes seq the commit order: whoever
 *   sees seq n sees every change up to n. A Postgres sequence does not do that.
 * - **Resolving.** A resolve reads its record and `enforcement_head` in one statement (or one REPEATABLE READ
 *   transaction) and answers both; the position goes to `Enforcer.remember`.
 */
export interface AuthorityStore {
  /**
   * One transaction: lock the row of `enforcerId` (for a join of an unknown id: an advisory lock or `insert … on conflict`
   * so that two joins of one id do not both insert), then in ONE further statement read head and at most a page of the
   * markers above `after`, then do what `decide` says, commit, and only then return the reply. Rejects when the commit is
   * not certain: then no reply may be sent. Where `write` changes nothing but the count of renewals, a crash of the server may lose it.
   * With `room`, a row that is not live becomes so only while there is room, one join after the other; else it rejects.
   */
  exchange(
    enforcerId: string,
    after: number,
    decide: (view: ExchangeView) => Exchange,
    room?: Room,
  ): Promise<AuthorityReply>;

  /** All rows, read in a statement that began after the call. Before a revocation lists them its commit has returned. */
  enforcers(): Promise<EnforcerRow[]>;

  /** One transaction: lock the row, do what `decide` says, commit, return the outcome. */
  fence(
    order: FenceOrder,
    decide: (row: EnforcerRow | undefined) => { outcome: FenceOutcome; write?: EnforcerRow },
  ): Promise<FenceOutcome>;

  /**
   * Delete in one transaction the markers that can match nothing any more: those that `prunable` names, given all
   * markers with their age by the database's clock. Fenced rows may be deleted after a day.
   */
  prune(): Promise<void>;
}

/**
 * The authority's side of every exchange. `leaseMs` is L. A lease is given only to a live row of the same incarnation and
 * history, with every marker that it lacks; the write records what was given, so that a later fence can tell.
 */
export function answer(view: ExchangeView, message: EnforcerMessage, leaseMs: number): Exchange {
  const { row, head } = view;
  if (message.kind === 'join') return answerJoin(row, message);
  if (message.kind === 'deregister') {
    const mine = row !== undefined && row.incarnation <= message.incarnation;
    return { reply: { kind: 'noted' }, ...(mine && { write: 'delete' as const }) };
  }
  const refusal = refuse(row, head, message);
  if (message.kind === 'ack') {
    if (!row || refusal) return { reply: { kind: 'noted' } };
    return {
      reply: { kind: 'noted' },
      write: { ...row, appliedThrough: Math.max(row.appliedThrough, message.appliedThrough) },
    };
  }
  if (!row || refusal) return { reply: { kind: 'rejoin', reason: refusal ?? 'unknown' } };
  return answerRenew(view, row, message, leaseMs);
}

/**
 * Whether a row that has not acknowledged may be fenced; called under its lock.
 *
 * A row that was given a lease with the marker in it must NOT be fenced: that lease may be running, the enforcer would
 * serve from its cache, and the next revocation, which lists live rows only, would not wait for it. For this revocation it
 * is finished all the same: a wait of L has outlived every lease that lacks the marker.
 */
export function decideFence(
  row: EnforcerRow | undefined,
  order: FenceOrder,
): { outcome: FenceOutcome; write?: EnforcerRow } {
  if (!row || row.incarnation > order.incarnation) return { outcome: { outcome: 'gone' } };
  if (row.state === 'fenced') return { outcome: { outcome: 'fenced' } };
  if (order.because === 'silence') {
    if (row.renewals !== order.renewals) return { outcome: { outcome: 'alive' } };
  } else {
    if (row.appliedThrough >= order.seq) return { outcome: { outcome: 'acknowledged' } };
    if (row.leaseMs > order.waitedMs) return { outcome: { outcome: 'wait', leaseMs: row.leaseMs } };
    if (row.grantedThrough >= order.seq) return { outcome: { outcome: 'acknowledged' } };
  }
  return { outcome: { outcome: 'fenced' }, write: { ...row, state: 'fenced' } };
}

/**
 * The seqs of markers that nobody needs any more: every live row has applied them, and an enforcer that starts empty is
 * not misled without them (a plain drop, a lift, a block or epoch that is superseded or older than `keepMs`).
 * The rows must be read in the statement that deletes, or earlier in its transaction.
 */
export function prunable(markers: readonly (Marker & { ageMs: number })[], rows: readonly EnforcerRow[]): number[] {
  const appliedByAll = Math.min(...rows.filter((row) => row.state === 'live').map((row) => row.appliedThrough));
  const latest = new Map<string, number>();
  for (const marker of markers) {
    if (!passing(marker)) latest.set(slot(marker), Math.max(latest.get(slot(marker)) ?? 0, marker.seq));
  }
  const over = (marker: Marker & { ageMs: number }): boolean =>
    passing(marker) ||
    marker.effect === 'lift' ||
    marker.seq < latest.get(slot(marker))! ||
    (marker.keepMs !== undefined && marker.ageMs > marker.keepMs);
  return markers.filter((marker) => marker.seq <= appliedByAll && over(marker)).map((marker) => marker.seq);
}

/** Blocks and lifts supersede each other; epochs are a line of their own. */
function slot(marker: Marker): string {
  return `${marker.effect === 'epoch' ? 'epoch' : 'block'} ${marker.scope}:${marker.id}`;
}

/** A join that arrives late or twice must not bring a fenced row back to life: only a higher incarnation does. */
function answerJoin(row: EnforcerRow | undefined, { enforcerId: id, incarnation }: Join): Exchange {
  if (row && row.incarnation === incarnation && row.state === 'live') return { reply: { kind: 'joined' } };
  if (row && row.incarnation >= incarnation) {
    return { reply: { kind: 'rejoin', reason: row.state === 'fenced' ? 'fenced' : 'incarnation' } };
  }
  return {
    reply: { kind: 'joined' },
    write: { id, incarnation, state: 'live', appliedThrough: 0, grantedThrough: 0, leaseMs: 0, renewals: 0 },
  };
}

function refuse(row: EnforcerRow | undefined, head: Position, message: Renew | Ack): RejoinReason | undefined {
  if (!row) return 'unknown';
  if (row.incarnation !== message.incarnation) return 'incarnation';
  if (row.state === 'fenced') return 'fenced';
  // Ahead of the head is the sign of a restored database where the history's name could not tell.
  if (message.appliedThrough > head.seq) return 'history';
  if (message.history === undefined ? message.appliedThrough > 0 : message.history !== head.history) return 'history';
  return undefined;
}

function answerRenew(view: ExchangeView, row: EnforcerRow, message: Renew, leaseMs: number): Exchange {
  const { head, markers, complete } = view;
  const seq = complete ? head.seq : (markers.at(-1)?.seq ?? message.appliedThrough);
  return {
    reply: { kind: 'renewed', history: head.history, seq, markers, leaseMs: complete ? leaseMs : 0 },
    write: {
      ...row,
      appliedThrough: Math.max(row.appliedThrough, message.appliedThrough),
      // An answer with an older view may be written after one with a newer view: the newer lease still runs.
      grantedThrough: complete ? Math.max(row.grantedThrough, seq) : row.grantedThrough,
      leaseMs: Math.max(row.leaseMs, leaseMs),
      renewals: row.renewals + 1,
    },
  };
}

type RejoinReason = 'unknown' | 'fenced' | 'incarnation' | 'history';
