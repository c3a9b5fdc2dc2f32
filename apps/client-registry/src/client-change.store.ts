import { Injectable } from '@nestjs/common';
import { type LeftBehind } from '@portcullis/bus';
import { type ClientRecord } from '@portcullis/contracts';
import { Database, type Transaction } from '@portcullis/persistence';
import { type ClientKey, insertKey, readRecord } from './client.store.js';

/** A client whose row is locked until the transaction ends: nobody else changes it meanwhile. */
export interface LockedClient {
  record: ClientRecord;
  /** Every key that it ever had. */
  fingerprints: readonly string[];
  /** The latest change's place in the order of this authority, and whether it is known to be in force everywhere. */
  changedSeq: number | null;
  changeEnforced: boolean;
  revokedSeq: number | null;
}

/** A change of one client, as it was committed. */
export interface CommittedClientChange {
  id: string;
  organizationId: string;
  /** Its place in the order of this authority. */
  seq: number;
  /** It took something away. */
  isRevocation: boolean;
  /** It ended the client. */
  isEnd: boolean;
}

/** What of a client can be written anew. */
export interface ClientColumns {
  name?: string;
  networks?: readonly string[];
  roles?: readonly string[];
  disabled_at?: Date | null;
  disabled_by?: string | null;
  rotated_at?: Date;
}

/** The SQL of changes to one client. */
@Injectable()
export class ClientChangeStore {
  constructor(private readonly database: Database) {}

  /** Undefined: no such client in the organization. */
  async lock(tx: Transaction, organizationId: string, id: string): Promise<LockedClient | undefined> {
    const [row] = await tx.manager.query<
      { changed_seq: string | null; change_enforced_at: Date | null; revoked_seq: string | null }[]
    >(
      `select changed_seq, change_enforced_at, revoked_seq from client
        where id = $1 and organization_id = $2 for update`,
      [id, organizationId],
    );
    if (!row) return undefined;
    const keys = await tx.manager.query<{ fingerprint: string }[]>(
      'select fingerprint from client_key where client_id = $1',
      [id],
    );
    return {
      record: await this.read(tx, organizationId, id),
      fingerprints: keys.map(({ fingerprint }) => fingerprint),
      changedSeq: row.changed_seq === null ? null : Number(row.changed_seq),
      changeEnforced: row.change_enforced_at !== null,
      revokedSeq: row.revoked_seq === null ? null : Number(row.revoked_seq),
    };
  }

  /** The record as it is within this transaction. */
  async read(tx: Transaction, organizationId: string, id: string): Promise<ClientRecord> {
    const record = await readRecord(tx.manager, { organizationId, id }, this.database.now());
    if (!record) throw new Error(`client ${id} vanished`);
    return record;
  }

  async write(tx: Transaction, id: string, columns: ClientColumns): Promise<void> {
    const names = Object.keys(columns);
    if (names.length === 0) return;
    await tx.manager.query(
      `update client set ${names.map((name, at) => `${name} = $${at + 2}`).join(', ')} where id = $1`,
      [id, ...(Object.values(columns) as unknown[])],
    );
  }

  /** Another key; those before it end at `at`, or when they end anyway. `cut`: for everybody, whatever their clocks say. */
  async replaceKeys(
    tx: Transaction,
    id: string,
    key: ClientKey,
    { at, cut }: { at: Date; cut: boolean },
  ): Promise<void> {
    await tx.manager.query(
      `update client_key set expires_at = $2, cut = $3
        where client_id = $1 and not cut and (expires_at is null or expires_at > $2)`,
      [id, at, cut],
    );
    await insertKey(tx, id, key, this.database.now());
  }

  /** Puts the change into the order of this authority. Answers its place there. */
  async mark(tx: Transaction, id: string, effect: 'drop' | 'refresh'): Promise<number> {
    const seq = await tx.mark({ scope: 'credential', id, effect });
    await tx.manager.query('update client set changed_seq = $2, change_enforced_at = null where id = $1', [id, seq]);
    return seq;
  }

  async revoke(tx: Transaction, id: string, by: string): Promise<number> {
    const seq = await tx.mark({ scope: 'credential', id, effect: 'drop' });
    await tx.manager.query('update client set revoked_at = $2, revoked_by = $3, revoked_seq = $4 where id = $1', [
      id,
      this.database.now(),
      by,
      seq,
    ]);
    return seq;
  }

  /** Notes that the change is in force everywhere. False: it was noted before, or a later one has taken its place. */
  async markEnforced(tx: Transaction, { id, seq, isEnd }: CommittedClientChange): Promise<boolean> {
    const [of, at] = isEnd ? ['revoked_seq', 'enforced_at'] : ['changed_seq', 'change_enforced_at'];
    const [, changed] = await tx.manager.query<[unknown, number]>(
      `update client set ${at} = $3 where id = $1 and ${of} = $2 and ${at} is null`,
      [id, seq, this.database.now()],
    );
    return changed > 0;
  }

  /** Changes that nobody has confirmed so long after their marker, in the order of this authority. */
  unconfirmed({ afterSeconds, limit }: LeftBehind): Promise<CommittedClientChange[]> {
    return this.database.read((manager) =>
      manager.query<CommittedClientChange[]>(
        `select change.id, change.organization_id as "organizationId", change.seq::float8 as seq,
                change.is_end or coalesce(marker.effect = 'drop', true) as "isRevocation", change.is_end as "isEnd"
           from (select id, organization_id, revoked_seq as seq, true as is_end from client
                  where revoked_seq is not null and enforced_at is null
                 union all
                 select id, organization_id, changed_seq, false from client
                  where changed_seq is not null and change_enforced_at is null) change
           left join marker on marker.seq = change.seq
          where coalesce(marker.created_at < now() - make_interval(secs => $1), true)
          order by change.seq limit $2`,
        [afterSeconds, limit],
      ),
    );
  }
}
