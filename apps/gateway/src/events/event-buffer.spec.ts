import { setImmediate as turn } from 'node:timers/promises';
import { type AuditEvent, completeEvent } from '@portcullis/contracts';
import { EventBuffer } from './event-buffer.js';

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
function aBuffer() {
  const stream = { isAway: false, refuses: new Set<string>() };
  const [tried, published, reported]: [string[], string[], string[]] = [[], [], []];
  const buffer = new EventBuffer({
    publish: async ({ id }) => {
      tried.push(id);
      await turn();
      if (stream.isAway || stream.refuses.has(id)) throw new Error('no responders');
      published.push(id);
    },
    report: (line) => void reported.push(line),
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
