import { readFileSync } from 'node:fs';
import { newId } from '@portcullis/contracts';
import { AggregatorRegistry } from 'prom-client';
import { parse } from 'yaml';
import { aGateway } from '../spec/gateway.js';
import { type Got, send as sendTo, type Sent } from '../spec/http-client.js';
import { held } from '../spec/services.js';
import { Metrics, type Watched } from './metrics.js';

const example = (name: string): string =>
  readFileSync(new URL(`../../../examples/prometheus/${name}`, import.meta.url), 'utf8');

/** The value of one series, by its name and labels as they stand in the text. */
const valueOf = (text: string, series: string): number | undefined => {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length));
};

describe('a running gateway', () => {
  let gateway: Awaited<ReturnType<typeof aGateway>>;
  beforeAll(async () => (gateway = await aGateway()));
  afterAll(() => gateway.close());
  const send = (method: string, path: string, sent: Omit<Sent, 'port'> = {}): Promise<Got> =>
    sendTo(method, path, { ...sent, port: gateway.port });
  const scraped = async (): Promise<string> => (await send('GET', '/metrics')).text;

  test('says how old its leases are, how long they last, and how old what it remembers is', async () => {
    expect(valueOf(await scraped(), 'portcullis_cache_oldest_seconds{table="records"}')).toBeUndefined();
    await send('GET', '/v1/whoami', { key: held });
    const text = await scraped();
    for (const authority of ['identity', 'api-key', 'client-registry']) {
      const age = valueOf(text, `portcullis_enforcement_lease_age_seconds{authority="${authority}"}`);
      expect(age).toBeGreaterThan(0);
      expect(age).toBeLessThan(60);
      expect(valueOf(text, `portcullis_enforcement_lease_length_seconds{authority="${authority}"}`)).toBe(3600);
      expect(valueOf(text, `portcullis_enforcement_markers_held{authority="${authority}",kind="block"}`)).toBe(0);
    }
    expect(valueOf(text, 'portcullis_cache_oldest_seconds{table="records"}')).toBeGreaterThan(0);
  });

  test('counts how revocations were answered: by all, with some fenced, or not confirmed', async () => {
    const count = (text: string, outcome: string) =>
      valueOf(text, `portcullis_revocation_duration_seconds_count{outcome="${outcome}"}`);
    const before = await scraped();
    expect([count(before, 'acknowledged'), count(before, 'fenced'), count(before, 'pending')]).toEqual([0, 0, 0]);
    const id = newId('key', new Date());
    expect((await send('DELETE', `/v1/api-keys/${id}`, { key: held })).status).toBe(503);
    expect((await send('POST', `/v1/api-keys/${id}/enable`, { key: held, body: '{}' })).status).toBe(200);
    expect((await send('POST', `/v1/api-keys/${id}/disable`, { key: held, body: '{}' })).status).toBe(200);
    const after = await scraped();
    expect([count(after, 'acknowledged'), count(after, 'fenced'), count(after, 'pending')]).toEqual([1, 1, 1]);
    expect(valueOf(after, 'portcullis_enforcers_fenced_total')).toBe(2);
    expect(valueOf(after, 'portcullis_revocation_enforcement_seconds_sum')).toBeCloseTo(2.04);
    expect(valueOf(after, 'portcullis_refusals_total{code="enforcement_pending"}')).toBe(1);
  });

  test('has every series that the alert rules ask for, from its first request on', async () => {
    await send('GET', '/healthz');
    const text = await scraped();
    const { groups } = parse(example('rules.yaml')) as { groups: { rules: Rule[] }[] };
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(8);
    for (const { alert, expr, labels, annotations } of rules) {
      const asked = [...expr.matchAll(/(portcullis_[a-z_]+)(?:\{([^}]*)\})?/g)];
      expect([alert, asked.length > 0]).toEqual([alert, true]);
      for (const [selector, name = '', matchers = ''] of asked) {
        const series = text.split('\n').filter((line) => new RegExp(`^${name}[{ ]`).test(line));
        expect([alert, name, series.length > 0]).toEqual([alert, name, true]);
        for (const [, label, values = ''] of matchers.matchAll(/(\w+)=~?"([^"]*)"/g)) {
          for (const value of values.split('|')) {
            const there = series.some((line) => line.includes(`${label}="${value}"`));
            expect([alert, selector, value, there]).toEqual([alert, selector, value, true]);
          }
        }
      }
      expect(['critical', 'warning']).toContain(labels.severity);
      expect(annotations.summary).toBeTruthy();
      expect(annotations.description).toMatch(/\.$/); // what to do
    }
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });

  test('has no metric of its own that the page for operators leaves out, and that page names none that is not there', async () => {
    const own = [...(await scraped()).matchAll(/^# TYPE (portcullis_\w+) /gm)].map(([, name]) => name);
    const named = [...example('README.md').matchAll(/`(portcullis_[a-z0-9_]+)/g)].map(([, name]) => name);
    expect([...new Set(named)].sort()).toEqual([...own].sort());
  });
});

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; description: string };
}

test('of several processes on one port what they count is summed, and of the rest the worst is shown', async () => {
  const watched = (leaseAgeMs: number | null, blocks: number): Watched => ({
    leases: () => [
      {
        ...{ authority: 'api-key', appliedThrough: 1, incarnation: 1, held: { blocks, epochs: 0, remembered: 0 } },
        ...{ lease: leaseAgeMs !== null, leaseAgeMs, leaseMs: leaseAgeMs === null ? null : 5000 },
      },
    ],
    cached: () => ({ records: 2, negatives: 0, streams: 0 }),
    oldestMs: () => ({ records: leaseAgeMs === null ? null : 10 * leaseAgeMs, negatives: null }),
    waitingEvents: () => 0,
    spilledEvents: () => 0,
    lostEvents: () => 1,
    waitingRequests: () => 0,
    lostRequests: () => 0,
    policyDigest: () => 'd',
    busConnected: () => leaseAgeMs !== null,
    outboxes: () =>
      Promise.resolve(
        new Map([
          ['identity', { events: 5, oldest_seconds: null, bound: 9 }],
          ['audit', { events: 2, oldest_seconds: 3.5, bound: 9 }],
        ]),
      ),
    auditLog: () =>
      Promise.resolve({
        ...{ size: 7, checked_at: null, damaged_index: leaseAgeMs === null ? 3 : null, rejected: 2 },
        retention: leaseAgeMs === null ? null : { days: 90, dropped_below: 5, ran_at: '1970-01-01T00:01:00.000Z' },
        webhooks: {
          ...{ active: 4, disabled: 1, paused: 2, failing: 1, pending: 9, dead_letters: 5, lag_seconds: 1.5 },
          attempts: { delivered: 100, failed: 7, given_up: 5, gone: 1 },
        },
      }),
  });
  const workers = [new Metrics(watched(700, 3)), new Metrics(watched(200, 2)), new Metrics(watched(null, 0))];
  for (const worker of workers) worker.revoked(30, { enforcers: 3, acknowledged: 2, fenced: 1, elapsed_ms: 20 });
  const samples = await Promise.all(workers.map(({ registry }) => registry.getMetricsAsJSON()));
  const text = await AggregatorRegistry.aggregate(samples).metrics();
  const shown = (series: string) => valueOf(text, series);
  expect(shown('portcullis_enforcement_lease{authority="api-key"}')).toBe(0);
  expect(shown('portcullis_enforcement_lease_age_seconds{authority="api-key"}')).toBe(0.7);
  expect(shown('portcullis_enforcement_lease_length_seconds{authority="api-key"}')).toBe(5);
  expect(shown('portcullis_enforcement_markers_held{authority="api-key",kind="block"}')).toBe(3);
  expect(shown('portcullis_cache_oldest_seconds{table="records"}')).toBe(7);
  expect(shown('portcullis_cache_entries{table="records"}')).toBe(6);
  expect(shown('portcullis_events_lost')).toBe(3);
  expect(shown('portcullis_bus_connected')).toBe(0);
  expect(shown('portcullis_audit_log_size{log="audit"}')).toBe(7);
  expect(shown('portcullis_audit_log_damaged{log="audit"}')).toBe(1);
  expect(shown('portcullis_audit_rejected{log="audit"}')).toBe(2);
  expect(shown('portcullis_audit_bodies_dropped_below{log="audit"}')).toBe(5);
  expect(shown('portcullis_audit_retention_run_timestamp_seconds{log="audit"}')).toBe(60);
  expect(shown('portcullis_outbox_events{service="identity"}')).toBe(5);
  expect(shown('portcullis_outbox_oldest_seconds{service="identity"}')).toBe(0);
  expect(shown('portcullis_outbox_oldest_seconds{service="audit"}')).toBe(3.5);
  expect(shown('portcullis_outbox_bound{service="audit"}')).toBe(9);
  expect(shown('portcullis_webhooks{status="paused"}')).toBe(2);
  expect(shown('portcullis_webhook_pending{log="audit"}')).toBe(9);
  expect(shown('portcullis_webhook_dead_letters{log="audit"}')).toBe(5);
  expect(shown('portcullis_webhook_lag_seconds{log="audit"}')).toBe(1.5);
  expect(shown('portcullis_webhook_attempts_total{outcome="failed"}')).toBe(7);
  expect(shown('portcullis_enforcers_fenced_total')).toBe(3);
  expect(shown('portcullis_revocation_duration_seconds_count{outcome="fenced"}')).toBe(3);
});
