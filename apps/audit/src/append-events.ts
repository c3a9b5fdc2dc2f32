import { jetstream, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';
import { auditConsumer, auditStream, type Bus, committedSubject, type Companion } from '@portcullis/bus';
import { type AuditEvent } from '@portcullis/contracts';
import { type EventStore, isUnstorable, type RejectedMessage } from './event.store.js';
import { readEvent } from './read-event.js';

const retryMilliseconds = 500;
const maxBatchEvents = 500;
const maxBatchBytes = 8 * 1024 * 1024;
/** How long a pull request stands. Half of it without a sign of the server and the stream is asked for anew. */
const pullMilliseconds = 5_000;

/**
 * Takes events from the stream and keeps each exactly once: kept and committed first, then reported to the service that
 * owes it, then acknowledged. Whatever fails before the acknowledgement is delivered again; a repeat is dropped by its id.
 *
 * Messages are taken in as they come and written in batches of whatever has gathered while the last one was written:
 * an event alone waits for nothing, a flood shares its transactions.
 */
export class AppendEvents implements Companion {
  private readonly gathered: JsMsg[] = [];
  private messages: ConsumerMessages | undefined;
  private following: Promise<void> | undefined;
  private writing: Promise<void> | undefined;
  private stopped = false;
  private troubled = false;

  constructor(
    private readonly bus: Bus,
    private readonly events: EventStore,
    private readonly report: (line: string) => void,
  ) {}

  /** Begins. A stream that is not there yet is waited for: the record can be read meanwhile. */
  start(): void {
    this.following = this.follow();
  }

  /** Finishes the batch in hand and gives the rest back, so that another replica has it at once. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.messages?.close();
    await this.following;
    await this.writing;
    for (const message of this.gathered.splice(0)) message.nak();
  }

  private async follow(): Promise<void> {
    const { connection } = this.bus;
    while (!this.stopped && !connection.isClosed()) {
      try {
        const consumer = await jetstream(connection).consumers.get(auditStream, auditConsumer);
        this.messages = await consumer.consume({
          max_messages: maxBatchEvents,
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
        this.report(`the stream of events cannot be followed, will try again: ${String(error)}`);
        await pause();
      }
    }
  }

  private kick(): void {
    this.writing ??= this.write().finally(() => {
      this.writing = undefined;
      if (this.gathered.length > 0 && !this.stopped) this.kick();
    });
  }

  private async write(): Promise<void> {
    while (this.gathered.length > 0 && !this.stopped) {
      const batch = batchOf(this.gathered);
      try {
        await this.keep(batch.map((message) => ({ message, ...readEvent(message) })));
        this.gathered.splice(0, batch.length);
        if (this.troubled) this.report('the record is written again');
        this.troubled = false;
      } catch (error) {
        // Nothing is acknowledged, so nothing is lost, however long this takes. Work in progress is said to be so.
        if (!this.troubled) this.report(`the record cannot be written, will try until it can: ${String(error)}`);
        this.troubled = true;
        for (const message of this.gathered) message.working();
        await pause();
      }
    }
  }

  /**
   * Keeps a batch. If it cannot be stored for what is in it, its halves are tried: one event stops no other. Any other
   * fault is not the events', and is thrown: to put them aside then would lose them to a full disk or a slow lock.
   */
  private async keep(read: readonly ReadMessage[]): Promise<void> {
    try {
      await this.append(read);
    } catch (error) {
      const [one] = read;
      if (!one || !isUnstorable(error)) throw error;
      if (read.length === 1)
        return this.append([{ message: one.message, reason: `cannot be stored: ${String(error)}` }]);
      const half = read.length >> 1;
      await this.keep(read.slice(0, half));
      await this.keep(read.slice(half));
    }
  }

  private async append(read: readonly ReadMessage[]): Promise<void> {
    const events = read.flatMap(({ event }) => (event ? [event] : []));
    const taken = new Set(await this.events.append(events, read.flatMap(rejection)));
    const judged = read.map((one) =>
      one.event && taken.has(one.event) ? { message: one.message, reason: idTaken } : one,
    );
    if (taken.size > 0) await this.events.append([], judged.flatMap(rejection));

    const kept = events.filter((event) => !taken.has(event));
    for (const service of new Set(kept.map((event) => event.service))) {
      const ids = kept.filter((event) => event.service === service).map((event) => event.id);
      this.bus.connection.publish(committedSubject(service), JSON.stringify(ids));
    }
    for (const { message, event, reason } of judged) {
      if (event) message.ack();
      // With a reason nats-server 2.9 would not know the word, and deliver the message for ever.
      else message.term();
      if (reason !== undefined) this.report(`message ${message.seq} on ${message.subject} was put aside: ${reason}`);
    }
  }
}

/** A message and what it says: an event, or why it is none. */
interface ReadMessage {
  message: JsMsg;
  event?: AuditEvent;
  reason?: string;
}

const idTaken = "its id is that of another service's event";

function rejection({ message, reason }: ReadMessage): RejectedMessage[] {
  if (reason === undefined) return [];
  return [{ streamSeq: message.seq, subject: message.subject, reason, body: new TextDecoder().decode(message.data) }];
}

/** From the front, as many as one transaction should hold; at least one. */
function batchOf(messages: readonly JsMsg[]): JsMsg[] {
  let bytes = 0;
  const end = messages.findIndex(
    (message, at) => at === maxBatchEvents || (bytes += message.data.length) > maxBatchBytes,
  );
  return messages.slice(0, end === -1 ? messages.length : Math.max(end, 1));
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, retryMilliseconds));
