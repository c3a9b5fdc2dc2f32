import { actions, type Audit, type RequestOf } from '@portcullis/contracts';
import { endIndexBefore, firstIndexSince, unwrittenFrom } from './stretches.js';

export type EventFilter = Omit<RequestOf<typeof Audit.list>, 'limit' | 'cursor'> & {
  organizationId: string;
  /** Whether events that are nobody's are shown as well. */
  installation: boolean;
  /** Only events with a lower index. */
  before?: number | undefined;
};

type Parameter = (value: unknown) => string;
type Condition = (parameter: Parameter) => string;

/** Readers are told apart in indexes by a number, and for certain by their names. */
export const isReader = (reader: string): string =>
  `hashtextextended(reader, 0) = hashtextextended(${reader}, 0) and reader = ${reader}`;

/**
 * Each "or" is written as branches that share no event, and each branch stops at its own limit: so that every branch is one
 * walk along one index. A filter on an indexed expression must repeat it as the migration has it.
 */
export function listStatement(
  filter: EventFilter,
  limit: number,
  maxExamined: number,
): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  const parameter: Parameter = (value) => `$${values.push(value)}::text`;
  const take = filter.q === undefined ? limit : maxExamined;
  const branches = branchesOf(filter).map((branch) => newestOf(branch, filter, parameter, take));
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

const is =
  (expression: string, value: unknown): Condition =>
  (p) =>
    `${expression} = ${p(value)}`;
const given = (value: unknown, condition: Condition): Condition[] => (value === undefined ? [] : [condition]);

/** One of the ways in which an event may match; it matches in at most one. */
interface Branch {
  readonly reader: string;
  readonly conditions: readonly Condition[];
  /** Whether it is the resource's kind that is asked for, not its id. */
  readonly byKind: boolean;
}

function branchesOf(filter: EventFilter): Branch[] {
  const { organizationId, installation, actor, resource, since, until } = filter;
  const readers = [organizationId, ...(installation ? ['installation'] : [])];
  const actors: Condition[][] =
    actor === undefined
      ? [[]]
      : [
          [is('left(actor_id, 128)', actor)],
          [is('left(credential_id, 128)', actor), (p) => `left(actor_id, 128) is distinct from ${p(actor)}`],
        ];
  const resources: { byKind: boolean; conditions: Condition[] }[] =
    resource === undefined
      ? [{ byKind: false, conditions: [] }]
      : [
          { byKind: false, conditions: [is('left(resource_id, 128)', resource)] },
          {
            byKind: true,
            conditions: [
              is('left(resource_kind, 128)', resource),
              (p) => `left(resource_id, 128) is distinct from ${p(resource)}`,
            ],
          },
        ];
  const times: Condition[][] =
    until === undefined
      ? [[]]
      : [
          [(p) => `leaf_index < ${endIndexBefore(`${p(until)}::timestamptz`)}`, () => `leaf_index < ${unwrittenFrom}`],
          [() => `leaf_index >= ${unwrittenFrom}`],
        ];
  const everywhere: Condition[] = [
    ...given(filter.before, (p) => `leaf_index < ${p(filter.before)}::bigint`),
    ...given(filter.action, is('action', filter.action)),
    ...given(filter.outcome, is('outcome', filter.outcome)),
    ...given(since, (p) => `leaf_index >= ${firstIndexSince(`${p(since)}::timestamptz`)}`),
    ...given(since, (p) => `time >= ${p(since)}::timestamptz`),
    ...given(until, (p) => `time < ${p(until)}::timestamptz`),
    ...given(filter.request_id, is('left(request_id, 129)', filter.request_id)),
  ];
  return readers.flatMap((reader) =>
    actors.flatMap((byActor) =>
      resources.flatMap(({ byKind, conditions }) =>
        times.map((byTime) => ({
          reader,
          byKind,
          conditions: [...byActor, ...conditions, ...byTime, ...everywhere],
        })),
      ),
    ),
  );
}

/** The newest `take` of a branch. Whoever acted and the request are in few events; else actions and kinds, which share an index, have walks of their own. */
function newestOf({ reader, conditions, byKind }: Branch, filter: EventFilter, p: Parameter, take: number): string {
  const known = isReader(p(reader));
  const matching = [known, ...conditions.map((condition) => condition(p))].join(' and ');
  const walk = (alsoIs = ''): string =>
    `(select leaf_index from event where ${matching}${alsoIs} order by leaf_index desc limit ${take})`;
  const walks = (each: string, alsoIs: string): string =>
    `(select leaf_index from ${each} cross join lateral ${walk(` and ${alsoIs}`)} as walk order by leaf_index desc limit ${take})`;

  const { actor, action, request_id, resource } = filter;
  if (actor !== undefined || request_id !== undefined) return walk();
  if (byKind && action === undefined)
    return walks(`unnest(${p(actions)}::text[]) as known (action)`, 'event.action = known.action');
  if (action === undefined || resource !== undefined) return walk();
  const kindBehind = (last: string): string =>
    `(select left(resource_kind, 128) as name from event
       where ${known} and action = ${p(action)} and left(resource_kind, 128) > ${last} order by left(resource_kind, 128) limit 1)`;
  return walks(
    `(with recursive kind (name) as (
        select ${kindBehind("''")} union all select ${kindBehind('kind.name')} from kind where kind.name is not null)
      select name from kind where name is not null) as kind`,
    'left(resource_kind, 128) = kind.name',
  );
}

/** What a search for text looks through: what an event says, without the names of its fields. */
const searchable = `concat_ws(e'\\n', body->>'id', body->>'service', body->>'action', body->>'reason', body->'actor'->>'id',
  body->'actor'->>'credential_id', body->'resource'->>'kind', body->'resource'->>'id', body->>'request_id',
  body->>'client_ip', body->>'details')`;
