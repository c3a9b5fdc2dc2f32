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
  /** Beside what an earlier process left. */
  readonly #bound: number;
  readonly #waiting: AuditEvent[];
  /** What is being published. */
  #published: readonly AuditEvent[] = [];
  /** Of both, what is not in the journal. */
  readonly #unwritten = new Set<AuditEvent>();
  /** Of these, what is to be there: the stream failed to take it, or is slow, or away. */
  readonly #owed = new Set<AuditEvent>();
  /** Events that failed while others beside them were taken: that they fail says nothing of the stream. */
  readonly #refused = new WeakSet<AuditEvent>();
  #dropped = 0;
  /** Since all was published. */
  #hasFailed = false;
  /** The stream took nothing of the last try. */
  #isAway = false;
  /** The disk refused: until then it is left alone, for what it is asked each time is all that waits. */
  #ticksToWrite = 0;
  #publishing: Promise<void> | undefined;
  #publishingAtTick: Promise<void> | undefined;
  #writing: Promise<void> | undefined;

  constructor(options: EventBufferOptions) {
    this.#options = options;
    this.#waiting = [...(options.journal?.left ?? [])];
    this.#bound = (options.maxBuffered ?? defaultMaxBuffered) + this.#waiting.length;
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
    if (this.size < this.#bound + (isRare ? reserved : 0)) {
      this.#waiting.push(event);
      this.#unwritten.add(event);
      if (this.#isAway) {
        this.#owed.add(event);
        void this.#write();
      } else this.#kick();
      return;
    }
    if (this.#dropped === 0) this.#options.report('the buffer of audit events is full: events are being dropped');
    this.#dropped += event.count;
  }

  /** Every second: tries again. What a slow stream has not taken since the last time is written down meanwhile. */
  tick(): void {
    if (this.#ticksToWrite > 0) this.#ticksToWrite -= 1;
    if (this.#publishing && this.#publishing === this.#publishingAtTick) this.#oweAll();
    void this.#write();
    this.#kick();
    this.#publishingAtTick = this.#publishing;
  }

  /** Resolves when one more try has been made with all that waits, and what the stream did not take is written down. */
  async flush(): Promise<void> {
    await this.#publishing;
    this.#kick();
    await this.#publishing;
    await this.#writing;
    this.#ticksToWrite = 0;
    await this.#write();
  }

  #kick(): void {
    this.#publishing ??= this.#publish().finally(() => (this.#publishing = undefined));
  }

  /**
   * Until nothing waits or the stream takes nothing of a whole batch: what it does not take goes behind the rest, so that events which can
   * never be published hold up no others. A doubled event is no harm: its id is its message id. The disk is waited for by nobody here.
   */
  async #publish(): Promise<void> {
    let hasTaken = false;
    while (this.#waiting.length > 0) {
      const batch = (this.#published = this.#waiting.splice(0, publishedAtOnce));
      const outcomes = await Promise.allSettled(batch.map((event) => this.#options.publish(event)));
      const failed = batch.filter((_, at) => outcomes[at]?.status === 'rejected');
      for (const [at, event] of batch.entries())
        if (outcomes[at]?.status === 'fulfilled') this.#safe(event);
        else if (this.#unwritten.has(event)) this.#owed.add(event);
      this.#published = [];
      this.#waiting.push(...failed);
      const reason = outcomes.find((outcome) => outcome.status === 'rejected')?.reason as unknown;
      if (failed.length > 0) this.#tellFailed(`${failed.length} of ${batch.length}`, reason);
      if (failed.length === batch.length) {
        if (hasTaken) this.#refuse(failed);
        else if (!failed.every((event) => this.#refused.has(event))) this.#isAway = true;
        break;
      }
      this.#refuse(failed);
      hasTaken = true;
      this.#isAway = false;
    }
    if (this.size === 0) this.#hasFailed = false;
    if (this.#isAway) this.#oweAll();
    void this.#write();
  }

  /** Resolves when the journal is what it should be, or has refused. */
  #write(): Promise<void> {
    if (!this.#writing && this.#toWrite()) this.#writing = this.#writeAll();
    return this.#writing ?? Promise.resolve();
  }

  async #writeAll(): Promise<void> {
    for (let next = this.#toWrite(); next; next = this.#toWrite()) {
      const { journal, events, isAnew } = next;
      const isWritten = await (isAnew ? journal.replace(events) : journal.append(events));
      if (isWritten) for (const event of events) this.#safe(event);
      else this.#ticksToWrite = ticksToDisk;
    }
    this.#writing = undefined;
  }

  /** Nothing is left of it once all is published; what is owed to it comes behind the rest, or all that waits, if too much of it is published. */
  #toWrite(): { journal: EventJournal; events: AuditEvent[]; isAnew: boolean } | undefined {
    const { journal } = this.#options;
    if (!journal || this.#ticksToWrite > 0) return undefined;
    const isEmpty = this.size === 0;
    const isStale = isEmpty ? journal.count > 0 : journal.count > 2 * this.size + writtenAtOnce;
    if (this.#owed.size === 0 && !(isEmpty && isStale)) return undefined;
    const isAnew = isStale || !journal.isSound;
    const events = isAnew ? [...this.#published, ...this.#waiting] : first(this.#owed, writtenAtOnce);
    return { journal, events, isAnew };
  }

  #refuse(events: readonly AuditEvent[]): void {
    for (const event of events) this.#refused.add(event);
  }

  #oweAll(): void {
    for (const event of this.#unwritten) this.#owed.add(event);
  }

  /** It is published, or in the journal. */
  #safe(event: AuditEvent): void {
    this.#unwritten.delete(event);
    this.#owed.delete(event);
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
