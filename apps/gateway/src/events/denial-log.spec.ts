import { type AuditEvent, completeEvent, Refusal } from '@portcullis/contracts';
import { type Arrival, type Identity } from '../judgement.js';
import { DenialLog } from './denial-log.js';
import { EventBuffer } from './event-buffer.js';

const arrival: Arrival = {
  requestId: 'req_1',
  method: 'DELETE',
  target: '/v1/things/1?token=secret',
  path: '/v1/things/1',
  rawHeaders: [],
  peer: '127.0.0.1',
};

const refused = (given: Partial<Extract<Identity, { kind: 'refused' }>> = {}) => ({
  kind: 'refused' as const,
  clientIp: '192.0.2.1',
  refusal: new Refusal('invalid_token', 'no'),
  reason: 'unknown_key',
  organizationId: null,
  credentialId: null,
  ...given,
});

const denied = {
  kind: 'principal' as const,
  clientIp: '192.0.2.1',
  grant: undefined as never,
  principal: {
    kind: 'user' as const,
    id: 'usr_1',
    organization_id: 'org_1',
    credential_id: 'key_1',
    roles: [],
    permissions: [],
    resources: {},
    networks: null,
    expires_at: null,
  },
};

/** A log on a clock of its own and a stream that takes everything until told otherwise. */
function aLog(given: { maxBuffered?: number } = {}) {
  const at = { ms: Date.parse('2026-11-24T12:00:00Z') };
  const published: AuditEvent[] = [];
  const stream = { isAway: false };
  const events = new EventBuffer({
    publish: (event) => {
      if (stream.isAway) return Promise.reject(new Error('away'));
      published.push(event);
      return Promise.resolve();
    },
    report: () => undefined,
    ...given,
  });
  const log = new DenialLog(events, () => new Date(at.ms));
  return { at, events, log, published, stream };
}

test('a denial is one event that says who, what and why, and nothing of the query', async () => {
  const { log, published } = aLog();
  const id = log.denied(arrival, denied, 'missing_permission', ['things:manage']);
  await log.stop();
  expect(published).toEqual([
    expect.objectContaining({
      id,
      action: 'request.denied',
      outcome: 'denied',
      organization_id: 'org_1',
      service: 'gateway',
      actor: { kind: 'user', id: 'usr_1', credential_id: 'key_1' },
      request_id: 'req_1',
      client_ip: '192.0.2.1',
      reason: 'missing_permission',
      count: 1,
      details: { method: 'DELETE', path: '/v1/things/1', required_permissions: ['things:manage'] },
    }),
  ]);
});

test('a refused credential is one event, with the credential where it is known', async () => {
  const { log, published } = aLog();
  log.refusedCredential(arrival, refused({ reason: 'revoked', organizationId: 'org_1', credentialId: 'key_1' }));
  await log.stop();
  expect(published[0]).toMatchObject({
    action: 'credential.refused',
    organization_id: 'org_1',
    reason: 'revoked',
    actor: { kind: 'anonymous', credential_id: 'key_1' },
    resource: { kind: 'credential', id: 'key_1' },
  });
});

test.each(['unavailable', 'invalid_request'] as const)(
  '%s says nothing about a credential and is no event',
  async (code) => {
    const { log, published } = aLog();
    expect(log.refusedCredential(arrival, refused({ refusal: new Refusal(code, '') }))).toBeNull();
    await log.stop();
    expect(published).toEqual([]);
  },
);

test('beyond 10 a second one event counts the rest, and every decision id leads to an event', async () => {
  const { at, log, published } = aLog();
  const ids = Array.from({ length: 500 }, () => log.denied(arrival, denied, 'missing_permission'));
  at.ms += 10_000;
  log.tick();
  await log.stop();
  expect(published).toHaveLength(11);
  expect(published.map(({ count }) => count).sort((a, b) => a - b)).toEqual([...Array<number>(10).fill(1), 490]);
  expect(new Set(ids)).toEqual(new Set(published.map(({ id }) => id)));
});

test('a long flood costs 10 events a second and one in 10 seconds, and none is lost from the count', async () => {
  const { at, log, published } = aLog();
  for (let tenths = 0; tenths < 300; tenths++) {
    for (let n = 0; n < 10; n++) log.denied(arrival, denied, 'missing_permission');
    at.ms += 100;
    if (tenths % 10 === 9) log.tick();
  }
  await log.stop();
  expect(published.reduce((sum, { count }) => sum + count, 0)).toBe(3_000);
  expect(published.filter(({ count }) => count > 1)).toHaveLength(3);
  expect(published.length).toBeLessThanOrEqual(303 + 10);
});

test('one credential that floods takes no event from another, nor one address from another', async () => {
  const { log, published } = aLog();
  for (let n = 0; n < 100; n++) log.refusedCredential(arrival, refused());
  const other = log.refusedCredential(arrival, refused({ clientIp: '192.0.2.2' }));
  const another = log.refusedCredential(arrival, refused({ reason: 'wrong_secret', credentialId: 'key_2' }));
  await log.stop();
  for (const id of [other, another]) expect(published.find((event) => event.id === id)).toMatchObject({ count: 1 });
});

test('what could not be published is published once the stream is back', async () => {
  const { events, log, published, stream } = aLog();
  stream.isAway = true;
  const id = log.denied(arrival, denied, 'missing_permission');
  await new Promise(setImmediate);
  expect([published.length, events.size]).toEqual([0, 1]);
  stream.isAway = false;
  await log.stop();
  expect(published.map((event) => event.id)).toEqual([id]);
  expect(events.size).toBe(0);
});

test('a full buffer drops denials, counts what it drops and stays within its bound; what is rare has room', async () => {
  const { events, log, published, stream } = aLog({ maxBuffered: 5 });
  stream.isAway = true;
  for (let n = 0; n < 8; n++) log.refusedCredential(arrival, refused({ clientIp: `192.0.2.${n}` }));
  expect([events.size, events.dropped]).toEqual([5, 3]);
  const details = { digest: 'a'.repeat(64) };
  const policy = { organization_id: null, action: 'policy.loaded', outcome: 'success', details } as const;
  const resource = { kind: 'policy', id: null };
  const time = new Date(0);
  events.keep(completeEvent({ ...policy, resource }, { id: 'evt_1', time, service: 'gateway' }), { isRare: true });
  expect([events.size, events.dropped]).toEqual([6, 3]);
  stream.isAway = false;
  await log.stop();
  expect(published.map(({ action }) => action).sort()).toEqual([
    ...Array<string>(5).fill('credential.refused'),
    'policy.loaded',
  ]);
});

test('what was being counted is written at a stop', async () => {
  const { log, published } = aLog();
  for (let n = 0; n < 25; n++) log.denied(arrival, denied, 'missing_permission');
  await log.stop();
  expect(published.reduce((sum, { count }) => sum + count, 0)).toBe(25);
});

test('a flood from ever new addresses is 100 events a second and one that counts the rest, which names no address', async () => {
  const { at, log, published } = aLog({ maxBuffered: 100_000 });
  const ids = new Set<string | null>();
  const flood = (from: (n: number) => string) => {
    for (let n = 0; n < 3_000; n++) ids.add(log.refusedCredential(arrival, refused({ clientIp: from(n) })));
  };
  flood((n) => `2001:db8:${n.toString(16)}::1`);
  flood((n) => `198.51.${n >> 8}.${n & 255}`);
  at.ms += 1_000;
  flood((n) => `2001:db8:${n.toString(16)}::1`);
  at.ms += 10_000;
  log.tick();
  await log.stop();
  expect(published.filter(({ count }) => count === 1)).toHaveLength(200);
  expect(published.reduce((sum, { count }) => sum + count, 0)).toBe(9_000);
  expect(new Set(published.map(({ id }) => id))).toEqual(ids);
  const counted = published.filter(({ count }) => count > 1);
  expect(counted).toMatchObject([
    { count: 8_800, client_ip: null, request_id: null, reason: 'many_sources', actor: { kind: 'anonymous' } },
  ]);
});

test('addresses of one /64 are one source', async () => {
  const { log, published } = aLog();
  for (let n = 0; n < 500; n++) log.refusedCredential(arrival, refused({ clientIp: `2001:db8::${n.toString(16)}` }));
  await log.stop();
  expect(published.map(({ count }) => count).sort((a, b) => a - b)).toEqual([...Array<number>(10).fill(1), 490]);
});

test('a flood of unknown credentials takes no event from a known one', async () => {
  const { log, published } = aLog();
  for (let n = 0; n < 500; n++) log.refusedCredential(arrival, refused({ clientIp: `192.0.${n >> 8}.${n & 255}` }));
  const id = log.denied(arrival, denied, 'missing_permission');
  await log.stop();
  expect(published.find((event) => event.id === id)).toMatchObject({ count: 1, actor: { id: 'usr_1' } });
});

test('more credentials at once than are counted each use bounded memory, and organizations stay apart in it', async () => {
  const { at, log, published } = aLog({ maxBuffered: 100_000 });
  const refuse = (credentialId: string, organizationId: string) =>
    log.refusedCredential(arrival, refused({ credentialId, organizationId }));
  for (let n = 0; n < 12_000; n++) refuse(`key_${n}`, 'org_1');
  for (let n = 0; n < 20; n++) refuse('key_of_another', 'org_9');
  at.ms += 10_000;
  log.tick();
  await log.stop();
  const of = (organization: string) =>
    published.filter(({ organization_id }) => organization_id === organization).map(({ count }) => count);
  expect(of('org_1').filter((count) => count > 1)).toEqual([2_000]);
  expect(of('org_9')).toEqual([20]);
});
