import { type ConsumerMessages, jetstream, type JsMsg } from '@nats-io/jetstream';
import { type NatsConnection } from '@nats-io/transport-node';
import { type Bus } from './bus.js';

/** What is done with the messages of one durable consumer. */
export interface StreamWork {
  readonly stream: string;
  readonly consumer: string;
  /** Messages in hand at once. */
  readonly maxMessages: number;
  /** Comes before the first message, and is tried until it succeeds. */
  readonly prepare?: () => Promise<void>;
  /** Is shown each message as it comes: work on it that needs no batch is done while the batch before is being written. */
  readonly arrived?: (message: JsMsg) => void;
  /** From the front, as many as one transaction should hold; of none, none. */
  readonly batchOf: (gathered: readonly JsMsg[]) => readonly JsMsg[];
  /** Keeps and commits a batch, then answers its messages. Rejects as long as nothing was answered: it is tried again. */
  readonly keep: (batch: readonly JsMsg[]) => Promise<void>;
  /** What is reported: the stream is away (with the cause), nothing can be kept (with the cause), and that it can be again. */
  readonly words: { readonly unfollowed: string; readonly unkept: string; readonly keptAgain: string };
}

const retryMilliseconds = 500;
/** How long a pull request stands. Half of it without a sign of the server and the stream is asked for anew. */
const pullMilliseconds = 5_000;

/**
 * Takes messages in as they come and has them kept in batches of whatever has gathered while the last one was: a message alone waits for
 * nothing, a flood shares its transactions. Nothing is acknowledged before it is committed, so nothing is lost however long that takes.
 */
export class GatheredStream {
  private readonly gathered: JsMsg[] = [];
  private connection: NatsConnection | undefined;
  private messages: ConsumerMessages | undefined;
  private following: Promise<void> | undefined;
  private writing: Promise<void> | undefined;
  private stopped = false;
  private troubled = false;

  constructor(
    private readonly bus: Bus,
    private readonly work: StreamWork,
    private readonly report: (line: string) => void,
  ) {}

  /** Begins. A stream that is not there yet is waited for. */
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
    if (this.connection && !this.connection.isClosed()) await this.connection.drain();
  }

  /** Says something of the batch in hand; it is on its way before any answer that is given to a message after it. */
  publish(subject: string, body: string): void {
    this.connection?.publish(subject, body);
  }

  /** Has what has gathered kept, be it nothing: then `keep` gets an empty batch. */
  kick(): void {
    if (this.stopped) return;
    this.writing ??= this.write().finally(() => {
      this.writing = undefined;
      if (this.gathered.length > 0) this.kick();
    });
  }

  private async follow(): Promise<void> {
    const { stream, consumer, maxMessages, prepare, words } = this.work;
    let isPrepared = false;
    while (!this.stopped && !this.bus.connection.isClosed()) {
      try {
        if (!isPrepared) await prepare?.();
        isPrepared = true;
        if (!this.connection || this.connection.isClosed()) this.connection = await this.bus.connectToStream();
        const followed = await jetstream(this.connection).consumers.get(stream, consumer);
        this.messages = await followed.consume({
          max_messages: maxMessages,
          expires: pullMilliseconds,
          callback: (message) => {
            this.work.arrived?.(message);
            this.gathered.push(message);
            this.kick();
          },
        });
        if (this.stopped) await this.messages.close();
        const fault = await this.messages.closed();
        if (fault) throw fault;
      } catch (error) {
        if (this.stopped) return;
        this.report(`${words.unfollowed}: ${String(error)}`);
        await pause();
      }
    }
  }

  private async write(): Promise<void> {
    const { batchOf, keep, words } = this.work;
    do {
      const batch = batchOf(this.gathered);
      try {
        await keep(batch);
        this.gathered.splice(0, batch.length);
        if (this.troubled) this.report(words.keptAgain);
        this.troubled = false;
      } catch (error) {
        if (!this.troubled) this.report(`${words.unkept}: ${String(error)}`);
        this.troubled = true;
        // Work in progress is said to be so.
        for (const message of this.gathered) message.working();
        await pause();
      }
    } while (this.gathered.length > 0 && !this.stopped);
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, retryMilliseconds));
