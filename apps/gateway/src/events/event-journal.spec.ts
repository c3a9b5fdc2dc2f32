import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AuditEvent, completeEvent } from '@portcullis/contracts';
import { EventJournal, JournalFault } from './event-journal.js';

let directory: string;
let opened: EventJournal[];
const reported: string[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'portcullis-journal-'));
  opened = [];
  reported.length = 0;
});
afterEach(async () => {
  for (const journal of opened) await journal.close();
  rmSync(directory, { recursive: true });
});

async function aJournal(worker = 1, workers = 1): Promise<EventJournal> {
  const journal = await EventJournal.open({ directory, worker, workers, report: (line) => void reported.push(line) });
  opened.push(journal);
  return journal;
}

const anEvent = (id: string, path = '/'): AuditEvent =>
  completeEvent(
    {
      organization_id: null,
      action: 'credential.refused',
      outcome: 'denied',
      resource: { kind: 'credential', id: null },
      details: { path },
    },
    { id, time: new Date(0), service: 'gateway' },
  );
const idsLeft = (journal: EventJournal): string[] => journal.left.map(({ id }) => id);
const file = (worker = 1): string => join(directory, String(worker), 'events.ndjson');

test('events come back as they were and in their order, also those that say newlines', async () => {
  const before = await aJournal();
  expect(await before.append([anEvent('a', '/ü\n\u2028'), anEvent('b')])).toBe(true);
  expect(await before.append([anEvent('c')])).toBe(true);
  const after = await aJournal();
  expect(after.left).toEqual([anEvent('a', '/ü\n\u2028'), anEvent('b'), anEvent('c')]);
  expect(after.count).toBe(3);
});

test('what replaces it is all that is left, and it can be appended to', async () => {
  const before = await aJournal();
  await before.append([anEvent('a'), anEvent('b')]);
  expect(await before.replace([anEvent('b')])).toBe(true);
  await before.append([anEvent('c')]);
  expect([before.count, idsLeft(await aJournal())]).toEqual([2, ['b', 'c']]);
  await before.replace([]);
  expect([before.count, idsLeft(await aJournal()), readFileSync(file(), 'utf8')]).toEqual([0, [], '']);
  expect(readdirSync(join(directory, '1'))).toEqual(['events.ndjson']);
});

test('only this user can read them', async () => {
  const journal = await aJournal();
  await journal.append([anEvent('a')]);
  const mode = (path: string): number => statSync(path).mode & 0o777;
  expect([mode(join(directory, '1')), mode(file())]).toEqual([0o700, 0o600]);
  await journal.replace([anEvent('a')]);
  expect(mode(file())).toBe(0o600);
});

test('half a line of a killed process is told and left out, and nothing is written behind it', async () => {
  await (await aJournal()).append([anEvent('a'), anEvent('b')]);
  appendFileSync(file(), 'null\n{"id":"c","acti');
  const after = await aJournal();
  expect([idsLeft(after), after.isSound]).toEqual([['a', 'b'], false]);
  expect(reported).toEqual([expect.stringMatching(/events\.ndjson: 2 of its lines are no events and are left out$/)]);
  await after.replace(after.left);
  await after.append([anEvent('d')]);
  expect([after.isSound, idsLeft(await aJournal())]).toEqual([true, ['a', 'b', 'd']]);
  expect(reported).toHaveLength(1);
});

test('of fewer workers the first takes up what the others left, once; those that are there keep their own', async () => {
  for (const worker of [1, 2, 3, 3_001]) await (await aJournal(worker, 4_000)).append([anEvent(`of${worker}`)]);
  // Killed before it published anything: the one after it has the same.
  for (const journal of [await aJournal(1, 2), await aJournal(1, 2)])
    expect(idsLeft(journal).sort()).toEqual(['of1', 'of3', 'of3001']);
  expect(idsLeft(await aJournal(2, 2))).toEqual(['of2']);
  expect(readFileSync(file(2), 'utf8')).toContain('of2');
});

test('what a gone worker left and nobody can read stops nothing, and is told', async () => {
  mkdirSync(join(directory, '2', 'events.ndjson'), { recursive: true });
  await (await aJournal(3, 3)).append([anEvent('of3')]);
  expect(idsLeft(await aJournal(1, 1))).toEqual(['of3']);
  expect(reported).toEqual([
    expect.stringMatching(/2 has events of a process that is no more, which cannot be taken up/),
  ]);
  expect(readdirSync(directory).sort()).toEqual(['1', '2']);
});

test('own events that cannot be read are set aside before anything is written, and told', async () => {
  mkdirSync(file(), { recursive: true });
  const journal = await aJournal();
  expect([journal.left, journal.isSound]).toEqual([[], false]);
  expect(await journal.replace([anEvent('a')])).toBe(true);
  expect(idsLeft(await aJournal())).toEqual(['a']);
  expect(readdirSync(join(directory, '1'))).toEqual([
    'events.ndjson',
    expect.stringMatching(/^events\.ndjson\.unread-\d+$/),
  ]);
  expect(reported.at(-1)).toMatch(/^what could not be read of the events of an earlier process is in /);
});

test('a folder that cannot be one is a fault that says what to do', async () => {
  writeFileSync(join(directory, 'file'), '');
  const opening = EventJournal.open({
    directory: join(directory, 'file'),
    worker: 1,
    workers: 1,
    report: () => undefined,
  });
  await expect(opening).rejects.toThrow(JournalFault);
  await expect(opening).rejects.toThrow(/cannot hold events \(ENOTDIR\): set PORTCULLIS_SPILL_DIRECTORY to a folder/);
});
