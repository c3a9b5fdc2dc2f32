import { newId } from '@portcullis/contracts';
import { specDatabase, type SpecDatabase } from '@portcullis/testing';
import { apiKeyDatabase } from '../api-key.module.js';
import { BudgetStore } from './budget.store.js';
import { TakeSlices } from './take-slices.js';

let spec: SpecDatabase;
/** Two replicas of the service: the same table, nothing else in common. */
let replicas: readonly [TakeSlices, TakeSlices];

beforeAll(async () => {
  spec = await specDatabase(apiKeyDatabase);
  replicas = [new TakeSlices(new BudgetStore(spec.database)), new TakeSlices(new BudgetStore(spec.database))];
});
afterAll(() => spec.drop());

async function aKey(rateLimit: object | null): Promise<string> {
  const id = newId('key', new Date());
  await spec.database.read((manager) =>
    manager.query(
      `insert into api_key (id, organization_id, name, owner_kind, owner_id, forms, roles, permissions, metadata, rate_limit,
                            created_at, created_by)
       values ($1, 'org', 'x', 'user', 'usr', '{bearer}', '{}', '{}', '{}', $2, now(), 'usr')`,
      [id, rateLimit],
    ),
  );
  return id;
}

async function withGateways(count: number): Promise<void> {
  await spec.database.read((manager) => manager.query('delete from enforcer'));
  for (let n = 0; n < count; n++) {
    await spec.database.read((manager) =>
      manager.query(
        `insert into enforcer (id, incarnation, state, applied_through, granted_through, lease_ms, renewals)
         values ($1, 1, 'live', 0, 0, 5000, 1)`,
        [`prc_${n}`],
      ),
    );
  }
}

const ask = (key: string, given: object = {}) => ({
  key,
  used: 0,
  acknowledged: 0,
  recent: 0,
  span_ms: 0,
  want: 10,
  ...given,
});

test('without keys, the answer is how many gateways there are', async () => {
  await withGateways(3);
  expect(await replicas[0].execute({ gateway: 'prc_0', asks: [] })).toEqual({ gateways: 3, slices: [] });
});

test('a key without a limit, or that is not there, has no slice', async () => {
  await withGateways(1);
  const [limited, free] = [await aKey({ requests: 10, per_seconds: 60 }), await aKey(null)];
  const { slices } = await replicas[0].execute({ gateway: 'prc_0', asks: [ask(free), ask('key_gone'), ask(limited)] });
  expect(slices).toEqual([{ key: limited, granted: 10, remaining: 0, wait_ms: expect.any(Number) as number }]);
});

test('however many gateways ask, of whatever replica, all together get the limit', async () => {
  await withGateways(5);
  const keys = await Promise.all([1, 2, 3].map(() => aKey({ requests: 500, per_seconds: 600 })));
  const used = new Map(keys.map((key) => [key, 0]));
  await Promise.all(
    Array.from({ length: 5 }, async (_, gateway) => {
      const spent = new Map(keys.map((key) => [key, 0]));
      for (let turn = 0; turn < 12; turn++) {
        const replica = replicas[(gateway + turn) % 2 ? 1 : 0];
        const asks = keys.map((key) => {
          const count = spent.get(key) ?? 0;
          return ask(key, { used: count, acknowledged: count, want: 40 });
        });
        // Keys in another order each time: locks are taken in theirs.
        if (turn % 2) asks.reverse();
        for (const { key, granted } of (await replica.execute({ gateway: `prc_${gateway}`, asks })).slices) {
          // All that is granted is used at once.
          spent.set(key, (spent.get(key) ?? 0) + granted);
          used.set(key, (used.get(key) ?? 0) + granted);
        }
      }
    }),
  );
  for (const key of keys) {
    expect(used.get(key)).toBeLessThanOrEqual(500);
    expect(used.get(key)).toBeGreaterThanOrEqual(490);
  }
}, 30_000);

test('a limit that was changed counts from the next turn on', async () => {
  await withGateways(1);
  const key = await aKey({ requests: 10, per_seconds: 60 });
  await replicas[0].execute({ gateway: 'prc_0', asks: [ask(key, { used: 10, recent: 10 })] });
  await spec.database.read((manager) =>
    manager.query('update api_key set rate_limit = $2 where id = $1', [key, { requests: 15, per_seconds: 60 }]),
  );
  const { slices } = await replicas[1].execute({
    gateway: 'prc_0',
    asks: [ask(key, { used: 10, acknowledged: 10, recent: 10 })],
  });
  expect(slices).toEqual([expect.objectContaining({ granted: 5 })]);
});
