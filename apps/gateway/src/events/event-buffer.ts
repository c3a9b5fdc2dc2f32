import { type AuditEvent } from '@portcullis/contracts';

export interface EventBufferOptions {
  /** Puts one event on the stream and rejects if that is not certain: `publishEvent`. */
  readonly publish: (event: AuditEvent) => Promise<void>;
  readonly report: (line: string) => void;
  /** Events that wait while the stream is away. */
  readonly maxBuffered?: number;
}

const publishedAtOnce = 64;
/** Beyond the bound, for events of which there are few: a flood of denials does not push out that the policy changed. */
const reserved = 1_000;

/**
 * The gateway's audit events on their way to the stream. It has no database and so no outbox: nobody waits for the stream, events are
 * held in memory and published again until taken, and the newest dropped and counted when the buffer is full.
 */
export class EventBuffer {
  readonly #options: EventBufferOptions;
  readonly #waiting: AuditEvent[] = [];
  #dropped = 0;
  /** Since it last was empty. */
  #hasFailed = false;
  #publishing: Promise<void> | undefined;

  constructor(options: EventBufferOptions) {
    this.#options = options;
  }

  /** Events lost to a full buffer since the start. For the metric. */
  get dropped(): number {
    return this.#dropped;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** @param isRare may use what is reserved when the buffer is full */
  keep(event: AuditEvent, { isRare = false } = {}): void {
    if (this.#waiting.length < (this.#options.maxBuffered ?? 10_000) + (isRare ? reserved : 0)) {
      this.#waiting.push(event);
      this.kick();
      return;
    }
    if (this.#dropped === 0) this.#options.report('the buffer of audit events is full: events are being dropped');
    this.#dropped += event.count;
  }

  /** Tries again to publish what waits. */
  kick(): void {
    this.#publishing ??= this.#publish().finally(() => (this.#publishing = undefined));
  }

  /** Resolves when one more try has been made with all that waits. */
  async flush(): Promise<void> {
    await this.#publishing;
    this.kick();
    await this.#publishing;
  }

  /**
   * Until nothing waits or the stream takes nothing of a whole batch: what it does not take goes behind the rest, so that events which can
   * never be published hold up no others. A doubled event is no harm: its id is its message id.
   */
  async #publish(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, publishedAtOnce);
      const outcomes = await Promise.allSettled(batch.map((event) => this.#options.publish(event)));
      const failed = batch.filter((_, at) => outcomes[at]?.status === 'rejected');
      this.#waiting.splice(0, batch.length);
      this.#waiting.push(...failed);
      const reason = outcomes.find((outcome) => outcome.status === 'rejected')?.reason as unknown;
      if (failed.length > 0) this.#tellFailed(`${failed.length} of ${batch.length}`, reason);
      if (failed.length === batch.length) return;
    }
    this.#hasFailed = false;
  }

  /** Once, until all is published again: of the events themselves, nothing. */
  #tellFailed(howMany: string, reason: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#options.report(`${howMany} audit events were not taken by the stream, will try again: ${String(reason)}`);
  }
}
