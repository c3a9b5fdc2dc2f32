import { type ApiKey, type ReplyOf, type RequestInputOf } from '@portcullis/contracts';
import { eventually } from '@portcullis/testing';
import { Limits } from './limits.js';

type Asked = RequestInputOf<typeof ApiKey.takeSlices>;

/** Limits on a clock of their own, over an authority that answers as told. */
function aGateway() {
  const at = { ms: 1_000 };
  const asked: Asked[] = [];
  const authority = { gateways: 1, granted: 0, isAway: false, knows: (_key: string): boolean => true };
  const limits = new Limits({
    gatewayId: 'prc_1',
    nowMs: () => at.ms,
    takeSlices: (request): Promise<ReplyOf<typeof ApiKey.takeSlices>> => {
      asked.push(structuredClone(request));
      if (authority.isAway) return Promise.reject(new Error('away'));
      return Promise.resolve({
        gateways: authority.gateways,
        slices: request.asks
          .filter(({ key }) => authority.knows(key))
          .map(({ key, want }) => ({ key, granted: want === 0 ? 0 : authority.granted, remaining: 0, wait_ms: 4_000 })),
      });
    },
  });
  /** Asks for what is due, and hears the answer. */
  const turn = async (afterMs = 100): Promise<void> => {
    at.ms += afterMs;
    limits.tick();
    await new Promise(setImmediate);
  };
  const passing = (key: string, limit: { requests: number; per_seconds: number }, tries = 50): number =>
    Array.from({ length: tries }, () => limits.take(key, limit)).filter(({ passes }) => passes).length;
  return { at, asked, authority, limits, turn, passing };
}

const ten = { requests: 10, per_seconds: 60 };

test('the first requests of a key wait for nothing: they pass up to limit ÷ gateways as last known', async () => {
  const { authority, passing, turn } = aGateway();
  expect(passing('key_1', ten)).toBe(10);
  authority.gateways = 3;
  await turn();
  expect(passing('key_2', ten)).toBe(3);
});

test('after that what is granted passes, less what passed while it was asked for', async () => {
  const { authority, limits, passing, turn } = aGateway();
  authority.gateways = 5;
  await turn();
  expect(passing('key_1', ten)).toBe(2);
  authority.granted = 4;
  await turn();
  expect(passing('key_1', ten)).toBe(4);
  expect(limits.take('key_1', ten)).toMatchObject({ passes: false, retryAfterSeconds: 4 });
});

test('a whole span to wait is told as that and not as a second more, whatever the clock says', () => {
  const { at, limits } = aGateway();
  // (465199.9195 + 60000) - 465199.9195 is 60000.00000000006.
  at.ms = 465_199.9195072287;
  expect(limits.take('key_1', ten).headers).toContain('"api-key";r=9;t=60');
});

test('all keys in use are asked for together, and keys at rest are not', async () => {
  const { asked, authority, limits, turn } = aGateway();
  await turn();
  authority.granted = 3;
  for (const key of ['key_1', 'key_2', 'key_3']) limits.take(key, ten);
  await turn();
  expect(asked.at(-1)?.asks.map(({ key, used }) => [key, used])).toEqual([
    ['key_1', 1],
    ['key_2', 1],
    ['key_3', 1],
  ]);
  const before = asked.length;
  await turn();
  expect(asked).toHaveLength(before);
  // What is left of the slices goes back before they end, once.
  await turn(300);
  expect(asked.at(-1)?.asks.map(({ want }) => want)).toEqual([0, 0, 0]);
  await turn();
  await turn();
  expect(asked).toHaveLength(before + 1);
});

test('a first use is asked for at once, not at the next turn of the timer', async () => {
  const { asked, limits } = aGateway();
  limits.take('key_1', ten);
  await eventually(() => asked.length > 0);
  expect(asked[0]?.asks).toEqual([expect.objectContaining({ key: 'key_1', used: 1 })]);
});

test('use that was not heard is said again, until it is', async () => {
  const { asked, authority, limits, turn } = aGateway();
  authority.isAway = true;
  limits.take('key_1', ten);
  await turn();
  limits.take('key_1', ten);
  await turn();
  authority.isAway = false;
  await turn();
  const said = asked.flatMap(({ asks }) => asks).map(({ used, acknowledged }) => [used, acknowledged]);
  expect(said[0]).toEqual([1, 0]);
  expect(said.at(-1)).toEqual([2, 0]);
  await turn();
  expect(asked.flatMap(({ asks }) => asks)).toHaveLength(said.length);
});

test('a limit that was changed counts from the next request on', () => {
  const { passing } = aGateway();
  expect(passing('key_1', ten)).toBe(10);
  expect(passing('key_1', { requests: 15, per_seconds: 60 })).toBe(5);
  expect(passing('key_1', { requests: 5, per_seconds: 60 })).toBe(0);
});

test('a key that has no limit any more is forgotten', async () => {
  const { authority, limits, turn } = aGateway();
  limits.take('key_1', ten);
  authority.knows = () => false;
  await turn();
  expect(limits.size).toBe(0);
});

test('keys that rest are forgotten when nothing of theirs counts any more', async () => {
  const { limits, turn } = aGateway();
  limits.take('key_1', { requests: 10, per_seconds: 1 });
  await turn();
  await turn(600);
  expect(limits.size).toBe(1);
  await turn(6_000);
  expect(limits.size).toBe(0);
});

test('a stop hands back what is held', async () => {
  const { asked, authority, limits, turn } = aGateway();
  authority.granted = 8;
  limits.take('key_1', ten);
  await turn();
  await limits.stop();
  expect(asked.at(-1)?.asks).toEqual([expect.objectContaining({ used: 1, want: 0 })]);
});

test('the headers are those of the draft: policy, what remains, and in how many seconds there is more', () => {
  const { limits } = aGateway();
  expect(limits.take('key_1', ten).headers).toEqual([
    'RateLimit-Policy',
    '"api-key";q=10;w=60',
    'RateLimit',
    '"api-key";r=9;t=60',
  ]);
});
