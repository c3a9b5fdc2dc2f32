import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Audit, type AuditEvent, newId } from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { aCaller, eventually, specDatabase, type SpecDatabase } from '@portcullis/testing';
import { anEvent, logOver } from '../spec/appended-log.js';
import { ownNats, type OwnNats } from '../spec/own-nats.js';
import { servedAudit } from '../spec/served-audit.js';
import { auditDatabase } from './audit.module.js';
import { DropBodies } from './retention/drop-bodies.js';

// Somebody with the database's password changes rows while the service runs; a reader outside has two checkpoints, the keys, and the
// command. Needs the build, as `npm test` does.
const command = join(import.meta.dirname, '../../cli/bin/portcullis.mjs');
const organization = newId('org', new Date('2026-02-01T00:00:00.000Z'));
const caller = aCaller({ organization_id: organization, permissions: ['audit:view', 'audit:export'] });
const patience = 60_000;

let spec: SpecDatabase;
let nats: OwnNats;
let served: Awaited<ReturnType<typeof servedAudit>>;
let append: (events: readonly AuditEvent[]) => Promise<unknown>;
let folder: string;
/** Sizes of the two checkpoints that were kept. */
let sizes: number[];
beforeAll(async () => {
  nats = await ownNats();
}, patience);
afterAll(() => nats.stop());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-tampering-'));
  spec = await specDatabase(auditDatabase);
  served = await servedAudit(nats, spec.database, organization);
  ({ append } = await logOver(spec.database));
  sizes = [];
  for (const [name, count] of [
    ['early', 20],
    ['late', 300],
  ] as const) {
    await append(Array.from({ length: count }, () => anEvent({ organization_id: organization })));
    const { checkpoint } = await served.gateway.call(Audit.checkpoint, {}, caller);
    writeFileSync(join(folder, name), checkpoint);
    sizes.push(Number(checkpoint.split('\n')[1]));
  }
  writeFileSync(join(folder, 'keys'), JSON.stringify(await served.gateway.call(Audit.logKeys, {}, caller)));
}, patience);
afterEach(async () => {
  await served.close();
  await spec.drop();
  rmSync(folder, { recursive: true });
});

const tamper = (sql: string) => spec.database.read((manager) => manager.query(sql));

async function exported(): Promise<string[]> {
  const lines: string[] = [];
  let page = await served.gateway.call(Audit.exportPage, {}, caller);
  for (;;) {
    lines.push(...page.lines.map((line) => JSON.stringify(line)));
    if (page.next === null) return lines;
    page = await served.gateway.call(Audit.exportPage, { from: page.next, to: page.to, continued: true }, caller);
  }
}

interface Verdict {
  ok: boolean;
  size?: number;
  proven?: number;
  kind?: string;
  first_bad_index?: number;
  through?: number;
}

function verify(lines: readonly string[]): Promise<{ code: number; verdict: Verdict }> {
  const file = join(folder, 'export');
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
  const args = [command, 'audit', 'verify', '--export', file, '--log-keys', join(folder, 'keys'), '--output', 'json'];
  const checkpoints = ['early', 'late'].flatMap((name) => ['--checkpoint', join(folder, name)]);
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [...args, ...checkpoints], (error, stdout, stderr) => {
      if (stdout === '') return reject(new Error(`audit verify said nothing: ${stderr}`));
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, verdict: JSON.parse(stdout) as Verdict });
    });
  });
}

test(
  'an untouched log is good, and so is one of which a subject was erased',
  async () => {
    const [, late = 0] = sizes;
    expect(await verify(await exported())).toMatchObject({ code: 0, verdict: { ok: true, proven: late } });
    await tamper(
      `with gone as (delete from event where leaf_index in (3, 200) returning *)
     insert into erased select leaf_index, id, 'api-key', reader, now(), 'usr_x' from gone`,
    );
    expect(await verify(await exported())).toMatchObject({ code: 0, verdict: { ok: true, proven: late } });
  },
  patience,
);

test(
  'a log is good of which bodies were dropped, and itself says which',
  async () => {
    const [, late = 0] = sizes;
    const [row] = await spec.database.read((manager) =>
      manager.query<{ id: string }[]>('select id from event where leaf_index = 7'),
    );
    const before = await exported();
    const now = () => new Date(Date.now() + 95 * 86_400_000);
    const later = await Database.open({ ...auditDatabase, url: spec.url, now });
    const retention = new DropBodies(later, { days: 90, report: () => undefined, postgresNow: now });
    await retention.turn();
    await later.close();
    const lines = await eventually(async () => {
      const found = await exported();
      return found.some((line) => line.includes('record.expired')) && found;
    });
    expect(await verify(lines)).toMatchObject({ code: 0, verdict: { ok: true, proven: late } });
    const leafOnly = /^\{"leaf_index":\d+,"leaf_hash":"[^"]+"\}$/;
    expect(lines.slice(0, late).filter((line) => !leafOnly.test(line))).toEqual([]);
    expect(before.slice(0, late).filter((line) => leafOnly.test(line))).toEqual([]);
    // The event that says so is in the log itself, held against its leaf.
    const [note] = lines.flatMap((line) => {
      const { event } = JSON.parse(line) as { event?: AuditEvent };
      return event?.action === 'record.expired' ? [event] : [];
    });
    expect(note).toMatchObject({ organization_id: null, details: { from: 0, days: 90 } });
    expect(note?.details['to']).toBe(note?.details['dropped']);
    expect(note?.details['to']).toBeGreaterThanOrEqual(late);

    const id = row?.id ?? '';
    expect((await served.gateway.call(Audit.prove, { id }, caller)).leaf_index).toBe(7);
    await expect(served.gateway.call(Audit.read, { id }, caller)).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringMatching(/dropped when its retention term was over, on 20/) as string,
    });
    const stranger = aCaller({ organization_id: newId('org', new Date()), permissions: ['audit:view'] });
    await expect(served.gateway.call(Audit.read, { id }, stranger)).rejects.toMatchObject({
      message: 'No such event.',
    });
  },
  patience,
);

/** A row takes another's content; its leaf and its place stay. */
const contentOf = (from: number, to: number) =>
  `update event set body = other.body, salt = other.salt from event as other
    where event.leaf_index = ${to} and other.leaf_index = ${from}`;
const leafOf = (index: number) =>
  `(select substr(hashes, ${(index % 256) * 32 + 1}, 32) from tile where level = 0 and index = ${Math.floor(index / 256)})`;
const setLeaf = (index: number, to: string) =>
  `update tile set hashes = overlay(hashes placing ${to} from ${(index % 256) * 32 + 1} for 32) where level = 0 and index = ${Math.floor(index / 256)}`;

// Where leaves were changed as well, a checkpoint says between which two it was.
test.each<[string, readonly string[], { kind: string; first?: number }]>([
  [
    'an edit of an event',
    [`update event set body = replace(body::text, 'success', 'failure')::json where leaf_index = 137`],
    { kind: 'edited', first: 137 },
  ],
  [
    'an edit of one character of its details',
    [`update event set body = replace(body::text, '"count":1', '"count":2')::json where leaf_index = 5`],
    { kind: 'edited', first: 5 },
  ],
  [
    'an edit of a salt',
    [`update event set salt = set_byte(salt, 0, get_byte(salt, 0) # 1) where leaf_index = 137`],
    { kind: 'edited', first: 137 },
  ],
  ['an edit of a leaf', [setLeaf(137, `sha256('other')`)], { kind: 'edited', first: 137 }],
  [
    'an edit of a leaf whose event was taken away',
    ['delete from event where leaf_index = 137', setLeaf(137, `sha256('other')`)],
    { kind: 'replaced' },
  ],
  ['a duplication in another’s place', [contentOf(10, 50)], { kind: 'edited', first: 50 }],
  ['a duplication with its leaf', [contentOf(10, 50), setLeaf(50, leafOf(10))], { kind: 'replaced' }],
  [
    'a duplication of a neighbour with its leaf',
    [contentOf(49, 50), setLeaf(50, leafOf(49))],
    { kind: 'repeated', first: 50 },
  ],
  [
    'two that changed places',
    [
      'update event set leaf_index = -1 where leaf_index = 30',
      'update event set leaf_index = 30 where leaf_index = 31',
      'update event set leaf_index = 31 where leaf_index = -1',
    ],
    { kind: 'edited', first: 30 },
  ],
  [
    'a tail that was cut off',
    [
      'delete from event where leaf_index >= 290',
      'update tile set hashes = substr(hashes, 1, 34 * 32) where level = 0 and index = 1',
      'update log_head set size = 290',
      'update log_size set size = 290',
    ],
    { kind: 'truncated', first: 290 },
  ],
])(
  '%s in the database is told, with the first index that is bad',
  async (_name, edits, { kind, first }) => {
    for (const edit of edits) await tamper(edit);
    const { code, verdict } = await verify(await exported());
    const [early = 0, late = 0] = sizes;
    const expected = { first_bad_index: first ?? early, through: first ?? late - 1 };
    expect({ code, ...verdict }).toMatchObject({ code: 1, ok: false, kind, ...expected });
  },
  patience,
);

test(
  'a log that was made anew from the first event on is not the one that was signed',
  async () => {
    const events = await spec.database.read((manager) =>
      manager.query<{ body: AuditEvent }[]>('select body from event order by leaf_index'),
    );
    const bodies = events.map(({ body }) => body);
    const [one] = bodies;
    await tamper(
      'update log_size set size = 0; update log_head set size = 0, root = null; delete from tile; delete from event; delete from checkpoint',
    );
    await (await logOver(spec.database)).append([{ ...one, reason: 'nothing' } as AuditEvent, ...bodies.slice(1)]);
    const { code, verdict } = await verify(await exported());
    expect({ code, ...verdict }).toMatchObject({ code: 1, kind: 'replaced', first_bad_index: 0 });
  },
  patience,
);

test.each<[string, (lines: string[]) => string[], string, number]>([
  ['a line is left out', (lines) => lines.toSpliced(44, 1), 'missing', 44],
  ['a line is there twice', (lines) => lines.toSpliced(44, 0, lines[44] ?? ''), 'repeated', 44],
  ['two lines changed places', (lines) => lines.with(44, lines[45] ?? '').with(45, lines[44] ?? ''), 'moved', 44],
  ['the end is cut off', (lines) => lines.slice(0, 299), 'truncated', 299],
  [
    'the last line is cut in its midst',
    (lines) => [...lines.slice(0, 200), (lines[200] ?? '').slice(0, 90)],
    'malformed',
    200,
  ],
])(
  'an export of which %s is told, with the first index that is bad',
  async (_name, change, kind, first) => {
    const { code, verdict } = await verify(change(await exported()));
    expect({ code, ...verdict }).toMatchObject({ code: 1, ok: false, kind, first_bad_index: first });
  },
  patience,
);
