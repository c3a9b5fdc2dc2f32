import { type OwedEvent, type AuditEvent } from '@portcullis/contracts';
import { type Marker } from '@portcullis/enforcement';

/**
 * A change, its marker and its events as the `with` queries of one statement, which is a transaction by itself: one way to the
 * server and back, where `Database.transaction` goes six. For what callers wait for; READ COMMITTED, as everywhere.
 */
export class Statement {
  readonly values: unknown[] = [];
  readonly owed: OwedEvent[] = [];

  constructor(private readonly complete: (event: OwedEvent) => AuditEvent) {}

  /** The place of a value in the text. */
  value(value: unknown): string {
    return `$${this.values.push(value)}`;
  }

  /**
   * `marked`, whose row has the `seq` of the marker; none where `source` has no row. `source` is what was locked to be changed: so
   * that all take that lock first and the place in the order of revocations, which is held until the commit, last.
   */
  mark(source: string, { scope, id, effect, keepMs, epoch }: Omit<Marker, 'seq'>): string {
    const values = [scope, id, effect].map((value) => this.value(value)).join(', ');
    return `
      head as (update enforcement_head set last_seq = last_seq + 1 from ${source} returning last_seq),
      marked as (insert into marker (seq, scope, subject, effect, keep_ms, epoch)
                 select last_seq, ${values}, ${this.value(keepMs ?? null)}::bigint, ${this.value(epoch ?? null)}::bigint
                   from head returning seq)`;
  }

  /** `owed`: those of the events are owed whose resource is the `id` of a row of `source`. */
  owe(source: string, events: readonly OwedEvent[]): string {
    this.owed.push(...events);
    const complete = JSON.stringify(events.map((event) => this.complete(event)));
    return `
      owed as (insert into outbox (id, event)
               select event->>'id', event from jsonb_array_elements(${this.value(complete)}::jsonb) event
                where exists (select from ${source} where ${source}.id = event->'resource'->>'id'))`;
  }
}

/**
 * To be selected from, or returned by, whatever writes: the commit then does not wait for the disk, and a server that crashes may lose it.
 * Only for what is found missing and done again by itself. An event that is owed along with it is published by nobody before it
 * is safe: the relay's own claim is waited for, and what was committed before that is on the disk with it.
 */
export const unwaited = `set_config('synchronous_commit', 'off', true)`;
