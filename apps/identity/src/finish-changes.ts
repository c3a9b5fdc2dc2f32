import { type Database, type Transaction } from '@portcullis/persistence';
import { type ConfirmChange } from './confirm-change.js';

/** What one run takes up; the next one comes soon. */
const most = 100;
/** Until then it is the process that made a change which confirms it. */
const leftAfterSeconds = 20;

/** What takes things away, and how each says that nobody has confirmed it. Every one has a partial index of such rows. */
const one = (table: string, key: string, organization: string, seq = 'seq') => ({
  table,
  key,
  organization,
  seqs: `array[${seq}]`,
  unconfirmed: `${seq} is not null and enforced_at is null`,
});
const kinds = {
  family: one('token_family', 'id', 'organization_id', 'revoked_seq'),
  organization: one('organization', 'id', 'id'),
  user: one('membership', 'user_id', 'organization_id'),
  'service-account': one('service_account', 'id', 'organization_id'),
  'role-token': {
    table: 'role_token_revocation',
    key: 'id',
    organization: '(select id from organization where first)',
    seqs: 'seqs',
    unconfirmed: 'enforced_at is null',
  },
} as const;

type Kind = keyof typeof kinds;

interface Left {
  kind: Kind;
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
        resource: { kind: left.kind, id: left.id },
        markEnforced: (tx, now) => markEnforced(tx, left, now),
      });
    }
  }

  private left(): Promise<Left[]> {
    const selects = Object.entries(kinds).map(
      ([kind, { table, key, organization, seqs, unconfirmed }]) =>
        `select '${kind}' as kind, ${key} as id, ${organization} as organization_id, ${seqs} as seqs
           from ${table} where ${unconfirmed}`,
    );
    return this.database.read((manager) =>
      manager.query<Left[]>(
        `select kind, id, organization_id as "organizationId", seqs::float8[] as seqs from (${selects.join(' union all ')}) thing
          where not exists (select from marker where seq = any(thing.seqs) and created_at > now() - make_interval(secs => $1))
          order by seqs limit $2`,
        [leftAfterSeconds, most],
      ),
    );
  }
}

/** False if another has, or if something else has been taken away since. */
async function markEnforced(tx: Transaction, { kind, id, organizationId, seqs }: Left, now: Date): Promise<boolean> {
  const { table, key, organization, seqs: column } = kinds[kind];
  const [, changed] = await tx.manager.query<[unknown, number]>(
    `update ${table} set enforced_at = $1
      where ${key} = $2 and ${organization} is not distinct from $3 and ${column} = $4::bigint[] and enforced_at is null`,
    [now, id, organizationId, seqs],
  );
  return changed > 0;
}
