import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { newId, Refusal } from '@portcullis/contracts';
import { answer, type EnforcerMessage } from '@portcullis/enforcement';
import { type Pool } from 'pg';
import { aCaller, eventually, specDatabase, type SpecDatabase } from '@portcullis/testing';
import { Database } from './database.js';
import { Cursors } from './cursor.js';
import { once } from './idempotency.js';
import { isOutage } from './outage.js';

const now = new Date('2026-01-01T00:00:00.000Z');

function migrations(...statements: string[]): URL {
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-migrations-'));
  statements.forEach((sql, index) => writeFileSync(join(directory, `${1770000000000 + index}-step.sql`), sql));
  return pathToFileURL(`${directory}/`);
}

const things = migrations('create table thing (id text primary key)');
const options = { service: 'api-key', schema: 'api_key', entities: [], migrations: things, now: () => now } as const;

let spec: SpecDatabase;
let database: Database;

beforeAll(async () => {
  spec = await specDatabase(options, { madeUp: true });
  ({ database } = spec);
});
afterAll(() => spec.drop());

const event = {
  organization_id: 'org_1',
  action: 'api-key.created',
  resource: { kind: 'api-key', id: 'key_1' },
} as const;
const things_ = (): Promise<{ id: string }[]> =>
  database.read((manager) => manager.query('select id from thing order by id'));

describe('a transaction', () => {
  test('keeps the change and the event that it owes, both', async () => {
    const id = await database.transaction(async (tx) => {
      await tx.manager.query(`insert into thing values ('kept')`);
      return tx.owe(event);
    });
    const claimed = await database.outbox.claim(100);
    expect(claimed).toEqual([
      expect.objectContaining({ id, service: 'api-key', action: 'api-key.created', time: now.toISOString() }),
    ]);
    expect(await things_()).toEqual([{ id: 'kept' }]);
    await database.outbox.settle([id]);
  });

  test('that fails keeps neither', async () => {
    const failing = database.transaction(async (tx) => {
      await tx.manager.query(`insert into thing values ('lost')`);
      await tx.owe(event);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await database.outbox.claim(100)).toEqual([]);
    expect(await things_()).not.toContainEqual({ id: 'lost' });
  });

  test('tells the relay of what it owes only after the commit', async () => {
    let told = 0;
    database.outbox.onOwed(() => told++);
    const id = await database.transaction(async (tx) => {
      const id = await tx.owe(event);
      expect(told).toBe(0);
      return id;
    });
    expect(told).toBe(1);
    await database.outbox.settle([id]);
  });
});

describe('the outbox', () => {
  test('hands an event to one relay at a time, and again when publishing failed', async () => {
    const id = await database.transaction((tx) => tx.owe(event));
    const [first, second] = await Promise.all([database.outbox.claim(10), database.outbox.claim(10)]);
    expect([...first, ...second].map((one) => one.id)).toEqual([id]);
    expect(await database.outbox.claim(10)).toEqual([]);
    await database.outbox.release([id]);
    expect((await database.outbox.claim(10)).map((one) => one.id)).toEqual([id]);
    await database.outbox.settle([id, 'evt_unknown']);
    await database.outbox.release([id]);
    expect(await database.outbox.claim(10)).toEqual([]);
  });
});

describe('markers', () => {
  test('are numbered in the order of their commits, without gaps', async () => {
    const first = await database.transaction((tx) => tx.mark({ scope: 'credential', id: 'a', effect: 'drop' }));
    await expect(
      database.transaction(async (tx) => {
        await tx.mark({ scope: 'credential', id: 'b', effect: 'drop' });
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    const next = await database.transaction((tx) =>
      tx.mark({ scope: 'family', id: 'c', effect: 'block', keepMs: 1000 }),
    );
    expect(next).toBe(first + 1);
    const { markers, history } = (await database.enforcement.confirming([next, first])).notice;
    expect(markers).toEqual([
      { seq: first, scope: 'credential', id: 'a', effect: 'drop' },
      { seq: next, scope: 'family', id: 'c', effect: 'block', keepMs: 1000 },
    ]);
    expect(history).toMatch(/^[0-9a-f]{32}-\d+-[0-9A-F]{8}-\d+-\d+$/);
  });

  test('that a dump brings back into the same server are of another history, of which it is not known who holds leases', async () => {
    const before = await database.enforcement.confirming([]);
    expect(before.settled).toBe(true);
    await database.transaction(async ({ manager }) => {
      const [view] = await manager.query<{ text: string }[]>(
        `select pg_get_viewdef('enforcement_position'::regclass) as text`,
      );
      await manager.query(`drop view enforcement_position;
        alter table enforcement_head rename to replaced;
        create table enforcement_head (like replaced including all);
        insert into enforcement_head select * from replaced;
        drop table replaced;
        create view enforcement_position as ${view?.text}`);
    });
    const restored = await database.enforcement.confirming([]);
    expect(restored).toMatchObject({ seq: before.seq, settled: false });
    expect(restored.notice.history).not.toBe(before.notice.history);
    await database.enforcement.settle(before.notice.history);
    expect((await database.enforcement.confirming([])).settled).toBe(false);
    await database.enforcement.settle(restored.notice.history);
    expect((await database.enforcement.confirming([])).settled).toBe(true);
  });

  test('wait for the commit of the one before, so that whoever sees a seq sees all that came before it', async () => {
    let commit = (): void => undefined;
    const held = new Promise<void>((resolve) => (commit = resolve));
    let taken = (_seq: number): void => undefined;
    const first = new Promise<number>((resolve) => (taken = resolve));
    const slow = database.transaction(async (tx) => {
      taken(await tx.mark({ scope: 'credential', id: 'slow', effect: 'drop' }));
      await held;
    });
    const before = await first;
    const quick = database.transaction((tx) => tx.mark({ scope: 'credential', id: 'quick', effect: 'drop' }));
    await eventually(() =>
      database.read(async (manager) => {
        const waiting = await manager.query<object[]>(
          `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        );
        return waiting.length > 0;
      }),
    );
    expect((await database.enforcement.confirming([before])).notice.markers).toEqual([]);
    commit();
    await slow;
    expect(await quick).toBe(before + 1);
  });

  test('taken at once by many transactions are all different', async () => {
    const seqs = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        database.transaction((tx) => tx.mark({ scope: 'credential', id: `m${i}`, effect: 'drop' })),
      ),
    );
    expect(new Set(seqs).size).toBe(20);
  });
});

describe('enforcers', () => {
  const say = (message: EnforcerMessage) =>
    database.enforcement.exchange(
      message.enforcerId,
      'appliedThrough' in message ? message.appliedThrough : 0,
      (view) => answer(view, message, 5_000),
    );

  test('that join many times at once under one id have one row', async () => {
    const join = { kind: 'join', enforcerId: 'gw_1', incarnation: 1 } as const;
    const replies = await Promise.all(Array.from({ length: 5 }, () => say(join)));
    expect(new Set(replies.map(({ kind }) => kind))).toEqual(new Set(['joined']));
    expect(await database.enforcement.enforcers()).toMatchObject([{ id: 'gw_1', state: 'live', incarnation: 1 }]);
  });

  test('are counted at each renewal, and keep what they were granted until they are granted more', async () => {
    const mark = () => database.transaction((tx) => tx.mark({ scope: 'credential', id: 'a', effect: 'drop' }));
    const row = async () => (await database.enforcement.enforcers()).find(({ id }) => id === 'gw_1');
    const renew = async (appliedThrough: number, history?: string) => {
      const common = { kind: 'renew', enforcerId: 'gw_1', incarnation: 1, appliedThrough } as const;
      return say(history === undefined ? common : { ...common, history });
    };
    const seq = await mark();
    const loaded = await renew(0);
    if (loaded.kind !== 'renewed') throw new Error(loaded.kind);
    expect(await row()).toMatchObject({ renewals: 1, appliedThrough: 0, grantedThrough: seq, leaseMs: 5_000 });
    for (const renewals of [2, 3, 4]) {
      expect(await renew(seq, loaded.history)).toMatchObject({ kind: 'renewed', seq, leaseMs: 5_000 });
      expect(await row()).toMatchObject({ renewals, appliedThrough: seq, grantedThrough: seq, leaseMs: 5_000 });
    }
    const next = await mark();
    expect(await renew(seq, loaded.history)).toMatchObject({ kind: 'renewed', seq: next });
    expect(await row()).toMatchObject({ renewals: 5, appliedThrough: seq, grantedThrough: next });
  });

  test('are listed with the markers that somebody waits for, and no others', async () => {
    const mark = (id: string) => database.transaction((tx) => tx.mark({ scope: 'credential', id, effect: 'drop' }));
    const [first, , last] = [await mark('first'), await mark('between'), await mark('last')];
    const { notice, enforcers } = await database.enforcement.confirming([last, first]);
    expect(notice.markers.map(({ id }) => id)).toEqual(['first', 'last']);
    expect(enforcers).toEqual(await database.enforcement.enforcers());
    expect(enforcers.map(({ id }) => id)).toEqual(['gw_1']);
  });
});

describe('an Idempotency-Key', () => {
  const hmacKey = Buffer.alloc(32, 1);
  const run = (
    key: string | undefined,
    body: unknown,
    caller = aCaller({ id: 'usr_1', organization_id: 'org_1' }),
    at = now,
  ) => {
    const asked = { ...caller, request: { ...caller.request, idempotency_key: key ?? null } };
    return database.transaction((tx) =>
      once(
        tx,
        { caller: asked, operation: 'thing.make', body, hmacKey, now: at },
        async () => {
          const id = newId('key', now);
          await tx.manager.query('insert into thing values ($1)', [id]);
          return { id, secret: 's3cret' };
        },
        ({ id }) => ({ id, secret_already_shown: true }),
      ),
    );
  };

  test('makes a repeat answer as the first, without its secret', async () => {
    const first = await run('one', { a: 1 });
    expect(await run('one', { a: 1 })).toEqual({ id: first.id, secret_already_shown: true });
  });

  test('with another body is refused', async () => {
    await run('two', { a: 1 });
    await expect(run('two', { a: 2 })).rejects.toMatchObject({ code: 'idempotency_key_reused' });
  });

  test('of another principal or organization is another key', async () => {
    const first = await run('three', {});
    expect((await run('three', {}, aCaller({ id: 'usr_2', organization_id: 'org_1' }))).id).not.toBe(first.id);
    expect((await run('three', {}, aCaller({ id: 'usr_1', organization_id: 'org_2' }))).id).not.toBe(first.id);
  });

  test('counts for a day', async () => {
    const first = await run('four', {});
    const dayLater = new Date(now.getTime() + 24 * 3_600_000);
    expect((await run('four', {}, undefined, dayLater)).id).not.toBe(first.id);
  });

  test('used by many requests at once makes one thing', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => run('five', {})));
    const ids = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.id] : []));
    expect(new Set(ids).size).toBe(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'idempotency_in_progress' });
    }
  });

  test('is not needed', async () => {
    expect((await run(undefined, {})).id).not.toBe((await run(undefined, {})).id);
  });

  test('leaves no body in the database', async () => {
    await run('six', { note: 'find-me-not' });
    const rows = await database.read((manager) => manager.query<object[]>('select * from idempotency'));
    expect(JSON.stringify(rows)).not.toContain('find-me-not');
  });
});

describe('a cursor', () => {
  const cursors = new Cursors(Buffer.alloc(32, 7), 'keys of org_1');

  test('leads back to where the page ended', () => {
    expect(cursors.read(cursors.write('key_1'))).toBe('key_1');
    expect(cursors.read(undefined)).toBeUndefined();
  });

  test.each([
    ['is empty', ''],
    ['is made up', 'bm90IGEgY3Vyc29y'],
    ['was changed', `${cursors.write('key_1').slice(0, -1)}A`],
    ['has something behind it', `${cursors.write('key_1')}AA`],
    ['is of another list', new Cursors(Buffer.alloc(32, 7), 'keys of org_2').write('key_1')],
    ['was made under another key', new Cursors(Buffer.alloc(32, 8), 'keys of org_1').write('key_1')],
  ])('that %s is refused', (_name, cursor) => {
    expect(() => cursors.read(cursor)).toThrow(expect.objectContaining({ code: 'invalid_cursor' }) as Error);
  });
});

describe('migrations', () => {
  test('run once, in order, however many replicas start together', async () => {
    const steps = migrations('create table step (n int)', 'insert into step values (1)', 'insert into step values (2)');
    const started = await specDatabase({ ...options, migrations: steps });
    const replicas = await Promise.all(
      [1, 2, 3].map(() => Database.open({ ...options, migrations: steps, url: started.url })),
    );
    expect(await started.database.read((manager) => manager.query('select n from step order by n'))).toEqual([
      { n: 1 },
      { n: 2 },
    ]);
    await Promise.all(replicas.map((replica) => replica.close()));
    await started.drop();
  });

  test('are not cut short by the time that a request may take', async () => {
    const slow = migrations(`create table seen as select current_setting('statement_timeout') as "limit"`);
    const started = await specDatabase({ ...options, migrations: slow });
    const settings = (sql: string) => started.database.read((manager) => manager.query<object[]>(sql));
    expect(await settings('select * from seen')).toEqual([{ limit: '0' }]);
    expect(await settings(`select current_setting('statement_timeout') as "limit"`)).toEqual([{ limit: '10s' }]);
    await started.drop();
  });
});

describe('a local key', () => {
  test('is the same on every replica, and another for another purpose', async () => {
    const [a, b, other] = await Promise.all([database.localKey('a'), database.localKey('a'), database.localKey('b')]);
    expect(a).toEqual(b);
    expect(a).toHaveLength(32);
    expect(other).not.toEqual(a);
  });
});

describe('a database that is away', () => {
  test('of two changes that wait for each other one is made, and the other is told to come again', async () => {
    let met = 0;
    const change = (one: number, other: number) =>
      database.transaction(async ({ manager }) => {
        await manager.query('select pg_advisory_xact_lock($1)', [one]);
        met += 1;
        await eventually(() => met === 2);
        await manager.query('select pg_advisory_xact_lock($1)', [other]);
      });
    const outcomes = await Promise.allSettled([change(1, 2), change(2, 1)]);
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    expect(refused).toEqual([expect.objectContaining({ code: 'unavailable', retryAfterSeconds: 2 })]);
  });

  test('is the refusal unavailable, and works again by itself when it is back', async () => {
    const started = await specDatabase(options);
    const outage = started.database.read((manager) =>
      Promise.all([
        manager.query('select pg_sleep(5)'),
        manager.query(
          'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
        ),
      ]),
    );
    await expect(outage).rejects.toMatchObject({ code: 'unavailable' });
    await expect(outage).rejects.toBeInstanceOf(Refusal);
    const again = await eventually(() =>
      started.database.read((manager) => manager.query<object[]>('select 1 as one')),
    );
    expect(again).toEqual([{ one: 1 }]);
    await started.drop();
  });

  test('between two statements of a transaction is unavailable too', async () => {
    const failing = database.transaction(async ({ manager }) => {
      const [row] = await manager.query<{ pid: number }[]>('select pg_backend_pid() as pid');
      await database.read((other) => other.query('select pg_terminate_backend($1)', [row?.pid]));
      await eventually(async () => {
        const sql = 'select from pg_stat_activity where pid = $1';
        return (await database.read((other) => other.query<object[]>(sql, [row?.pid]))).length === 0;
      });
      await manager.query(`insert into thing values ('outside')`);
    });
    await expect(failing).rejects.toMatchObject({ code: 'unavailable' });
    expect(await things_()).not.toContainEqual({ id: 'outside' });
  });

  test('ends no process, however often and late its connections say so', async () => {
    const { master } = database.source.driver as unknown as { master: Pool };
    const client = await master.connect();
    expect(() => client.emit('error', new Error('terminating connection'))).not.toThrow();
    client.release(true);
    expect(() => client.emit('error', new Error('and once more'))).not.toThrow();
  });

  test.each([
    ['a connection that is refused', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), true],
    ['a server that shuts down', Object.assign(new Error('terminating'), { code: '57P01' }), true],
    ['a server that starts', Object.assign(new Error('starting'), { code: '57P03' }), true],
    ['a name server that is away', Object.assign(new Error('getaddrinfo'), { code: 'EAI_AGAIN' }), true],
    ['a statement that took too long', Object.assign(new Error('canceling statement'), { code: '57014' }), true],
    ['the loser of a deadlock', Object.assign(new Error('deadlock detected'), { code: '40P01' }), true],
    ['a standby', Object.assign(new Error('recovery is in progress'), { code: '55000' }), true],
    ['a pool that has no free connection', new Error('timeout exceeded when trying to connect'), true],
    [
      'what TypeORM wraps',
      Object.assign(new Error('query failed'), { driverError: Object.assign(new Error(), { code: '08006' }) }),
      true,
    ],
    ['a violated constraint', Object.assign(new Error('duplicate'), { code: '23505' }), false],
    ['a fault of ours', new TypeError('x is not a function'), false],
    ['no error at all', 'nothing', false],
  ])('%s', (_name, error, outage) => {
    expect(isOutage(error)).toBe(outage);
  });
});
