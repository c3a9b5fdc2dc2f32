import { type Audit, type RequestOf } from '@portcullis/contracts';
import { type EntityManager } from 'typeorm';

export type EventFilter = Omit<RequestOf<typeof Audit.list>, 'limit' | 'cursor'> & {
  organizationId: string;
  /** Whether events that are nobody's are shown as well. */
  installation: boolean;
  /** Only events with a lower index. */
  before?: number | undefined;
};

/** The order of lists as their indexes have it, which the primary key has not: so that the planner takes one of them. */
export const place = 'leaf_index + 0';

/** Indexes outside of which no event of a search by time is, and between which events of other times may be as well. Of text: the largest is no number. */
interface Between {
  readonly first?: string;
  /** The index behind the last. */
  readonly end?: string;
}

/** Asked before the search and not in it: the planner weighs indexes against a range that it knows. */
export async function indexesBetween(manager: EntityManager, since?: string, until?: string): Promise<Between> {
  if (since === undefined && until === undefined) return {};
  const [row] = await manager.query<Required<Between>[]>(
    `select coalesce((select min(number) from stretch where latest >= $1) * 1024, 9223372036854775807) as first,
            coalesce(((select max(number) from stretch where earliest < $2) + 1) * 1024, 0) as end`,
    [since, until],
  );
  return {
    ...(row && since !== undefined ? { first: row.first } : {}),
    ...(row && until !== undefined ? { end: row.end } : {}),
  };
}

type Condition = (parameter: (value: unknown) => string) => string;

/**
 * Each "or" is written as branches that share no event, and each branch stops at its own limit: so that every branch is one
 * walk along one index. A filter on an indexed expression must repeat it as the migration has it.
 */
export function listStatement(
  filter: EventFilter,
  between: Between,
  limit: number,
  maxExamined: number,
): { text: string; values: unknown[] } {
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
    ...given(filter.before, (p) => `${place} < ${p(filter.before)}`),
    ...given(filter.action, is('action', filter.action)),
    ...given(filter.outcome, is('outcome', filter.outcome)),
    ...given(filter.since, (p) => `time >= ${p(filter.since)}`),
    ...given(between.first, (p) => `${place} >= ${p(between.first)}`),
    ...given(filter.until, (p) => `time < ${p(filter.until)}`),
    ...given(between.end, (p) => `${place} < ${p(between.end)}`),
    ...given(filter.request_id, is('left(request_id, 129)', filter.request_id)),
  ];

  const take = filter.q === undefined ? limit : maxExamined;
  const branches = readers.flatMap((reader) =>
    actors.flatMap((byActor) =>
      resources.map((byResource) => {
        const conditions = [reader, ...byActor, ...byResource, ...everywhere].map((condition) => condition(parameter));
        return `(select leaf_index from event where ${conditions.join(' and ')} order by ${place} desc limit ${take})`;
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
