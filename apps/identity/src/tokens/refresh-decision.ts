/** What the store knows of a refresh token at the moment of its use, its family locked. */
export interface RefreshState {
  notBefore: Date;
  expiresAt: Date;
  usedAt: Date | null;
  /** Its pair was an answer that got lost, and another took its place. */
  replacedAt: Date | null;
  /** Of the pair that its first use was answered with. */
  successorUsedAt: Date | null;
  familyRevokedAt: Date | null;
  familyEndsAt: Date;
}

/**
 * - `renew` its first use
 * - `replace` an immediate repeat: the answer was lost, a new pair takes the place of the first successor
 * - `reuse` a second use: two parties hold the token, so the family ends
 * - the rest refuse and change nothing
 */
export type RefreshDecision = 'renew' | 'replace' | 'reuse' | 'revoked' | 'replaced' | 'expired' | 'not_yet_valid';

/** How long after its first use a refresh token may be presented again by a client that never saw the answer. */
export const graceSeconds = 10;

/**
 * What the use of a refresh token at `now` comes to. Use before `nbf` is no reuse, however often. Use of a replaced token is
 * refused without ending the family: parallel uses leave a client with answers of which all but one are replaced, and trying
 * those must not take the live one away. Whoever lost that race notices at once, because the access token beside it is dead.
 */
export function decideRefresh(state: RefreshState, now: Date): RefreshDecision {
  if (state.familyRevokedAt) return 'revoked';
  if (now >= state.expiresAt || now >= state.familyEndsAt) return 'expired';
  if (now < state.notBefore) return 'not_yet_valid';
  if (state.replacedAt) return 'replaced';
  if (!state.usedAt) return 'renew';
  const sinceFirstUseSeconds = (now.getTime() - state.usedAt.getTime()) / 1000;
  return sinceFirstUseSeconds <= graceSeconds && !state.successorUsedAt ? 'replace' : 'reuse';
}
