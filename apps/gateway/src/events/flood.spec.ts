import { randomBytes } from 'node:crypto';
import { jest } from '@jest/globals';
import { mintApiKey } from '@portcullis/credentials';
import { aGateway } from '../../spec/gateway.js';
import { send as sendTo } from '../../spec/http-client.js';
import { bare } from '../../spec/services.js';

// Thousands of requests: a busy machine takes its time.
jest.setTimeout(90_000);

const hex = (bytes: number): string => randomBytes(bytes).toString('hex');
const aPath = (): string => `/v1/counterparties/${hex(8)}`;

/** Sends them some at a time and ends the gateway. Answers the events, and in how many seconds the requests were made. */
async function flooded(
  count: number,
  request: (n: number) => { key?: ReturnType<typeof mintApiKey>; headers?: Record<string, string> },
  given: Parameters<typeof aGateway>[0] = {},
) {
  const gateway = await aGateway(given);
  const decisions = new Set<unknown>();
  const statuses = new Set<number>();
  const beganMs = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const answer = await sendTo('GET', aPath(), { port: gateway.port, ...request(next++) });
      statuses.add(answer.status);
      decisions.add((JSON.parse(answer.text) as { decision_id?: string }).decision_id);
    }
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  const seconds = (performance.now() - beganMs) / 1_000;
  await gateway.close();
  const { events } = gateway.seen;
  const single = events.filter((event) => event.count === 1).length;
  return { events, seconds, decisions, statuses, single, sum: events.reduce((sum, event) => sum + event.count, 0) };
}

/** A counted window may also end with one. */
const atMost = (perSecond: number, seconds: number): number => perSecond * (Math.ceil(seconds) + 1) + 2;

test('one caller who is denied everywhere is ten events a second, and each of its answers leads to one of them', async () => {
  const { events, seconds, decisions, statuses, single, sum } = await flooded(500, () => ({ key: bare }));
  expect([...statuses]).toEqual([403]);
  expect(sum).toBe(500);
  expect(single).toBeLessThanOrEqual(atMost(10, seconds));
  expect(new Set(events.map(({ id }) => id))).toEqual(decisions);
});

test('another bogus key, path and forged address in every request is one address for all that', async () => {
  const { seconds, single, statuses, sum } = await flooded(500, (n) => ({
    key: mintApiKey('ptc'),
    headers: { 'X-Forwarded-For': `203.0.113.${n & 255}`, 'X-Org-ID': `org_${hex(8)}`, 'User-Agent': hex(8) },
  }));
  expect([...statuses]).toEqual([401]);
  expect(sum).toBe(500);
  expect(single).toBeLessThanOrEqual(atMost(10, seconds));
});

test('what comes from ever new addresses behind a trusted proxy is a hundred events a second', async () => {
  const { events, seconds, single, sum } = await flooded(
    1_000,
    (n) => ({
      key: mintApiKey('ptc'),
      headers: { 'X-Forwarded-For': n % 2 ? `203.0.${n >> 8}.${n & 255}` : `2001:db8:${n.toString(16)}::1` },
    }),
    { trustedProxies: ['127.0.0.1/32'] },
  );
  expect(sum).toBe(1_000);
  expect(single).toBeLessThanOrEqual(atMost(100, seconds));
  expect(events.length - single).toBeLessThanOrEqual(Math.ceil(seconds / 10) + 1);
});
