import { type AuditEvent } from '@portcullis/contracts';
import { type Spill } from './spill.js';

export interface EventBufferOptions {
  /** Puts one event on the stream and rejects if that is not certain: `publishEvent`. */
  readonly publish: (event: AuditEvent) => Promise<void>;
  readonly report: (line: string) => void;
  /** Where events go that the stream does not take; without it they wait in memory. */
  readonly spill?: Spill | undefined;
  /** Events that wait in memory while the stream is away. */
  readonly maxBuffered?: number;
}

const publishedAtOnce = 64;
const spilledAtOnce = 1_024;
/** Beyond the bound, for events of which there are few: a flood of denials does not push out that the policy changed. */
const reserved = 1_000;

/**
 * The gateway's audit events on their way to the stream. It has no database and so no outbox: nobody waits for the stream. While it is
 * away events go to disk (`Spill`); what is not there yet, or has no room, is held in memory, and the newest dropped and counted when
 * that is full too. All is published again until taken.
 */
export class EventBuffer {
  readonly #options: EventBufferOptions;
  readonly #waiting: AuditEvent[] = [];
  /** Of those in memory, what is being published, and what is being written to disk. */
  #published: readonly AuditEvent[] = [];
  #spilled: readonly AuditEvent[] = [];
  /** A batch that is on disk also while it is being published: it took long. */
  #copied: readonly AuditEvent[] | undefined;
  #dropped = 0;
  /** Since it last was empty. */
  #hasFailed = false;
  #publishing: Promise<void> | undefined;
  #publishingAtTick: Promise<void> | undefined;
  #spilling: Promise<void> | undefined;

  constructor(options: EventBufferOptions) {
    this.#options = options;
  }

  /** Events lost to a full buffer since the start. For the metric. */
  get dropped(): number {
    return this.#dropped;
  }

  /** All that waits, on disk too. */
  get size(): number {
    return this.#inMemory + this.onDisk;
  }

  get onDisk(): number {
    return this.#options.spill?.size ?? 0;
  }

  get #inMemory(): number {
    return this.#waiting.length + this.#published.length + this.#spilled.length;
  }

  /** @param isRare may use what is reserved when the buffer is full */
  keep(event: AuditEvent, { isRare = false } = {}): void {
    if (this.#inMemory < (this.#options.maxBuffered ?? 10_000) + (isRare ? reserved : 0)) {
      this.#waiting.push(event);
      if (this.#hasFailed) void this.#toDisk();
      this.kick();
      return;
    }
    if (this.#dropped === 0) this.#options.report('the buffer of audit events is full: events are being dropped');
    this.#dropped += event.count;
  }

  /** Every second: tries again. What a slow stream has not taken since the last time goes to disk meanwhile. */
  tick(): void {
    if (this.#publishing && this.#publishing === this.#publishingAtTick) void this.#toDisk();
    this.kick();
    this.#publishingAtTick = this.#publishing;
  }

  /** Tries again to publish what waits. */
  kick(): void {
    this.#publishing ??= this.#publish()
      .catch((error: unknown) => this.#tellFailed('the spilled', error))
      .finally(() => (this.#publishing = undefined));
  }

  /** Resolves when one more try has been made with all that waits, and what the stream did not take is on disk. */
  async flush(): Promise<void> {
    await this.#publishing;
    this.kick();
    await this.#publishing;
  }

  /** What is new comes first: it shows whether the stream is there at all. */
  async #publish(): Promise<void> {
    const isThere = await this.#send(this.#waiting);
    if (isThere) await this.#publishSpilled();
    if (this.#waiting.length > 0) await this.#toDisk();
    if (this.size === 0) this.#hasFailed = false;
  }

  /** Each file once: those of which something is left are spilled anew. */
  async #publishSpilled(): Promise<void> {
    const { spill } = this.#options;
    if (!spill) return;
    for (let files = spill.files; files > 0; files--) {
      const file = await spill.next();
      if (!file) return;
      if (!(await this.#send(file.events))) return spill.postpone(file);
      if (file.events.length > 0 && !(await spill.append(file.events))) this.#waiting.push(...file.events);
      await spill.remove(file);
    }
  }

  /**
   * Until nothing is left or the stream takes nothing of a whole batch: what it does not take goes behind the rest, so that events which
   * can never be published hold up no others. A doubled event is no harm: its id is its message id. Takes from `events` what was published.
   * @returns false where nothing of anything was taken
   */
  async #send(events: AuditEvent[]): Promise<boolean> {
    let hasTaken = false;
    while (events.length > 0) {
      const batch = events.splice(0, publishedAtOnce);
      if (events === this.#waiting) this.#published = batch;
      const outcomes = await Promise.allSettled(batch.map((event) => this.#options.publish(event)));
      const failed = batch.filter((_, at) => outcomes[at]?.status === 'rejected');
      this.#published = [];
      if (this.#copied !== batch) events.push(...failed);
      const reason = outcomes.find((outcome) => outcome.status === 'rejected')?.reason as unknown;
      if (failed.length > 0) this.#tellFailed(`${failed.length} of ${batch.length}`, reason);
      if (failed.length === batch.length) return hasTaken;
      hasTaken = true;
    }
    return true;
  }

  /** All that is in memory, unless the disk has no room for it. */
  async #toDisk(): Promise<void> {
    const { spill } = this.#options;
    if (spill) await (this.#spilling ??= this.#spillAll(spill).finally(() => (this.#spilling = undefined)));
  }

  async #spillAll(spill: Spill): Promise<void> {
    const batch = this.#published;
    if (batch.length > 0 && batch !== this.#copied && (await spill.append(batch))) this.#copied = batch;
    while (this.#waiting.length > 0) {
      const events = (this.#spilled = this.#waiting.splice(0, spilledAtOnce));
      const isOnDisk = await spill.append(events);
      this.#spilled = [];
      if (!isOnDisk) return void this.#waiting.unshift(...events);
    }
  }

  /** Once, until all is published again: of the events themselves, nothing. */
  #tellFailed(howMany: string, reason: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#options.report(`${howMany} audit events were not taken by the stream, will try again: ${String(reason)}`);
  }
}
