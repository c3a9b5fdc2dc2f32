import { setTimeout as delay } from 'node:timers/promises';
import { type Log } from '@portcullis/embedded';

interface Server {
  readonly port: number;
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

export interface KeptServer<T extends Server> {
  /** The first one; its port stays the same for those that replace it. */
  readonly first: T;
  readonly stop: () => Promise<void>;
}

/** Keeps a server of `libs/embedded` running on its port: one that ends unasked is started again, and said so. */
export async function keepServer<T extends Server>(
  name: string,
  start: (port: number | undefined) => Promise<T>,
  preferredPort: number | undefined,
  say: Log,
): Promise<KeptServer<T>> {
  const stopping = new AbortController();
  const first = await start(preferredPort);
  let current: T | null = first;

  const watch = async () => {
    let wait = 500;
    for (;;) {
      const startedAt = performance.now();
      await current?.exited;
      if (stopping.signal.aborted) return;
      if (current && performance.now() - startedAt > 30_000) wait = 500;
      say(`${name} ended: starting it again in ${wait / 1000} s.`);
      await delay(wait, undefined, { signal: stopping.signal }).catch(() => undefined);
      wait = Math.min(wait * 2, 10_000);
      if (stopping.signal.aborted) return;
      current = await start(first.port).catch((error: unknown) => {
        say(`${name}: ${(error as Error).message}`);
        return null;
      });
      if (current) say(`${name} runs again.`);
    }
  };
  const watched = watch();
  return {
    first,
    stop: async () => {
      stopping.abort();
      await current?.stop();
      await watched;
      await current?.stop(); // one that was being started at that moment
    },
  };
}
