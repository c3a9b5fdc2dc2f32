import { type Companion, Recurring } from '@portcullis/bus';
import { type Database } from '@portcullis/persistence';
import { type LogStore } from './log/log.store.js';

/** Neighbouring events whose earliest and latest time are written down together. */
const stretchEvents = 1_024;
const everyMilliseconds = 5_000;
/** A quarter of a million events: some tenths of a second, when a record of before is gone through. */
const stretchesAtOnce = 256;

/** The index from which on no times are written yet: there, a search by time looks at the events themselves. */
export const unwrittenFrom = `(select coalesce(max(number) + 1, 0) * ${stretchEvents} from stretch)`;

/** No event of `since` or later has a lower index. */
export const firstIndexSince = (since: string): string =>
  `coalesce((select min(number) * ${stretchEvents} from stretch where latest >= ${since}), ${unwrittenFrom})`;

/** Of the indexes below {@link unwrittenFrom}, none from this one on has an event of before `until`. */
export const endIndexBefore = (until: string): string =>
  `coalesce((select (max(number) + 1) * ${stretchEvents} from stretch where earliest < ${until}), 0)`;

/** Writes the times of stretches down, beside the appends, which need not wait for it. Replicas write the same. */
export class NoteTimes implements Companion {
  private readonly noting: Recurring;

  constructor(
    private readonly database: Database,
    private readonly log: LogStore,
    report: (line: string) => void,
  ) {
    this.noting = new Recurring(() => this.turn(), {
      everyMilliseconds,
      mayRun: () => true,
      failed: (error) => report(`the times of events could not be written down, will try again: ${String(error)}`),
    });
  }

  start(): void {
    this.noting.start();
  }

  stop(): Promise<void> {
    return this.noting.stop();
  }

  /** Some stretches; more at once if many are owed. */
  async turn(): Promise<void> {
    const { size } = await this.log.head();
    const written = await this.database.read(async (manager) => {
      const rows = await manager.query<unknown[]>(
        `with next as (select coalesce(max(number) + 1, 0) as number from stretch)
         insert into stretch (number, earliest, latest)
         select given.number, times.earliest, times.latest
           from next cross join lateral generate_series(next.number, least(next.number + ${stretchesAtOnce}, $1) - 1) as given (number)
             cross join lateral (select min(time) as earliest, max(time) as latest from event
               where leaf_index >= given.number * ${stretchEvents} and leaf_index < (given.number + 1) * ${stretchEvents}) as times
         on conflict do nothing returning number`,
        [Math.floor(size / stretchEvents)],
      );
      return rows.length;
    });
    if (written === stretchesAtOnce) this.noting.kick();
  }
}
