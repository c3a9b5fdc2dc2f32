import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { specDatabase, type SpecDatabase } from '@portcullis/testing';
import { type Transaction } from './database.js';

const directory = mkdtempSync(join(tmpdir(), 'portcullis-statement-'));
writeFileSync(
  join(directory, '1770000000000-thing.sql'),
  'create table thing (id text primary key, ended_seq bigint, note text)',
);

let spec: SpecDatabase;
beforeAll(async () => {
  const migrations = pathToFileURL(`${directory}/`);
  spec = await specDatabase({ service: 'api-key', schema: 'api_key', entities: [], migrations }, { madeUp: true });
});
afterAll(() => spec.drop());

const query = <Row>(sql: string): Promise<Row[]> => spec.database.read((manager) => manager.query<Row[]>(sql));
const aThing = async (id: string): Promise<string> => {
  await query(`insert into thing (id) values ('${id}')`);
  return id;
};

/** Ends a thing unless it has ended: as a service revokes a credential. */
const end = (id: string) =>
  spec.database.write<{ seq: string; first: boolean }>(
    (statement) => `
      with locked as (select id, ended_seq from thing where id = ${statement.value(id)} for update),
      live as (select id from locked where ended_seq is null),
      ${statement.mark('live', { scope: 'credential', id, effect: 'drop' })},
      ended as (update thing set ended_seq = marked.seq from marked where thing.id = ${statement.value(id)}),
      ${statement.owe('live', [{ organization_id: 'org_1', action: 'api-key.revoked', resource: { kind: 'api-key', id } }])}
      select coalesce(marked.seq, locked.ended_seq) as seq, marked.seq is not null as first
        from locked left join marked on true`,
  );

const kept = async (id: string) => {
  const [thing] = await query<{ ended_seq: string | null }>(`select ended_seq from thing where id = '${id}'`);
  const markers = await query<{ seq: string }>(`select seq from marker where subject = '${id}'`);
  const events = await query(`select id from outbox where event->'resource'->>'id' = '${id}'`);
  return { ended: thing?.ended_seq, markers: markers.map(({ seq }) => seq), events: events.length };
};

test('a change, its marker and its event are kept by one statement, and a repeat finds them', async () => {
  const id = await aThing('one');
  const [first] = await end(id);
  expect(first?.first).toBe(true);
  expect(await end(id)).toEqual([{ seq: first?.seq, first: false }]);
  expect(await kept(id)).toEqual({ ended: first?.seq, markers: [first?.seq], events: 1 });
});

test('what is not there keeps nothing', async () => {
  expect(await end('none')).toEqual([]);
  expect(await kept('none')).toEqual({ ended: undefined, markers: [], events: 0 });
});

test('one that fails keeps nothing, and takes no place in the order', async () => {
  const id = await aThing('failing');
  const [before] = await query<{ last_seq: string }>('select last_seq from enforcement_head');
  const failing = spec.database.write(
    (statement) => `
      with live as (select id from thing where id = ${statement.value(id)} for update),
      ${statement.mark('live', { scope: 'credential', id, effect: 'drop' })}
      select 1 / (select 0 from marked)`,
  );
  await expect(failing).rejects.toThrow(/division by zero/);
  expect(await query('select last_seq from enforcement_head')).toEqual([before]);
  expect(await kept(id)).toEqual({ ended: null, markers: [], events: 0 });
});

test('of many at once for one thing one is made, and all answer it; for many things all have places of their own', async () => {
  const id = await aThing('contended');
  const many = (await Promise.all(Array.from({ length: 8 }, () => end(id)))).flat();
  expect(many.filter(({ first }) => first)).toHaveLength(1);
  expect(new Set(many.map(({ seq }) => seq)).size).toBe(1);
  expect(await kept(id)).toEqual({ ended: many[0]?.seq, markers: [many[0]?.seq], events: 1 });

  const ids = await Promise.all(Array.from({ length: 8 }, (_, n) => aThing(`thing ${n}`)));
  const seqs = (await Promise.all(ids.map(end))).flat().map(({ seq }) => Number(seq));
  const least = Math.min(...seqs);
  expect(seqs.sort((a, b) => a - b)).toEqual(Array.from({ length: 8 }, (_, n) => least + n));
});

test.each([
  [
    'that makes the change',
    (tx: Transaction, id: string) => tx.manager.query(`update thing set ended_seq = 0 where id = $1`, [id]),
    false,
  ],
  ['that changes nothing', () => Promise.resolve(), true],
])('one that waited for a transaction %s goes by what that left', async (_name, change, first) => {
  const id = await aThing(`locked ${first}`);
  let ending: ReturnType<typeof end> | undefined;
  await spec.database.transaction(async (tx) => {
    await tx.manager.query('select from thing where id = $1 for update', [id]);
    ending = end(id);
    await blocked(tx);
    await change(tx, id);
  });
  expect((await ending)?.map((row) => row.first)).toEqual([first]);
  expect((await kept(id)).events).toBe(first ? 1 : 0);
});

test('one that waited for another change of the row keeps both', async () => {
  const id = await aThing('noted');
  let ending: ReturnType<typeof end> | undefined;
  await spec.database.transaction(async (tx) => {
    await tx.manager.query(`update thing set note = 'kept' where id = $1`, [id]);
    ending = end(id);
    await blocked(tx);
  });
  const [ended] = (await ending) ?? [];
  expect(ended?.first).toBe(true);
  expect(await query(`select note, ended_seq from thing where id = '${id}'`)).toEqual([
    { note: 'kept', ended_seq: ended?.seq },
  ]);
});

test('one that waited for the place in the order of another takes the next', async () => {
  const id = await aThing('second');
  let ending: ReturnType<typeof end> | undefined;
  const seq = await spec.database.transaction(async (tx) => {
    const seq = await tx.mark({ scope: 'credential', id: 'other', effect: 'drop' });
    ending = end(id);
    await blocked(tx);
    return seq;
  });
  expect(await ending).toEqual([{ seq: String(seq + 1), first: true }]);
});

/** Somebody waits for a lock that this transaction holds. */
async function blocked(tx: Transaction): Promise<void> {
  for (;;) {
    const [{ waiting } = { waiting: 0 }] = await tx.manager.query<{ waiting: number }[]>(
      `select count(*)::int as waiting from pg_stat_activity
        where pg_backend_pid() = any(pg_blocking_pids(pid)) and datname = current_database()`,
    );
    if (waiting > 0) return;
  }
}
