import { type JsMsg } from '@nats-io/jetstream';
import { accessConsumer, accessStream, type Bus, type Companion, GatheredStream } from '@portcullis/bus';
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
const tickMilliseconds = 500;
const maxMessages = 32;

/**
 * Takes what gateways answered from the stream, keeps each request once, and last uses with them: kept and committed first, then
 * acknowledged.
 */
export class CountRequests implements Companion {
  private readonly lastUsed = new LastUsed();
  private readonly gathering: GatheredStream;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: CountRequestsOptions) {
    const work = {
      stream: accessStream,
      consumer: accessConsumer,
      maxMessages,
      prepare: async () => {
        for (const use of await options.requests.unwritten()) this.lastUsed.note(use);
      },
      batchOf: (gathered: readonly JsMsg[]) => gathered.slice(0, maxMessages),
      keep: (batch: readonly JsMsg[]) => this.keep(batch),
      words: {
        unfollowed: 'requests cannot be followed, will try again',
        unkept: 'requests cannot be kept, will try until they can',
        keptAgain: 'requests are counted again',
      },
    };
    this.gathering = new GatheredStream(options.bus, work, options.report);
  }

  start(): void {
    this.gathering.start();
    // Last uses fall due without a message.
    this.timer = setInterval(() => this.gathering.kick(), tickMilliseconds);
  }

  /** Finishes what is in hand and gives the rest back. Last uses that still wait for their turn are found again at the next start. */
  stop(): Promise<void> {
    clearInterval(this.timer);
    return this.gathering.stop();
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
