import { LastUsed, type Use } from './last-used.js';

const aUse = (timeMs: number, given: Partial<Use> = {}): Use => ({
  keyId: 'key_a',
  secretId: 'sec_a',
  timeMs,
  clientIp: '127.0.0.1',
  userAgent: null,
  ...given,
});

/** Notes a use at each of these times, looks every half second, and answers what was written when. */
function writes(useTimesMs: readonly number[], untilMs: number): { atMs: number; use: Use }[] {
  const lastUsed = new LastUsed();
  const written: { atMs: number; use: Use }[] = [];
  const uses = [...useTimesMs];
  for (let nowMs = 0; nowMs <= untilMs; nowMs += 500) {
    while (uses[0] !== undefined && uses[0] <= nowMs) lastUsed.note(aUse(uses.shift() ?? 0));
    const due = lastUsed.due(nowMs);
    due.forEach((use) => written.push({ atMs: nowMs, use }));
    lastUsed.written(due, nowMs);
  }
  return written;
}

test('the first use is written at once', () => {
  expect(writes([1_000], 2_000)).toEqual([{ atMs: 1_000, use: aUse(1_000) }]);
});

test('a key in constant use is written once in 55 seconds, and never lags a minute behind', () => {
  const times = Array.from({ length: 6_000 }, (_, at) => at * 100);
  const written = writes(times, 600_000);
  expect(written.length).toBeLessThanOrEqual(11);
  for (const [at, { atMs }] of written.entries()) {
    if (at > 0) expect(atMs - (written[at - 1]?.atMs ?? 0)).toBeGreaterThanOrEqual(55_000);
  }
  for (let nowMs = 1_000; nowMs <= 600_000; nowMs += 500) {
    const shown = written.filter(({ atMs }) => atMs <= nowMs).at(-1)?.use.timeMs ?? -Infinity;
    const before = times.filter((time) => time <= nowMs - 60_000).at(-1);
    if (before !== undefined) expect(shown).toBeGreaterThanOrEqual(before);
  }
});

test('a last use just after a write is shown before a minute has passed', () => {
  expect(writes([1_000, 1_001], 61_000).at(-1)).toEqual({ atMs: 56_000, use: aUse(1_001) });
});

test('each secret has its own last use, written in the turn of its key', () => {
  const lastUsed = new LastUsed();
  lastUsed.note(aUse(2));
  lastUsed.note(aUse(1));
  lastUsed.note(aUse(3, { secretId: 'sec_b' }));
  lastUsed.note(aUse(4, { keyId: 'key_b', secretId: null }));
  expect(lastUsed.due(10)).toEqual([
    aUse(2),
    aUse(3, { secretId: 'sec_b' }),
    aUse(4, { keyId: 'key_b', secretId: null }),
  ]);
});

test('what was noted while a write was under way is not taken for written', () => {
  const lastUsed = new LastUsed();
  lastUsed.note(aUse(1));
  const due = lastUsed.due(1);
  lastUsed.note(aUse(2));
  lastUsed.written(due, 1);
  expect(lastUsed.due(2)).toEqual([]);
  expect(lastUsed.due(60_000)).toEqual([aUse(2)]);
});

test('a write that failed is due again', () => {
  const lastUsed = new LastUsed();
  lastUsed.note(aUse(1));
  expect(lastUsed.due(1)).toEqual(lastUsed.due(2));
});
