import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { type AuditEvent, completeEvent } from '@portcullis/contracts';
import { eventually } from '@portcullis/testing';
import { EventBuffer } from './event-buffer.js';
import { Spill } from './spill.js';

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
function aBuffer(options: { spill?: Spill; maxBuffered?: number } = {}) {
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

describe('with a folder to spill to', () => {
  let directory: string;
  beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'portcullis-buffer-'))));
  afterEach(() => rmSync(directory, { recursive: true }));
  const aSpill = (maxBytes = 1_000_000): Promise<Spill> =>
    Spill.open({ directory, worker: 1, workers: 1, report: fail, maxBytes });
  const fail = (line: string): void => {
    throw new Error(line);
  };

  test('what the stream does not take is published by the process that comes after', async () => {
    const before = aBuffer({ spill: await aSpill() });
    before.stream.isAway = true;
    before.keep(named('a', 200));
    await before.buffer.flush();
    before.keep(named('b', 3)); // on disk without another try
    await eventually(() => before.buffer.onDisk === 203);
    expect(before.buffer.size).toBe(203);
    // Killed here: it is not closed.
    const after = aBuffer({ spill: await aSpill() });
    expect(after.buffer.size).toBe(203);
    after.keep(named('c', 1));
    await after.buffer.flush();
    expect([...after.published].sort()).toEqual([...named('a', 200), ...named('b', 3), ...named('c', 1)].sort());
    expect(after.buffer.size).toBe(0);
    expect((await aSpill()).size).toBe(0);
  });

  test('a stream that does not answer at all leaves nothing in memory alone for longer than two ticks', async () => {
    const before = aBuffer({ spill: await aSpill() });
    before.stream.isSilent = true;
    before.keep(named('a', 100));
    before.buffer.tick();
    expect(before.buffer.onDisk).toBe(0);
    before.buffer.tick();
    await eventually(() => before.buffer.onDisk === 100);
    const after = aBuffer({ spill: await aSpill() });
    await after.buffer.flush();
    expect([...after.published].sort()).toEqual(named('a', 100).sort());
  });

  test('some that can never be published hold up no others, in memory or on disk, and are kept', async () => {
    const { buffer, keep, stream, published } = aBuffer({ spill: await aSpill() });
    stream.isAway = true;
    keep([...named('never', 3), ...named('a', 100)]);
    await buffer.flush();
    stream.isAway = false;
    stream.refuses = new Set(named('never', 3));
    await buffer.flush();
    keep(named('b', 2));
    await buffer.flush();
    await buffer.flush();
    expect([...new Set(published)].sort()).toEqual([...named('a', 100), ...named('b', 2)].sort());
    expect([buffer.size, buffer.onDisk]).toEqual([3, 3]);
    stream.refuses.clear();
    await buffer.flush();
    expect(buffer.size).toBe(0);
  });

  test('a full disk leaves events in memory, up to its bound, and the rest is counted as lost', async () => {
    const { buffer, keep, stream, published, reported } = aBuffer({ spill: await aSpill(10_000), maxBuffered: 50 });
    stream.isAway = true;
    for (let n = 0; n < 200; n++) {
      keep([`a${n}`]);
      await buffer.flush();
    }
    expect(buffer.onDisk).toBeGreaterThan(5);
    expect(buffer.size - buffer.onDisk).toBe(50);
    expect(buffer.dropped).toBe(200 - buffer.size);
    expect(reported.at(-1)).toBe('the buffer of audit events is full: events are being dropped');
    const kept = buffer.size;
    stream.isAway = false;
    await buffer.flush();
    expect([new Set(published).size, buffer.size]).toEqual([kept, 0]);
  });
});
