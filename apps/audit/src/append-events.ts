import { type JsMsg } from '@nats-io/jetstream';
import {
  auditConsumer,
  auditStream,
  type Bus,
  committedSubject,
  type Companion,
  GatheredStream,
} from '@portcullis/bus';
import { type EventStore, isUnstorable, LeavesOwed, type RejectedMessage } from './event.store.js';
import { giveLeaves } from './log/give-leaves.js';
import { type Log } from './log/log.js';
import { readEvent } from './read-event.js';
import { sealEvent, type SealedEvent } from './seal-event.js';

/** Lock, head, tiles and commit cost a batch the same whatever is in it. */
const maxBatchEvents = 1_000;
/** While one batch is written the next is gathered. */
const maxInHand = 2 * maxBatchEvents;
const maxBatchBytes = 8 * 1024 * 1024;

/**
 * Takes events from the stream and keeps each exactly once: kept and committed first, then reported to the service that
 * owes it, then acknowledged. Whatever fails before the acknowledgement is delivered again; a repeat is dropped by its id.
 */
export class AppendEvents implements Companion {
  private readonly gathering: GatheredStream;
  /** What messages say, read and hashed while the batch before them is written. */
  private readonly readings = new WeakMap<JsMsg, ReadMessage>();

  constructor(
    bus: Bus,
    private readonly events: EventStore,
    private readonly log: Log,
    private readonly report: (line: string) => void,
  ) {
    const work = {
      stream: auditStream,
      consumer: auditConsumer,
      maxMessages: maxInHand,
      arrived: (message: JsMsg) => void this.readings.set(message, readMessage(message)),
      batchOf,
      keep: (batch: readonly JsMsg[]) =>
        this.keep(batch.map((message) => this.readings.get(message) ?? readMessage(message))),
      words: {
        unfollowed: 'the stream of events cannot be followed, will try again',
        unkept: 'the record cannot be written, will try until it can',
        keptAgain: 'the record is written again',
      },
    };
    this.gathering = new GatheredStream(bus, work, report);
  }

  /** Begins. A stream that is not there yet is waited for: the record can be read meanwhile. */
  start(): void {
    this.gathering.start();
  }

  /** Finishes the batch in hand and gives the rest back, so that another replica has it at once. */
  stop(): Promise<void> {
    return this.gathering.stop();
  }

  /**
   * Keeps a batch. If it cannot be stored for what is in it, its halves are tried: one event stops no other. Any other
   * fault is not the events', and is thrown: to put them aside then would lose them to a full disk or a slow lock.
   */
  private async keep(read: readonly ReadMessage[]): Promise<void> {
    try {
      await this.append(read);
    } catch (error) {
      if (error instanceof LeavesOwed) {
        await giveLeaves(this.log, this.events, this.report);
        return this.keep(read);
      }
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
    const sealed = read.flatMap((one) => one.sealed ?? []);
    const taken = new Set(await this.events.append(this.log, sealed, read.flatMap(rejection)));
    const judged = read.map((one) =>
      one.sealed && taken.has(one.sealed.event) ? { message: one.message, reason: idTaken } : one,
    );
    if (taken.size > 0) await this.events.append(this.log, [], judged.flatMap(rejection));

    const kept = sealed.map(({ event }) => event).filter((event) => !taken.has(event));
    for (const service of new Set(kept.map((event) => event.service))) {
      const ids = kept.filter((event) => event.service === service).map((event) => event.id);
      this.gathering.publish(committedSubject(service), JSON.stringify(ids));
    }
    for (const { message, sealed: isKept, reason } of judged) {
      if (isKept) message.ack();
      // With a reason nats-server 2.9 would not know the word, and deliver the message for ever.
      else message.term();
      if (reason !== undefined) this.report(`message ${message.seq} on ${message.subject} was put aside: ${reason}`);
    }
  }
}

/** A message and what it says: an event, or why it is none. */
interface ReadMessage {
  message: JsMsg;
  sealed?: SealedEvent;
  reason?: string;
}

function readMessage(message: JsMsg): ReadMessage {
  const read = readEvent(message);
  return { message, ...('event' in read ? sealEvent(read.event) : read) };
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
