import { type Companion, Recurring } from '@portcullis/bus';
import { type Database } from '@portcullis/persistence';
import { RetentionStore } from './retention.store.js';

/** How many events one turn looks at: a transaction of some tens of milliseconds. */
export const turnEvents = 1_000;
/** While there is more, a turn a second: what appends need is left to them, and 80 million events a day still go. */
const everyMilliseconds = 1_000;
/** Each turn that dropped something is an event, so one that has caught up gathers an hour's. */
const restMilliseconds = 3_600_000;
const dayMilliseconds = 86_400_000;
/** Further apart than this, one of the two clocks is wrong. */
const apartMilliseconds = 300_000;
/** A turn that comes later than this after the last waits for a day: nobody knows whether the time has passed or the clock has jumped. */
const gapMilliseconds = 2 * dayMilliseconds;

export interface DropBodiesOptions {
  /** The term. Undefined: events are kept for ever. */
  readonly days: number | undefined;
  readonly report: (line: string) => void;
  /** Instead of the clock of Postgres. */
  readonly postgresNow?: () => Date;
}

/**
 * Drops what events say once they are older than the term: body and salt, as erasing does. Leaves, tiles and checkpoints stay, and with
 * them every proof. A turn is one transaction: what it dropped, how far it came and the event that says so are written together or not
 * at all, and one replica at a time has it.
 */
export class DropBodies implements Companion {
  private readonly store: RetentionStore;
  private readonly turns: Recurring;
  private restsUntil = -Infinity;

  constructor(
    private readonly database: Database,
    private readonly options: DropBodiesOptions,
  ) {
    this.store = new RetentionStore(database);
    let troubled = false;
    this.turns = new Recurring(
      async () => {
        const rest = await this.turn();
        this.restsUntil = performance.now() + rest;
        troubled = false;
      },
      {
        everyMilliseconds,
        mayRun: () => performance.now() >= this.restsUntil,
        failed: (error) => {
          if (!troubled)
            options.report(`bodies past their term could not be dropped, will try again: ${String(error)}`);
          troubled = true;
        },
      },
    );
  }

  start(): void {
    if (this.options.days !== undefined) this.turns.start();
  }

  stop(): Promise<void> {
    return this.turns.stop();
  }

  /** One share, if it is time for one and nobody else is at it. Answers how many milliseconds there is nothing to do. */
  async turn(): Promise<number> {
    const { days } = this.options;
    if (days === undefined) return Infinity;
    return this.database.transaction(async (tx) => {
      const turn = await this.store.take(tx.manager);
      if (!turn) return 0;
      const [own, theirs] = [this.database.now(), this.options.postgresNow?.() ?? turn.now];
      if (Math.abs(own.getTime() - theirs.getTime()) > apartMilliseconds) {
        this.options.report(
          `nothing is dropped by its term while clocks differ: it is ${own.toISOString()} here and ${theirs.toISOString()} at Postgres`,
        );
        return restMilliseconds;
      }
      const now = own < theirs ? own : theirs;
      const wait = (turn.dueAt?.getTime() ?? 0) - now.getTime();
      // A longer wait nobody has asked for: a clock was set back.
      if (wait > 0 && wait <= dayMilliseconds) return Math.min(wait, restMilliseconds);
      if (turn.ranAt && now.getTime() - turn.ranAt.getTime() > gapMilliseconds) {
        const until = new Date(now.getTime() + dayMilliseconds);
        this.options.report(
          `nothing is dropped by its term before ${until.toISOString()}: it was last looked for on ${turn.ranAt.toISOString()}, so a clock may have jumped`,
        );
        await this.store.noteTurn(tx.manager, turn.next, now, until);
        return restMilliseconds;
      }
      const before = new Date(now.getTime() - days * dayMilliseconds);
      const { dropped, next, isThrough } = await this.store.expire(
        tx.manager,
        { from: turn.next, before, now },
        turnEvents,
      );
      const rest = isThrough ? restMilliseconds : 0;
      await this.store.noteTurn(tx.manager, next, now, isThrough ? new Date(now.getTime() + rest) : null);
      if (dropped > 0)
        await tx.owe({
          organization_id: null,
          action: 'record.expired',
          resource: { kind: 'audit-events', id: null },
          details: { from: turn.next, to: next, dropped, days },
        });
      return rest;
    });
  }

  /** Below which index the bodies are gone, and when a turn was last taken. Null: they are kept for ever. */
  async state(): Promise<{ days: number; dropped_below: number; ran_at: string | null } | null> {
    const { days } = this.options;
    if (days === undefined) return null;
    const { next, ranAt } = await this.store.state();
    return { days, dropped_below: next, ran_at: ranAt?.toISOString() ?? null };
  }
}
