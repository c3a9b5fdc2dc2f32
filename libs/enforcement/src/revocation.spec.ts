import { type EnforcerRow } from './authority.js';
import { type Ack } from './messages.js';
import { PendingRevocation, SilenceWatch } from './revocation.js';

const live = (id: string, rest: Partial<EnforcerRow> = {}): EnforcerRow => {
  return {
    id,
    incarnation: 1,
    state: 'live',
    appliedThrough: 4,
    grantedThrough: 4,
    leaseMs: 5000,
    renewals: 1,
    ...rest,
  };
};
const ack = (enforcerId: string, rest: Partial<Ack> = {}): Ack => {
  return { kind: 'ack', enforcerId, incarnation: 1, appliedThrough: 5, history: 'h', ...rest };
};
const revocation = (): PendingRevocation =>
  new PendingRevocation({ seq: 5, history: 'h', leaseMs: 5000, sinceMs: 100 });

describe('a revocation', () => {
  test('is not finished before anybody was listed', () => {
    expect(revocation().progress(1e9).state).toBe('waiting');
  });

  test('with no live enforcer is finished at once', () => {
    const pending = revocation();
    pending.list([live('old', { state: 'fenced' })]);
    expect(pending.progress(103.4)).toEqual({
      state: 'done',
      receipt: { enforcers: 0, acknowledged: 0, fenced: 0, elapsed_ms: 3 },
    });
  });

  test('is not finished before it is known who holds leases, whoever has obeyed', () => {
    const pending = new PendingRevocation({ seq: 5, history: 'h', leaseMs: 5000, sinceMs: 100, unknownUntilMs: 4000 });
    pending.list([live('a')]);
    pending.acknowledge(ack('a'));
    expect(pending.progress(3999)).toEqual({ state: 'waiting', untilMs: 4000 });
    expect(pending.progress(4000)).toMatchObject({ state: 'done', receipt: { acknowledged: 1 } });
  });

  test('is finished when all have said so, here or to another replica, and counts nobody who joined later', () => {
    const pending = revocation();
    pending.list([live('a'), live('b')]);
    pending.acknowledge(ack('a'));
    expect(pending.progress(200).state).toBe('waiting');
    pending.list([live('a'), live('b', { appliedThrough: 6 }), live('late')]);
    expect(pending.progress(250)).toEqual({
      state: 'done',
      receipt: { enforcers: 2, acknowledged: 2, fenced: 0, elapsed_ms: 150 },
    });
  });

  test.each([{ incarnation: 0 }, { history: 'restored' }, { appliedThrough: 4 }])('is not finished by %j', (wrong) => {
    const pending = revocation();
    pending.list([live('a')]);
    pending.acknowledge(ack('a', wrong));
    expect(pending.progress(200)).toEqual({ state: 'waiting', untilMs: 5100 });
  });

  test('fences the silent after L and not a millisecond before, and is finished when that is written', () => {
    const pending = revocation();
    pending.list([live('a'), live('b')]);
    pending.acknowledge(ack('b'));
    expect(pending.progress(5099.9).state).toBe('waiting');
    const progress = pending.progress(5100);
    const order = { id: 'a', incarnation: 1, because: 'revocation' as const, seq: 5, waitedMs: 5000 };
    expect(progress).toEqual({ state: 'fence', orders: [order] });
    expect(pending.progress(5101).state).toBe('fence');
    pending.fenced(order, { outcome: 'fenced' });
    expect(pending.progress(5200)).toEqual({
      state: 'done',
      receipt: { enforcers: 2, acknowledged: 1, fenced: 1, elapsed_ms: 5100 },
    });
  });

  test('waits out the longest lease that any replica gave', () => {
    const pending = revocation();
    pending.list([live('a', { leaseMs: 8000 })]);
    expect(pending.progress(5100)).toEqual({ state: 'waiting', untilMs: 8100 });
    const order = { id: 'a', incarnation: 1, because: 'revocation' as const, seq: 5, waitedMs: 8000 };
    pending.fenced(order, { outcome: 'wait', leaseMs: 9000 });
    expect(pending.progress(8100)).toEqual({ state: 'waiting', untilMs: 9100 });
  });

  test('needs no word from an enforcer that stopped or started over', () => {
    const pending = revocation();
    pending.list([live('a'), live('b')]);
    pending.list([live('b', { incarnation: 2, appliedThrough: 0 })]);
    expect(pending.progress(200)).toMatchObject({ state: 'done', receipt: { acknowledged: 2 } });
  });
});

describe('the silence watch', () => {
  test('names a row that has not renewed for over twice its lease on the own clock', () => {
    const watch = new SilenceWatch({ leaseMs: 5000 });
    expect(watch.observe([live('a'), live('b')], 0)).toEqual([]);
    expect(watch.observe([live('a'), live('b', { renewals: 2 })], 10_000)).toEqual([]);
    expect(watch.observe([live('a'), live('b', { renewals: 2 })], 10_001)).toEqual([
      { id: 'a', incarnation: 1, because: 'silence', renewals: 1 },
    ]);
  });
});
