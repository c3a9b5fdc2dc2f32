import fc from 'fast-check';
import { isPublished, type KeyTerm, leadMilliseconds, nextTerm, type Rotation, signingAt } from './key-schedule.js';

const day = 86_400_000;
const rotation: Rotation = { periodMilliseconds: 30 * day, keepMilliseconds: 7_200_000 };
const start = Date.parse('2026-11-24T00:00:00Z');
const at = (milliseconds: number): Date => new Date(start + milliseconds);
const first: KeyTerm = { signsFrom: at(0), retiresAt: at(30 * day) };

test('the first key signs at once', () => {
  expect(nextTerm([], at(0), rotation)).toEqual(first);
});

test('the next key is made half a day before its first use and not earlier', () => {
  expect(nextTerm([first], at(29.5 * day - 1), rotation)).toBeUndefined();
  expect(nextTerm([first], at(29.5 * day), rotation)).toEqual({ signsFrom: at(30 * day), retiresAt: at(60 * day) });
});

test('a key that exists already is not made again', () => {
  const second = { signsFrom: at(30 * day), retiresAt: at(60 * day) };
  expect(nextTerm([first, second], at(29.9 * day), rotation)).toBeUndefined();
});

test('after a sleep longer than a period a new key signs at once', () => {
  expect(nextTerm([first], at(45 * day), rotation)).toEqual({ signsFrom: at(45 * day), retiresAt: at(75 * day) });
});

test('one key signs at a time, and hands over at the very instant', () => {
  const second = { signsFrom: at(30 * day), retiresAt: at(60 * day) };
  expect(signingAt([first, second], at(30 * day - 1))).toBe(first);
  expect(signingAt([first, second], at(30 * day))).toBe(second);
  expect(signingAt([first, second], at(60 * day))).toBeUndefined();
});

test('a clock that was set back behind the first key still has a key that signs', () => {
  const second = { signsFrom: at(30 * day), retiresAt: at(60 * day) };
  expect(signingAt([second, first], at(-3_600_000))).toBe(first);
  expect(signingAt([], at(0))).toBeUndefined();
});

test('a key is published until the last token that it signed is over', () => {
  expect(isPublished(first, at(30 * day + rotation.keepMilliseconds - 1), rotation)).toBe(true);
  expect(isPublished(first, at(30 * day + rotation.keepMilliseconds), rotation)).toBe(false);
});

test('however often the timer runs, at every instant a key signs that was published the whole lead before', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 400 }),
      fc.array(fc.double({ min: 0.001, max: 0.49, noNaN: true }), { minLength: 1, maxLength: 200 }),
      (days, steps) => {
        const often: Rotation = { periodMilliseconds: days * day, keepMilliseconds: 7_200_000 };
        const keys: (KeyTerm & { createdAt: Date })[] = [];
        let now = start;
        for (const step of [0, ...steps]) {
          now += step * leadMilliseconds(often);
          const term = nextTerm(keys, new Date(now), often);
          if (term) keys.push({ ...term, createdAt: new Date(now) });
          const signing = signingAt(keys, new Date(now));
          expect(signing).toBeDefined();
          if (signing && signing !== keys[0]) {
            expect(signing.signsFrom.getTime() - signing.createdAt.getTime()).toBeGreaterThanOrEqual(
              leadMilliseconds(often) / 2,
            );
          }
        }
      },
    ),
  );
});
