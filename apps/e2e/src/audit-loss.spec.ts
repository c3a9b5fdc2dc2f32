import { auditRounds, startAuditStack } from './audit-rounds.js';
import { busOutage } from './bus-outage.js';
import { type Stack } from './stack.js';

/** The long forms are `audit-soak.ts` and `outage-soak.ts`. */
describe('nothing is lost on its way to the record, and nothing is there twice', () => {
  test('kill -9 of one process of each kind while changes go on', async () => {
    let stack: Stack | undefined;
    try {
      stack = await startAuditStack();
      for await (const group of auditRounds(stack, { rounds: 7, perGroup: 7, seed: 8 })) {
        expect(group.faults).toEqual([]);
        expect(group.killed.length).toBeGreaterThanOrEqual(7);
        expect(group.tally.acknowledged).toBeGreaterThan(0);
        expect(group.effects).toBeGreaterThanOrEqual(group.tally.acknowledged);
      }
    } finally {
      await stack?.stop();
      stack?.remove();
    }
  }, 500_000);

  test('the bus stands still, and the policy is edited meanwhile', async () => {
    const { faults, acknowledged, effects } = await busOutage({ seconds: 15, seed: 8 });
    expect(faults).toEqual([]);
    expect(acknowledged).toBeGreaterThan(0);
    expect(effects).toBeGreaterThanOrEqual(acknowledged);
  }, 500_000);
});
