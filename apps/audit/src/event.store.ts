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

export interface FoundEvents {
  found: { index: number; event: AuditEvent }[];
  /** Set when older events were not looked through: every match from this index on is in `found`. */
  examinedDownTo?: number;
}

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

  /**
   * Keeps the events that are not kept yet, in the order given, and what was rejected beside them; all in one transaction.
   * Answers those that are not kept because their id is that of another service's event.
   */
  append(events: readonly AuditEvent[], rejected: readonly RejectedMessage[]): Promise<AuditEvent[]> {
    return this.database.transaction(async ({ manager }) => {
      const taken: AuditEvent[] = [];
      if (events.length > 0) {
        const [head] = await manager.query<{ size: string }[]>('select size from log_size for update');
        if (!head) throw new Error('log_size has no row');
        const batch = JSON.stringify(events);
        const appended = await manager.query<unknown[]>(insertEvents, [batch, head.size]);
        await manager.query('update log_size set size = size + $1', [appended.length]);
        for (const { position } of await manager.query<{ position: number }[]>(findTaken, [batch])) {
          const event = events[position];
          if (event) taken.push(event);
        }
      }
      for (const { streamSeq, subject, reason, body } of rejected) {
        await manager.query(
          'insert into rejected (stream_seq, subject, reason, body) values ($1, $2, $3, $4) on conflict do nothing',
          [streamSeq, storable(subject), storable(reason), storable(body)],
        );
      }
      return taken;
    });
  }

  /** Newest first, at most `limit`, each with its index. A search for text looks through the newest `maxExamined` that the other filters leave. */
  list(filter: EventFilter, limit: number, maxExamined: number): Promise<FoundEvents> {
    const { text, values } = listStatement(filter, limit, maxExamined);
    return this.database.read(async (manager) => {
      const rows = await manager.query<{ leaf_index: string | null; body: AuditEvent | null; last?: string | null }[]>(
        text,
        values,
      );
      const found = rows.flatMap(({ leaf_index, body }) => (body ? [{ index: Number(leaf_index), event: body }] : []));
      const last = rows[0]?.last ?? null;
      return last === null ? { found } : { found, examinedDownTo: Number(last) };
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

/**
 * Whether a batch was refused for what an event says: a value out of range (SQLSTATE class 22) or beyond a limit of the
 * server (54). Everything else, a lock or a missing table as well, is the server's trouble and passes.
 */
export function isUnstorable(error: unknown): boolean {
  const code: unknown = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' && /^(22|54)/.test(code);
}

/** Repeats, in the batch or in the table, are dropped before an index is given: so indexes stay dense. */
const insertEvents = `
  insert into event (leaf_index, id, time, organization_id, action, outcome, actor_id, credential_id,
                     resource_kind, resource_id, request_id, body)
  select $2::bigint + row_number() over (order by position) - 1,
         body->>'id', (body->>'time')::timestamptz, body->>'organization_id', body->>'action', body->>'outcome',
         body->'actor'->>'id', body->'actor'->>'credential_id', body->'resource'->>'kind', body->'resource'->>'id',
         body->>'request_id', body
    from (select distinct on (body->>'id') body, position
            from jsonb_array_elements($1::jsonb) with ordinality as incoming (body, position)
           order by body->>'id', position) as batch
   where not exists (select from event kept where kept.id = batch.body->>'id')
  returning 1`;

/** An id is its service's that said it first. A repeat by that service is a repeat, whatever it says. */
const findTaken = `
  select (position - 1)::int as position
    from jsonb_array_elements($1::jsonb) with ordinality as incoming (body, position)
    join event kept on kept.id = incoming.body->>'id'
   where kept.body->>'service' <> incoming.body->>'service'`;

type Condition = (parameter: (value: unknown) => string) => string;

/**
 * Each "or" is written as branches that share no event, and each branch stops at its own limit: so that every branch is one
 * walk along one index. A filter on an indexed expression must repeat it as the migration has it.
 */
function listStatement(filter: EventFilter, limit: number, maxExamined: number): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  const parameter = (value: unknown): string => `$${values.push(value)}`;
  const given = (value: unknown, condition: Condition): Condition[] => (value === undefined ? [] : [condition]);
  const is =
    (expression: string, value: unknown): Condition =>
    (p) =>
      `${expression} = ${p(value)}`;

  const readers = [filter.organizationId, ...(filter.installation ? ['installation'] : [])].map((reader) =>
    is('reader', reader),
  );
  const { actor, resource } = filter;
  const actors: Condition[][] =
    actor === undefined
      ? [[]]
      : [
          [is('left(actor_id, 128)', actor)],
          [is('left(credential_id, 128)', actor), (p) => `left(actor_id, 128) is distinct from ${p(actor)}`],
        ];
  const resources: Condition[][] =
    resource === undefined
      ? [[]]
      : [
          [is('left(resource_id, 128)', resource)],
          [is('left(resource_kind, 128)', resource), (p) => `left(resource_id, 128) is distinct from ${p(resource)}`],
        ];
  const everywhere: Condition[] = [
    ...given(filter.before, (p) => `leaf_index < ${p(filter.before)}`),
    ...given(filter.action, is('action', filter.action)),
    ...given(filter.outcome, is('outcome', filter.outcome)),
    ...given(filter.since, (p) => `time >= ${p(filter.since)}`),
    ...given(filter.until, (p) => `time < ${p(filter.until)}`),
    ...given(filter.request_id, is('left(request_id, 129)', filter.request_id)),
  ];

  const take = filter.q === undefined ? limit : maxExamined;
  const branches = readers.flatMap((reader) =>
    actors.flatMap((byActor) =>
      resources.map((byResource) => {
        const conditions = [reader, ...byActor, ...byResource, ...everywhere].map((condition) => condition(parameter));
        return `(select leaf_index from event where ${conditions.join(' and ')} order by leaf_index desc limit ${take})`;
      }),
    ),
  );
  const chosen = `select * from (${branches.join(' union all ')}) as branch order by leaf_index desc limit ${take}`;
  // Bodies are looked up one by one: a join would have the planner read the whole table for a page of a search.
  const candidates = `select leaf_index, (select body from event where leaf_index = chosen.leaf_index) as body from (${chosen}) as chosen`;
  if (filter.q === undefined) return { text: `${candidates} order by leaf_index desc`, values };
  return {
    // The last index examined is told with or without a match, so the one row that tells it stands to the left.
    text: `with candidate as materialized (${candidates}),
      examined as (select case when count(*) = ${take} then min(leaf_index) end as last from candidate)
      select match.*, examined.last
        from examined left join (
          select leaf_index, body from candidate
           where position(lower(${parameter(filter.q)}) in lower(${searchable})) > 0
           order by leaf_index desc limit ${limit}
        ) as match on true
       order by leaf_index desc`,
    values,
  };
}

/** What a search for text looks through: what an event says, without the names of its fields. */
const searchable = `concat_ws(e'\\n', body->>'id', body->>'service', body->>'action', body->>'reason', body->'actor'->>'id',
  body->'actor'->>'credential_id', body->'resource'->>'kind', body->'resource'->>'id', body->>'request_id',
  body->>'client_ip', body->>'details')`;

const maxKeptCharacters = 65_536;

/** Text as Postgres takes it, cut to what helps a person. */
const storable = (text: string): string => text.replaceAll('\0', '\uFFFD').slice(0, maxKeptCharacters);
