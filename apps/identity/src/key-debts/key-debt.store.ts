import { type Database, type Transaction } from '@portcullis/persistence';

export interface KeyDebt {
  id: string;
  ownerId: string;
  /** Null: in every organization. */
  organizationId: string | null;
  revokedBy: string;
  because: 'user.removed' | 'service-account.deleted';
  madeBefore: Date;
}

/** How long a debt that was tried waits before it is tried again: 20 s, which the call itself may take, doubling to ten minutes. */
const againSeconds = 20;
const againAtMostSeconds = 600;

export class KeyDebtStore {
  constructor(private readonly database: Database) {}

  async insert(tx: Transaction, debt: Omit<KeyDebt, 'id'>, dueAt: Date): Promise<void> {
    await tx.manager.query(
      `insert into key_debt (owner_id, organization_id, revoked_by, because, made_before, due_at)
       values ($1, $2, $3, $4, $5, $6)`,
      [debt.ownerId, debt.organizationId, debt.revokedBy, debt.because, debt.madeBefore, dueAt],
    );
  }

  /** What is due, each taken by one replica for the time that the call may take. */
  async claim(): Promise<KeyDebt[]> {
    const [rows] = await this.database.read((manager) =>
      manager.query<[KeyDebt[], number]>(
        `update key_debt set attempts = attempts + 1,
                due_at = $1::timestamptz + make_interval(secs => least($2 * power(2, least(attempts, 10)), $3))
          where id in (select id from key_debt where due_at <= $1 order by id limit 20 for update skip locked)
        returning id, owner_id as "ownerId", organization_id as "organizationId", revoked_by as "revokedBy", because,
                  made_before as "madeBefore"`,
        [this.database.now(), againSeconds, againAtMostSeconds],
      ),
    );
    return rows;
  }

  async settle(id: string): Promise<void> {
    await this.database.read((manager) => manager.query('delete from key_debt where id = $1', [id]));
  }
}
