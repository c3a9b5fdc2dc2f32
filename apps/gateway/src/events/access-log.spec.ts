import { type AccessBatch, AccessBatch as Batch, maxAccessRecords } from '@portcullis/contracts';
import { type Access, AccessLog, type KeyIdentity } from './access-log.js';

const startMs = Date.parse('2026-11-24T12:00:00Z');

const byKey = (id = 'key_1'): KeyIdentity => ({
  kind: 'principal',
  clientIp: '192.0.2.1',
  grant: undefined as never,
  principal: {
    kind: 'service_account',
    id: 'sa_1',
    organization_id: 'org_1',
    credential_id: id,
    roles: [],
    permissions: [],
    resources: {},
    networks: null,
    expires_at: null,
  },
  key: { id, organization_id: 'org_1', rate_limit: null },
  secretId: 'sec_1',
});

const anAccess = (given: Partial<Access> = {}): Access => ({
  requestId: 'req-1',
  timeMs: startMs,
  method: 'GET',
  path: '/v1/things',
  route: 'GET /v1/things/**',
  status: 200,
  durationMs: 2.4,
  userAgent: 'curl/8',
  identity: byKey(),
  ...given,
});

/** A log on a clock of its own and a stream that takes everything until told otherwise. */
function aLog(given: { maxBuffered?: number } = {}) {
  const at = { ms: startMs };
  const published: AccessBatch[] = [];
  const tried: string[] = [];
  const stream = { isAway: false };
  const reported: string[] = [];
  const log = new AccessLog({
    publish: (batch) => {
      tried.push(batch.id);
      if (stream.isAway) return Promise.reject(new Error('away'));
      published.push(batch);
      return Promise.resolve();
    },
    now: () => new Date(at.ms),
    report: (line) => void reported.push(line),
    ...given,
  });
  const records = () => published.flatMap((batch) => batch.records);
  return { at, published, tried, stream, reported, log, records };
}

test('a request is a record of what was asked and answered, and nothing of the query', async () => {
  const { log, published, records } = aLog();
  log.answered(anAccess());
  await log.stop();
  expect(records()).toEqual([
    {
      request_id: 'req-1',
      time_ms: startMs,
      method: 'GET',
      path: '/v1/things',
      route: 'GET /v1/things/**',
      status: 200,
      duration_ms: 2,
      client_ip: '192.0.2.1',
      user_agent: 'curl/8',
      api_key_id: 'key_1',
      secret_id: 'sec_1',
      principal_kind: 'service_account',
      principal_id: 'sa_1',
      organization_id: 'org_1',
    },
  ]);
  expect(Batch.safeParse(published[0]).success).toBe(true);
});

test('what a client makes long is cut, a character never in two', async () => {
  const { log, records } = aLog();
  log.answered(
    anAccess({ path: `/${'é'.repeat(400)}`, userAgent: `a\u0007${'b'.repeat(900)}`, method: 'M'.repeat(90) }),
  );
  log.answered(anAccess({ path: `/${'a'.repeat(900)}`, userAgent: undefined, route: null }));
  await log.stop();
  const [first, second] = records();
  expect(first?.path).toBe(`/${'é'.repeat(255)}`);
  expect(first?.user_agent).toBe(`a?${'b'.repeat(254)}`);
  expect(second?.path).toHaveLength(512);
  expect(second).toMatchObject({ user_agent: null, route: null });
});

test('up to 100 a second are written each; of the rest one, with how many more there were', async () => {
  const { log, at, records } = aLog();
  for (let n = 0; n < 150; n++) log.answered(anAccess({ requestId: `a${n}` }));
  for (let n = 0; n < 100; n++) log.answered(anAccess({ requestId: `b${n}`, identity: byKey('key_2') }));
  at.ms += 1_000;
  for (let n = 0; n < 101; n++) log.answered(anAccess({ requestId: `c${n}`, timeMs: at.ms }));
  await log.stop();
  const of = (key: string) => records().filter((record) => record.api_key_id === key);
  expect(of('key_2')).toHaveLength(100);
  const summed = of('key_1').filter((record) => record.omitted !== undefined);
  expect(summed).toEqual([expect.objectContaining({ request_id: 'a100', omitted: 49 })]);
  expect(of('key_1')).toHaveLength(101 + 101);
  const total = records().reduce((sum, record) => sum + 1 + (record.omitted ?? 0), 0);
  expect(total).toBe(150 + 100 + 101);
});

test('the one that stands for others is written when its second is past, though nothing follows', async () => {
  const { log, at, records } = aLog();
  for (let n = 0; n < 105; n++) log.answered(anAccess());
  log.tick();
  await Promise.resolve();
  expect(records().some((record) => record.omitted)).toBe(false);
  at.ms += 1_000;
  log.tick();
  await log.stop();
  expect(records().filter((record) => record.omitted)).toEqual([expect.objectContaining({ omitted: 4 })]);
});

test('batches are of at most 256, and a full one does not wait for the timer', async () => {
  const { log, published } = aLog();
  for (let n = 0; n < 300; n++) log.answered(anAccess({ identity: byKey(`key_${n}`) }));
  await new Promise(setImmediate);
  expect(published.map((batch) => batch.records.length)).toEqual([256, 44]);
});

test('a batch that the stream did not take comes again under its id, with the same records', async () => {
  const { log, stream, tried, records } = aLog();
  stream.isAway = true;
  log.answered(anAccess({ requestId: 'one' }));
  log.tick();
  await new Promise(setImmediate);
  log.answered(anAccess({ requestId: 'two' }));
  log.tick();
  await new Promise(setImmediate);
  stream.isAway = false;
  await log.stop();
  expect(tried[0]).toBe(tried[1]);
  expect(records().map((record) => record.request_id)).toEqual(['one', 'two']);
});

test('with the stream away the buffer is bounded, and what is lost is counted and said once', async () => {
  const { log, stream, reported, records } = aLog({ maxBuffered: 10 });
  stream.isAway = true;
  for (let n = 0; n < 25; n++) log.answered(anAccess({ requestId: `r${n}`, identity: byKey(`key_${n}`) }));
  expect([log.buffered, log.dropped]).toEqual([10, 15]);
  expect(reported).toHaveLength(1);
  stream.isAway = false;
  await log.stop();
  expect(records().map((record) => record.request_id)).toEqual(Array.from({ length: 10 }, (_, n) => `r${n}`));
});

test('a batch that fills up while it stops is published once, and not forgotten where the stream refuses it', async () => {
  const { log, stream, tried, records } = aLog();
  log.answered(anAccess({ requestId: 'before' }));
  const stopped = log.stop();
  for (let n = 0; n < maxAccessRecords; n++) log.answered(anAccess({ identity: byKey(`key_${n}`) }));
  await stopped;
  expect(records()).toHaveLength(1 + maxAccessRecords);
  expect(new Set(tried).size).toBe(tried.length);
  stream.isAway = true;
  const again = log.stop();
  for (let n = 0; n < maxAccessRecords; n++) log.answered(anAccess({ identity: byKey(`key_${n}`) }));
  await again;
  expect(log.buffered).toBe(maxAccessRecords);
});
