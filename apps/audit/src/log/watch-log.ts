import { type Companion, Recurring } from '@portcullis/bus';
import { tileHashes } from '@portcullis/merkle-log';
import { type Database } from '@portcullis/persistence';
import { type CheckLog, LogDamaged } from './check-log.js';
import { type Log } from './log.js';

/** A minute's share: 4,096 events are read again, so a million take four hours. */
const everyMilliseconds = 60_000;
const tilesAtOnce = 16;

/**
 * Holds the log against what was signed, while it runs: each minute the head, a checkpoint that was kept, and the next stretch of leaves and
 * events, round and round; one replica at a time. What is wrong is an event, a metric and a line in the log; the service goes on, for
 * what is appended is signed over what is there, and whoever kept a checkpoint sees the rest.
 */
export class WatchLog implements Companion {
  private readonly checking: Recurring;

  constructor(
    private readonly database: Database,
    private readonly log: Log,
    private readonly check: CheckLog,
    private readonly report: (line: string) => void,
  ) {
    this.checking = new Recurring(() => this.turn(), {
      everyMilliseconds,
      mayRun: () => true,
      failed: (error) => report(`the log could not be checked, will try again: ${String(error)}`),
    });
  }

  start(): void {
    this.checking.start();
  }

  stop(): Promise<void> {
    return this.checking.stop();
  }

  /** One share, unless another replica is at it. Also the time at which the log's key may be due. */
  async turn(): Promise<void> {
    await this.log.renew(undefined);
    await this.database.transaction(async (tx) => {
      const turn = await this.log.store.takeCheck(tx.manager);
      if (!turn) return;
      const now = this.database.now();
      const { size } = await this.log.store.head();
      const to = Math.min(size, turn.next + tilesAtOnce * tileHashes);
      const damage = await this.damageIn(Math.min(turn.next, to), to);
      const isThrough = to === size;
      await this.log.store.noteChecked(tx.manager, isThrough ? 0 : to, isThrough && !damage ? now : null);
      if (!damage || turn.isDamaged) return;
      const { index, message } = damage;
      await this.log.store.noteDamage(tx.manager, { index, what: message, at: now });
      await tx.owe({
        organization_id: null,
        action: 'log.damaged',
        outcome: 'failure',
        resource: { kind: 'audit-log', id: null },
        details: { index, what: message },
      });
      this.report(`THE AUDIT LOG IS DAMAGED from index ${index} on: ${message}`);
    });
  }

  private async damageIn(from: number, to: number): Promise<LogDamaged | null> {
    try {
      await this.check.headIsSigned(await this.log.store.head());
      await this.check.checkpointUpTo(to);
      await this.check.leaves(Math.floor(from / tileHashes), Math.floor(to / tileHashes));
      await this.check.events(from, to);
      return null;
    } catch (error) {
      if (error instanceof LogDamaged) return error;
      throw error;
    }
  }
}
