import { instantOf, localOf } from './local-time';

test.each(['2026-11-29T12:00:00.000Z', '2026-07-01T23:59:30.000Z', '2026-07-01T23:59:30.123Z'])(
  '%s is the same when it comes back',
  (time) => expect(instantOf(localOf(time))).toBe(time),
);

test('whole minutes are written without seconds, as a field without a step takes them', () => {
  expect(localOf('2026-11-29T12:00:00.000Z')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d$/);
});

test('what is no time is none', () => {
  expect([localOf(''), localOf('yesterday'), instantOf(''), instantOf('soon')]).toEqual(['', '', '', '']);
});

test('a field that was not changed means the time that it was filled from, one that was means what it says', () => {
  const before = '2026-11-29T12:00:00.000123Z';
  expect(instantOf(localOf(before), before)).toBe(before);
  expect(instantOf(localOf('2026-11-29T13:00:00.000Z'), before)).toBe('2026-11-29T13:00:00.000Z');
  expect([instantOf('', before), instantOf('', 'yesterday')]).toEqual(['', '']);
});
