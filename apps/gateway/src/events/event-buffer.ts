import { type AuditEvent } from '@portcullis/contracts';
import { type EventJournal } from './event-journal.js';

export interface EventBufferOptions {
  /** Puts one event on the stream and rejects if that is not certain: `publishEvent`. */
  readonly publish: (event: AuditEvent) => Promise<void>;
  readonly report: (line: string) => void;
  /** Where events are written that the stream does not take at once; without it they are in memory alone. */
  readonly journal?: EventJournal | undefined;
  /** Events that wait while the stream is away. */
  readonly maxBuffered?: number;
}

/** Seven minutes of the worst flood (`DenialLog`: 110 a second and a few counts), about 60 MB. */
const defaultMaxBuffered = 50_000;
const publishedAtOnce = 64;
const writtenAtOnce = 1_024;
const ticksToDisk = 30;
/** Beyond the bound, for events of which there are few: a flood of denials does not push out that the policy changed. */
const reserved = 1_000;

/**
 * The gateway's audit events on their way to the stream. It has no database and so no outbox: nobody waits for the stream, events are held in
 * memory and published again until taken, and the newest dropped and counted when the buffer is full. What the stream does not take
 * within a second or two is in a journal on disk as well, so that it outlives the process.
 */
export class EventBuffer {
  readonly #options: EventBufferOptions;
  readonly #waiting: AuditEvent[];
  /** What is being published. */
  #published: readonly AuditEvent[] = [];
  /** Of both, what is not in the journal. */
  readonly #unwritten = new Set<AuditEvent>();
  #dropped = 0;
  /** Since all was published. */
  #hasFailed = false;
  /** The last try took nothing. */
  #isAway = false;
  /** The disk refused: until then it is left alone, for what it is asked each time is all that waits. */
  #ticksToWrite = 0;
  #publishing: Promise<void> | undefined;
  #publishingAtTick: Promise<void> | undefined;
  #writing: Promise<void> | undefined;

  constructor(options: EventBufferOptions) {
    this.#options = options;
    this.#waiting = [...(options.journal?.left ?? [])];
  }

  /** Events lost to a full buffer since the start. For the metric. */
  get dropped(): number {
    return this.#dropped;
  }

  get size(): number {
    return this.#waiting.length + this.#published.length;
  }

  /** Of these, the ones that outlive the process. */
  get written(): number {
    return this.#options.journal ? this.size - this.#unwritten.size : 0;
  }

  /** @param isRare may use what is reserved when the buffer is full */
  keep(event: AuditEvent, { isRare = false } = {}): void {
    if (this.size < (this.#options.maxBuffered ?? defaultMaxBuffered) + (isRare ? reserved : 0)) {
      this.#waiting.push(event);
      this.#unwritten.add(event);
      if (this.#isAway) void this.#write();
      else this.#kick();
      return;
    }
    if (this.#dropped === 0) this.#options.report('the buffer of audit events is full: events are being dropped');
    this.#dropped += event.count;
  }

  /** Every second: tries again. What a slow stream has not taken since the last time is written down meanwhile. */
  tick(): void {
    if (this.#ticksToWrite > 0) this.#ticksToWrite -= 1;
    if (this.#publishing && this.#publishing === this.#publishingAtTick) void this.#write();
    this.#kick();
    this.#publishingAtTick = this.#publishing;
  }

  /** Resolves when one more try has been made with all that waits, and what the stream did not take is written down. */
  async flush(): Promise<void> {
    await this.#publishing;
    this.#kick();
    await this.#publishing;
    await this.#writing;
  }

  #kick(): void {
    this.#publishing ??= this.#publish().finally(() => (this.#publishing = undefined));
  }

  /**
   * Until nothing waits or the stream takes nothing of a whole batch: what it does not take goes behind the rest, so that events which can
   * never be published hold up no others. A doubled event is no harm: its id is its message id.
   */
  async #publish(): Promise<void> {
    let isTaking = this.#waiting.length === 0;
    while (this.#waiting.length > 0) {
      const batch = (this.#published = this.#waiting.splice(0, publishedAtOnce));
      const outcomes = await Promise.allSettled(batch.map((event) => this.#options.publish(event)));
      const failed = batch.filter((_, at) => outcomes[at]?.status === 'rejected');
      for (const [at, event] of batch.entries())
        if (outcomes[at]?.status === 'fulfilled') this.#unwritten.delete(event);
      this.#published = [];
      this.#waiting.push(...failed);
      const reason = outcomes.find((outcome) => outcome.status === 'rejected')?.reason as unknown;
      if (failed.length > 0) this.#tellFailed(`${failed.length} of ${batch.length}`, reason);
      if (failed.length === batch.length) break;
      isTaking = true;
    }
    this.#isAway = !isTaking;
    if (this.size > 0) return this.#write();
    this.#hasFailed = false;
    await this.#tidy();
  }

  /** All that waits, into the journal. */
  #write(): Promise<void> {
    return (this.#writing ??= this.#writeAll().finally(() => (this.#writing = undefined)));
  }

  async #writeAll(): Promise<void> {
    const { journal } = this.#options;
    if (!journal || this.#ticksToWrite > 0) return;
    while (this.#unwritten.size > 0) {
      const hasGrown = journal.count > 2 * this.size + writtenAtOnce;
      const isAnew = hasGrown || !journal.isSound;
      const events = isAnew ? [...this.#published, ...this.#waiting] : first(this.#unwritten, writtenAtOnce);
      const isWritten = await (isAnew ? journal.replace(events) : journal.append(events));
      if (!isWritten) return void (this.#ticksToWrite = ticksToDisk);
      for (const event of events) this.#unwritten.delete(event);
    }
  }

  /** Nothing waits: what the journal has was published. */
  async #tidy(): Promise<void> {
    await this.#writing;
    const { journal } = this.#options;
    const isStale = journal && (journal.count > 0 || !journal.isSound);
    if (isStale && this.size === 0 && this.#ticksToWrite === 0)
      await (this.#writing = journal
        .replace([])
        .then((isDone) => void (isDone || (this.#ticksToWrite = ticksToDisk)))
        .finally(() => (this.#writing = undefined)));
  }

  /** Once, until all is published again: of the events themselves, nothing. */
  #tellFailed(howMany: string, reason: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#options.report(`${howMany} audit events were not taken by the stream, will try again: ${String(reason)}`);
  }
}

function first<T>(set: ReadonlySet<T>, count: number): T[] {
  const some: T[] = [];
  for (const one of set) {
    if (some.length === count) break;
    some.push(one);
  }
  return some;
}
