import { type Authority, type BusUser } from '@portcullis/contracts';

/**
 * Who enforces: gateways, and guards in other teams' services. Guards speak on subjects of their own, where only ids that begin
 * with `guard_` are heard, so that none of them can acknowledge, or be taken for, a gateway.
 */
export const enforcerKinds = ['gateway', 'guard'] as const;
export type EnforcerKind = (typeof enforcerKinds)[number];

/** How the id of every guard begins, and of no gateway. */
export const guardIds = 'guard_';

/** By the user that a connection has: the server lets no other speak there. */
export const enforcerKindOf = (user: BusUser): EnforcerKind => (user === 'guard' ? 'guard' : 'gateway');

export const isIdOf = (kind: EnforcerKind, enforcerId: string): boolean =>
  enforcerId.startsWith(guardIds) === (kind === 'guard');

const said = (kind: EnforcerKind, what: string): string => (kind === 'guard' ? `guard-${what}` : what);

/** Join, renew and deregister: request/reply with any one replica. */
export const exchangeSubject = (authority: Authority, kind: EnforcerKind = 'gateway'): string =>
  `enforcement.${authority}.${said(kind, 'exchange')}`;
/** Acknowledgements: heard by every replica, since any of them may be the one that waits. */
export const appliedSubject = (authority: Authority, kind: EnforcerKind = 'gateway'): string =>
  `enforcement.${authority}.${said(kind, 'applied')}`;
/** Markers right after their commit: heard by every enforcer. Losing one costs time, never truth. */
export const markerSubject = (authority: Authority): string => `enforcement.${authority}.marker`;
