import { Injectable } from '@nestjs/common';
import { type LeftBehind } from '@portcullis/bus';
import { type ApiKeyRecord } from '@portcullis/contracts';
import { Database, type Transaction } from '@portcullis/persistence';
import { ApiKeyEntity, KeySecretEntity } from './api-key.entity.js';
import { type NewSecret, recordsOf } from './api-key.store.js';

/** A key whose row is locked until the transaction ends: nobody else changes it meanwhile. */
export interface LockedKey {
  record: ApiKeyRecord;
  /** Of its newest secrets. */
  generation: number;
  /** How many secrets of a form can be used now, at most. */
  mostLive: number;
  /** The latest change's place in the order of this authority, and whether it is known to be in force everywhere. */
  changedSeq: number | null;
  changeEnforced: boolean;
}

/** A change of one key, as it was committed. */
export interface CommittedKeyChange {
  id: string;
  organizationId: string;
  /** Its place in the order of this authority. */
  seq: number;
  /** It took something away. */
  isRevocation: boolean;
}

/** What of a key can be written anew. */
export type KeyColumns = Partial<
  Pick<
    ApiKeyEntity,
    | 'name'
    | 'description'
    | 'networks'
    | 'rateLimit'
    | 'metadata'
    | 'roles'
    | 'permissions'
    | 'buckets'
    | 'keyPrefix'
    | 'accessKeyId'
    | 'disabledAt'
    | 'disabledBy'
  >
>;

/** The SQL of changes to one key. */
@Injectable()
export class KeyChangeStore {
  constructor(private readonly database: Database) {}

  /** Undefined: no such key in the organization. */
  async lock(tx: Transaction, organizationId: string, id: string): Promise<LockedKey | undefined> {
    const key = await tx.manager.findOne(ApiKeyEntity, {
      where: { id, organizationId },
      lock: { mode: 'pessimistic_write' },
    });
    if (!key) return undefined;
    const now = this.database.now();
    const [record] = await recordsOf(tx.manager, [key], now);
    const forms = await tx.manager.query<{ live: number; generation: number }[]>(
      `select count(*) filter (where not cut and (expires_at is null or expires_at > $2))::int as live,
              max(generation) as generation
         from key_secret where key_id = $1 group by form`,
      [id, now],
    );
    if (!record) throw new Error(`key ${id} has no record`);
    return {
      record,
      generation: Math.max(...forms.map((form) => form.generation)),
      mostLive: Math.max(...forms.map((form) => form.live)),
      changedSeq: key.changedSeq === null ? null : Number(key.changedSeq),
      changeEnforced: key.changeEnforcedAt !== null,
    };
  }

  async write(tx: Transaction, id: string, columns: KeyColumns): Promise<void> {
    await tx.manager.update(ApiKeyEntity, { id }, { ...columns, metadata: columns.metadata as never });
  }

  /** Ends every secret of the key at `at`, or when it ends anyway. `cut`: for everybody, whatever their clocks say. */
  async endSecrets(tx: Transaction, keyId: string, { at, cut }: { at: Date; cut: boolean }): Promise<void> {
    await tx.manager.query(
      `update key_secret set expires_at = $2, cut = $3
        where key_id = $1 and not cut and (expires_at is null or expires_at > $2)`,
      [keyId, at, cut],
    );
  }

  async addSecrets(tx: Transaction, keyId: string, secrets: readonly NewSecret[], generation: number): Promise<void> {
    const rows = secrets.map((secret) =>
      Object.assign(new KeySecretEntity(), secret, {
        keyId,
        generation,
        foreignPrefix: null,
        cut: false,
        createdAt: this.database.now(),
        expiresAt: null,
        lastUsedAt: null,
      }),
    );
    await tx.manager.insert(KeySecretEntity, rows);
  }

  /** The record as it is within this transaction. */
  async read(tx: Transaction, id: string): Promise<ApiKeyRecord> {
    const key = await tx.manager.findOneByOrFail(ApiKeyEntity, { id });
    const [record] = await recordsOf(tx.manager, [key], this.database.now());
    if (!record) throw new Error(`key ${id} has no record`);
    return record;
  }

  /** Puts the change into the order of this authority. Answers its place there. */
  async mark(tx: Transaction, id: string, effect: 'drop' | 'refresh'): Promise<number> {
    const seq = await tx.mark({ scope: 'credential', id, effect });
    await tx.manager.update(ApiKeyEntity, { id }, { changedSeq: String(seq), changeEnforcedAt: null });
    return seq;
  }

  /** Notes that the change is in force everywhere. False: it was noted before, or a later one has taken its place. */
  async markEnforced(tx: Transaction, id: string, seq: number): Promise<boolean> {
    const [, changed] = await tx.manager.query<[unknown, number]>(
      'update api_key set change_enforced_at = $3 where id = $1 and changed_seq = $2 and change_enforced_at is null',
      [id, seq, this.database.now()],
    );
    return changed > 0;
  }

  /** Revocations that nobody has confirmed so long after their marker, in the order of this authority. */
  unconfirmedRevocations({ afterSeconds, limit }: LeftBehind): Promise<Omit<CommittedKeyChange, 'isRevocation'>[]> {
    return this.database.read((manager) =>
      manager.query<Omit<CommittedKeyChange, 'isRevocation'>[]>(
        `select key.id, key.organization_id as "organizationId", key.revoked_seq::float8 as seq
           from api_key key left join marker on marker.seq = key.revoked_seq
          where key.revoked_seq is not null and key.enforced_at is null and ${isLeft} order by key.revoked_seq limit $2`,
        [afterSeconds, limit],
      ),
    );
  }

  /** The same of other changes; `isRevocation` if it took something away. */
  unconfirmed({ afterSeconds, limit }: LeftBehind): Promise<CommittedKeyChange[]> {
    return this.database.read((manager) =>
      manager.query<CommittedKeyChange[]>(
        `select key.id, key.organization_id as "organizationId", key.changed_seq::float8 as seq,
                coalesce(marker.effect = 'drop', true) as "isRevocation"
           from api_key key left join marker on marker.seq = key.changed_seq
          where key.changed_seq is not null and key.change_enforced_at is null and ${isLeft}
          order by key.changed_seq limit $2`,
        [afterSeconds, limit],
      ),
    );
  }
}

/** Markers are dropped when nothing can match them any more: then it is long ago. */
const isLeft = `coalesce(marker.created_at < now() - make_interval(secs => $1), true)`;
