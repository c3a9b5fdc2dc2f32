import fc from 'fast-check';
import { Allowance } from './allowance.js';
import { type Ask, askEveryMs, type LedgerState, ownShare, type Slice, takeSlice } from './ledger.js';
import { type Limit } from './spending.js';

interface World {
  readonly limit: Limit;
  readonly gateways: number;
  /** Of each gateway's arrivals: when, in milliseconds. */
  readonly arrivals: readonly (readonly number[])[];
  readonly seed: number;
  /** While it is away asks are lost. */
  readonly isAway?: (atMs: number) => boolean;
}

/** Plays requests against gateways that ask one ledger over a line of 1 to 15 ms, each way, and answers when what passed. */
function passed({ limit, gateways, arrivals, seed, isAway = () => false }: World): number[][] {
  const random = randomFrom(seed);
  let ledger: LedgerState | null = null;
  const events: { atMs: number; order: number; run: (atMs: number) => void }[] = [];
  const at = (atMs: number, run: (atMs: number) => void): void => {
    let low = 0;
    let high = events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((events[middle]?.atMs ?? 0) > atMs) low = middle + 1;
      else high = middle;
    }
    events.splice(low, 0, { atMs, order: 0, run });
  };
  const out: number[][] = arrivals.map(() => []);
  const endMs = Math.max(...arrivals.flatMap((list) => list.slice(-1)), 0) + 1_000;
  arrivals.forEach((list, index) => {
    const allowance = new Allowance(limit);
    let isAsking = false;
    const delay = (): number => 1 + random() * 14;
    const askNow = (nowMs: number): void => {
      if (isAsking || !allowance.isDue(nowMs, 2 * askEveryMs)) return;
      isAsking = true;
      const ask: Ask = allowance.ask(nowMs);
      at(nowMs + delay(), (heardMs) => {
        if (isAway(heardMs)) return at(heardMs + 400, () => void (isAsking = false));
        const settled: { ledger: LedgerState; slice: Slice } = takeSlice(ledger, limit, {
          holder: `gateway ${index}`,
          ask,
          nowMs: heardMs,
          gateways,
        });
        ledger = settled.ledger;
        at(heardMs + delay(), () => {
          allowance.receive(ask, settled.slice, nowMs);
          isAsking = false;
        });
      });
    };
    const tick = (nowMs: number): void => {
      askNow(nowMs);
      if (nowMs < endMs) at(nowMs + askEveryMs * (0.9 + random() * 0.2), tick);
    };
    at(random() * askEveryMs, tick);
    for (const arrivalMs of list) {
      at(arrivalMs, (nowMs) => {
        const isBare = !allowance.isDue(nowMs, 0);
        if (allowance.take(nowMs, gateways)) out[index]?.push(nowMs);
        if (isBare && allowance.isBare) at(nowMs + 2, askNow);
      });
    }
  });
  for (let next = events.pop(); next; next = events.pop()) next.run(next.atMs);
  return out;
}

/** `perSecond` arrivals over `[fromMs, toMs)`, one in every equal part of it at a time left to chance, and by weight over gateways. */
function steady(weights: readonly number[], perSecond: number, fromMs: number, toMs: number, seed: number): number[][] {
  const random = randomFrom(seed);
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => {
    const list: number[] = [];
    const rate = (perSecond * weight) / sum / 1_000;
    for (let part = 0; part < (toMs - fromMs) * rate; part++) list.push(fromMs + (part + random()) / rate);
    return list;
  });
}

const weighted = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 5 });
const seeded = fc.integer({ min: 1, max: 2 ** 31 });
const runs = { numRuns: 40 };

const count = (lists: readonly (readonly number[])[], fromMs = 0, toMs = Infinity): number =>
  lists.flat().filter((atMs) => atMs >= fromMs && atMs < toMs).length;

describe('over ten seconds of steady load above the limit', () => {
  test.each([100, 1_000])(
    '%s a second, as many pass as the limit says, to 5 %%, from one to five gateways',
    (requests) => {
      const limit = { requests, perMs: 1_000 };
      fc.assert(
        fc.property(weighted, fc.double({ min: 1.1, max: 3, noNaN: true }), seeded, (weights, factor, seed) => {
          const arrivals = steady(weights, requests * factor, 0, 10_000, seed);
          const sum = count(passed({ limit, gateways: weights.length, arrivals, seed }), 0, 10_000);
          expect(sum).toBeGreaterThanOrEqual(requests * 10 * 0.95);
          expect(sum).toBeLessThanOrEqual(requests * 10 * 1.05);
        }),
        runs,
      );
    },
  );

  test('600 a minute give 600 in the first minute, wherever they arrive', () => {
    const limit = { requests: 600, perMs: 60_000 };
    fc.assert(
      fc.property(weighted, seeded, (weights, seed) => {
        const arrivals = steady(weights, 30, 0, 60_000, seed);
        const sum = count(passed({ limit, gateways: weights.length, arrivals, seed }), 0, 60_000);
        expect(sum).toBeGreaterThanOrEqual(600 * 0.95);
        expect(sum).toBeLessThanOrEqual(600 * 1.05);
      }),
      { numRuns: 20 },
    );
  });
});

test('a load below the limit passes, but for the first moment at a gateway that has more than its share', () => {
  fc.assert(
    fc.property(weighted, fc.double({ min: 0.1, max: 0.75, noNaN: true }), seeded, (weights, factor, seed) => {
      const arrivals = steady(weights, 1_000 * factor, 0, 5_000, seed);
      const sum = count(passed({ limit: { requests: 1_000, perMs: 1_000 }, gateways: weights.length, arrivals, seed }));
      expect(sum).toBeGreaterThanOrEqual(count(arrivals) * 0.97);
    }),
    runs,
  );
});

describe('a burst', () => {
  const limit = { requests: 300, perMs: 1_000 };

  test('from rest passes the limit and no more', () => {
    fc.assert(
      fc.property(weighted, fc.integer({ min: 10, max: 600 }), seeded, (weights, overMs, seed) => {
        const arrivals = steady(weights, 900_000 / overMs, 0, overMs, seed);
        const sum = count(passed({ limit, gateways: weights.length, arrivals, seed }), 0, 900);
        expect(sum).toBeLessThanOrEqual(limit.requests + weights.length);
      }),
      runs,
    );
  });

  test('in the midst of use passes the limit and at most one slice a gateway', () => {
    fc.assert(
      fc.property(weighted, fc.integer({ min: 100, max: 5_000 }), seeded, (weights, beginMs, seed) => {
        const gateways = weights.length;
        const few = steady(weights, 20, 0, beginMs, seed);
        const burst = steady(weights, 9_000, beginMs, beginMs + 100, seed + 1);
        const arrivals = few.map((list, index) => [...list, ...(burst[index] ?? [])]);
        const sum = count(passed({ limit, gateways, arrivals, seed }), beginMs, beginMs + 1_000);
        expect(sum).toBeLessThanOrEqual(limit.requests + gateways * ownShare(limit, gateways));
      }),
      runs,
    );
  });

  test('is forgiven when the limit’s time has passed, and not before', () => {
    const arrivals = [[...Array(400).keys(), 500, 900, 1_050, 1_200, 1_450]];
    const at = passed({ limit: { requests: 300, perMs: 1_000 }, gateways: 1, arrivals, seed: 3 }).flat();
    expect(at.filter((atMs) => atMs < 400)).toHaveLength(300);
    expect(at.filter((atMs) => atMs >= 400)).toEqual([1_050, 1_200, 1_450]);
  });

  test('at one of several gateways passes its share at once, and the rest within 500 ms', () => {
    const arrivals = [steady([1], 2_000, 0, 500, 7)[0] ?? [], [], []];
    const lists = passed({ limit, gateways: 3, arrivals, seed: 7 });
    expect(count(lists, 0, 60)).toBeGreaterThanOrEqual(Math.min(100, count(arrivals, 0, 60)));
    expect(count(lists)).toBe(300);
  });
});

describe('with the authority away', () => {
  const limit = { requests: 300, perMs: 1_000 };

  test('from the start, each gateway passes limit ÷ gateways', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), seeded, (gateways, seed) => {
        const arrivals = steady(Array<number>(gateways).fill(1), 900, 0, 5_000, seed);
        const lists = passed({ limit, gateways, arrivals, seed, isAway: () => true });
        for (const list of lists) {
          expect(list.length).toBeGreaterThanOrEqual((0.95 * 5 * 300) / gateways);
          expect(list.length).toBeLessThanOrEqual((1.05 * 5 * 300) / gateways);
        }
      }),
      { numRuns: 20 },
    );
  });

  test('in the midst of use, each goes on with that, and all is as before when it is back', () => {
    const arrivals = steady([1, 1, 1], 900, 0, 15_000, 5);
    const isAway = (atMs: number): boolean => atMs > 5_000 && atMs < 10_000;
    const lists = passed({ limit, gateways: 3, arrivals, seed: 5, isAway });
    for (const list of lists) expect(count([list], 6_000, 10_000)).toBeLessThanOrEqual(400 * 1.05);
    expect(count(lists, 6_000, 10_000)).toBeGreaterThanOrEqual(1_200 * 0.95);
    expect(count(lists, 11_000, 15_000)).toBeGreaterThanOrEqual(1_200 * 0.95);
    expect(count(lists, 11_000, 15_000)).toBeLessThanOrEqual(1_200 * 1.05);
  });
});

describe('the ledger', () => {
  const limit = { requests: 10, perMs: 60_000 };
  const take = (ledger: LedgerState | null, ask: Partial<Ask>, nowMs: number, holder = 'a', gateways = 1) =>
    takeSlice(ledger, limit, {
      holder,
      ask: { used: 0, acknowledged: 0, recent: ask.used ?? 0, spanMs: 0, want: 4, ...ask },
      nowMs,
      gateways,
    });

  test('an ask that comes twice is booked once', () => {
    const first = take(null, { used: 3 }, 1_000);
    const again = take(first.ledger, { used: 3 }, 1_010);
    expect(again.slice).toMatchObject({ granted: 7, remaining: 0 });
  });

  test('use whose answer was lost is booked once', () => {
    const first = take(null, { used: 3 }, 1_000);
    const next = take(first.ledger, { used: 5, acknowledged: 0 }, 1_100);
    expect(next.slice.granted).toBe(5);
  });

  test('what is handed back is free for others', () => {
    const first = take(null, { used: 2 }, 1_000);
    const back = take(first.ledger, { used: 2, acknowledged: 2, want: 0 }, 1_500);
    expect(back.slice).toMatchObject({ granted: 0, remaining: 8 });
    expect(take(back.ledger, { want: 8 }, 1_600, 'b', 2).slice.granted).toBe(8);
  });

  test('what a gateway took with it into the dark stays spent until the limit’s time has passed', () => {
    const first = take(null, { used: 0, want: 10 }, 1_000);
    expect(first.slice.granted).toBe(10);
    expect(take(first.ledger, {}, 30_000, 'b').slice).toMatchObject({ granted: 0, remaining: 0 });
    expect(take(first.ledger, {}, 61_001, 'b').slice.granted).toBe(10);
  });

  test('a limit that was lowered below what is spent grants nothing until enough of it is past', () => {
    const { ledger } = take(null, { used: 8, want: 1 }, 1_000);
    const lower = takeSlice(
      ledger,
      { ...limit, requests: 5 },
      {
        holder: 'a',
        ask: { used: 8, acknowledged: 8, recent: 8, spanMs: 0, want: 1 },
        nowMs: 2_000,
        gateways: 1,
      },
    );
    expect(lower.slice).toMatchObject({ granted: 0, remaining: 0 });
    expect(lower.slice.waitMs).toBeGreaterThan(58_000);
  });

  test('says how long until something is free, and then something is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 40 }), fc.integer({ min: 0, max: 59_800 }), (used, laterMs) => {
        const { ledger } = take(null, { used, want: 1 }, 1_000);
        const askMs = 1_000 + laterMs;
        const { slice, ledger: then } = take(ledger, { used, acknowledged: used, want: 1 }, askMs);
        expect(slice.granted).toBe(0);
        const before = askMs + slice.waitMs - 5;
        expect(take(then, { used, acknowledged: used, want: 1 }, before).slice.granted).toBe(0);
        const after = askMs + slice.waitMs + 1;
        expect(take(then, { used, acknowledged: used, want: 1 }, after).slice.granted).toBeGreaterThan(0);
      }),
    );
  });
});

function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
