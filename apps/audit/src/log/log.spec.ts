import { type AuditEvent, newId } from '@portcullis/contracts';
import {
  canonicalJson,
  consistencyVerifies,
  eventLeafHash,
  Frontier,
  inclusionVerifies,
  openCheckpoint,
} from '@portcullis/merkle-log';
import { specDatabase, type SpecDatabase } from '@portcullis/testing';
import { anEvent, logOver } from '../../spec/appended-log.js';
import { logConfig } from '../../spec/log-config.js';
import { auditDatabase } from '../audit.module.js';
import { giveLeaves } from './give-leaves.js';

const organization = newId('org', new Date('2026-02-01T00:00:00.000Z'));
const someEvents = (count: number) => Array.from({ length: count }, () => anEvent({ organization_id: organization }));

let spec: SpecDatabase;
beforeEach(async () => {
  spec = await specDatabase(auditDatabase);
}, 30_000);
afterEach(() => spec.drop());

const rows = <T>(sql: string, values: unknown[] = []) =>
  spec.database.read((manager) => manager.query<T[]>(sql, values));
interface KeptRow {
  leaf_index: string;
  salt: Buffer;
  text: string;
}
const kept = () => rows<KeptRow>('select leaf_index, salt, body::text as text from event order by leaf_index');
/** The tree over what is kept, made anew by nothing of the service. */
async function rebuilt(size?: number): Promise<{ root: Buffer; leaves: Buffer[] }> {
  const leaves = (await kept())
    .slice(0, size)
    .map(({ text, salt }) => eventLeafHash(JSON.parse(text) as AuditEvent, salt));
  const tree = new Frontier();
  tree.append(leaves);
  return { root: tree.root(), leaves };
}

test('every event has a leaf: of its text as it is kept, RFC 8785, and of a salt of its own', async () => {
  const { append, log } = await logOver(spec.database);
  const events = [...someEvents(3), anEvent({ organization_id: null, details: { b: [1e30, -0, 'é'], a: null } })];
  await append(events);
  const found = await kept();
  expect(found.map(({ text }) => text)).toEqual(events.map((event) => canonicalJson(event).toString()));
  expect(new Set(found.map(({ salt }) => salt.toString('hex'))).size).toBe(events.length);
  const { leaves } = await rebuilt();
  for (const [index, leaf] of leaves.entries()) expect(await log.leafHash(index)).toEqual(leaf);
});

test('each event’s proof verifies under the newest checkpoint, at every size that the log had', async () => {
  const { append, log, store, keys } = await logOver(spec.database);
  const sizes: number[] = [];
  // Over the edges of tiles: 256 leaves make the first full one.
  for (const count of [1, 2, 5, 200, 48, 1, 300, 700]) {
    await append(someEvents(count));
    const { origin, size, root, note } = await store.head();
    const checkpoint = openCheckpoint(note ?? '', await keys.trusted(origin ?? ''));
    expect(checkpoint).toMatchObject({ size, origin: 'log.example/audit' });
    expect(Buffer.from(checkpoint.root)).toEqual(root);
    sizes.push(size);
  }
  const last = sizes.at(-1) ?? 0;
  const { root, leaves } = await rebuilt();
  expect((await store.head()).root).toEqual(root);
  for (const index of [0, 1, 2, 7, 207, 255, 256, 257, 511, 512, last - 1]) {
    const hashes = await log.inclusion(index, last);
    expect(inclusionVerifies({ index, size: last, leafHash: leaves[index] ?? root, root, hashes })).toBe(true);
  }
  for (const from of sizes) {
    const fromRoot = (await rebuilt(from)).root;
    const hashes = await log.consistency(from, last);
    expect(consistencyVerifies({ from, to: last, fromRoot, toRoot: root, hashes })).toBe(true);
  }
}, 60_000);

test('a checkpoint of a clock that ran ahead keeps no later one from being kept', async () => {
  const { append } = await logOver(spec.database);
  await append(someEvents(1));
  await rows(`update checkpoint set signed_at = signed_at + interval '1 year'`);
  await append(someEvents(1));
  await append(someEvents(1));
  expect(await rows('select size::int from checkpoint order by size')).toEqual([{ size: 1 }, { size: 2 }]);
});

test('replicas that append at once give no index twice, and make one tree', async () => {
  const replicas = await Promise.all([logOver(spec.database), logOver(spec.database), logOver(spec.database)]);
  const [shared = [], ...own] = [someEvents(40), ...replicas.map(() => someEvents(60))];
  // Each says its own and what all of them say.
  await Promise.all(
    replicas.flatMap(({ append }, at) =>
      Array.from({ length: 10 }, (_, turn) =>
        append([...(own[at] ?? []).slice(turn * 6, turn * 6 + 6), ...shared.slice(turn * 4, turn * 4 + 4)]),
      ),
    ),
  );
  const found = await kept();
  expect(found.map(({ leaf_index }) => Number(leaf_index))).toEqual(found.map((_, at) => at));
  expect(found).toHaveLength(shared.length + own.flat().length);
  const head = await replicas[0]?.store.head();
  expect(head).toMatchObject({ size: found.length, root: (await rebuilt()).root });
  await expect(replicas[1]?.check.atStart()).resolves.toBeUndefined();
}, 60_000);

test('what a commit took back is in no tree: the next append goes on from what is there', async () => {
  const { append, events, log, store } = await logOver(spec.database);
  await append(someEvents(3));
  const before = await store.head();
  await expect(
    log.locked(async (tx, head) => {
      await log.grow(tx.manager, head, [Buffer.alloc(32, 7)]);
      throw new Error('the connection is gone');
    }),
  ).rejects.toThrow('gone');
  expect(await store.head()).toEqual(before);
  await append(someEvents(2));
  expect(await store.head()).toMatchObject({ size: 5, root: (await rebuilt()).root });
  expect(events).toBeDefined();
});

test('events that were kept before there were leaves get them in their order, and what has no canonical form keeps its words', async () => {
  const { events, log, store, check } = await logOver(spec.database);
  const old = [...someEvents(1_300), anEvent({ organization_id: organization, details: { big: 2 ** 60 } })];
  await rows(
    `with given as (update log_size set size = $2)
     insert into event (leaf_index, id, time, organization_id, action, outcome, resource_kind, body)
     select position - 1, body->>'id', (body->>'time')::timestamptz, body->>'organization_id', body->>'action', body->>'outcome',
            body->'resource'->>'kind', body from jsonb_array_elements($1::jsonb) with ordinality as batch (body, position)`,
    [JSON.stringify(old), old.length],
  );
  const said: string[] = [];
  await Promise.all([giveLeaves(log, events, (line) => said.push(line)), giveLeaves(log, events, () => undefined)]);
  const found = await kept();
  const words = { ...old.at(-1), details: { as_written: JSON.stringify({ big: 2 ** 60 }) } };
  expect(found.map(({ text }) => text)).toEqual(
    [...old.slice(0, -1), words].map((event) => canonicalJson(event).toString()),
  );
  expect(await store.head()).toMatchObject({ size: old.length, root: (await rebuilt()).root });
  await check.events(0, old.length);
}, 60_000);

describe('the keys of the log', () => {
  test('are kept encrypted, and another follows after its time; notes of the old one still verify', async () => {
    const { append, store, keys, log } = await logOver(spec.database);
    await append(someEvents(2));
    const before = await store.head();
    const [first] = await store.keys();
    expect(first?.privateKey).toMatch(/^v1\./);
    await log.renew(undefined);
    expect(await store.keys()).toHaveLength(1);

    await rows(`update log_key set created_at = created_at - interval '366 days'`);
    await log.renew(undefined);
    await append(someEvents(1));
    const [second, retired] = await store.keys();
    expect(retired).toMatchObject({ id: first?.id, privateKey: null, retiredAt: expect.any(Date) as Date });
    const trusted = await keys.trusted('log.example/audit');
    expect(openCheckpoint(before.note ?? '', trusted).signatures).toMatchObject([{ id: first?.id }]);
    expect(openCheckpoint((await store.head()).note ?? '', trusted).signatures).toMatchObject([{ id: second?.id }]);
  });

  test('of another name begin another log over the same leaves', async () => {
    const { append, store, keys, log } = await logOver(spec.database);
    await append(someEvents(2));
    const before = await store.head();
    await log.renew('other.example/audit');
    const after = await store.head();
    expect(after).toMatchObject({ origin: 'other.example/audit', size: 2, root: before.root });
    expect(openCheckpoint(after.note ?? '', await keys.trusted('other.example/audit')).size).toBe(2);
    expect(() => openCheckpoint(after.note ?? '', { origin: logConfig.firstOrigin, keys: [] })).toThrow();
  });
});

describe('a start refuses a database that is not what was signed', () => {
  test.each<[string, string, RegExp]>([
    [
      'an event was edited',
      `update event set body = replace(body::text, 'success', 'failure')::json where leaf_index = 290`,
      /index 290 is not/,
    ],
    [
      'a salt was changed',
      `update event set salt = decode(repeat('00', 32), 'hex') where leaf_index = 290`,
      /index 290 is not/,
    ],
    ['an event was deleted', 'delete from event where leaf_index = 299', /index 299 is not there/],
    [
      'a leaf was changed',
      `update tile set hashes = set_byte(hashes, 5, get_byte(hashes, 5) # 1) where level = 0 and index = 0`,
      /not those of the checkpoint/,
    ],
    [
      'the last tile was cut',
      `update tile set hashes = substr(hashes, 1, 32) where level = 0 and index = 1`,
      /leaf 257 is not/,
    ],
    ['a tile was removed', 'delete from tile where level = 0 and index = 0', /tile/],
    ['the head was put back', `update log_head set size = 299`, /different sizes/],
    [
      'another note was put in',
      `update log_head set note = replace(note, E'\\n300\\n', E'\\n299\\n')`,
      /checkpoint is none/,
    ],
    ['the keys were removed', 'delete from log_key', /checkpoint is none/],
  ])('%s', async (_name, edit, says) => {
    const { append } = await logOver(spec.database);
    await append(someEvents(300));
    await (await logOver(spec.database)).check.atStart();
    await rows(edit);
    const { check } = await logOver(spec.database);
    await expect(check.atStart()).rejects.toMatchObject({
      name: 'LogDamaged',
      message: expect.stringMatching(says) as string,
    });
  });

  test('and nothing is appended to a tree that was changed underneath', async () => {
    const { append } = await logOver(spec.database);
    await append(someEvents(300));
    await rows(`update tile set hashes = set_byte(hashes, 5, get_byte(hashes, 5) # 1) where level = 0 and index = 1`);
    const { append: appendThere, store } = await logOver(spec.database);
    const before = await store.head();
    await expect(appendThere(someEvents(1))).rejects.toThrow('not those of the checkpoint');
    expect(await store.head()).toEqual(before);
  });
});
