import { type AuditStack, auditRounds, startAuditStack } from './audit-rounds.js';
import { busOutage } from './bus-outage.js';

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

  test('kill -9 of three processes while changes go on', async () => {
    for await (const group of auditRounds(stack, { rounds: 3, perGroup: 3, seed: 8 })) {
      expect(group.faults).toEqual([]);
      expect(group.killed.length).toBeGreaterThanOrEqual(3);
      expect(group.tally.acknowledged).toBeGreaterThan(0);
      expect(group.effects).toBeGreaterThanOrEqual(group.tally.acknowledged);
    }
  }, 400_000);

  test('the bus stands still, and the policy is edited meanwhile', async () => {
    const { faults, acknowledged, effects, mostWaiting } = await busOutage(stack, { seconds: 8, seed: 8 });
    expect(faults).toEqual([]);
    expect(acknowledged).toBeGreaterThan(0);
    expect(effects).toBeGreaterThanOrEqual(acknowledged);
    expect(mostWaiting).toBeGreaterThan(0);
  }, 300_000);
});
