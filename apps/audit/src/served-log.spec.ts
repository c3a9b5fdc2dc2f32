import { Audit, type AuditEvent, type ExportedLeaf, newId, type RequestInputOf } from '@portcullis/contracts';
import {
  consistencyVerifies,
  eventLeafHash,
  Frontier,
  inclusionVerifies,
  noteVerifier,
  openCheckpoint,
  peakNodes,
  rootOf,
  type SignedCheckpoint,
  type TileId,
  tilePath,
  Tiles,
  tilesOf,
  tileWidth,
} from '@portcullis/merkle-log';
import { jetstreamManager } from '@nats-io/jetstream';
import { checkpointStream, checkpointSubject } from '@portcullis/bus';
import { aCaller, eventually, specDatabase, type SpecDatabase } from '@portcullis/testing';
import { anEvent, logOver } from '../spec/appended-log.js';
import { ownNats, type OwnNats } from '../spec/own-nats.js';
import { servedAudit } from '../spec/served-audit.js';
import { auditDatabase } from './audit.module.js';

const now = new Date('2026-02-01T00:00:00.000Z');
const [first, organization, other] = [newId('org', now), newId('org', now), newId('org', now)];
const everything = ['audit:view', 'audit:export', 'audit:manage'];
const as = (organization_id: string, permissions = everything) => aCaller({ organization_id, permissions });

let spec: SpecDatabase;
let nats: OwnNats;
let served: Awaited<ReturnType<typeof servedAudit>>;
let append: (events: readonly AuditEvent[]) => Promise<unknown>;
beforeAll(async () => {
  spec = await specDatabase(auditDatabase);
  nats = await ownNats();
  served = await servedAudit(nats, spec.database, first);
  ({ append } = await logOver(spec.database));
}, 60_000);
afterAll(async () => {
  await served.close();
  await nats.stop();
  await spec.drop();
});

const rows = <T>(sql: string, values: unknown[] = []) =>
  spec.database.read((manager) => manager.query<T[]>(sql, values));
const bytes = (texts: readonly string[]) => texts.map((text) => Buffer.from(text, 'base64'));
const trusted = async () => {
  const { origin, keys } = await served.gateway.call(Audit.logKeys, {}, as(organization));
  return { origin, keys: keys.map(({ verifier_key }) => noteVerifier(verifier_key)) };
};
const checkpoint = async (): Promise<SignedCheckpoint> =>
  openCheckpoint((await served.gateway.call(Audit.checkpoint, {}, as(organization))).checkpoint, await trusted());

async function exported(
  request: RequestInputOf<typeof Audit.exportPage>,
  caller = as(organization),
): Promise<ExportedLeaf[]> {
  let page = await served.gateway.call(Audit.exportPage, request, caller);
  const lines = [...page.lines];
  while (page.next !== null) {
    page = await served.gateway.call(Audit.exportPage, { from: page.next, to: page.to, continued: true }, caller);
    lines.push(...page.lines);
  }
  return lines;
}

describe('a proof', () => {
  test('of an event verifies from outside: leaf, path, root, signature', async () => {
    const events = Array.from({ length: 20 }, () => anEvent({ organization_id: organization }));
    await append(events);
    const { id } = events[7] ?? { id: '' };
    const proof = await served.gateway.call(Audit.prove, { id }, as(organization));
    const { root, size } = openCheckpoint(proof.checkpoint, await trusted());
    expect(size).toBe(proof.tree_size);
    const leafHash = Buffer.from(proof.leaf_hash, 'base64');
    const [row] = await rows<{ salt: Buffer; body: AuditEvent }>('select salt, body from event where id = $1', [id]);
    expect(eventLeafHash(row?.body ?? { id }, row?.salt ?? Buffer.alloc(32))).toEqual(leafHash);
    const given = { index: proof.leaf_index, size, leafHash, root, hashes: bytes(proof.hashes) };
    expect(inclusionVerifies(given)).toBe(true);
    expect(inclusionVerifies({ ...given, index: given.index + 1 })).toBe(false);
  });

  test('of another organization’s event, or of none, is the same refusal', async () => {
    const theirs = anEvent({ organization_id: other });
    await append([theirs]);
    const missing = await served.gateway
      .call(Audit.prove, { id: newId('evt', now) }, as(organization))
      .catch((e: unknown) => e);
    expect(missing).toMatchObject({ code: 'not_found' });
    await expect(served.gateway.call(Audit.prove, { id: theirs.id }, as(organization))).rejects.toEqual(missing);
    await expect(served.gateway.call(Audit.prove, { id: '\0' }, as(organization))).rejects.toEqual(missing);
  });

  test('of consistency leads from an older checkpoint to a newer one', async () => {
    const before = await checkpoint();
    await append([anEvent({ organization_id: organization })]);
    const after = await checkpoint();
    const { hashes } = await served.gateway.call(
      Audit.consistency,
      { from: before.size, to: after.size },
      as(organization),
    );
    const proof = {
      from: before.size,
      to: after.size,
      fromRoot: before.root,
      toRoot: after.root,
      hashes: bytes(hashes),
    };
    expect(consistencyVerifies(proof)).toBe(true);
    expect(consistencyVerifies({ ...proof, fromRoot: after.root })).toBe(false);
  });

  test.each([
    ['beyond the log', (size: number) => ({ from: 1, to: size + 1000 }), 'to'],
    ['from nothing', () => ({ from: 0, to: 1 }), 'from'],
    ['backwards', () => ({ from: 3, to: 2 }), 'from'],
  ])('of consistency %s is refused, and says which field', async (_name, request, field) => {
    const { size } = await checkpoint();
    await expect(served.gateway.call(Audit.consistency, request(size), as(organization))).rejects.toMatchObject({
      code: 'invalid_request',
      errors: [{ field }],
    });
  });
});

describe('tiles', () => {
  const tile = async (path: string): Promise<Buffer> =>
    Buffer.from((await served.gateway.call(Audit.tile, { path }, as(organization))).hashes, 'base64');

  test('give the root of the newest checkpoint and every leaf, to whoever may see checkpoints', async () => {
    await append(Array.from({ length: 600 }, () => anEvent({ organization_id: other })));
    const { root, size } = await checkpoint();
    const pathOf = (id: TileId) => tilePath(id, tileWidth(id, size));
    const read = async (ids: readonly TileId[]) =>
      new Tiles(await Promise.all(ids.map(async (id) => ({ ...id, hashes: await tile(pathOf(id)) }))));
    const peaks = peakNodes(size);
    const tiles = await read(tilesOf(peaks));
    const nodes = peaks.map(({ level, index }) => tiles.node(level, index));
    expect(new Frontier({ size, peaks: nodes }).root()).toEqual(Buffer.from(root));
    const lines = await exported({});
    const leaves = await read(Array.from({ length: Math.ceil(size / 256) }, (_, index) => ({ level: 0, index })));
    for (const { leaf_index, leaf_hash } of lines.slice(0, size))
      expect(leaves.node(0, leaf_index).toString('base64')).toBe(leaf_hash);
    expect(await tile('tile/1/000.p/1')).toEqual(rootOf(await tile('tile/0/000')));
    // What was a partial tile once still is.
    for (const width of [1, 17, 255])
      expect(await tile(`tile/0/000.p/${width}`)).toEqual((await tile('tile/0/000')).subarray(0, width * 32));
  }, 30_000);

  test.each([
    ['tile/0/999', 'no such tile'],
    ['tile/1/000', 'not that much of it yet'],
    ['tile/7/000.p/1', 'no such tile'],
    ['tile/63/x034/x359/x738/368.p/255', 'no such tile'],
    ['tile/entries/000', 'no entries'],
    ['tile/0/0', 'no path of a tile'],
    ['tile/0/000.p/256', 'no path of a tile'],
    ['checkpoint', 'no path of a tile'],
    ['tile/0/\0', 'no path of a tile'],
  ])('%s is not there, and why is said', async (path, why) => {
    await expect(tile(path)).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining(why) as string,
    });
  });

  test('need audit:view', async () => {
    await expect(
      served.gateway.call(Audit.tile, { path: 'tile/0/000' }, as(organization, ['counterparties:view'])),
    ).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('an export', () => {
  test('opens the own organization’s events, and shows of all others the leaf alone', async () => {
    const [mine, theirs, nobodys] = [
      anEvent({ organization_id: organization }),
      anEvent({ organization_id: other }),
      anEvent({ organization_id: null }),
    ];
    await append([mine, theirs, nobodys]);
    const lines = await exported({});
    expect(lines.map(({ leaf_index }) => leaf_index)).toEqual(lines.map((_, at) => at));
    const shown = new Set(lines.flatMap(({ event }) => (event ? [event['organization_id']] : [])));
    expect(shown).toEqual(new Set([organization]));
    expect(lines.find(({ event }) => event?.['id'] === mine.id)?.event).toEqual(mine);
    expect(JSON.stringify(lines)).not.toContain(theirs.id);
    expect(new Set((await exported({}, as(first))).map(({ event }) => event?.['organization_id']))).toEqual(
      new Set([null, undefined]),
    );
  });

  test('is written down once, whatever its pages are', async () => {
    const here = newId('org', now);
    await append(
      Array.from({ length: 2_500 }, () => anEvent({ organization_id: here, details: { text: 'x'.repeat(300) } })),
    );
    const caller = as(here);
    const lines = await exported({}, caller);
    expect(lines.filter(({ event }) => event)).toHaveLength(2_500);
    const written = () => rows(`select 1 from event where organization_id = $1 and action = 'record.exported'`, [here]);
    await eventually(async () => (await written()).length > 0);
    expect(await written()).toHaveLength(1);
  }, 60_000);

  test('of a time is all between its first and its last event', async () => {
    const here = newId('org', now);
    const at = (minute: number) => ({
      ...anEvent({ organization_id: here }),
      time: new Date(now.getTime() + minute * 60_000).toISOString(),
    });
    const events = [at(0), at(1), at(3), at(2), at(4)];
    await append(events);
    const found = await exported({ since: at(1).time, until: at(3).time }, as(here));
    expect(found.map(({ event }) => event?.['id'])).toEqual([1, 2, 3].map((one) => events[one]?.id));
    expect(await exported({ since: '2099-01-01T00:00:00Z' }, as(here))).toEqual([]);
    expect(await exported({ until: '1999-01-01T00:00:00Z' }, as(here))).toEqual([]);
  });

  test.each([
    [{ to: 10_000_000 }, 'to'],
    [{ from: 10_000_000 }, 'from'],
    [{ from: 2, to: 1 }, 'from'],
    [{ from: 0, since: '2026-01-01T00:00:00Z' }, 'since'],
    [{ to: 1, until: '2026-01-01T00:00:00Z' }, 'until'],
  ])('of %j is refused, and says which field', async (request, field) => {
    await expect(exported(request)).rejects.toMatchObject({ code: 'invalid_request', errors: [{ field }] });
  });

  test('needs audit:export', async () => {
    await expect(exported({}, as(organization, ['audit:view']))).rejects.toMatchObject({ code: 'forbidden' });
  });
});

test('who follows sees the own events in their order and misses none, and begins where the log ends', async () => {
  const here = newId('org', now);
  const caller = as(here, ['audit:view']);
  const { events: none, after } = await served.gateway.call(Audit.follow, {}, caller);
  expect(none).toEqual([]);
  const mine = Array.from({ length: 30 }, () => anEvent({ organization_id: here }));
  for (const event of mine) await append([event, anEvent({ organization_id: other })]);
  const seen: string[] = [];
  for (let at = after; seen.length < mine.length;) {
    const page = await served.gateway.call(Audit.follow, { after: at, continued: true }, caller);
    seen.push(...page.events.filter(({ event }) => event.service !== 'audit').map(({ event }) => event.id));
    expect(page.after).toBeGreaterThan(at);
    at = page.after;
  }
  expect(seen).toEqual(mine.map(({ id }) => id));
  await expect(served.gateway.call(Audit.follow, { after: 10_000_000 }, caller)).rejects.toMatchObject({
    code: 'invalid_request',
  });
});

describe('erasing a subject', () => {
  test('removes body and salt of what is about it, and every proof holds', async () => {
    const here = newId('org', now);
    const subject = newId('usr', now);
    const actor = { kind: 'user' as const, id: subject, credential_id: null };
    const [did, was, stays] = [
      anEvent({ organization_id: here, actor }),
      anEvent({ organization_id: here, resource: { kind: 'user', id: subject } }),
      anEvent({ organization_id: here }),
    ];
    const theirs = anEvent({ organization_id: other, actor });
    await append([did, was, stays, theirs]);
    expect(await served.gateway.call(Audit.eraseSubject, { subject }, as(here))).toEqual({ erased: 2 });

    await expect(served.gateway.call(Audit.read, { id: did.id }, as(here))).rejects.toMatchObject({
      code: 'not_found',
    });
    expect(await served.gateway.call(Audit.read, { id: stays.id }, as(here))).toEqual(stays);
    expect(await rows('select id from event where id = $1', [theirs.id])).toHaveLength(1);
    const proof = await served.gateway.call(Audit.prove, { id: did.id }, as(here));
    const { root, size } = openCheckpoint(proof.checkpoint, await trusted());
    const leafHash = Buffer.from(proof.leaf_hash, 'base64');
    expect(inclusionVerifies({ index: proof.leaf_index, size, leafHash, root, hashes: bytes(proof.hashes) })).toBe(
      true,
    );
    const line = (await exported({ from: proof.leaf_index, to: proof.leaf_index + 1 }, as(here)))[0];
    expect(line).toEqual({ leaf_index: proof.leaf_index, leaf_hash: proof.leaf_hash });
    await (await logOver(spec.database)).check.events(0, size);

    // A late repeat of an erased event is a repeat.
    await append([did]);
    expect(await rows('select id from event where id = $1', [did.id])).toEqual([]);
    const erasures = () =>
      rows<{ body: AuditEvent }>(`select body from event where organization_id = $1 and action = 'record.erased'`, [
        here,
      ]);
    await eventually(async () => (await erasures()).length === 1);
    // Not even by who did it.
    const by = (await erasures())[0]?.body.actor.id ?? '';
    await served.gateway.call(Audit.eraseSubject, { subject: by }, as(here));
    expect((await erasures()).length).toBeGreaterThan(0);
  });

  test('needs audit:manage', async () => {
    await expect(
      served.gateway.call(Audit.eraseSubject, { subject: 'usr_x' }, as(organization, ['audit:view', 'audit:export'])),
    ).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('the key of the log', () => {
  test('is followed by another when the first organization says so, and notes of both verify', async () => {
    const before = await served.gateway.call(Audit.checkpoint, {}, as(organization));
    const permissions = everything;
    const caller = aCaller({ organization_id: first, permissions }, { idempotencyKey: 'once' });
    const key = await served.gateway.call(Audit.rotateLogKey, {}, caller);
    expect(await served.gateway.call(Audit.rotateLogKey, {}, caller)).toEqual(key);
    expect(key).toMatchObject({ status: 'signing', retired_at: null });
    const after = await served.gateway.call(Audit.checkpoint, {}, as(organization));
    expect(openCheckpoint(after.checkpoint, await trusted()).signatures).toMatchObject([{ id: key.id }]);
    expect(openCheckpoint(before.checkpoint, await trusted()).signatures).not.toMatchObject([{ id: key.id }]);
    const listed = (await served.gateway.call(Audit.logKeys, {}, as(organization))).keys;
    expect(listed.map(({ status }) => status)).toEqual(['signing', 'retired']);
    expect(JSON.stringify(listed)).not.toContain('v1.');
  });

  test('is nobody else’s to rotate', async () => {
    await expect(served.gateway.call(Audit.rotateLogKey, {}, as(organization))).rejects.toMatchObject({
      code: 'forbidden',
    });
  });
});

test('a second replica serves the same log, and starts on what the first keeps', async () => {
  const second = await served.start();
  const { size } = await checkpoint();
  expect(size).toBeGreaterThan(0);
  await second.stop();
});

test('a database that was put back to an earlier state is refused, and goes on as a log of another name', async () => {
  const tables = ['event', 'tile', 'log_head', 'log_size'];
  for (const table of tables) await rows(`create table saved_${table} as select * from ${table}`);
  const { size: before } = await checkpoint();
  await append([anEvent({ organization_id: organization })]);
  const { size } = await checkpoint();
  // Until that is in its second place.
  const admin = await nats.connection('admin');
  const manager = await jetstreamManager(admin);
  await eventually(async () => {
    const last = await manager.streams.getMessage(checkpointStream, { last_by_subj: checkpointSubject });
    return last?.string().split('\n')[1] === String(size);
  });
  await admin.close();
  await served.stop();
  const columns = await rows<{ name: string }>(
    `select column_name as name from information_schema.columns
      where table_schema = 'audit' and table_name = 'event' and is_generated = 'NEVER'`,
  );
  const names = columns.map(({ name }) => name).join(', ');
  await rows('delete from event');
  await rows(`insert into event (${names}) select ${names} from saved_event`);
  for (const table of tables.slice(1)) {
    await rows(`delete from ${table}`);
    await rows(`insert into ${table} select * from saved_${table}`);
  }
  await expect(served.start()).rejects.toMatchObject({
    name: 'LogDamaged',
    message: `The log had ${size} leaves when it was last signed, and the database has ${before}: a backup was put back`,
  });
  const running = await served.start('another.example/audit');
  const { origin } = await eventually(() => served.gateway.call(Audit.logKeys, {}, as(organization)));
  expect(origin).toBe('another.example/audit');
  expect((await checkpoint()).size).toBeGreaterThanOrEqual(before);
  await running.stop();
}, 60_000);
