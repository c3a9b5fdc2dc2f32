import { type AuditEvent, newId, type OwedEvent } from '@portcullis/contracts';
import { eventually, fillOutbox, specDatabase, type SpecDatabase } from '@portcullis/testing';
import { anEvent, logOver } from '../../spec/appended-log.js';
import { auditDatabase } from '../audit.module.js';
import { DropBodies, turnEvents } from './drop-bodies.js';

const began = Date.parse('2026-02-01T00:00:00.000Z');
const [day, hour] = [86_400_000, 3_600_000];
const term = 90;
const patience = 60_000;
const organization = newId('org', new Date(began));

let clock: number;
let spec: SpecDatabase;
let log: Awaited<ReturnType<typeof logOver>>;
const said: string[] = [];
beforeEach(async () => {
  clock = began;
  said.length = 0;
  spec = await specDatabase({ ...auditDatabase, now: () => new Date(clock) });
  log = await logOver(spec.database);
}, patience);
afterEach(() => spec.drop());

const replica = ({ days }: { days: number | undefined } = { days: term }, postgresNow = () => new Date(clock)) =>
  new DropBodies(spec.database, { days, report: (line) => said.push(line), postgresNow });
/** Time passes, and a turn is taken each day. */
async function turnsUntil(onDay: number): Promise<void> {
  const one = replica();
  for (const end = began + onDay * day; clock < end;) {
    clock = Math.min(clock + day, end);
    await one.turn();
  }
}
const rows = <T>(sql: string, values: unknown[] = []) =>
  spec.database.read((manager) => manager.query<T[]>(sql, values));
const at = (time: number, given: Partial<OwedEvent> = {}): AuditEvent => ({
  ...anEvent({ organization_id: organization, ...given }),
  time: new Date(time).toISOString(),
});
/** Events that are kept on a day, at once. */
async function happened(onDay: number, count: number, given: Partial<OwedEvent> = {}): Promise<AuditEvent[]> {
  clock = began + onDay * day;
  const events = Array.from({ length: count }, () => at(clock, given));
  await log.append(events);
  return events;
}
const kept = async () =>
  (await rows<{ index: number }>('select leaf_index::int as index from event order by leaf_index')).map(
    ({ index }) => index,
  );
const dropped = () => rows<{ id: string }>('select id from erased where erased_by is null order by leaf_index');
const owed = async () =>
  (
    await rows<{ event: AuditEvent }>(`select event from outbox where event->>'action' = 'record.expired' order by id`)
  ).map(({ event }) => event.details);
const upTo = (end: number, start = 0) => Array.from({ length: end - start }, (_, n) => start + n);
/** Every event is there or known to be gone, and the tree is what was signed. */
async function holds(): Promise<void> {
  const head = await log.store.head();
  await log.check.headIsSigned(head);
  await log.check.atStart();
  await log.check.events(0, head.size);
}

test('what is older than the term loses body and salt, the rest does not, and the log still is what was signed', async () => {
  const old = await happened(0, 10);
  await happened(40, 5);
  clock = began + 95 * day;
  await replica().turn();
  expect(await kept()).toEqual(upTo(15, 10));
  expect((await dropped()).map(({ id }) => id)).toEqual(old.map(({ id }) => id));
  expect(await owed()).toEqual([{ from: 0, to: 10, dropped: 10, days: term }]);
  expect(await replica().state()).toEqual({
    ...{ days: term, dropped_below: 10 },
    ran_at: new Date(clock).toISOString(),
  });
  await holds();
  // A late repeat of one that is gone is a repeat.
  await log.append(old);
  expect((await log.store.head()).size).toBe(15);
});

test('without a term nothing is ever dropped', async () => {
  await happened(0, 3);
  clock = began + 10_000 * day;
  const forever = replica({ days: undefined });
  forever.start();
  await forever.turn();
  await forever.stop();
  expect(await kept()).toEqual(upTo(3));
  expect(await forever.state()).toBeNull();
});

test('one that is within the term is kept, and what comes behind it waits for it', async () => {
  await happened(0, 2);
  clock = began + day;
  // Clocks of several machines: the third is of one that runs ahead.
  await log.append([at(began), at(began + 30 * day), at(began)]);
  await happened(2, 1);
  clock = began + 100 * day;
  await replica().turn();
  expect(await kept()).toEqual([3, 4, 5]);
  await turnsUntil(121);
  expect(await kept()).toEqual([]);
  expect(await owed()).toMatchObject([
    { from: 0, to: 3, dropped: 3 },
    { from: 3, to: 6, dropped: 3 },
  ]);
  await holds();
});

test('one that only says that it is old is kept until the log has had it for the term', async () => {
  await happened(0, 1);
  clock = began + 95 * day;
  await log.append([at(began)]);
  await replica().turn();
  expect(await kept()).toEqual([1]);
  await turnsUntil(186);
  expect(await kept()).toEqual([]);
});

test('one that claims a time still to come keeps nobody waiting: the log’s clock counts', async () => {
  await happened(0, 1);
  await log.append([at(began + 3_650 * day)]);
  await happened(0, 1);
  clock = began + 85 * day;
  await turnsUntil(89);
  expect(await kept()).toEqual([0, 1, 2]);
  await turnsUntil(92);
  expect(await kept()).toEqual([]);
  await holds();
});

test('a clock that jumps ahead drops nothing for a day and is reported, and nothing once it is set right', async () => {
  await happened(0, 3);
  clock = began + hour;
  await replica().turn();
  clock = began + 365 * day;
  // It signs and says what happens as well, before the turn and after.
  await happened(365, 1);
  expect(await replica().turn()).toBe(hour);
  clock += day - hour;
  await log.append([at(clock)]);
  expect(await replica().turn()).toBeLessThanOrEqual(hour);
  expect(await kept()).toEqual(upTo(5));
  expect(said).toEqual([expect.stringMatching(/^nothing is dropped by its term before 2027-02-02T.*may have jumped$/)]);
  clock = began + 2 * hour;
  await replica().turn();
  expect(await kept()).toEqual(upTo(5));
  expect(said).toHaveLength(1);
});

test('after a long stop what is past its term is dropped a day later', async () => {
  await happened(0, 3);
  clock = began + hour;
  await replica().turn();
  clock = began + 100 * day;
  await replica().turn();
  expect(await kept()).toEqual(upTo(3));
  await turnsUntil(101);
  expect(await kept()).toEqual([]);
  expect(said).toHaveLength(1);
});

test('while the clocks of the host and of Postgres differ nothing is dropped, and that is reported', async () => {
  await happened(0, 3);
  clock = began + 95 * day;
  expect(await replica({ days: term }, () => new Date(began)).turn()).toBe(hour);
  expect(await replica({ days: term }, () => new Date(clock + 6 * 60_000)).turn()).toBe(hour);
  expect(await kept()).toEqual(upTo(3));
  expect(said).toHaveLength(2);
  expect(said[0]).toMatch(/^nothing is dropped by its term while clocks differ: it is 2026-05-07T.* at Postgres$/);
  // By itself it asks Postgres, whose clock is not this spec's.
  const unaided = new DropBodies(spec.database, { days: term, report: (line) => said.push(line) });
  expect(await unaided.turn()).toBe(hour);
  expect(said).toHaveLength(3);
  // A little apart they are always: the earlier counts.
  clock = began + 90 * day + 60_000;
  await replica({ days: term }, () => new Date(began + 90 * day)).turn();
  expect(await kept()).toEqual(upTo(3));
  expect(said).toHaveLength(3);
});

test('what tells of erasing and of dropping stays', async () => {
  await happened(0, 1);
  await happened(0, 1, { action: 'record.erased', resource: { kind: 'audit-events', id: null } });
  await happened(0, 1, { action: 'record.expired', resource: { kind: 'audit-events', id: null } });
  await happened(0, 1);
  clock = began + 95 * day;
  await replica().turn();
  expect(await kept()).toEqual([1, 2]);
  expect(await owed()).toEqual([{ from: 0, to: 4, dropped: 2, days: term }]);
  await holds();
});

test('what was erased before is not said to be dropped', async () => {
  const subject = newId('usr', new Date(began));
  await happened(0, 2, { resource: { kind: 'user', id: subject } });
  await happened(0, 2);
  await spec.database.read((manager) =>
    log.events.erase(manager, { organizationId: organization, subject, by: 'usr_x', now: new Date(clock) }, 100),
  );
  clock = began + 95 * day;
  await replica().turn();
  expect(await owed()).toMatchObject([{ dropped: 2 }]);
  expect(await rows('select 1 from erased where erased_by is not null')).toHaveLength(2);
  await holds();
});

test('an hour lies between turns that have caught up, also over a start; a clock that was set back keeps none waiting', async () => {
  await happened(0, 1);
  await happened(1, 1);
  clock = began + 90.5 * day;
  const one = replica();
  expect(await one.turn()).toBe(hour);
  clock = began + 92 * day;
  expect(await one.turn()).toBe(hour);
  expect(await kept()).toEqual([]);
  clock += hour / 2;
  expect(await replica().turn()).toBe(hour / 2);
  clock -= day;
  expect(await replica().turn()).toBe(hour);
});

test('a full outbox, as when the record cannot be written, does not keep what is past its term', async () => {
  await happened(0, 1);
  clock = began + 95 * day;
  const emptied = await fillOutbox(spec.database);
  await replica().turn();
  await emptied();
  expect(await kept()).toEqual([]);
});

describe('a log with more than a turn drops', () => {
  const count = 2 * turnEvents + 500;
  const few = 10;
  beforeEach(async () => {
    await happened(0, count);
    await happened(40, few);
    clock = began + 95 * day;
  }, patience);
  const allGone = async () => {
    expect(await kept()).toEqual(upTo(count + few, count));
    expect(await dropped()).toHaveLength(count);
    const ranges = (await owed()) as { from: number; to: number; dropped: number }[];
    // One begins where the one before has ended.
    expect(ranges.map(({ from }) => from)).toEqual([0, ...ranges.slice(0, -1).map(({ to }) => to)]);
    expect(ranges.at(-1)?.to).toBe(count);
    expect(ranges.reduce((sum, each) => sum + each.dropped, 0)).toBe(count);
    await holds();
  };

  test(
    'loses the oldest first, so many at a time',
    async () => {
      expect(await replica().turn()).toBe(0);
      expect(await kept()).toEqual(upTo(count + few, turnEvents));
      await holds();
      for (let turn = 0; turn < 2; turn++) await replica().turn();
      await allGone();
    },
    patience,
  );

  test(
    'loses each once when several replicas are at it',
    async () => {
      const replicas = [replica(), replica(), replica()];
      while ((await replica().state())?.dropped_below !== count) await Promise.all(replicas.map((each) => each.turn()));
      await allGone();
    },
    patience,
  );

  test(
    'loses all by itself once the service runs, and says nothing',
    async () => {
      const running = [replica(), replica()];
      for (const each of running) each.start();
      await eventually(async () => (await dropped()).length === count, 20_000);
      for (const each of running) await each.stop();
      await allGone();
      expect(said).toEqual([]);
    },
    patience,
  );

  test(
    'loses nothing to a turn that was cut off in its midst, and the next begins where it began',
    async () => {
      await replica().turn();
      const holder = await specHolder();
      const cut = replica().turn();
      const victim = await eventually(async () => {
        const [row] = await rows<{ pid: number }>(
          `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%with held%'`,
        );
        return row?.pid;
      });
      const failed = expect(cut).rejects.toThrow();
      await rows('select pg_terminate_backend($1)', [victim]);
      await failed;
      await holder();
      expect(await dropped()).toHaveLength(turnEvents);
      expect((await replica().state())?.dropped_below).toBe(turnEvents);
      expect(await owed()).toHaveLength(1);
      for (let turn = 0; turn < 2; turn++) await replica().turn();
      await allGone();
    },
    patience,
  );

  /** Somebody who has the last event of the next turn in hand. Answers how to let go. */
  async function specHolder(): Promise<() => Promise<void>> {
    const runner = spec.database.source.createQueryRunner();
    await runner.startTransaction();
    await runner.query('select from event where leaf_index = $1 for update', [2 * turnEvents - 1]);
    return async () => {
      await runner.rollbackTransaction();
      await runner.release();
    };
  }
});
