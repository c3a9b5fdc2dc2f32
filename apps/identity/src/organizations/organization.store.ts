import { type OrganizationRecord } from '@portcullis/contracts';
import { type Database, type Transaction } from '@portcullis/persistence';
import { type EntityManager } from 'typeorm';

export interface Organization {
  id: string;
  name: string;
  status: 'active' | 'suspended';
  first: boolean;
  createdAt: Date;
  suspendedAt: Date | null;
  suspendedBy: string | null;
  /** The marker of the suspension, to confirm it again. */
  seq: number | null;
  enforcedAt: Date | null;
}

export class OrganizationStore {
  constructor(private readonly database: Database) {}

  /** The organization that the installation began with. */
  async firstId(): Promise<string | undefined> {
    const [row] = await this.database.read((manager) =>
      manager.query<{ id: string }[]>('select id from organization where first'),
    );
    return row?.id;
  }

  async insert(
    tx: Transaction,
    organization: { id: string; name: string; first: boolean; createdAt: Date },
  ): Promise<void> {
    await tx.manager.query(
      `insert into organization (id, name, status, first, created_at) values ($1, $2, 'active', $3, $4)`,
      [organization.id, organization.name, organization.first, organization.createdAt],
    );
  }

  find(id: string): Promise<Organization | undefined> {
    return this.database.read((manager) => one(manager, `${selectOrganization} where id = $1`, [id]));
  }

  /**
   * Locked until the transaction ends: changes of it, and of who belongs to it, happen one after the other. `no key`, because a row
   * that refers to it and is written twice in one transaction asks for its key again, the second time behind a marker: for whoever
   * held the whole row and waited for the order of markers that was a deadlock.
   */
  lock(tx: Transaction, id: string): Promise<Organization | undefined> {
    return one(tx.manager, `${selectOrganization} where id = $1 for no key update`, [id]);
  }

  /** Newest first, older than `before`; of those named, or of all. */
  list(filter: { ids: readonly string[] | null; before: string | undefined }, limit: number): Promise<Organization[]> {
    return this.database.read(async (manager) =>
      (
        await manager.query<StoredOrganization[]>(
          `${selectOrganization} where ($1::text[] is null or id = any($1)) and ($2::text is null or id < $2)
           order by id desc limit $3`,
          [filter.ids, filter.before ?? null, limit],
        )
      ).map(fromStored),
    );
  }

  async rename(tx: Transaction, id: string, name: string): Promise<void> {
    await tx.manager.query('update organization set name = $2 where id = $1', [id, name]);
  }

  async suspend(tx: Transaction, id: string, given: { by: string; at: Date; seq: number }): Promise<void> {
    await tx.manager.query(
      `update organization set status = 'suspended', suspended_at = $2, suspended_by = $3, seq = $4, enforced_at = null
        where id = $1`,
      [id, given.at, given.by, given.seq],
    );
  }

  async resume(tx: Transaction, id: string): Promise<void> {
    await tx.manager.query(
      `update organization set status = 'active', suspended_at = null, suspended_by = null, seq = null, enforced_at = null
        where id = $1`,
      [id],
    );
  }
}

export const organizationRecord = (organization: Organization): OrganizationRecord => ({
  id: organization.id,
  name: organization.name,
  status: organization.status,
  first: organization.first,
  created_at: organization.createdAt.toISOString(),
  suspended_at: organization.suspendedAt?.toISOString() ?? null,
  suspended_by: organization.suspendedBy,
  enforced_at: organization.enforcedAt?.toISOString() ?? null,
});

interface StoredOrganization extends Omit<Organization, 'seq'> {
  seq: string | null;
}

const selectOrganization = `select id, name, status, first, created_at as "createdAt", suspended_at as "suspendedAt",
  suspended_by as "suspendedBy", seq, enforced_at as "enforcedAt" from organization`;

const fromStored = (row: StoredOrganization): Organization => ({
  ...row,
  seq: row.seq === null ? null : Number(row.seq),
});

async function one(manager: EntityManager, sql: string, parameters: unknown[]): Promise<Organization | undefined> {
  const [row] = await manager.query<StoredOrganization[]>(sql, parameters);
  return row && fromStored(row);
}
