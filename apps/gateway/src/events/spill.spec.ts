import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AuditEvent, completeEvent } from '@portcullis/contracts';
import { Spill, SpillFault } from './spill.js';

let directory: string;
const reported: string[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'portcullis-spill-'));
  reported.length = 0;
});
afterEach(() => rmSync(directory, { recursive: true }));

const opened = (worker = 1, workers = 1): Promise<Spill> =>
  Spill.open({ directory, worker, workers, report: (line) => void reported.push(line) });

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

/** Takes all out, as one who publishes it does. */
async function drained(spill: Spill): Promise<string[]> {
  const ids: string[] = [];
  for (let file = await spill.next(); file; file = await spill.next()) {
    ids.push(...file.events.map(({ id }) => id));
    await spill.remove(file);
  }
  return ids;
}

test('events come back as they were and in their order, of many files and over an end of the process', async () => {
  const before = await opened();
  const long = 'x'.repeat(300_000);
  for (let n = 0; n < 12; n++) expect(await before.append([anEvent(`a${n}`, long), anEvent(`b${n}`)])).toBe(true);
  expect([before.size, before.files]).toEqual([24, 3]);
  const after = await opened();
  expect(after.size).toBe(24);
  const first = await after.next();
  expect(first?.events[0]).toEqual(anEvent('a0', long));
  await after.append([anEvent('c')]);
  const ids = Array.from({ length: 12 }, (_, n) => [`a${n}`, `b${n}`]).flat();
  expect(await drained(after)).toEqual([...ids, 'c']);
  expect([after.size, readdirSync(join(directory, '1'))]).toEqual([0, []]);
});

test('only this user can read them', async () => {
  const spill = await opened();
  await spill.append([anEvent('a')]);
  const [name = ''] = readdirSync(join(directory, '1'));
  expect(statSync(join(directory, '1')).mode & 0o777).toBe(0o700);
  expect(statSync(join(directory, '1', name)).mode & 0o777).toBe(0o600);
});

test('of a line that was cut short nothing comes back, it is told, and the others do', async () => {
  const before = await opened();
  await before.append([anEvent('a'), anEvent('b')]);
  const [name = ''] = readdirSync(join(directory, '1'));
  appendFileSync(join(directory, '1', name), '{"id":"c","acti');
  const after = await opened();
  expect(after.size).toBe(2);
  expect(await drained(after)).toEqual(['a', 'b']);
  expect(reported).toEqual([expect.stringMatching(/00000001\.ndjson was cut short: 1 of its lines are no events$/)]);
});

test('of fewer workers the first takes up what the others left; those that are there keep their own', async () => {
  for (const worker of [1, 2, 3]) await (await opened(worker, 3)).append([anEvent(`of${worker}`)]);
  const [first, second] = [await opened(1, 2), await opened(2, 2)];
  expect((await drained(first)).sort()).toEqual(['of1', 'of3']);
  expect(await drained(second)).toEqual(['of2']);
  expect(await drained(await opened(1, 1))).toEqual([]);
});

test('a file of which nothing could be published waits behind the others', async () => {
  const spill = await opened();
  const long = 'x'.repeat(1_100_000);
  await spill.append([anEvent('a', long)]);
  await spill.append([anEvent('b', long)]);
  const first = await spill.next();
  if (first) spill.postpone(first);
  expect(await drained(spill)).toEqual(['b', 'a']);
});

test('its bound holds over an end of the process', async () => {
  const bounded = (): Promise<Spill> =>
    Spill.open({ directory, worker: 1, workers: 1, report: (line) => void reported.push(line), maxBytes: 3_000 });
  const before = await bounded();
  expect(await before.append([anEvent('a', 'x'.repeat(2_000))])).toBe(true);
  expect(await before.append([anEvent('b', 'x'.repeat(2_000))])).toBe(false);
  const after = await bounded();
  expect(await after.append([anEvent('b', 'x'.repeat(2_000))])).toBe(false);
  await drained(after);
  expect(await after.append([anEvent('b', 'x'.repeat(2_000))])).toBe(true);
});

test('a disk that stops taking events is told once, and again after it took some', async () => {
  const spill = await opened();
  rmSync(join(directory, '1'), { recursive: true });
  expect([await spill.append([anEvent('a')]), await spill.append([anEvent('a')])]).toEqual([false, false]);
  expect(reported).toEqual([
    expect.stringMatching(/^audit events stay in memory, the disk does not take them: .*ENOENT/),
  ]);
  mkdirSync(join(directory, '1'));
  expect(await spill.append([anEvent('a')])).toBe(true);
  expect(await drained(spill)).toEqual(['a']);
});

test('a folder that cannot be one is a fault that says what to do', async () => {
  writeFileSync(join(directory, 'file'), '');
  const opening = Spill.open({ directory: join(directory, 'file'), worker: 1, workers: 1, report: () => undefined });
  await expect(opening).rejects.toThrow(SpillFault);
  await expect(opening).rejects.toThrow(/cannot hold events \(ENOTDIR\): set PORTCULLIS_SPILL_DIRECTORY to a folder/);
});
