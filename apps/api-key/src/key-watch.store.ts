import { Injectable } from '@nestjs/common';
import { type KeyOwner } from '@portcullis/contracts';
import { Database, type Transaction } from '@portcullis/persistence';

/** A key that is to be told of. */
export interface WatchedKey {
  id: string;
  organizationId: string;
  name: string;
  owner: KeyOwner;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
}

/** The SQL of what is told once. The note is written where the key is picked, so that another replica passes it over. */
@Injectable()
export class KeyWatchStore {
  constructor(private readonly database: Database) {}

  /**
   * Keys that end within `days` and have not been told of at this threshold or a nearer one. A key that was made for less time than
   * that is not told of: whoever made it knows.
   */
  takeExpiring(tx: Transaction, days: number, limit: number): Promise<WatchedKey[]> {
    return this.take(
      tx,
      'expiry_told_days = $2',
      `expires_at > $1 and expires_at <= $1 + make_interval(secs => $2 * 86400)
       and expires_at > created_at + make_interval(secs => $2 * 86400)
       and (expiry_told_days is null or expiry_told_days > $2)`,
      [days, limit],
    );
  }

  /** Keys in force that have not been used for `days`, and were not told of since their last use. */
  takeUnused(tx: Transaction, days: number, limit: number): Promise<WatchedKey[]> {
    return this.take(
      tx,
      'unused_told_at = $1',
      `disabled_at is null and (expires_at is null or expires_at > $1)
       and coalesce(last_used_at, created_at) <= $1 - make_interval(secs => $2 * 86400)
       and (unused_told_at is null or unused_told_at < coalesce(last_used_at, created_at))`,
      [days, limit],
    );
  }

  private async take(
    tx: Transaction,
    note: string,
    condition: string,
    [days, limit]: [number, number],
  ): Promise<WatchedKey[]> {
    const [rows] = await tx.manager.query<[Row[], number]>(
      `update api_key key set ${note}
         from (select id from api_key where revoked_at is null and ${condition}
                order by id limit $3 for update skip locked) due
        where key.id = due.id
       returning key.id, key.organization_id, key.name, key.owner_kind, key.owner_id, key.expires_at, key.last_used_at`,
      [this.database.now(), days, limit],
    );
    return rows.map((row) => ({
      id: row.id,
      organizationId: row.organization_id,
      name: row.name,
      owner: { kind: row.owner_kind, id: row.owner_id },
      expiresAt: row.expires_at,
      lastUsedAt: row.last_used_at,
    }));
  }
}

interface Row {
  id: string;
  organization_id: string;
  name: string;
  owner_kind: KeyOwner['kind'];
  owner_id: string;
  expires_at: Date | null;
  last_used_at: Date | null;
}
