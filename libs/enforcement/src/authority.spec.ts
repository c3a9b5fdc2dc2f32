import { answer, decideFence, prunable, type EnforcerRow, type ExchangeView, type FenceOrder } from './authority.js';
import { type Marker, type Renew } from './messages.js';

const row: EnforcerRow = {
  id: 'g1',
  incarnation: 2,
  state: 'live',
  appliedThrough: 5,
  grantedThrough: 7,
  leaseMs: 5000,
  renewals: 9,
};
const view: ExchangeView = { row, head: { history: 'h', seq: 8 }, markers: [], complete: true };
const renew: Renew = { kind: 'renew', enforcerId: 'g1', incarnation: 2, appliedThrough: 6, history: 'h' };
const marker = (seq: number, rest: Partial<Marker> = {}): Marker => {
  return { seq, scope: 'credential', id: `k${seq}`, effect: 'drop', ...rest };
};

describe('renewing', () => {
  test('a live row gets a lease with all markers that it lacks, and the row says so', () => {
    const markers = [marker(7), marker(8)];
    expect(answer({ ...view, markers }, renew, 5000)).toEqual({
      reply: { kind: 'renewed', history: 'h', seq: 8, markers, leaseMs: 5000 },
      write: { ...row, appliedThrough: 6, grantedThrough: 8, renewals: 10 },
    });
  });

  test('a page that is not the last gives no lease and counts as none', () => {
    const { reply, write } = answer({ ...view, markers: [marker(7)], complete: false }, renew, 5000);
    expect(reply).toMatchObject({ seq: 7, leaseMs: 0 });
    expect(write).toMatchObject({ grantedThrough: 7, appliedThrough: 6 });
    expect(answer({ ...view, row: { ...row, grantedThrough: 0 }, complete: false }, renew, 5000).write).toMatchObject({
      grantedThrough: 0,
    });
  });

  test('a renewal that was overtaken lowers nothing', () => {
    const late = answer({ ...view, head: { history: 'h', seq: 6 } }, { ...renew, appliedThrough: 3 }, 1000);
    expect(late.write).toMatchObject({ appliedThrough: 5, grantedThrough: 7, leaseMs: 5000 });
  });

  test.each<[string, Partial<ExchangeView>, Partial<Renew>, string]>([
    ['an unknown enforcer', { row: undefined }, {}, 'unknown'],
    ['a fenced row', { row: { ...row, state: 'fenced' } }, {}, 'fenced'],
    ['an earlier incarnation', {}, { incarnation: 1 }, 'incarnation'],
    ['an enforcer ahead of the authority', {}, { appliedThrough: 9 }, 'history'],
    ['a position in another history', {}, { history: 'restored' }, 'history'],
  ])('%s gets no lease, leaves no trace and must join again', (_, seen, said, reason) => {
    expect(answer({ ...view, ...seen }, { ...renew, ...said }, 5000)).toEqual({ reply: { kind: 'rejoin', reason } });
  });
});

describe('joining', () => {
  const join = { kind: 'join' as const, enforcerId: 'g1', incarnation: 3 };

  test('writes a live row that has applied nothing, and neither loads nor grants', () => {
    const { reply, write } = answer({ ...view, markers: [marker(8)] }, join, 5000);
    expect(reply).toEqual({ kind: 'joined' });
    expect(write).toEqual({
      id: 'g1',
      incarnation: 3,
      state: 'live',
      appliedThrough: 0,
      grantedThrough: 0,
      leaseMs: 0,
      renewals: 0,
    });
  });

  test('said twice is done once', () => {
    expect(answer(view, { ...join, incarnation: 2 }, 5000)).toEqual({ reply: { kind: 'joined' } });
  });

  test.each([1, 2])('a late copy (%d) never brings a fenced row back to life', (incarnation) => {
    const fenced = answer({ ...view, row: { ...row, state: 'fenced' } }, { ...join, incarnation }, 5000);
    expect(fenced).toEqual({ reply: { kind: 'rejoin', reason: 'fenced' } });
  });

  test('a deregistration deletes its own row and no later one', () => {
    expect(answer(view, { ...join, kind: 'deregister', incarnation: 2 }, 5000).write).toBe('delete');
    expect(answer(view, { ...join, kind: 'deregister', incarnation: 1 }, 5000).write).toBeUndefined();
  });
});

describe('acknowledging', () => {
  const ack = { ...renew, kind: 'ack' as const, history: 'h', appliedThrough: 8 };
  test('raises what the row has applied and gives nothing', () => {
    expect(answer(view, ack, 5000)).toEqual({ reply: { kind: 'noted' }, write: { ...row, appliedThrough: 8 } });
  });
  test.each([{ incarnation: 1 }, { history: 'restored' }, { appliedThrough: 9 }])('%j proves nothing', (wrong) => {
    expect(answer(view, { ...ack, ...wrong }, 5000)).toEqual({ reply: { kind: 'noted' } });
  });
});

describe('fencing', () => {
  const order = (seq: number, waitedMs = 5000): FenceOrder => {
    return { id: 'g1', incarnation: 2, because: 'revocation', seq, waitedMs };
  };
  test('a row with no lease that carries the marker is fenced', () => {
    expect(decideFence(row, order(8))).toEqual({ outcome: { outcome: 'fenced' }, write: { ...row, state: 'fenced' } });
  });
  test('a row whose lease came with the marker stays live, so that the next revocation waits for it', () => {
    expect(decideFence(row, order(7))).toEqual({ outcome: { outcome: 'acknowledged' } });
  });
  test('a row with a longer lease than was waited for is waited for', () => {
    expect(decideFence(row, order(8, 4999))).toEqual({ outcome: { outcome: 'wait', leaseMs: 5000 } });
  });
  test('an acknowledgement that came first, a stop and a new incarnation settle it', () => {
    expect(decideFence(row, order(5)).outcome.outcome).toBe('acknowledged');
    expect(decideFence(undefined, order(8)).outcome.outcome).toBe('gone');
    expect(decideFence({ ...row, incarnation: 3 }, order(8))).toEqual({ outcome: { outcome: 'gone' } });
  });
  test('silence that a renewal broke fences nobody', () => {
    const silence: FenceOrder = { id: 'g1', incarnation: 2, because: 'silence', renewals: 9 };
    expect(decideFence(row, silence).write).toMatchObject({ state: 'fenced' });
    expect(decideFence({ ...row, renewals: 10 }, silence)).toEqual({ outcome: { outcome: 'alive' } });
  });
});

describe('pruning', () => {
  const aged = (each: Marker, ageMs = 0): Marker & { ageMs: number } => ({ ...each, ageMs });
  test('keeps what a live enforcer has not applied, whoever is fenced', () => {
    const fenced = { ...row, appliedThrough: 0, state: 'fenced' as const };
    expect(prunable([aged(marker(5)), aged(marker(6))], [row, fenced])).toEqual([5]);
  });
  test('keeps standing markers until a later one for the same name, families until their tokens are dead', () => {
    const organization = { scope: 'organization', id: 'o' } as const;
    const markers = [
      aged(marker(1, { ...organization, effect: 'block' })),
      aged(marker(2, { ...organization, effect: 'lift' })),
      aged(marker(3, { scope: 'family', id: 'dead', effect: 'block', keepMs: 100 }), 101),
      aged(marker(4, { scope: 'family', id: 'alive', effect: 'block', keepMs: 100 }), 100),
      aged(marker(5, { ...organization, effect: 'block' })),
      aged(marker(6, { scope: 'role-tokens', id: 'i', effect: 'epoch', epoch: 6 })),
      aged(marker(7, { scope: 'role-tokens', id: 'i', effect: 'epoch', epoch: 7 })),
    ];
    expect(prunable(markers, [])).toEqual([1, 2, 3, 6]);
  });
});
