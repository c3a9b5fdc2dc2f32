import { type Database, type Transaction } from '@portcullis/persistence';
import { type ConfirmChange } from './confirm-change.js';

/** What one run takes up; the next one comes soon. */
const most = 100;
/** Until then it is the process that made a change which confirms it. */
const leftAfterSeconds = 20;

/** What takes things away, and how each says that nobody has confirmed it. Every one has a partial index of such rows. */
const tables = [
  ofOne('token_family', { resource: `'family'`, organization: 'organization_id', seq: 'revoked_seq' }),
  ofOne('organization', { resource: `'organization'`, organization: 'id' }),
  ofOne('membership', { resource: `'user'`, id: 'user_id', organization: 'organization_id' }),
  ofOne('service_account', { resource: `'service-account'`, organization: 'organization_id' }),
  {
    table: 'role_token_revocation',
    // A token's row and its family's have the same markers, and are one revocation.
    source: `(select seqs, max(id) as id from role_token_revocation where enforced_at is null group by seqs) role_token`,
    resource: `case when id like 'all:%' then 'role-tokens' else 'role-token' end`,
    id: 'id',
    organization: '(select id from organization where first)',
    seqs: 'seqs',
  },
];

function ofOne(
  table: string,
  given: { resource: string; id?: string; organization: string; seq?: string },
): Record<'table' | 'source' | 'resource' | 'id' | 'organization' | 'seqs', string> {
  const { resource, id = 'id', organization, seq = 'seq' } = given;
  const source = `(select * from ${table} where ${seq} is not null and enforced_at is null) ${table}`;
  return { table, source, resource, id, organization, seqs: `array[${seq}]` };
}

interface Left {
  table: string;
  resource: string;
  id: string;
  organizationId: string | null;
  seqs: number[];
}

/**
 * Confirms what was committed and whose process died while it waited for the gateways. That they obey needs nobody: an enforcer that
 * is silent is fenced. This writes down that they do, and since when it is known.
 */
export class FinishChanges {
  constructor(
    private readonly database: Database,
    private readonly confirmChange: ConfirmChange,
  ) {}

  async run(): Promise<void> {
    for (const left of await this.left()) {
      await this.confirmChange.confirm({
        seqs: left.seqs,
        organizationId: left.organizationId,
        resource: { kind: left.resource, id: left.id },
        markEnforced: (tx, now) => markEnforced(tx, left, now),
      });
    }
  }

  private left(): Promise<Left[]> {
    const selects = tables.map(
      ({ table, source, resource, id, organization, seqs }) =>
        `select '${table}' as "table", ${resource} as resource, ${id} as id, ${organization} as organization_id, ${seqs} as seqs
           from ${source}`,
    );
    return this.database.read((manager) =>
      manager.query<Left[]>(
        `select "table", resource, id, organization_id as "organizationId", seqs::float8[] as seqs from (${selects.join(' union all ')}) thing
          where not exists (select from marker where seq = any(thing.seqs) and created_at > now() - make_interval(secs => $1))
          order by seqs limit $2`,
        [leftAfterSeconds, most],
      ),
    );
  }
}

/** False if another has, or if something else has been taken away since. */
async function markEnforced(tx: Transaction, { table, seqs }: Left, now: Date): Promise<boolean> {
  const column = tables.find((each) => each.table === table)?.seqs;
  const [, changed] = await tx.manager.query<[unknown, number]>(
    `update ${table} set enforced_at = $1 where ${column} = $2::bigint[] and enforced_at is null`,
    [now, seqs],
  );
  return changed > 0;
}
