import { type Database, type Transaction } from '@portcullis/persistence';

/** A row that says what was taken away, the seqs of its markers, and since when it is known to be enforced. */
interface Kept {
  table: string;
  /** Whether a row's markers are among those in `$2`. */
  isOf: string;
  /** What nobody has confirmed: resource, id, organization and seqs. Every one has a partial index of such rows. */
  unconfirmed: string;
}

const kept = {
  family: ofOne('token_family', { resource: 'family', organization: 'organization_id', seq: 'revoked_seq' }),
  organization: ofOne('organization', { resource: 'organization', organization: 'id' }),
  membership: ofOne('membership', { resource: 'user', id: 'user_id', organization: 'organization_id' }),
  'service-account': ofOne('service_account', { resource: 'service-account', organization: 'organization_id' }),
  'signing-key': ofOne('signing_key', {
    resource: 'signing-key',
    id: 'kid',
    organization: '(select id from organization where first)',
  }),
  password: {
    table: 'password_change',
    isOf: 'seqs = $2::bigint[]',
    unconfirmed: `select 'user', user_id, organization_id, seqs from password_change where enforced_at is null`,
  },
  'role-tokens': {
    table: 'role_token_revocation',
    isOf: 'seqs = $2::bigint[]',
    // A token's row and its family's have the same markers, and are one revocation.
    unconfirmed: `select case when max(id) like 'all:%' then 'role-tokens' else 'role-token' end, max(id),
                         (select id from organization where first), seqs
                    from role_token_revocation where enforced_at is null group by seqs`,
  },
} satisfies Record<string, Kept>;

function ofOne(
  table: string,
  {
    resource,
    id = 'id',
    organization,
    seq = 'seq',
  }: Record<'resource' | 'organization', string> & { id?: string; seq?: string },
): Kept {
  return {
    table,
    isOf: `${seq} = any($2::bigint[])`,
    unconfirmed: `select '${resource}', ${id}, ${organization}, array[${seq}]
                    from ${table} where ${seq} is not null and enforced_at is null`,
  };
}

/** Of which kind the record is that is to say that something was taken away for good. */
export type KeptAs = keyof typeof kept;

export interface Unconfirmed {
  keptAs: KeptAs;
  resource: string;
  id: string;
  organizationId: string | null;
  seqs: number[];
}

/** Where it is written down that what was taken away is enforced. */
export class EnforcedStore {
  constructor(private readonly database: Database) {}

  /**
   * Notes that these markers are enforced, in whatever record still stands for them: if more has been taken away since, that is
   * another's to note. True for the first time.
   */
  async note(tx: Transaction, as: KeptAs, seqs: readonly number[], now: Date): Promise<boolean> {
    const { table, isOf } = kept[as];
    const [, changed] = await tx.manager.query<[unknown, number]>(
      `update ${table} set enforced_at = $1 where ${isOf} and enforced_at is null`,
      [now, seqs],
    );
    return changed > 0;
  }

  /** What nobody has noted so long after its markers. */
  unconfirmed({ afterSeconds, limit }: { afterSeconds: number; limit: number }): Promise<Unconfirmed[]> {
    const selects = Object.entries(kept).map(
      ([as, { unconfirmed }]) =>
        `select '${as}' as kept_as, unconfirmed.* from (${unconfirmed}) unconfirmed (resource, id, organization_id, seqs)`,
    );
    return this.database.read((manager) =>
      manager.query<Unconfirmed[]>(
        `select kept_as as "keptAs", resource, id, organization_id as "organizationId", seqs::float8[] as seqs
           from (${selects.join(' union all ')}) thing
          where not exists (select from marker where seq = any(thing.seqs) and created_at > now() - make_interval(secs => $1))
          order by seqs limit $2`,
        [afterSeconds, limit],
      ),
    );
  }
}
