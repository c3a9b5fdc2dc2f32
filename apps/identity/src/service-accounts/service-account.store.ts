import { type ServiceAccountRecord } from '@portcullis/contracts';
import { type Database, type Transaction } from '@portcullis/persistence';
import { type EntityManager } from 'typeorm';

export interface ServiceAccount {
  id: string;
  organizationId: string;
  name: string;
  description: string | null;
  roles: string[];
  permissions: string[];
  createdAt: Date;
  createdBy: string;
  disabledAt: Date | null;
  disabledBy: string | null;
  deletedAt: Date | null;
  deletedBy: string | null;
  /** The marker of the last change that took something away, to confirm it again. */
  seq: number | null;
  enforcedAt: Date | null;
}

/** What can be written anew of an account that lives. */
export type ServiceAccountText = Pick<ServiceAccount, 'name' | 'description' | 'roles' | 'permissions'>;

export class ServiceAccountStore {
  constructor(private readonly database: Database) {}

  /** False: the name is taken in the organization. */
  async insert(
    tx: Transaction,
    account: ServiceAccountText & Pick<ServiceAccount, 'id' | 'organizationId' | 'createdAt' | 'createdBy'>,
  ): Promise<boolean> {
    const rows = await tx.manager.query<unknown[]>(
      `insert into service_account (id, organization_id, name, description, roles, permissions, created_at, created_by)
       values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing returning id`,
      [
        account.id,
        account.organizationId,
        account.name,
        account.description,
        account.roles,
        account.permissions,
        account.createdAt,
        account.createdBy,
      ],
    );
    return rows.length > 0;
  }

  /** Of that organization; one of another is as good as none. */
  find(organizationId: string, id: string): Promise<ServiceAccount | undefined> {
    return this.database.read((manager) =>
      one(manager, `${selectAccount} where organization_id = $1 and id = $2`, [organizationId, id]),
    );
  }

  lock(tx: Transaction, organizationId: string, id: string): Promise<ServiceAccount | undefined> {
    return one(tx.manager, `${selectAccount} where organization_id = $1 and id = $2 for update`, [organizationId, id]);
  }

  /** Newest first, at most `limit`. Without a status: those that are not deleted. */
  list(
    filter: {
      organizationId: string;
      before: string | undefined;
      status: ServiceAccountRecord['status'] | undefined;
      q: string | undefined;
    },
    limit: number,
  ): Promise<ServiceAccount[]> {
    return this.database.read(async (manager) =>
      (
        await manager.query<StoredAccount[]>(
          `${selectAccount}
            where organization_id = $1 and ($2::text is null or id < $2)
              and case when $3::text is null then deleted_at is null
                       else $3 = case when deleted_at is not null then 'deleted'
                                      when disabled_at is not null then 'disabled' else 'active' end end
              and ($4::text is null or position(lower($4) in lower(name)) > 0)
            order by id desc limit $5`,
          [filter.organizationId, filter.before ?? null, filter.status ?? null, filter.q ?? null, limit],
        )
      ).map(fromStored),
    );
  }

  /** Whether another live account of the organization has the name, which nobody else can take until the transaction ends. */
  async isNameTaken(tx: Transaction, { organizationId, id }: ServiceAccount, name: string): Promise<boolean> {
    await tx.manager.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
      `identity:service-account-name:${organizationId}:${name.toLowerCase()}`,
    ]);
    const rows = await tx.manager.query<unknown[]>(
      `select 1 from service_account
        where organization_id = $1 and lower(name) = lower($3) and id <> $2 and deleted_at is null`,
      [organizationId, id, name],
    );
    return rows.length > 0;
  }

  async write(tx: Transaction, id: string, text: ServiceAccountText): Promise<void> {
    await tx.manager.query(
      'update service_account set name = $2, description = $3, roles = $4, permissions = $5 where id = $1',
      [id, text.name, text.description, text.roles, text.permissions],
    );
  }

  async disable(tx: Transaction, id: string, { at, by }: { at: Date; by: string }): Promise<void> {
    await tx.manager.query('update service_account set disabled_at = $2, disabled_by = $3 where id = $1', [id, at, by]);
  }

  async enable(tx: Transaction, id: string): Promise<void> {
    await tx.manager.query('update service_account set disabled_at = null, disabled_by = null where id = $1', [id]);
  }

  async delete(tx: Transaction, id: string, { at, by }: { at: Date; by: string }): Promise<void> {
    await tx.manager.query('update service_account set deleted_at = $2, deleted_by = $3 where id = $1', [id, at, by]);
  }

  /** Something was taken away, under this marker. */
  async setSeq(tx: Transaction, id: string, seq: number): Promise<void> {
    await tx.manager.query('update service_account set seq = $2, enforced_at = null where id = $1', [id, seq]);
  }
}

export const statusOf = ({ deletedAt, disabledAt }: ServiceAccount): ServiceAccountRecord['status'] =>
  deletedAt !== null ? 'deleted' : disabledAt !== null ? 'disabled' : 'active';

export const serviceAccountRecord = (account: ServiceAccount): ServiceAccountRecord => ({
  id: account.id,
  organization_id: account.organizationId,
  name: account.name,
  description: account.description,
  roles: account.roles,
  permissions: account.permissions,
  status: statusOf(account),
  created_at: account.createdAt.toISOString(),
  created_by: account.createdBy,
  disabled_at: account.disabledAt?.toISOString() ?? null,
  disabled_by: account.disabledBy,
  deleted_at: account.deletedAt?.toISOString() ?? null,
  deleted_by: account.deletedBy,
  enforced_at: account.enforcedAt?.toISOString() ?? null,
});

interface StoredAccount extends Omit<ServiceAccount, 'seq'> {
  seq: string | null;
}

const selectAccount = `select id, organization_id as "organizationId", name, description, roles, permissions,
  created_at as "createdAt", created_by as "createdBy", disabled_at as "disabledAt", disabled_by as "disabledBy",
  deleted_at as "deletedAt", deleted_by as "deletedBy", seq, enforced_at as "enforcedAt" from service_account`;

const fromStored = (row: StoredAccount): ServiceAccount => ({
  ...row,
  seq: row.seq === null ? null : Number(row.seq),
});

async function one(manager: EntityManager, sql: string, parameters: unknown[]): Promise<ServiceAccount | undefined> {
  const [row] = await manager.query<StoredAccount[]>(sql, parameters);
  return row && fromStored(row);
}
