import { decideRefresh, type RefreshDecision, type RefreshState } from './refresh-decision.js';

const issued = Date.parse('2026-11-24T12:00:00Z');
const at = (seconds: number): Date => new Date(issued + seconds * 1000);
/** As the defaults make it: valid from 45 minutes to two hours after issue. */
const fresh: RefreshState = {
  notBefore: at(2700),
  expiresAt: at(7200),
  usedAt: null,
  replacedAt: null,
  successorUsedAt: null,
  familyRevokedAt: null,
  familyEndsAt: at(2_592_000),
};

describe('when a refresh token is good', () => {
  test.each<[string, number, RefreshDecision]>([
    ['at its issue it is not yet valid', 0, 'not_yet_valid'],
    ['a second before nbf it is not yet valid', 2699, 'not_yet_valid'],
    ['a millisecond before nbf it is not yet valid', 2699.999, 'not_yet_valid'],
    ['at nbf it is good', 2700, 'renew'],
    ['a second before exp it is good', 7199, 'renew'],
    ['a millisecond before exp it is good', 7199.999, 'renew'],
    ['at exp it has expired', 7200, 'expired'],
    ['a second after exp it has expired', 7201, 'expired'],
  ])('%s', (_, seconds, decision) => {
    expect(decideRefresh(fresh, at(seconds))).toBe(decision);
  });

  test('it ends with its family', () => {
    expect(decideRefresh({ ...fresh, familyEndsAt: at(3000) }, at(2999))).toBe('renew');
    expect(decideRefresh({ ...fresh, familyEndsAt: at(3000) }, at(3000))).toBe('expired');
  });
});

describe('a refresh token that was used', () => {
  const used = { ...fresh, usedAt: at(3000) };

  test.each<[string, number, RefreshDecision]>([
    ['may be repeated in the same instant', 3000, 'replace'],
    ['may be repeated for ten seconds', 3010, 'replace'],
    ['is reuse a millisecond later', 3010.001, 'reuse'],
    ['is reuse at any time after', 7199, 'reuse'],
    ['has merely expired once it is over', 7200, 'expired'],
  ])('%s', (_, seconds, decision) => {
    expect(decideRefresh(used, at(seconds))).toBe(decision);
  });

  test('is reuse even within the ten seconds once its successor has been used', () => {
    expect(decideRefresh({ ...used, successorUsedAt: at(3001) }, at(3002))).toBe('reuse');
  });

  test('may be repeated when the clock of the replica that repeats is behind', () => {
    expect(decideRefresh(used, at(2999))).toBe('replace');
  });
});

describe('what refuses and changes nothing', () => {
  test('a token before its time is no reuse, however often it is tried', () => {
    expect(decideRefresh({ ...fresh, usedAt: null }, at(10))).toBe('not_yet_valid');
  });

  test('a replaced token is refused, used or not', () => {
    expect(decideRefresh({ ...fresh, replacedAt: at(2000) }, at(2800))).toBe('replaced');
    expect(decideRefresh({ ...fresh, replacedAt: at(2000), usedAt: at(1900) }, at(2800))).toBe('replaced');
  });

  test('nothing of a revoked family is good, whatever its times', () => {
    for (const seconds of [0, 2700, 7199, 8000]) {
      expect(decideRefresh({ ...fresh, familyRevokedAt: at(1) }, at(seconds))).toBe('revoked');
    }
  });
});
