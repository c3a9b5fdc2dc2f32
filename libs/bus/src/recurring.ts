export interface RecurringOptions {
  readonly everyMilliseconds: number;
  /** False: this time is passed over. */
  readonly mayRun: () => boolean;
  /** Hears of a run that failed. The next one tries again. */
  readonly failed: (error: unknown) => void;
}

/** Work that runs now and then, and soon after each kick: one run at a time, and one more for all kicks during a run. */
export class Recurring {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private again = false;
  private stopped = false;

  constructor(
    private readonly work: () => Promise<void>,
    private readonly options: RecurringOptions,
  ) {}

  start(): void {
    this.timer = setInterval(() => this.kick(), this.options.everyMilliseconds);
    this.kick();
  }

  /** Waits for the run under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.running;
  }

  kick(): void {
    if (this.stopped || !this.timer || !this.options.mayRun()) return;
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = this.work()
      .catch(this.options.failed)
      .finally(() => {
        this.running = undefined;
        if (this.again) {
          this.again = false;
          this.kick();
        }
      });
  }
}
