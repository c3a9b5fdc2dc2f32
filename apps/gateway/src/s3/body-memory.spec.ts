import { BodyMemory } from './body-memory.js';

const MiB = 1_048_576;
const full = 'Too many large chunks';

test('what is held is bounded, a quarter of it for each organization, and comes back', () => {
  const memory = new BodyMemory(8 * MiB);
  const [first, again] = [memory.share('a'), memory.share('a')];
  first.hold(MiB);
  again.hold(MiB);
  expect(() => first.hold(2 * MiB)).toThrow(full);
  const others = ['b', 'c', 'd'].map((name) => memory.share(name));
  for (const share of others) share.hold(2 * MiB);
  expect(() => memory.share('e').hold(MiB)).toThrow(full);
  expect(memory.held).toBe(8 * MiB);
  for (const share of [first, again, ...others]) share.free();
  first.free();
  expect(memory.held).toBe(0);
  first.hold(2 * MiB);
});

test('the next chunk takes the place of the one before, and small ones cost nothing', () => {
  const memory = new BodyMemory(8 * MiB);
  const share = memory.share('a');
  for (let n = 0; n < 100; n++) share.hold(2 * MiB);
  share.hold(65_536);
  expect(memory.held).toBe(0);
});
