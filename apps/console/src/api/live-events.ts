import { type AuditEvent } from './audit';
import { authorizedFetch } from './client';
import { isPassing, Problem, problemOf } from './problem';
import { EventStreamReader } from './server-sent-events';

/** The gateway says something every 15 s: longer than this, and the connection is dead. */
const silenceMilliseconds = 45_000;
const firstWaitMilliseconds = 1_000;
const longestWaitMilliseconds = 30_000;

export interface Follower {
  readonly onOpen: () => void;
  /** What came together, oldest first. */
  readonly onEvents: (events: readonly AuditEvent[]) => void;
  /** The connection is gone and will be tried again after so many ms. */
  readonly onLost: (waitMilliseconds: number) => void;
}

/** Where to go on; '' begins now. It moves on as events come. */
export interface Place {
  id: string;
}

/**
 * The organization's events as they are kept, until `signal` aborts. A connection that breaks is made again where it ended, so nothing is
 * missed. The token is in a header, so this is no EventSource, which could only put it into the address.
 * @throws {Problem} what no further try would change
 */
export async function followEvents(place: Place, signal: AbortSignal, follower: Follower): Promise<void> {
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      await oneConnection(place, signal, {
        ...follower,
        onOpen: () => {
          failures = 0;
          follower.onOpen();
        },
      });
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && !isPassing(error) && error.status !== 429) throw error;
    }
    const wait = waitAfter(failures, Math.random());
    follower.onLost(wait);
    await passed(wait, signal);
  }
}

/** Twice as long after each failure, less up to half by chance: pages that lost one gateway do not all come back at once. In ms. */
function waitAfter(failures: number, chance: number): number {
  return Math.min(firstWaitMilliseconds * 2 ** failures, longestWaitMilliseconds) * (1 - chance / 2);
}

async function oneConnection(place: Place, signal: AbortSignal, { onOpen, onEvents }: Follower): Promise<void> {
  const silence = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), silenceMilliseconds);
  };
  heard();
  try {
    const headers = { Accept: 'text/event-stream', ...(place.id !== '' && { 'Last-Event-ID': place.id }) };
    const request = new Request(`${location.origin}/v1/audit/stream`, {
      headers,
      signal: AbortSignal.any([signal, silence.signal]),
    });
    const answer = await authorizedFetch(request);
    if (!answer.ok || answer.body === null) throw problemOf(answer.status, await answer.json().catch(() => null));
    onOpen();
    const messages = new EventStreamReader(place.id);
    const pieces = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await pieces.read();
      if (done) return;
      heard();
      const events = messages.read(value).map(({ data }) => JSON.parse(data) as AuditEvent);
      place.id = messages.id;
      if (events.length > 0) onEvents(events);
    }
  } finally {
    clearTimeout(timer);
  }
}

function passed(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
