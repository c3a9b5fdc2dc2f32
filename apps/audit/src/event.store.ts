import { Injectable } from '@nestjs/common';
import { type AuditEvent, type RequestOf, type Audit } from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';

export type EventFilter = Omit<RequestOf<typeof Audit.list>, 'limit' | 'cursor'> & {
  organizationId: string;
  /** Whether events that are nobody's are shown as well. */
  installation: boolean;
  /** Only events with a lower index. */
  before?: number | undefined;
};

export interface RejectedMessage {
  streamSeq: number;
  subject: string;
  reason: string;
  body: string;
}

/** The only file that knows the tables. The record is append-only: nothing here updates or deletes an event. */
@Injectable()
export class EventStore {
  constructor(private readonly database: Database) {}

  /** Keeps the events that are not kept yet, in the order given, and what was rejected beside them; all in one transaction. */
  async append(events: readonly AuditEvent[], rejected: readonly RejectedMessage[]): Promise<void> {
    await this.database.transaction(async ({ manager }) => {
      const [head] = await manager.query<{ size: string }[]>('select size from log_size for update');
      if (!head) throw new Error('log_size has no row');
      const appended = await manager.query<unknown[]>(insertEvents, [JSON.stringify(events), head.size]);
      await manager.query('update log_size set size = size + $1', [appended.length]);
      for (const { streamSeq, subject, reason, body } of rejected) {
        await manager.query(
          'insert into rejected (stream_seq, subject, reason, body) values ($1, $2, $3, $4) on conflict do nothing',
          [streamSeq, subject, reason, body],
        );
      }
    });
  }

  /** Newest first, at most `limit`, each with its index. */
  list(filter: EventFilter, limit: number): Promise<{ index: number; event: AuditEvent }[]> {
    const values: unknown[] = [filter.organizationId];
    const conditions = [
      filter.installation ? '(organization_id = $1 or organization_id is null)' : 'organization_id = $1',
    ];
    const where = (condition: (parameter: string) => string, value: unknown): void => {
      if (value === undefined) return;
      values.push(value);
      conditions.push(condition(`$${values.length}`));
    };
    where((p) => `leaf_index < ${p}`, filter.before);
    where((p) => `(actor_id = ${p} or credential_id = ${p})`, filter.actor);
    where((p) => `action = ${p}`, filter.action);
    where((p) => `(resource_id = ${p} or resource_kind = ${p})`, filter.resource);
    where((p) => `outcome = ${p}`, filter.outcome);
    where((p) => `time >= ${p}`, filter.since);
    where((p) => `time < ${p}`, filter.until);
    where((p) => `request_id = ${p}`, filter.request_id);
    where((p) => `position(lower(${p}) in lower(body::text)) > 0`, filter.q);
    return this.database.read(async (manager) => {
      const rows = await manager.query<{ leaf_index: string; body: AuditEvent }[]>(
        `select leaf_index, body from event where ${conditions.join(' and ')} order by leaf_index desc limit ${limit}`,
        values,
      );
      return rows.map((row) => ({ index: Number(row.leaf_index), event: row.body }));
    });
  }

  read(organizationId: string, installation: boolean, id: string): Promise<AuditEvent | undefined> {
    return this.database.read(async (manager) => {
      const [row] = await manager.query<{ body: AuditEvent }[]>(
        'select body from event where id = $2 and (organization_id = $1 or (organization_id is null and $3))',
        [organizationId, id, installation],
      );
      return row?.body;
    });
  }
}

/** Repeats, in the batch or in the table, are dropped before an index is given: so indexes stay dense. */
const insertEvents = `
  insert into event (leaf_index, id, time, organization_id, action, outcome, actor_id, credential_id, resource_kind, resource_id, request_id, body)
  select $2::bigint + row_number() over (order by position) - 1,
         body->>'id', (body->>'time')::timestamptz, body->>'organization_id', body->>'action', body->>'outcome',
         body->'actor'->>'id', body->'actor'->>'credential_id', body->'resource'->>'kind', body->'resource'->>'id',
         body->>'request_id', body
    from (select distinct on (body->>'id') body, position
            from jsonb_array_elements($1::jsonb) with ordinality as incoming (body, position)
           order by body->>'id', position) as batch
   where not exists (select from event kept where kept.id = batch.body->>'id')
  returning 1`;
