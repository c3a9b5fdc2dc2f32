import { type AuditEvent } from '@portcullis/contracts';
import { type KeyHouse, openKeyHouse } from '../spec/key-house.js';
import { KeyWatch } from './key-watch.js';

let house: KeyHouse;
beforeEach(async () => (house = await openKeyHouse()));
afterEach(() => house.close());

const day = 86_400;
const aWatch = () => new KeyWatch(house.database, 90);
const told = async (id: string): Promise<[string, unknown][]> =>
  (await house.events(id))
    .filter(({ action }: AuditEvent) => action === 'api-key.expiring' || action === 'api-key.unused')
    .map(({ action, details }) => [action, details['days']]);

test('a key that is about to end is told of once at 30, 7 and 1 days, however many watch', async () => {
  const { id } = await house.create({ expires_in_days: 60 });
  const seen: [string, unknown][][] = [];
  for (const days of [29, 2, 22, 1, 5.5, 0.2]) {
    house.after(days * day);
    await Promise.all([aWatch().run(), aWatch().run(), aWatch().run()]);
    seen.push(await told(id));
  }
  const at = (...days: number[]) => days.map((each) => ['api-key.expiring', each]);
  expect(seen).toEqual([at(), at(30), at(30, 7), at(30, 7), at(30, 7, 1), at(30, 7, 1)]);
});

test('a key is told of at the nearest threshold alone, and not at one longer than its life', async () => {
  const short = await house.create({ expires_in_days: 7 });
  const long = await house.create({ expires_in_days: 60 });
  await aWatch().run();
  expect(await told(short.id)).toEqual([]);
  house.after(54 * day);
  await aWatch().run();
  expect(await told(long.id)).toEqual([['api-key.expiring', 7]]);
  expect(await told(short.id)).toEqual([]);
});

test('a revoked key is not told of', async () => {
  const { id } = await house.create({ expires_in_days: 60 });
  await house.revoke(id);
  house.after(59.5 * day);
  await aWatch().run();
  expect(await told(id)).toEqual([]);
});

test('a key that nobody uses is told of once, and again only after it was used', async () => {
  const { id } = await house.create({ expires_in_days: null });
  house.after(89 * day);
  await aWatch().run();
  expect(await told(id)).toEqual([]);
  house.after(day);
  await Promise.all([aWatch().run(), aWatch().run()]);
  house.after(200 * day);
  await aWatch().run();
  expect(await told(id)).toEqual([['api-key.unused', 90]]);
  await house.database.read((manager) =>
    manager.query('update api_key set last_used_at = $2 where id = $1', [id, house.clock.now]),
  );
  await aWatch().run();
  house.after(90 * day);
  await aWatch().run();
  expect(await told(id)).toHaveLength(2);
});

test('more keys than a page are told of in one run', async () => {
  const { id } = await house.create({ expires_in_days: null });
  await house.database.read((manager) =>
    manager.query(
      `insert into api_key select (jsonb_populate_record(key, jsonb_build_object('id', key.id || n))).*
         from api_key key, generate_series(1, 250) n where key.id = $1`,
      [id],
    ),
  );
  house.after(91 * day);
  await aWatch().run();
  expect((await house.events()).filter(({ action }) => action === 'api-key.unused')).toHaveLength(251);
});
