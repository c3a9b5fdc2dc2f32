import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { type AuditEvent, completeEvent } from '@portcullis/contracts';
import { eventually } from '@portcullis/testing';
import { EventBuffer } from './event-buffer.js';
import { EventJournal } from './event-journal.js';

const anEvent = (id: string): AuditEvent =>
  completeEvent(
    {
      organization_id: null,
      action: 'credential.refused',
      outcome: 'denied',
      resource: { kind: 'credential', id: null },
      details: { path: '/v1/of-nobody-else' },
    },
    { id, time: new Date(0), service: 'gateway' },
  );

const named = (name: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${name}${n}`);

/** A buffer and a stream that answers in a later turn, and takes all but what it is told to refuse. */
function aBuffer(options: { journal?: EventJournal; maxBuffered?: number } = {}) {
  const stream = { isAway: false, isSilent: false, refuses: new Set<string>() };
  const [tried, published, reported]: [string[], string[], string[]] = [[], [], []];
  const buffer = new EventBuffer({
    publish: async ({ id }) => {
      tried.push(id);
      await turn();
      if (stream.isSilent) await new Promise(() => undefined);
      if (stream.isAway || stream.refuses.has(id)) throw new Error('no responders');
      published.push(id);
    },
    report: (line) => void reported.push(line),
    ...options,
  });
  const keep = (ids: readonly string[]): void => ids.forEach((id) => buffer.keep(anEvent(id)));
  return { buffer, keep, stream, tried, published, reported };
}

test('what is kept while it flushes is published, and nothing twice', async () => {
  const { buffer, keep, stream, tried, published } = aBuffer();
  stream.isAway = true;
  keep(named('a', 3));
  await buffer.flush();
  stream.isAway = false;
  tried.length = 0;
  const flushed = buffer.flush();
  await Promise.resolve();
  keep(named('b', 1));
  await Promise.resolve();
  keep(named('c', 8));
  await flushed;
  await buffer.flush();
  const all = [...named('a', 3), ...named('b', 1), ...named('c', 8)];
  expect([[...published].sort(), tried.length, buffer.size]).toEqual([all, all.length, 0]);
});

test('events that can never be published hold up no others, however many they are', async () => {
  const { buffer, keep, stream, published } = aBuffer();
  const never = named('never', 100);
  stream.refuses = new Set(never);
  keep([...never, ...named('a', 30)]);
  await buffer.flush();
  await buffer.flush();
  expect([[...published].sort(), buffer.size]).toEqual([named('a', 30).sort(), 100]);
});

test('a round ends when a whole batch fails, and goes on where a part of it does', async () => {
  const { buffer, keep, stream, tried, published } = aBuffer();
  stream.isAway = true;
  keep(named('a', 200));
  await buffer.flush();
  expect(tried.length).toBeLessThanOrEqual(128); // the round that the first began, and one more
  stream.isAway = false;
  stream.refuses = new Set(['a100']);
  await buffer.flush();
  expect([published.length, buffer.size]).toEqual([199, 1]);
});

test('that the stream does not take events is said once, again after it took all, and says nothing of an event', async () => {
  const { buffer, keep, stream, reported } = aBuffer();
  stream.isAway = true;
  keep(named('a', 3));
  await buffer.flush();
  await buffer.flush();
  const line = /^\d of \d audit events were not taken by the stream, will try again: Error: no responders$/;
  expect(reported).toEqual([expect.stringMatching(line)]);
  stream.isAway = false;
  await buffer.flush();
  stream.isAway = true;
  keep(named('b', 1));
  await buffer.flush();
  expect(reported).toEqual([expect.stringMatching(line), expect.stringMatching(line)]);
});

describe('with a journal', () => {
  let directory: string;
  let opened: EventJournal[];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'portcullis-journal-'));
    opened = [];
  });
  afterEach(async () => {
    for (const journal of opened) await journal.close();
    rmSync(directory, { recursive: true, force: true });
  });
  async function aJournal(report = fail): Promise<EventJournal> {
    const journal = await EventJournal.open({ directory, worker: 1, workers: 1, report });
    opened.push(journal);
    return journal;
  }
  const fail = (line: string): void => {
    throw new Error(line);
  };
  const left = async (): Promise<string[]> => (await aJournal()).left.map(({ id }) => id).sort();

  test('what the stream does not take is published by the process that comes after, and then forgotten', async () => {
    const before = aBuffer({ journal: await aJournal() });
    before.stream.isAway = true;
    before.keep(named('a', 2_000));
    await before.buffer.flush();
    before.keep(named('b', 3)); // written without another try
    await eventually(() => before.buffer.written === 2_003);
    // Killed here: it is not closed.
    const after = aBuffer({ journal: await aJournal() });
    expect([after.buffer.size, after.buffer.written]).toEqual([2_003, 2_003]);
    after.keep(named('c', 1));
    await after.buffer.flush();
    const all = [...named('a', 2_000), ...named('b', 3), ...named('c', 1)].sort();
    expect([[...after.published].sort(), after.buffer.size, await left()]).toEqual([all, 0, []]);
  });

  test('a stream that does not answer at all leaves nothing in memory alone for longer than two ticks', async () => {
    const { buffer, keep, stream } = aBuffer({ journal: await aJournal() });
    stream.isSilent = true;
    keep(named('a', 100));
    buffer.tick();
    expect(buffer.written).toBe(0);
    buffer.tick();
    await eventually(() => buffer.written === 100);
    expect(await left()).toEqual(named('a', 100).sort());
  });

  test('while the stream takes events the disk is not touched', async () => {
    const { buffer, keep } = aBuffer({ journal: await aJournal() });
    keep(named('a', 300));
    buffer.tick();
    await buffer.flush();
    expect(readdirSync(join(directory, '1'))).toEqual([]);
  });

  test('one that can never be published holds up no others and is kept; the journal does not grow for it', async () => {
    const journal = await aJournal();
    const { buffer, keep, stream, published } = aBuffer({ journal });
    stream.refuses = new Set(['never']);
    keep(['never']);
    await buffer.flush();
    for (let n = 0; n < 3_000; n++) {
      keep([`a${n}`]);
      if (n % 100 === 99) await buffer.flush();
    }
    expect([published.length, buffer.size, buffer.written]).toEqual([3_000, 1, 1]);
    expect(journal.count).toBeLessThan(1_200);
    expect(await left()).toContain('never');
    stream.refuses.clear();
    await buffer.flush();
    expect([buffer.size, await left()]).toEqual([0, []]);
  });

  test('while the stream takes all but one, the disk has that one and is left alone', async () => {
    const { buffer, keep, stream } = aBuffer({ journal: await aJournal() });
    stream.refuses = new Set(['never']);
    keep(['a', 'never']);
    await buffer.flush();
    for (let n = 0; n < 20; n++) {
      buffer.tick();
      await buffer.flush();
      keep([`b${n}`]);
    }
    await buffer.flush();
    expect(await left()).toEqual(['never']);
    stream.isAway = true;
    keep(['c']);
    await buffer.flush();
    expect(await left()).toEqual(['c', 'never']);
  });

  test('a disk that hangs holds up no event that the stream takes', async () => {
    const journal = await aJournal(() => undefined);
    const { buffer, keep, stream, published } = aBuffer({ journal });
    const pipe = join(directory, '1', 'events.ndjson');
    execFileSync('mkfifo', [pipe]); // to open it takes until somebody reads
    stream.isAway = true;
    keep(named('a', 10));
    await turn();
    stream.isAway = false;
    buffer.tick();
    await eventually(() => published.length === 10);
    keep(named('b', 10));
    await eventually(() => published.length === 20);
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    await buffer.flush();
    closeSync(reader);
  });

  test('a disk that refuses leaves events in memory, is told once and asked rarely, and gets them all when it is well', async () => {
    const reported: string[] = [];
    const journal = await aJournal((line) => void reported.push(line));
    const { buffer, keep, stream, published } = aBuffer({ journal });
    stream.isAway = true;
    rmSync(join(directory, '1'), { recursive: true });
    writeFileSync(join(directory, '1'), '');
    keep(['a0']);
    await buffer.flush();
    for (let n = 1; n < 50; n++) {
      keep([`a${n}`]);
      if (n <= 10) buffer.tick();
    }
    expect([buffer.size, buffer.written]).toEqual([50, 0]);
    expect(reported).toEqual([
      expect.stringMatching(/^audit events cannot be written to disk and wait in memory: .*(ENOTDIR|EEXIST)/),
    ]);
    rmSync(join(directory, '1'));
    keep(['b']);
    await turn();
    expect(buffer.written).toBe(0);
    for (let n = 0; n < 30; n++) buffer.tick();
    await eventually(() => buffer.written === 51);
    expect(await left()).toHaveLength(51);
    stream.isAway = false;
    await buffer.flush();
    expect([new Set(published).size, buffer.size, await left()]).toEqual([51, 0, []]);
  });

  test('beyond its bound events are counted as lost, and what is rare has room left', async () => {
    const { buffer, keep, stream, reported } = aBuffer({ journal: await aJournal(), maxBuffered: 50 });
    stream.isAway = true;
    keep(named('a', 70));
    buffer.keep(anEvent('rare'), { isRare: true });
    await buffer.flush();
    expect([buffer.size, buffer.written, buffer.dropped]).toEqual([51, 51, 20]);
    expect(reported).toContain('the buffer of audit events is full: events are being dropped');
  });
});
