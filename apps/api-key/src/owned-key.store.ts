import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@portcullis/persistence';
import { type CommittedRevocation } from './confirm-revocations.js';

export interface OwnedKey {
  id: string;
  organizationId: string;
}

/** Keys by whose they are, in one organization or in all (null). */
@Injectable()
export class OwnedKeyStore {
  constructor(private readonly database: Database) {}

  async live(ownerId: string, organizationId: string | null): Promise<string[]> {
    const rows = await this.database.read((manager) =>
      manager.query<{ id: string }[]>(`${selectLive} order by id`, [ownerId, organizationId, this.database.now()]),
    );
    return rows.map(({ id }) => id);
  }

  /** Those that live and were made before, locked until the transaction ends; one that is disabled lives. */
  lockLive(
    tx: Transaction,
    { ownerId, organizationId, madeBefore }: { ownerId: string; organizationId: string | null; madeBefore: Date },
  ): Promise<OwnedKey[]> {
    return tx.manager.query<OwnedKey[]>(`${selectLive} and created_at < $4 order by id for update`, [
      ownerId,
      organizationId,
      this.database.now(),
      madeBefore,
    ]);
  }

  async markRevoked(tx: Transaction, id: string, { by, seq }: { by: string; seq: number }): Promise<void> {
    await tx.manager.query('update api_key set revoked_at = $2, revoked_by = $3, revoked_seq = $4 where id = $1', [
      id,
      this.database.now(),
      by,
      seq,
    ]);
  }

  /** Revoked, and not yet known to be refused everywhere. */
  async unconfirmed(ownerId: string, organizationId: string | null): Promise<CommittedRevocation[]> {
    const rows = await this.database.read((manager) =>
      manager.query<(OwnedKey & { seq: string })[]>(
        `select id, organization_id as "organizationId", revoked_seq as seq from api_key
          where owner_id = $1 and ($2::text is null or organization_id = $2)
            and revoked_seq is not null and enforced_at is null order by id`,
        [ownerId, organizationId],
      ),
    );
    return rows.map((row) => ({ ...row, seq: Number(row.seq), enforced: false }));
  }
}

const selectLive = `
  select id, organization_id as "organizationId" from api_key
   where owner_id = $1 and ($2::text is null or organization_id = $2) and revoked_at is null
     and (expires_at is null or expires_at > $3)`;
