import { type ConsumerMessages, jetstream, type JsMsg } from '@nats-io/jetstream';
import { accessConsumer, accessStream, type Bus, type Companion } from '@portcullis/bus';
import { AccessBatch } from '@portcullis/contracts';
import { LastUsed, useOf } from './last-used.js';
import { type RequestStore } from './request.store.js';

export interface CountRequestsOptions {
  readonly bus: Bus;
  readonly requests: RequestStore;
  readonly now: () => Date;
  /** Days that a request is kept. */
  readonly days: number;
  readonly report: (line: string) => void;
}

const dayMs = 86_400_000;
const retryMilliseconds = 500;
const tickMilliseconds = 500;
/** How long a pull request stands. Half of it without a sign of the server and the stream is asked for anew. */
const pullMilliseconds = 5_000;
const maxMessages = 32;

/**
 * Takes what gateways answered from the stream, keeps each request once, and last uses with them: kept and committed first, then
 * acknowledged. Messages are taken in as they come and written in transactions of whatever has gathered meanwhile.
 */
export class CountRequests implements Companion {
  private readonly lastUsed = new LastUsed();
  private readonly gathered: JsMsg[] = [];
  private messages: ConsumerMessages | undefined;
  private following: Promise<void> | undefined;
  private writing: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private troubled = false;

  constructor(private readonly options: CountRequestsOptions) {}

  start(): void {
    this.following = this.follow();
    this.timer = setInterval(() => this.kick(), tickMilliseconds);
  }

  /** Finishes what is in hand and gives the rest back. Last uses that still wait for their turn are found again at the next start. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.messages?.close();
    await this.following;
    await this.writing;
    for (const message of this.gathered.splice(0)) message.nak();
  }

  private async follow(): Promise<void> {
    const { bus, report, requests } = this.options;
    let isCaughtUp = false;
    while (!this.stopped && !bus.connection.isClosed()) {
      try {
        if (!isCaughtUp) {
          for (const use of await requests.unwritten()) this.lastUsed.note(use);
          isCaughtUp = true;
        }
        const consumer = await jetstream(bus.connection).consumers.get(accessStream, accessConsumer);
        this.messages = await consumer.consume({
          max_messages: maxMessages,
          expires: pullMilliseconds,
          callback: (message) => {
            this.gathered.push(message);
            this.kick();
          },
        });
        if (this.stopped) await this.messages.close();
        const fault = await this.messages.closed();
        if (fault) throw fault;
      } catch (error) {
        if (this.stopped) return;
        report(`requests cannot be followed, will try again: ${String(error)}`);
        await pause();
      }
    }
  }

  private kick(): void {
    this.writing ??= this.write().finally(() => (this.writing = undefined));
  }

  /** Until nothing has gathered. Nothing is acknowledged before it is committed, so nothing is lost however long that takes. */
  private async write(): Promise<void> {
    const { report } = this.options;
    do {
      const taken = this.gathered.slice(0, maxMessages);
      try {
        await this.keep(taken);
        this.gathered.splice(0, taken.length);
        if (this.troubled) report('requests are counted again');
        this.troubled = false;
      } catch (error) {
        if (!this.troubled) report(`requests cannot be kept, will try until they can: ${String(error)}`);
        this.troubled = true;
        for (const message of this.gathered) message.working();
        await pause();
      }
    } while (this.gathered.length > 0 && !this.stopped);
  }

  private async keep(messages: readonly JsMsg[]): Promise<void> {
    const { requests, now } = this.options;
    const oldestMs = now().getTime() - this.options.days * dayMs;
    const read = messages.map((message) => ({ message, batch: readBatch(message, oldestMs) }));
    const batches = read.flatMap(({ batch }) => (batch ? [batch] : []));
    for (const { records } of batches) records.forEach((record) => this.lastUsed.note(useOf(record)));
    const due = this.lastUsed.due(now().getTime());
    if (batches.length > 0 || due.length > 0) {
      try {
        await requests.keep(batches, due);
      } catch (error) {
        if (!isUnstorable(error) || messages.length === 0) throw error;
        return this.keepApart(messages, error);
      }
      this.lastUsed.written(due, now().getTime());
    }
    for (const { message, batch } of read) {
      if (batch) message.ack();
      else this.putAside(message, 'it is no batch of requests');
    }
  }

  /** One batch that Postgres will not have stops no other. */
  private async keepApart(messages: readonly JsMsg[], cause: unknown): Promise<void> {
    const [one] = messages;
    if (one && messages.length === 1) return this.putAside(one, String(cause));
    const half = messages.length >> 1;
    await this.keep(messages.slice(0, half));
    await this.keep(messages.slice(half));
  }

  private putAside(message: JsMsg, reason: string): void {
    message.term();
    this.options.report(`message ${message.seq} on ${message.subject} was put aside: ${reason}`);
  }
}

/**
 * The records that are to be kept: none of before `oldestMs`. A gateway's clock that is ahead of the stream's is not believed: the same
 * message always reads the same.
 */
function readBatch(message: JsMsg, oldestMs: number): AccessBatch | undefined {
  let json: unknown;
  try {
    json = message.json();
  } catch {
    return undefined;
  }
  const parsed = AccessBatch.safeParse(json);
  if (!parsed.success) return undefined;
  const arrivedMs = Math.floor(message.info.timestampNanos / 1e6);
  const records = parsed.data.records
    .map((record) => ({ ...record, time_ms: Math.min(record.time_ms, arrivedMs) }))
    .filter(({ time_ms: timeMs }) => timeMs >= oldestMs);
  return { id: parsed.data.id, records };
}

/** Postgres refuses the values (classes 22 and 23), whenever it is asked. */
function isUnstorable(error: unknown): boolean {
  const { code, driverError } = (error ?? {}) as { code?: string; driverError?: { code?: string } };
  return /^2[23]/.test(driverError?.code ?? code ?? '');
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, retryMilliseconds));
