import { binned, binWidth, roundTop } from './time-bins';

const hour = 3_600_000;
const day = 24 * hour;
const noon = Date.UTC(2026, 10, 29, 12);

test('a day is told in hours, a week in six hours, a year in weeks, a century in what fits', () => {
  expect([binWidth(day, 30), binWidth(7 * day, 30), binWidth(365 * day, 60)]).toEqual([hour, 6 * hour, 7 * day]);
  expect((36_500 * day) / binWidth(36_500 * day, 30)).toBeLessThanOrEqual(30);
});

test('each is in its stretch, those at the edges in the later one, those outside in none', () => {
  const things = [noon - 1, noon, noon + hour - 1, noon + hour, noon + 2 * hour].map((at) => ({
    at,
    kind: 0,
    count: 1,
  }));
  const bins = binned(things, { from: noon, to: noon + 2 * hour, kinds: 1, most: 3, zoneMinutes: 0 });
  expect(bins.map(({ from, counts }) => [from, ...counts])).toEqual([
    [noon, 2],
    [noon + hour, 1],
  ]);
});

test('kinds are counted apart, and one that stands for several counts as them', () => {
  const things = [
    { at: noon, kind: 1, count: 40 },
    { at: noon, kind: 0, count: 1 },
  ];
  const [bin] = binned(things, { from: noon, to: noon + hour, kinds: 2, most: 2, zoneMinutes: 0 });
  expect(bin?.counts).toEqual([1, 40]);
});

test('days begin at midnight of the reader', () => {
  const [first] = binned([], { from: noon, to: noon + 20 * day, kinds: 1, most: 25, zoneMinutes: -330 });
  expect(first?.from).toBe(Date.UTC(2026, 10, 28, 18, 30));
});

test('bars are never more than asked for', () => {
  for (const span of [1, hour, 25 * hour, 7 * day, 400 * day])
    expect(
      binned([], { from: noon + 1, to: noon + 1 + span, kinds: 1, most: 30, zoneMinutes: -330 }).length,
    ).toBeLessThanOrEqual(30);
});

test('the top of a scale is round and no bar is above it', () => {
  expect([0, 1, 2, 3, 7, 10, 11, 99, 1001].map(roundTop)).toEqual([1, 1, 2, 5, 10, 10, 20, 100, 2000]);
});
