import { type Companion } from '@portcullis/bus';
import { type RequestStore } from './request.store.js';

const everyMilliseconds = 10 * 60_000;
const dayMs = 86_400_000;

/** Drops days of requests that are over, one in a transaction, from the oldest. Any replica may; a repeat does no harm. */
export class ForgetRequests implements Companion {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly options: {
      readonly requests: RequestStore;
      readonly now: () => Date;
      readonly days: number;
      readonly report: (line: string) => void;
    },
  ) {}

  start(): void {
    const run = (): void => void this.run();
    this.timer = setInterval(run, everyMilliseconds);
    run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.running;
  }

  /** One round; the one under way if there is one. */
  run(): Promise<void> {
    this.running ??= this.drop().finally(() => (this.running = undefined));
    return this.running;
  }

  private async drop(): Promise<void> {
    const { requests, now, days, report } = this.options;
    try {
      while (!this.stopped && (await requests.dropDayBefore(new Date(now().getTime() - days * dayMs))));
    } catch (error) {
      report(`old requests could not be dropped, will try again: ${String(error)}`);
    }
  }
}
