import { jetstream, JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import { type Bus, checkpointStream, checkpointSubject, type Companion, Recurring } from '@portcullis/bus';
import { CheckpointError, NoteError, openCheckpoint, type SignedCheckpoint } from '@portcullis/merkle-log';
import { LogDamaged } from './check-log.js';
import { type Log } from './log.js';

const everyMilliseconds = 1_000;
const publishMilliseconds = 3_000;
const attempts = 5;
const pauseMilliseconds = 1_000;
/** There is no such stream, or no message of the subject. */
const absent: readonly number[] = [10059, 10037];

/**
 * Puts the newest checkpoint in a second place, the stream CHECKPOINTS, within a second or so; and looks there at a start. A database that
 * was put back from a backup fits together in itself: only somebody else's memory tells that the log was longer once, and that to go
 * on from there would sign another log under the same name.
 */
export class ExportedCheckpoints implements Companion {
  private readonly publishing: Recurring;
  private published: string | null = null;

  constructor(
    private readonly bus: Bus,
    private readonly log: Log,
    private readonly report: (line: string) => void,
  ) {
    let troubled = false;
    this.publishing = new Recurring(
      async () => {
        await this.publish();
        troubled = false;
      },
      {
        everyMilliseconds,
        mayRun: () => bus.connected,
        failed: (error) => {
          if (!troubled) report(`checkpoints could not be put in their second place, will try again: ${String(error)}`);
          troubled = true;
        },
      },
    );
  }

  start(): void {
    this.publishing.start();
  }

  stop(): Promise<void> {
    return this.publishing.stop();
  }

  /**
   * Throws {@link LogDamaged} if a key of this log has signed, under the name that it is to have, what this database does not begin with.
   * A server that has no such stream, or does not let us read it, is reported: then only what others keep tells.
   */
  async check(name: string | undefined): Promise<void> {
    const { origin, size } = await this.log.store.head();
    const last = await this.last();
    if (last === null || origin === null) return;
    let signed: SignedCheckpoint;
    try {
      signed = openCheckpoint(last, await this.log.keys.trusted(name ?? origin));
    } catch (error) {
      if (!(error instanceof NoteError) && !(error instanceof CheckpointError)) throw error;
      return this.report(`the newest checkpoint on the stream is not of this log: ${error.message}`);
    }
    if (signed.size > size)
      throw new LogDamaged(
        size,
        `The log had ${signed.size} leaves when it was last signed, and the database has ${size}: a backup was put back`,
      );
    if (!(await this.log.treeOf(signed.size)).root().equals(signed.root))
      throw new LogDamaged(
        0,
        `The database does not begin with the ${signed.size} leaves that were signed: it is another's`,
      );
  }

  private async publish(): Promise<void> {
    const { note } = await this.log.store.head();
    if (note === null || note === this.published) return;
    await jetstream(this.bus.connection).publish(checkpointSubject, note, { timeout: publishMilliseconds });
    this.published = note;
  }

  private async last(): Promise<string | null> {
    for (let attempt = 1; ; attempt++) {
      try {
        const manager = await jetstreamManager(this.bus.connection, { checkAPI: false });
        const message = await manager.streams.getMessage(checkpointStream, { last_by_subj: checkpointSubject });
        return message?.string() ?? null;
      } catch (error) {
        if (error instanceof JetStreamApiError && absent.includes(error.code)) return null;
        if (attempt === attempts) {
          this.report(`the checkpoints on the stream could not be read: ${String(error)}`);
          return null;
        }
        await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds));
      }
    }
  }
}
