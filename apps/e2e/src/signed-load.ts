import { eventually } from '@portcullis/testing';
import { Client } from './client.js';

/** One request of a load and its answer. */
export interface Shot {
  /** `performance.now()` before it was sent. */
  readonly sentMs: number;
  readonly status: number;
}

/** Requests one after the other, from a few workers at each gateway, every one signed as it is sent. */
export class SignedLoad {
  readonly shots: Shot[] = [];
  private isRunning = true;
  private readonly workers: Promise<void>[];

  constructor(
    urls: readonly string[],
    private readonly path: string,
    private readonly signed: () => Record<string, string>,
    { workersEach = 2 } = {},
  ) {
    this.workers = urls.flatMap((url) => Array.from({ length: workersEach }, () => this.work(new Client(url))));
  }

  /** Waits until so many more were sent from now on and answered. */
  async more(count: number): Promise<void> {
    const from = performance.now();
    await eventually(() => this.sentAfter(from).length >= count, 60_000);
  }

  sentAfter(ms: number): Shot[] {
    return this.shots.filter(({ sentMs }) => sentMs > ms);
  }

  async stop(): Promise<void> {
    this.isRunning = false;
    await Promise.all(this.workers);
  }

  private async work(client: Client): Promise<void> {
    while (this.isRunning) {
      const sentMs = performance.now();
      const { status } = await client.send('GET', this.path, undefined, this.signed());
      this.shots.push({ sentMs, status });
    }
  }
}

/** How often each status came. */
export function statusesOf(shots: readonly Shot[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of shots) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
