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
