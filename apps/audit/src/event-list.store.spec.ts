import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type AuditEvent, completeEvent, newId } from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { specDatabase, type SpecDatabase } from '@portcullis/testing';
import fc from 'fast-check';
import { logOver } from '../spec/appended-log.js';
import { auditDatabase } from './audit.module.js';
import { type EventFilter, indexesBetween, listStatement } from './event-list.store.js';
import { type EventStore } from './event.store.js';

const now = new Date('2026-02-01T00:00:00.000Z');
const organizations = [newId('org', now), newId('org', now), null];
const [organization, other] = organizations as [string, string];
const ids = Array.from({ length: 6 }, () => newId('key', now));
const actions = ['api-key.created', 'api-key.revoked', 'request.denied', 'user.created'] as const;
const outcomes = ['success', 'failure', 'denied'] as const;
const kinds = ['api-key', 'route', 'user', ids[0]!];
const requests = ['req-1', 'req-2', 'req-3'];
const words = ['needle', 'hollow'];
const count = 2_500;
const after = (seconds: number): string => new Date(now.getTime() + seconds * 1_000).toISOString();

/** The same numbers at every run. */
let state = 1;
const below = (end: number): number => {
  state = (state * 48_271) % 2_147_483_647;
  return state % end;
};
/** The first ones are taken most. */
const oneOf = <T>(values: readonly T[]): T =>
  values[Math.min(below(values.length + 2), below(values.length + 2)) % values.length]!;

/** Clocks differ by up to a minute, what was held back is ten minutes late, and some clocks are wrong. */
const secondsAt = (index: number): number =>
  index - below(60) - (index % 40 === 0 ? 600 : 0) + (index % 611 === 0 ? 10_000 : 0);
const eventAt = (index: number): AuditEvent =>
  completeEvent(
    {
      organization_id: oneOf(organizations),
      action: oneOf(actions),
      outcome: oneOf(outcomes),
      actor: {
        kind: 'user',
        id: below(4) === 0 ? null : oneOf(ids),
        credential_id: below(4) === 0 ? null : oneOf(ids),
      },
      resource: { kind: oneOf(kinds), id: below(5) === 0 ? null : oneOf(ids) },
      request_id: below(5) === 0 ? null : oneOf(requests),
      details: { name: oneOf(words) },
    },
    { id: newId('evt', now), time: new Date(after(secondsAt(index))), service: 'api-key' },
  );

let spec: SpecDatabase;
let database: Database;
let events: EventStore;
/** By index; of an erased one nothing. */
const kept: (AuditEvent | undefined)[] = Array.from({ length: count }, (_, index) => eventAt(index));

let lockedOut: string[];
/** Which locks that keep readers of events out are held at the end of a migration, which is not kept. */
async function locksOf(migration: string): Promise<string[]> {
  const runner = spec.database.source.createQueryRunner();
  await runner.startTransaction();
  await runner.query(readFileSync(new URL(migration, auditDatabase.migrations), 'utf8'));
  const held = (await runner.query(
    `select relation::regclass::text as name from pg_locks
      where pid = pg_backend_pid() and mode = 'AccessExclusiveLock' and relation::regclass::text ~ '^(old_)?event'`,
  )) as { name: string }[];
  await runner.rollbackTransaction();
  await runner.release();
  return held.map(({ name }) => name);
}

beforeAll(async () => {
  const before = mkdtempSync(join(tmpdir(), 'portcullis-migrations-'));
  cpSync(fileURLToPath(auditDatabase.migrations), before, {
    recursive: true,
    filter: (path) => !path.endsWith('lighter-indexes.sql'),
  });
  spec = await specDatabase({ ...auditDatabase, migrations: pathToFileURL(`${before}/`) }, { madeUp: true });
  const appendThrough = async (through: Database, from: number, to: number) => {
    const { append } = await logOver(through);
    for (let at = from; at < to; at += 300) await append(kept.slice(at, Math.min(at + 300, to)) as AuditEvent[]);
  };
  await appendThrough(spec.database, 0, 1_100);
  lockedOut = await locksOf('1764920000001-lighter-indexes.sql');
  database = await Database.open({ ...auditDatabase, url: spec.url, connections: 5 });
  rmSync(before, { recursive: true });
  // A process of the version before goes on for a while.
  await appendThrough(spec.database, 1_100, 1_200);
  await appendThrough(database, 1_200, count);
  ({ events } = await logOver(database));
  const subject = ids[5]!;
  await database.transaction(({ manager }) =>
    events.erase(manager, { organizationId: other, subject, by: 'spec', now }, count),
  );
  kept.forEach((event, index) => {
    if (event?.organization_id === other && (event.actor.id === subject || event.resource.id === subject))
      kept[index] = undefined;
  });
}, 60_000);
afterAll(async () => {
  await database.close();
  await spec.drop();
});

const matches = (event: AuditEvent, filter: EventFilter): boolean => {
  const { actor, resource, action, outcome, since, until, request_id, q } = filter;
  return (
    (event.organization_id === filter.organizationId || (filter.installation && event.organization_id === null)) &&
    (actor === undefined || event.actor.id === actor || event.actor.credential_id === actor) &&
    (resource === undefined || event.resource.id === resource || event.resource.kind === resource) &&
    (action === undefined || event.action === action) &&
    (outcome === undefined || event.outcome === outcome) &&
    (since === undefined || Date.parse(event.time) >= Date.parse(since)) &&
    (until === undefined || Date.parse(event.time) < Date.parse(until)) &&
    (request_id === undefined || event.request_id === request_id) &&
    (q === undefined || event.details?.['name'] === q)
  );
};
const indexesOf = (filter: EventFilter): number[] =>
  kept.flatMap((event, index) => (event && matches(event, filter) ? [index] : []));

const rarely = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
const someTime = fc.integer({ min: -1_000, max: count + 100 }).map(after);
const someFilter: fc.Arbitrary<EventFilter> = fc.record({
  organizationId: fc.constantFrom(organization, other),
  installation: fc.boolean(),
  actor: rarely(fc.constantFrom(...ids)),
  action: rarely(fc.constantFrom(...actions)),
  resource: rarely(fc.constantFrom(...ids, ...kinds)),
  outcome: rarely(fc.constantFrom(...outcomes)),
  since: rarely(someTime),
  until: rarely(someTime),
  request_id: rarely(fc.constantFrom(...requests)),
  q: rarely(fc.constantFrom(...words)),
});

test('building the indexes keeps no reader out, and the old ones are gone', async () => {
  // New indexes are locked by who made them, which nobody else sees yet.
  expect(lockedOut.filter((name) => name === 'event' || name.startsWith('old_'))).toEqual([]);
  expect(
    await database.read((manager) =>
      manager.query(`select from pg_indexes where schemaname = 'audit' and indexname like 'old%'`),
    ),
  ).toEqual([]);
});

test('pages of any filter are together what it says, each event once, the newest first', async () => {
  await fc.assert(
    fc.asyncProperty(
      someFilter,
      fc.integer({ min: 30, max: 300 }),
      fc.integer({ min: 100, max: 900 }),
      async (filter, limit, maxExamined) => {
        const seen: number[] = [];
        let before: number | undefined;
        do {
          const { found, examinedDownTo } = await events.list({ ...filter, before }, limit, maxExamined);
          expect(found.length).toBeLessThanOrEqual(limit);
          for (const { index, event } of found) expect(event).toEqual(kept[index]);
          seen.push(...found.map(({ index }) => index));
          before = found.length === limit ? found.at(-1)?.index : examinedDownTo;
        } while (before !== undefined);
        expect(seen).toEqual(indexesOf(filter).reverse());
      },
    ),
    { numRuns: 300 },
  );
}, 120_000);

test('an export by time begins at the first event of it and ends behind the last', async () => {
  await fc.assert(
    fc.asyncProperty(
      someTime,
      fc.constantFrom(organization, other),
      fc.boolean(),
      async (time, organizationId, installation) => {
        const reader = { organizationId, installation };
        expect(await events.firstSince(reader, time, count)).toBe(indexesOf({ ...reader, since: time })[0] ?? count);
        expect(await events.endBefore(reader, time, count)).toBe(
          (indexesOf({ ...reader, until: time }).at(-1) ?? -1) + 1,
        );
      },
    ),
    { numRuns: 100 },
  );
}, 60_000);

describe('in a large record', () => {
  const actor = newId('usr', now);
  const [since, until] = [after(15_000), after(20_000)];
  const size = 30_000;
  beforeAll(async () => {
    // Nine tenths are one organization's, and of those nearly all are like one another.
    for (let from = count; from < size; from += 5_000)
      await database.read((manager) =>
        manager.query(
          `insert into event (leaf_index, id, time, organization_id, action, outcome, actor_id, credential_id, resource_kind, resource_id, request_id, body)
           select n, 'large_' || n, $1::timestamptz + n * interval '1 second', case when n % 10 = 0 then $3 else $2 end,
                  case when n < 6000 then 'user.created' when n % 31 = 0 then 'api-key.revoked' when n % 7 = 0 then 'api-key.created' else 'token.issued' end,
                  case when n % 50 = 0 then 'denied' else 'success' end, case when n % 20 = 7 then $4 else 'usr_' || n % 900 end,
                  'ses_' || n % 5000, case when n % 61 = 0 then 'route' else 'api-key' end, 'key_' || n, 'req_' || n / 2, '{}'
             from generate_series($5::int, $6::int - 1) as n`,
          [now, organization, other, actor, from, Math.min(from + 5_000, size)],
        ),
      );
    await database.read((manager) => manager.query('analyze event'));
    await database.read((manager) => manager.query('analyze stretch'));
  }, 60_000);

  test.each<[string, Partial<EventFilter>, string[]]>([
    ['nothing', {}, ['event_by_reader']],
    ['actor', { actor }, ['event_by_actor', 'event_by_credential']],
    ['action', { action: 'api-key.revoked' }, ['event_by_action']],
    ['an action that was common and is no more', { action: 'user.created' }, ['event_by_action']],
    ['resource', { resource: 'key_77' }, ['event_by_kind', 'event_by_resource']],
    ['resource', { resource: 'route' }, ['event_by_kind', 'event_by_resource']],
    ['outcome', { outcome: 'denied' }, ['event_by_outcome']],
    ['request_id', { request_id: 'req_4711' }, ['event_by_request']],
    ['since', { since }, ['event_by_reader']],
    ['until', { until }, ['event_by_reader']],
    ['since and until', { since, until }, ['event_by_reader']],
    ['outcome and time', { outcome: 'denied', since, until }, ['event_by_outcome']],
  ])('a list by %s walks an index in the order of the list: %j', async (_name, filter, indexes) => {
    for (const before of [undefined, 18_000])
      expect(
        [...(await walked({ organizationId: organization, installation: false, before, ...filter }))].sort(),
      ).toEqual(indexes);
  });

  test('a search by time looks at no event that is 2,048 or more away from it', async () => {
    const { first, end } = await database.read((manager) => indexesBetween(manager, since, until));
    expect(Number(first)).toBeGreaterThan(15_000 - 2_048);
    expect(Number(end)).toBeLessThan(20_000 + 2_048);
  });

  interface Plan {
    'Node Type': string;
    'Relation Name'?: string;
    'Index Name'?: string;
    Plans?: Plan[];
  }
  /** The indexes that the branches of a list walk. Fails if any reads more than it answers: sorts what it found, or goes through the table. */
  async function walked(filter: EventFilter): Promise<Set<string>> {
    const indexes = new Set<string>();
    const look = (plan: Plan, above: string[]): void => {
      const { 'Node Type': node, 'Relation Name': relation, 'Index Name': index = node } = plan;
      if (relation === 'event' && index !== 'event_pkey') {
        expect(node).toMatch(/^Index (Only )?Scan$/);
        expect(above.at(-1)).toBe('Limit');
        indexes.add(index);
      }
      for (const child of plan.Plans ?? []) look(child, [...above, node]);
    };
    await database.read(async (manager) => {
      const between = await indexesBetween(manager, filter.since, filter.until);
      const { text, values } = listStatement(filter, between, 51, 10_000);
      const [row] = await manager.query<{ 'QUERY PLAN': [{ Plan: Plan }] }[]>(`explain (format json) ${text}`, values);
      look(row!['QUERY PLAN'][0].Plan, []);
    });
    return indexes;
  }
});
