import { newId } from '@portcullis/contracts';
import { type KeyHouse, openKeyHouse } from '../spec/key-house.js';

let house: KeyHouse;
beforeAll(async () => (house = await openKeyHouse()));
afterAll(() => house.close());

const rows = <Row>(sql: string, values: unknown[] = []) =>
  house.database.read((manager) => manager.query<Row[]>(sql, values));
const copies = (id: string, count: number) =>
  rows(
    `insert into api_key
     select (jsonb_populate_record(key, jsonb_build_object('id', 'key_' || lpad(n::text, 26, '0')))).*
       from api_key key, generate_series(1, $2::int) n where key.id = $1`,
    [id, count],
  );

test('ten thousand keys are listed page by page, each once, while more are made and some are revoked', async () => {
  const caller = house.owner({ organization_id: newId('org', new Date()) });
  const { id } = await house.create({}, caller);
  await copies(id, 9_999);
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: { id: string }[]; next_cursor: string | null } = await house.list(
      { limit: 100, ...(cursor === null ? {} : { cursor }) },
      caller,
    );
    seen.push(...page.items.map((key) => key.id));
    cursor = page.next_cursor;
    if (seen.length % 2_000 === 100) {
      await house.create({ name: 'made meanwhile' }, caller);
      await house.revoke(seen.at(-50) ?? '', caller);
    }
  } while (cursor !== null);
  expect(seen).toHaveLength(10_000);
  expect(new Set(seen).size).toBe(10_000);
}, 60_000);

test('keys are found by how long they lie unused and how soon they end', async () => {
  const caller = house.owner({ organization_id: newId('org', new Date()) });
  const old = await house.create({ name: 'old', expires_in_days: 365 }, caller);
  const used = await house.create({ name: 'used', expires_in_days: null }, caller);
  house.after(100 * 86_400);
  await rows('update api_key set last_used_at = $2 where id = $1', [used.id, house.clock.now]);
  const fresh = await house.create({ name: 'fresh', expires_in_days: 10 }, caller);
  const found = async (filter: Parameters<KeyHouse['list']>[0]) =>
    (await house.list(filter, caller)).items.map((key) => key.id);
  expect(await found({ unused_days: 90 })).toEqual([old.id]);
  expect(await found({ unused_days: 101 })).toEqual([]);
  expect(await found({ expiring_in_days: 10 })).toEqual([fresh.id]);
  expect(await found({ expiring_in_days: 9 })).toEqual([]);
  expect(await found({ expiring_in_days: 365 })).toEqual([fresh.id, old.id]);
  await house.revoke(fresh.id, caller);
  expect(await found({ expiring_in_days: 10 })).toEqual([]);
  expect(await found({ unused_days: 90, status: 'active', owner: caller.principal.id, role: 'observer' })).toEqual([
    old.id,
  ]);
});

test('the same Idempotency-Key twice at once makes one key', async () => {
  const caller = house.owner({ id: newId('usr', new Date()) }, 'twice');
  const all = await Promise.allSettled(Array.from({ length: 6 }, () => house.create({ name: 'once' }, caller)));
  const refusals = all.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  for (const refusal of refusals) expect(refusal).toMatchObject({ code: 'idempotency_in_progress' });
  expect((await house.list({ q: 'once' }, caller)).items).toHaveLength(1);
});

describe('where Postgres goes away in the middle', () => {
  const tables = ['api_key', 'key_secret', 'outbox', 'marker', 'idempotency'];
  const places = [
    ...tables.map((table) => [`the writing of ${table}`, table, `after insert on ${table} for each row`]),
    ['the commit', 'outbox', 'constraint'],
  ] as const;

  /** The server ends the very connection that gets there: as a crash, at a known place. */
  const dieAt = async ([, table, when]: readonly string[]) => {
    await rows(`create or replace function die() returns trigger language plpgsql as
                $$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$`);
    await rows(
      when === 'constraint'
        ? `create constraint trigger die after insert on ${table} deferrable initially deferred for each row execute function die()`
        : `create trigger die ${when} execute function die()`,
    );
    return () => rows(`drop trigger die on ${table}`);
  };
  const everything = async () =>
    JSON.stringify([
      await rows('select id, changed_seq, key_prefix from api_key order by id'),
      await rows('select id, expires_at from key_secret order by id'),
      await rows(`select event->>'action' as action, event->'resource'->>'id' as id from outbox order by id`),
      await rows('select last_seq from enforcement_head'),
      await rows('select count(*) from marker'),
    ]);

  test.each(places.filter(([place]) => !place.includes('marker')))(
    'a key is made with its event or not at all: %s',
    async (...place) => {
      const caller = house.owner({ id: newId('usr', new Date()) }, `create ${place[0]}`);
      const before = await everything();
      const live = await dieAt(place);
      await expect(house.create({}, caller)).rejects.toMatchObject({ code: 'unavailable' });
      await live();
      expect(await everything()).toBe(before);
      const made = await house.create({}, caller);
      expect(made.credentials.bearer_token).toBeDefined();
      expect(await house.events(made.id)).toHaveLength(1);
    },
  );

  test.each(places.filter(([place]) => !place.includes('api_key')))(
    'a key is rotated with its event and its marker or not at all: %s',
    async (...place) => {
      const made = await house.create();
      const caller = house.owner({ id: newId('usr', new Date()) }, `rotate ${place[0]}`);
      const before = await everything();
      const live = await dieAt(place);
      await expect(house.rotate(made.id, 60, caller)).rejects.toMatchObject({ code: 'unavailable' });
      await live();
      expect(await everything()).toBe(before);
      const rotated = await house.rotate(made.id, 60, caller);
      expect(rotated.credentials.bearer_token).toBeDefined();
      expect((await house.events(made.id)).map(({ action }) => action)).toEqual(['api-key.created', 'api-key.rotated']);
    },
  );
});
