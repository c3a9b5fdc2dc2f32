import { jetstream, type JetStreamClient } from '@nats-io/jetstream';
import { type AuditEvent, eventSubject, toCloudEvent } from '@portcullis/contracts';
import { type Bus } from './bus.js';
import { listen } from './listen.js';
import { type OutboxState } from './outbox-state.js';
import { Recurring } from './recurring.js';

/** What the relay asks of the outbox. The rows are the truth until `audit` has said that it keeps the events. */
export interface Outbox {
  /** Up to `limit` events that are due, oldest first, each taken by one replica alone for the time that publishing may take. */
  claim(limit: number): Promise<readonly AuditEvent[]>;
  /** Makes claimed events due again at once: publishing failed. */
  release(ids: readonly string[]): Promise<void>;
  /** Forgets events that `audit` keeps. Unknown ids are no fault: another replica was faster. */
  settle(ids: readonly string[]): Promise<void>;
  /** How much is owed, since when, and how much may be. */
  state(): Promise<OutboxState>;
  /** Calls back after each commit that owes an event. */
  onOwed(listener: () => void): void;
}

const batchSize = 200;
const idleMilliseconds = 1_000;
/**
 * How long after a commit what it owes is published, with all that comes meanwhile: a claim, a transaction of `audit` and a row's end
 * for all of them together. Whoever waits for the answer to that commit, a revocation above all, has the disk to itself until then.
 */
const gatherMilliseconds = 25;
const publishMilliseconds = 3_000;
/** An event that is owed for longer is late, and said so as often: also where NATS is away and nobody can ask. */
const lateSeconds = 60;

/**
 * Carries events from a service's outbox to JetStream. An event is published with its id as message id, right after its
 * commit, and again until `audit` reports its leaf committed: JetStream flushes lazily, so its ack alone is no proof.
 */
export class OutboxRelay {
  private readonly stream: JetStreamClient;
  private readonly draining: Recurring;
  private readonly watching: Recurring;
  private gathering: NodeJS.Timeout | undefined;

  constructor(
    private readonly bus: Bus,
    private readonly outbox: Outbox,
    private readonly report: (line: string) => void,
  ) {
    this.stream = jetstream(bus.connection);
    this.draining = new Recurring(() => this.drain(), {
      everyMilliseconds: idleMilliseconds,
      mayRun: () => bus.connected,
      failed: (error) => report(`outbox: will try again: ${String(error)}`),
    });
    this.watching = new Recurring(() => this.tellLate(), {
      everyMilliseconds: lateSeconds * 1_000,
      mayRun: () => true,
      failed: (error) => report(`outbox: cannot be counted: ${String(error)}`),
    });
  }

  start(): void {
    this.outbox.onOwed(() => {
      this.gathering ??= setTimeout(() => this.publishDue(), gatherMilliseconds);
    });
    const failed = (cause: unknown): void => this.report(`outbox: ${String(cause)}`);
    listen(this.bus.connection, committedSubject(this.bus.service), { queue: this.bus.service, failed }, (message) =>
      this.outbox.settle(message.json<string[]>()),
    );
    this.draining.start();
    this.watching.start();
  }

  /** Publishes what is due, then stops. */
  async stop(): Promise<void> {
    if (this.gathering) this.publishDue();
    await Promise.all([this.draining.stop(), this.watching.stop()]);
  }

  private async tellLate(): Promise<void> {
    const { events, oldest_seconds: oldest, bound } = await this.outbox.state();
    if (oldest === null || oldest < lateSeconds) return;
    this.report(
      `outbox: ${events} of at most ${bound} events wait to be kept by audit, the oldest for ${oldest.toFixed(0)} s`,
    );
  }

  private publishDue(): void {
    clearTimeout(this.gathering);
    this.gathering = undefined;
    this.draining.kick();
  }

  private async drain(): Promise<void> {
    for (;;) {
      const events = await this.outbox.claim(batchSize);
      const failed = (await Promise.all(events.map((event) => this.publish(event)))).filter((id) => id !== null);
      if (failed.length > 0) {
        await this.outbox.release(failed);
        throw new Error(`${failed.length} of ${events.length} events were not taken by the stream`);
      }
      if (events.length < batchSize) return;
    }
  }

  /** The id of an event that could not be published, or null. */
  private async publish(event: AuditEvent): Promise<string | null> {
    try {
      await publishEvent(this.stream, event);
      return null;
    } catch {
      return event.id;
    }
  }
}

/** Puts one event on the stream, once within JetStream's window; `audit` drops later repeats for ever. */
export async function publishEvent(stream: JetStreamClient, event: AuditEvent): Promise<void> {
  await stream.publish(eventSubject(event), JSON.stringify(toCloudEvent(event)), {
    msgID: event.id,
    timeout: publishMilliseconds,
  });
}

/** Where `audit` says which events of a service it keeps. */
export const committedSubject = (service: string): string => `committed.${service}`;
