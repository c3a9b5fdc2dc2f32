import { Injectable } from '@nestjs/common';
import { type Position, type ResolvedKey } from '@portcullis/contracts';
import { Database, type Transaction } from '@portcullis/persistence';
import { resolvedSecrets, type ResolvedRow, toResolved } from '../api-key.store.js';

/** A secret in the s3 form, as it is kept. */
export interface KeptS3Secret {
  id: string;
  keyId: string;
  organizationId: string;
  envelope: string;
}

/** By what it is named, and whether it has not ended. */
export interface NamedSecret {
  accessKeyId: string;
  live: boolean;
}

/** A key by one of its access key ids. */
export interface FoundAccessKey {
  key: ResolvedKey;
  secret: { id: string; generation: number; expiresAt: Date | null };
  /** Null: nothing opens with it any more. */
  envelope: string | null;
}

/** The SQL of secrets in the s3 form. */
@Injectable()
export class S3SecretStore {
  constructor(private readonly database: Database) {}

  /** One statement, one snapshot: the position is where the key and its secret were read. */
  find(accessKeyId: string): Promise<{ position: Position; found: FoundAccessKey | null }> {
    const now = this.database.now();
    return this.database.read(async (manager) => {
      const [row] = await manager.query<FoundRow[]>(selectByAccessKey, [accessKeyId, now]);
      if (!row) throw new Error('enforcement_position has no row');
      const position = { history: row.history, seq: Number(row.seq) };
      if (row.id === null || row.secret_id === null) return { position, found: null };
      const key = toResolved(row as FoundRow & { id: string }, now);
      const live = key.status === 'active' && !row.secret_cut && (row.secret_ends === null || row.secret_ends > now);
      return {
        position,
        found: {
          key,
          secret: { id: row.secret_id, generation: row.secret_generation, expiresAt: row.secret_ends },
          envelope: live ? row.secret_envelope : null,
        },
      };
    });
  }

  /** Those of an organization with these access key ids that are kept, in the order of their ids. What is long over is not kept. */
  keptBy(organizationId: string, accessKeyIds: readonly string[]): Promise<(KeptS3Secret & NamedSecret)[]> {
    return this.database.read((manager) =>
      manager.query<(KeptS3Secret & NamedSecret)[]>(
        `select secret.id, secret.key_id as "keyId", key.organization_id as "organizationId", secret.envelope,
                secret.access_key_id as "accessKeyId",
                not secret.cut and (secret.expires_at is null or secret.expires_at > $3) as live
           from key_secret secret join api_key key on key.id = secret.key_id
          where secret.access_key_id = any($1) and key.organization_id = $2 and secret.envelope is not null
          order by secret.id`,
        [accessKeyIds, organizationId, this.database.now()],
      ),
    );
  }

  /**
   * Some that are under another encryption key than this one, behind `after` in the order of their ids, locked: what another replica
   * has in hand is passed over.
   */
  underOthers(
    tx: Transaction,
    kid: string,
    { after, limit }: { after: string; limit: number },
  ): Promise<KeptS3Secret[]> {
    return tx.manager.query<KeptS3Secret[]>(
      `select secret.id, secret.key_id as "keyId", key.organization_id as "organizationId", secret.envelope
         from key_secret secret join api_key key on key.id = secret.key_id
        where ${isUnderOther} and secret.id > $2 order by secret.id limit $3 for update of secret skip locked`,
      [kid, after, limit],
    );
  }

  countUnderOthers(kid: string): Promise<number> {
    return this.database.read(async (manager) => {
      const [row] = await manager.query<{ count: number }[]>(
        `select count(*)::int as count from key_secret secret where ${isUnderOther}`,
        [kid],
      );
      return row?.count ?? 0;
    });
  }

  async rewrap(tx: Transaction, secrets: readonly Pick<KeptS3Secret, 'id' | 'envelope'>[]): Promise<void> {
    await tx.manager.query(
      `update key_secret secret set envelope = fresh.envelope
         from unnest($1::text[], $2::text[]) as fresh (id, envelope) where secret.id = fresh.id`,
      [secrets.map(({ id }) => id), secrets.map(({ envelope }) => envelope)],
    );
  }

  /** Drops the envelopes of secrets that were over at `before`, and answers how many. The rows stay as a record. */
  async forgetEnded(before: Date, limit: number): Promise<number> {
    const [, forgotten] = await this.database.read((manager) =>
      manager.query<[unknown, number]>(
        `update key_secret set envelope = null where id in (
           select secret.id from key_secret secret join api_key key on key.id = secret.key_id
            where secret.envelope is not null
              and (secret.cut or secret.expires_at <= $1 or key.expires_at <= $1 or key.revoked_at is not null)
            limit $2)`,
        [before, limit],
      ),
    );
    return forgotten;
  }
}

interface FoundRow extends ResolvedRow {
  secret_id: string | null;
  secret_generation: number;
  secret_ends: Date | null;
  secret_cut: boolean;
  secret_envelope: string | null;
}

const selectByAccessKey = `
  select position.history, position.seq, key.*, ${resolvedSecrets},
         found.id as secret_id, found.generation as secret_generation, found.expires_at as secret_ends,
         found.cut as secret_cut, found.envelope as secret_envelope
    from enforcement_position position
    left join key_secret found on found.access_key_id = $1
    left join api_key key on key.id = found.key_id`;

/** Two ranges, so that where there is none an index says so. */
const isUnderOther = `secret.envelope is not null
  and (split_part(secret.envelope, '.', 2) < $1 or split_part(secret.envelope, '.', 2) > $1)`;
