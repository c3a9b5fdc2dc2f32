/** Thrown at once, before any work, when too many passwords are waiting: the caller answers 503 and Retry-After. */
export class PasswordQueueFull extends Error {
  override readonly name = 'PasswordQueueFull';

  constructor() {
    super('Too many passwords are being checked.');
  }
}

/** Lets a few pieces of work run at once and a few more wait, first come, first served. */
export class PasswordQueue {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly maxRunning: number,
    private readonly maxWaiting: number,
  ) {}

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.running >= this.maxRunning) {
      if (this.waiting.length >= this.maxWaiting) throw new PasswordQueueFull();
      // The place is handed over by whoever finishes, so no newcomer can slip in between.
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else {
      this.running++;
    }
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    }
  }
}
