import { eventually } from '@portcullis/testing';
import { type AuditStack, auditRounds, startAuditStack } from './audit-rounds.js';
import { Backstage } from './backstage.js';
import { busOutage, gauge, misprintedKey } from './bus-outage.js';
import { administrator, Client } from './client.js';
import { everyGatewayReady } from './readiness.js';

/** The long forms are `audit-soak.ts` and `outage-soak.ts`. */
describe('nothing is lost on its way to the record, and nothing is there twice', () => {
  let stack: AuditStack;
  beforeAll(async () => {
    stack = await startAuditStack();
  }, 150_000);
  afterAll(async () => {
    await stack?.stop();
    stack?.remove();
  }, 60_000);

  test('kill -9 of one process of each kind while changes go on', async () => {
    for await (const group of auditRounds(stack, { rounds: 7, perGroup: 7, seed: 8 })) {
      expect(group.faults).toEqual([]);
      expect(group.killed.length).toBeGreaterThanOrEqual(7);
      expect(group.tally.acknowledged).toBeGreaterThan(0);
      expect(group.effects).toBeGreaterThanOrEqual(group.tally.acknowledged);
    }
  }, 400_000);

  test('the bus stands still, and the policy is edited meanwhile', async () => {
    const { faults, acknowledged, effects, mostWaiting } = await busOutage(stack, { seconds: 12, seed: 8 });
    expect(faults).toEqual([]);
    expect(acknowledged).toBeGreaterThan(0);
    expect(effects).toBeGreaterThanOrEqual(acknowledged);
    expect(mostWaiting).toBeGreaterThan(0);
  }, 300_000);

  test('a gateway refuses a key while the bus stands still, and both are killed before it can say so', async () => {
    const path = '/v1/in-the-dark';
    const backstage = new Backstage(stack);
    const wake = backstage.freeze('nats');
    try {
      expect((await new Client(stack.url, misprintedKey()).get(path)).status).toBe(401);
      await eventually(async () => ((await gauge(stack.url, 'spilled')) ?? 0) > 0, 30_000);
      process.kill(stack.pidOf('gateway'), 'SIGKILL');
      // What it has been sent and has not read is gone too.
      backstage.kill('nats');
    } finally {
      wake();
    }
    await everyGatewayReady(stack.urls);
    const admin = await administrator(stack);
    const told = await eventually(async () => {
      const events = await admin.get('/v1/audit/events?action=credential.refused&limit=100');
      const ofThisPath = (events.json.items as { details: { path: string } }[]).filter(
        ({ details }) => details.path === path,
      );
      return ofThisPath.length > 0 && ofThisPath;
    }, 60_000);
    expect(told).toHaveLength(1);
    await eventually(async () => (await gauge(stack.url, 'waiting')) === 0, 30_000);
  }, 150_000);
});
