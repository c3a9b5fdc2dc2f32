import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Action, type OwedEvent } from '@portcullis/contracts';
import { specDatabase, type SpecDatabase } from '@portcullis/testing';
import { Database } from './database.js';

const directory = mkdtempSync(join(tmpdir(), 'portcullis-migrations-'));
writeFileSync(join(directory, '1770000000000-step.sql'), 'create table thing (id text primary key)');
const options = {
  service: 'api-key',
  schema: 'api_key',
  entities: [],
  migrations: pathToFileURL(`${directory}/`),
  outboxBound: 3,
} as const;
const full = { code: 'audit_unavailable' };

let spec: SpecDatabase;
let database: Database;

beforeAll(async () => {
  spec = await specDatabase(options, { madeUp: true });
  ({ database } = spec);
});
afterAll(() => spec.drop());
beforeEach(async () => {
  await database.read((manager) => manager.query('truncate outbox, thing'));
  await database.outbox.depth();
});

const event = (action: Action): OwedEvent => ({
  organization_id: 'org_1',
  action,
  resource: { kind: 'api-key', id: 'key_1' },
});
const change = (action: Action, on = database) =>
  on.transaction(async (tx) => {
    await tx.manager.query('insert into thing values (gen_random_uuid()::text)');
    return tx.owe(event(action));
  });
const things = async (): Promise<number> => {
  const [row] = await database.read((manager) => manager.query<{ n: number }[]>('select count(*)::int n from thing'));
  return row!.n;
};
const fill = async (): Promise<void> => {
  for (let n = 0; n < options.outboxBound; n++) await change('api-key.created');
};

test('changes go on up to the bound while nobody takes the events, and are then refused with nothing kept of them', async () => {
  await fill();
  await expect(change('api-key.created')).rejects.toMatchObject(full);
  expect([await things(), await database.outbox.depth()]).toEqual([3, 3]);
});

test.each<Action>(['api-key.revoked', 'user.disabled', 'organization.suspended', 'session.ended', 'client.revoked'])(
  'what takes something away is never refused: %s',
  async (action) => {
    await fill();
    await change(action);
    expect([await things(), await database.outbox.depth()]).toEqual([4, 4]);
    await expect(change('api-key.created')).rejects.toMatchObject(full);
  },
);

test('an update that says that it narrows is accepted; the same one that does not say so is refused', async () => {
  await fill();
  await expect(change('api-key.updated')).rejects.toMatchObject(full);
  await database.transaction(async (tx) => {
    tx.takesAway();
    await tx.owe(event('api-key.updated'));
  });
  expect(await database.outbox.depth()).toBe(4);
});

test('a change that takes something away and does something else beside it waits as any other', async () => {
  await fill();
  const both = (isAll: boolean) =>
    database.transaction(async (tx) => {
      await tx.oweAll([event('user.disabled'), event('user.updated')]);
      if (isAll) tx.takesAway();
    });
  await expect(both(false)).rejects.toMatchObject(full);
  await both(true);
  expect(await database.outbox.depth()).toBe(5);
});

test('many events at once find room for all of them or for none', async () => {
  await change('api-key.imported');
  const three = [event('api-key.imported'), event('api-key.imported'), event('api-key.imported')];
  await expect(database.transaction((tx) => tx.oweAll(three))).rejects.toMatchObject(full);
  await database.transaction((tx) => tx.oweAll(three.slice(1)));
  expect(await database.outbox.depth()).toBe(3);
});

test('the outbox says how much is owed, since when, and how much may be', async () => {
  expect(await database.outbox.state()).toEqual({ events: 0, oldest_seconds: null, bound: 3 });
  await change('api-key.created');
  await change('api-key.created');
  const state = await database.outbox.state();
  expect(state).toMatchObject({ events: 2, bound: 3 });
  expect(state.oldest_seconds).toBeLessThan(60);
  await database.read((manager) =>
    manager.query(
      `update outbox set event = event || '{"time": "2026-01-01T00:00:00Z"}' where id = (select min(id) from outbox)`,
    ),
  );
  expect((await database.outbox.state()).oldest_seconds).toBeGreaterThan(1e6);
});

test('a change in one statement is held to the same bound', async () => {
  await fill();
  const write = (action: Action) =>
    database.write((statement) => {
      const owed = statement.owe('made', [event(action)]);
      return `with made as (insert into thing values ('key_1') returning id), ${owed} select id from made`;
    });
  await expect(write('api-key.created')).rejects.toMatchObject(full);
  expect(await things()).toBe(3);
  expect(await write('api-key.revoked')).toEqual([{ id: 'key_1' }]);
});

test('changes are accepted again as soon as the record has the events', async () => {
  await fill();
  await expect(change('api-key.created')).rejects.toMatchObject(full);
  await database.outbox.settle((await database.outbox.claim(10)).map(({ id }) => id));
  await change('api-key.created');
  expect(await database.outbox.depth()).toBe(1);
});

test('another replica fills what is left, and learns of a full outbox', async () => {
  const other = await Database.open({ ...options, url: spec.url });
  try {
    await change('api-key.created');
    await change('api-key.created');
    await change('api-key.created', other);
    await expect(change('api-key.created', other)).rejects.toMatchObject(full);
  } finally {
    await other.close();
  }
});
