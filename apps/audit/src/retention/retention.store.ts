import { type Action } from '@portcullis/contracts';
import { type Database } from '@portcullis/persistence';
import { type EntityManager } from 'typeorm';

/** What tells why a body is not there: it outlives what it tells of. */
const kept: readonly Action[] = ['record.erased', 'record.expired'];

/** How far bodies have been dropped, and when it is time for more. */
export interface RetentionTurn {
  readonly next: number;
  readonly dueAt: Date | null;
  readonly ranAt: Date | null;
  /** By the clock of Postgres. */
  readonly now: Date;
}

/** What one turn did: it looked at the indexes below `next`. */
export interface Expired {
  readonly dropped: number;
  readonly next: number;
  /** False: it ended because so many were looked at, and there is more. */
  readonly isThrough: boolean;
}

/** Takes bodies away whose term is over. */
export class RetentionStore {
  constructor(private readonly database: Database) {}

  /** Whose turn it is, if nobody else takes bodies away now. */
  async take(manager: EntityManager): Promise<RetentionTurn | undefined> {
    const [row] = await manager.query<{ next_index: string; due_at: Date | null; ran_at: Date | null; now: Date }[]>(
      'select next_index, due_at, ran_at, clock_timestamp() as now from retention for update skip locked',
    );
    return row && { next: Number(row.next_index), dueAt: row.due_at, ranAt: row.ran_at, now: row.now };
  }

  /**
   * Drops body and salt of events from an index on, in the order of the log, and keeps in mind that they were there. Looks at no more than
   * `limit`, ends before the first that is not older than `before`, and leaves alone what the log did not have by then: the younger of
   * the two clocks counts, so that neither can take away what is young. Of a time still to come only the log's counts.
   */
  async expire(
    manager: EntityManager,
    { from, before, now }: { from: number; before: Date; now: Date },
    limit: number,
  ): Promise<Expired> {
    const [row] = await manager.query<{ dropped: number; next: string; through: boolean }[]>(
      `with held as materialized (
         select coalesce(greatest(
           (select size from log_head where signed_at < $2),
           (select size from checkpoint where signed_at < $2 order by signed_at desc limit 1)), 0) as size),
       looked as materialized (
         select leaf_index, time, action from event
          where leaf_index >= $1 and leaf_index < (select size from held) order by leaf_index limit ${limit}),
       young as (select min(leaf_index) as index from looked where time >= $2 and time <= $3),
       chosen as (
         select leaf_index from looked
          where leaf_index < coalesce((select index from young), (select size from held)) and action <> all($4)),
       gone as (
         delete from event using chosen where event.leaf_index = chosen.leaf_index
         returning event.leaf_index, event.id, event.body->>'service' as service, event.reader),
       noted as (
         insert into erased (leaf_index, id, service, reader, erased_at, erased_by)
         select leaf_index, id, service, reader, $3, null from gone),
       filled as (select count(*) = ${limit} and (select index from young) is null as has_more, max(leaf_index) as last from looked)
       select (select count(*)::int from gone) as dropped, not has_more as through,
              greatest($1, coalesce((select index from young), case when has_more then last + 1 end, (select size from held))) as next
         from filled`,
      [from, before, now, kept],
    );
    if (!row) throw new Error('nothing was answered');
    return { dropped: row.dropped, next: Number(row.next), isThrough: row.through };
  }

  async noteTurn(manager: EntityManager, next: number, ran: Date, dueAt: Date | null): Promise<void> {
    await manager.query('update retention set next_index = $1, ran_at = $2, due_at = $3', [next, ran, dueAt]);
  }

  /** For who watches it. */
  async state(): Promise<{ next: number; ranAt: Date | null }> {
    const [row] = await this.database.read((manager) =>
      manager.query<{ next_index: string; ran_at: Date | null }[]>('select next_index, ran_at from retention'),
    );
    if (!row) throw new Error('retention has no row');
    return { next: Number(row.next_index), ranAt: row.ran_at };
  }
}
