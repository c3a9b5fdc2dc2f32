import { type AuthorityReply, type EnforcerMessage, type Marker, type Position } from './messages.js';

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

/** What to do about a silent row, and the condition that is tested again under its lock. */
export type FenceOrder = { id: string; incarnation: number } & (
  | { because: 'revocation'; seq: number; waitedMs: number }
  | { because: 'silence'; renewals: number }
);

/**
 * - `fenced` holds no lease and can get none
 * - `acknowledged` has applied the marker, or can hold no lease but one that came with it
 * - `gone` deregistered, or joined again since with an empty cache
 * - `wait` was given a lease longer than the wait so far
 * - `alive` renewed after all (orders for silence only)
 */
export type FenceOutcome = { outcome: 'fenced' | 'acknowledged' | 'gone' | 'alive' } | { outcome: 'wait'; leaseMs: number };

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
   * not certain: then no reply may be sent.
   */
  exchange(enforcerId: string, after: number, decide: (view: ExchangeView) => Exchange): Promise<AuthorityReply>;

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
