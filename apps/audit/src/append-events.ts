import { jetstream, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';
import { auditConsumer, auditStream, type Bus, committedSubject, type Companion } from '@portcullis/bus';
import { type AuditEvent, CloudEvent, eventSubject, Refusal } from '@portcullis/contracts';
import { type EventStore, type RejectedMessage } from './event.store.js';

const retryMilliseconds = 500;
const batchSize = 500;

/**
 * Takes events from the stream and keeps each exactly once: kept and committed first, then reported to the service that owes it,
 * then acknowledged. Whatever fails before the acknowledgement is delivered again, and a repeat is dropped by its id.
 *
 * Messages are taken in as they come and written in batches of whatever has gathered while the last one was written:
 * an event alone waits for nothing, a flood shares its transactions.
 */
export class AppendEvents implements Companion {
  private readonly gathered: JsMsg[] = [];
  private messages: ConsumerMessages | undefined;
  private writing: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly bus: Bus,
    private readonly events: EventStore,
    private readonly report: (line: string) => void,
  ) {}

  async start(): Promise<void> {
    const consumer = await jetstream(this.bus.connection).consumers.get(auditStream, auditConsumer);
    this.messages = await consumer.consume({
      max_messages: batchSize,
      callback: (message) => {
        this.gathered.push(message);
        this.kick();
      },
    });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.messages?.close();
    await this.writing;
  }

  private kick(): void {
    this.writing ??= this.write().finally(() => {
      this.writing = undefined;
      if (this.gathered.length > 0 && !this.stopped) this.kick();
    });
  }

  private async write(): Promise<void> {
    while (this.gathered.length > 0 && !this.stopped) {
      const batch = this.gathered.slice(0, batchSize);
      try {
        await this.keep(batch);
        this.gathered.splice(0, batch.length);
      } catch (error) {
        // Nothing is acknowledged, so nothing is lost, however long this takes. Work in progress is said to be so.
        this.report(`the record cannot be written, will try again: ${String(error)}`);
        for (const message of this.gathered) message.working();
        await new Promise((resolve) => setTimeout(resolve, retryMilliseconds));
      }
    }
  }

  private async keep(batch: readonly JsMsg[]): Promise<void> {
    const read = batch.map((message) => ({ message, ...readEvent(message) }));
    try {
      await this.append(read);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      // The database is there and will not take the batch. One event of it must not stop the others.
      for (const one of read) {
        await this.append([one]).catch(async (cause: unknown) => {
          if (cause instanceof Refusal) throw cause;
          await this.append([{ message: one.message, reason: `cannot be stored: ${String(cause)}` }]);
        });
      }
    }
  }

  private async append(read: readonly ReadMessage[]): Promise<void> {
    const events = read.flatMap(({ event }) => (event ? [event] : []));
    const rejected = read.flatMap(({ message, reason }): RejectedMessage[] =>
      reason === undefined ? [] : [{ streamSeq: message.seq, subject: message.subject, reason, body: textOf(message) }],
    );
    await this.events.append(events, rejected);
    for (const { streamSeq, subject, reason } of rejected) {
      this.report(`message ${streamSeq} on ${subject} was put aside: ${reason}`);
    }
    for (const service of new Set(events.map((event) => event.service))) {
      const ids = events.filter((event) => event.service === service).map((event) => event.id);
      this.bus.connection.publish(committedSubject(service), JSON.stringify(ids));
    }
    for (const { message, event } of read) {
      if (event) message.ack();
      else message.term('no event');
    }
  }
}

interface ReadMessage {
  message: JsMsg;
  event?: AuditEvent;
  reason?: string;
}

/** An event, or why a message is none. The subject is what NATS let the publisher use, so it is what tells who speaks. */
export function readEvent(message: Pick<JsMsg, 'subject' | 'data'>): { event?: AuditEvent; reason?: string } {
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(message.data));
  } catch {
    return { reason: 'not JSON' };
  }
  const parsed = CloudEvent.safeParse(body);
  if (!parsed.success) return { reason: `not a CloudEvent of ours: ${parsed.error.issues[0]?.path.join('.')}` };
  const { data, id } = parsed.data;
  if (data.id !== id) return { reason: 'its ids differ' };
  if (eventSubject(data) !== message.subject)
    return { reason: 'its subject names another organization, service or action' };
  return { event: data };
}

const textOf = (message: JsMsg): string =>
  Buffer.from(message.data).toString('utf8').replaceAll('\0', '\uFFFD').slice(0, 65_536);
