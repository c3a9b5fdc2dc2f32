/**
 * What travels between authorities and enforcers, as plain JSON. Carriers check shapes; meaning is here.
 * No field is an instant: clocks of two machines are never compared, so only durations cross the wire.
 */

/** What a marker can name. The id after the scope is the owner's: a key, a user, an installation, a `jti`, a `kid`; of a bucket its name. */
export type MarkerScope =
  'credential' | 'principal' | 'organization' | 'family' | 'token' | 'signing-key' | 'role-tokens' | 'bucket';

/** A scope and an id in one string (`credential:key_01…`), as cached records and decisions carry them. */
export type Tag = `${MarkerScope}:${string}`;

/**
 * One change as enforcers see it. Every effect drops the cached records that carry the tag and, except `refresh`, closes
 * what is attached under it; beyond that
 * - `refresh` nothing: the records changed and nothing was taken away (a key enabled, a grant widened), so that streams go on
 * - `drop` nothing: the records changed and a fresh resolve tells the truth (key revoked, grant narrowed)
 * - `block` refuses the tag on every decision, cached or fresh, until lifted by a later seq, or for `keepMs`
 *   (a suspended organization, a disabled principal; with `keepMs` a revoked family, `jti` or `kid`)
 * - `lift` ends an earlier block
 * - `epoch` refuses whoever presents an epoch below `epoch` under the tag (all role tokens of an installation)
 */
export interface Marker {
  /** Commit order within one authority, from 1. */
  seq: number;
  scope: MarkerScope;
  id: string;
  effect: 'refresh' | 'drop' | 'block' | 'lift' | 'epoch';
  /** How long anything under the tag can still live, with a margin; absent is for ever. Counted from application. */
  keepMs?: number;
  epoch?: number;
}

/**
 * A point in an authority's history. `history` changes whenever commits may have been lost (a restored dump, a promoted
 * standby): Postgres' system identifier and timeline will do. Positions of two histories are not ordered.
 */
export interface Position {
  history: string;
  seq: number;
}

/** Ask to be counted. The row is committed as live; nothing is loaded and no lease is given in this exchange. */
export interface Join {
  kind: 'join';
  enforcerId: string;
  /** Counts the joins of one process from 1; whatever belongs to an earlier one is void on both sides. */
  incarnation: number;
}

/** Ask for a lease. Sent every second; after a join from `appliedThrough: 0`, which loads all that still matters. */
export interface Renew {
  kind: 'renew';
  enforcerId: string;
  incarnation: number;
  /** Every marker up to this one has been applied, without a gap. */
  appliedThrough: number;
  /** The history that `appliedThrough` counts in; absent before the first answer. */
  history?: string;
}

/** "I have applied everything up to here and closed what it closes." To all replicas; any one may write it down, none has to. */
export interface Ack {
  kind: 'ack';
  enforcerId: string;
  incarnation: number;
  appliedThrough: number;
  history: string;
}

/** A clean stop: the process has emptied its cache, holds no lease and never will again under this id. */
export interface Deregister {
  kind: 'deregister';
  enforcerId: string;
  incarnation: number;
}

export type EnforcerMessage = Join | Renew | Ack | Deregister;

/**
 * Markers after the renewal's `appliedThrough`, up to and including `seq`, oldest first. `leaseMs` is 0 on every page but
 * the last: an enforcer that has not been given everything is given no lease.
 */
export interface Renewed {
  kind: 'renewed';
  history: string;
  seq: number;
  markers: Marker[];
  leaseMs: number;
}

export type AuthorityReply =
  | { kind: 'joined' }
  | Renewed
  /** The row is fenced, unknown, of another incarnation, or the enforcer is ahead of this history. Empty and join. */
  | { kind: 'rejoin'; reason: 'unknown' | 'fenced' | 'incarnation' | 'history' }
  /** To `ack` and `deregister`; need not be sent. */
  | { kind: 'noted' };

/** The broadcast after a revoking commit. Losing it costs time, never truth. */
export interface MarkerNotice {
  history: string;
  markers: Marker[];
}

/** The receipt of a revocation: API.md section 2. */
export interface Receipt {
  enforcers: number;
  /** Said so, or stopped, or can hold no lease but one that came with the marker. */
  acknowledged: number;
  /** Were silent; hold no lease and get none before they have emptied their cache and joined again. */
  fenced: number;
  elapsed_ms: number;
}

/** Whether a marker says only that records have changed: it is done with once it is applied. */
export function passing({ effect }: Pick<Marker, 'effect'>): boolean {
  return effect === 'drop' || effect === 'refresh';
}

/** The tag of a marker, or of anything that a marker may name. */
export function tag(scope: MarkerScope, id: string): Tag {
  return `${scope}:${id}`;
}
