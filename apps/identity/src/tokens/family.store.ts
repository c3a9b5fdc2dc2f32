import { type Position } from '@portcullis/contracts';
import { type Database, type Transaction } from '@portcullis/persistence';
import { type RefreshState } from './refresh-decision.js';

/** A login session, or what was issued for one client secret, or to one machine client. */
export interface Family {
  id: string;
  kind: 'session' | 'api-key' | 'client';
  /** The person of a session, the key or the client of what was issued to one. */
  credentialId: string;
  principalKind: 'user' | 'service_account' | 'client';
  principalId: string;
  organizationId: string | null;
  /** Of the client secret that a key's tokens were got with. Null: a session, or got before this was kept. */
  secretGeneration: number | null;
  /** Of the key that a machine client proved to have; null for any other. */
  keyFingerprint: string | null;
  /** A session that a browser keeps in a cookie. */
  inBrowser: boolean;
  endsAt: Date;
  revokedAt: Date | null;
  revokedSeq: number | null;
  enforcedAt: Date | null;
}

export interface Pair {
  refreshJti: string;
  accessJti: string;
  accessExpiresAt: Date;
  notBefore: Date;
  expiresAt: Date;
}

/** A refresh token as it is used, with the pair that its first use was answered with. */
export interface UsedRefreshToken {
  state: RefreshState;
  successor: { refreshJti: string; accessJti: string; accessExpiresAt: Date } | null;
}

export class FamilyStore {
  constructor(private readonly database: Database) {}

  async insert(
    tx: Transaction,
    family: Omit<
      Family,
      'revokedAt' | 'revokedSeq' | 'enforcedAt' | 'secretGeneration' | 'keyFingerprint' | 'inBrowser'
    > & {
      secretGeneration?: number;
      keyFingerprint?: string;
      inBrowser?: boolean;
    },
    now: Date,
  ): Promise<void> {
    await tx.manager.query(
      `insert into token_family (id, kind, credential_id, principal_kind, principal_id, organization_id, created_at, ends_at,
                                 secret_generation, key_fingerprint, in_browser)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
      [
        family.id,
        family.kind,
        family.credentialId,
        family.principalKind,
        family.principalId,
        family.organizationId,
        now,
        family.endsAt,
        family.secretGeneration ?? null,
        family.keyFingerprint ?? null,
        family.inBrowser ?? false,
      ],
    );
  }

  async insertPair(tx: Transaction, familyId: string, pair: Pair, now: Date): Promise<void> {
    await tx.manager.query(
      `insert into refresh_token (jti, family_id, access_jti, access_expires_at, not_before, expires_at, issued_at)
       values ($1, $2, $3, $4, $5, $6, $7)`,
      [pair.refreshJti, familyId, pair.accessJti, pair.accessExpiresAt, pair.notBefore, pair.expiresAt, now],
    );
  }

  find(id: string): Promise<Family | undefined> {
    return this.database.read(async (manager) => {
      const [row] = await manager.query<StoredFamily[]>(`${selectFamily} where id = $1`, [id]);
      return row && fromStored(row);
    });
  }

  /** A family and the point of history at which it was read, from one statement. */
  async resolve(id: string): Promise<{ position: Position; family: Family | undefined }> {
    const [row] = await this.database.read((manager) =>
      manager.query<({ history: string; seq: string } & (StoredFamily | { id: null }))[]>(
        `select position.history, position.seq, family.*
           from enforcement_position position left join (${selectFamily} where id = $1) family on true`,
        [id],
      ),
    );
    if (!row) throw new Error('enforcement_head has no row');
    return {
      position: { history: row.history, seq: Number(row.seq) },
      family: row.id === null ? undefined : fromStored(row),
    };
  }

  /** A family, locked until the transaction ends: uses of its tokens and its revocation happen one after the other. */
  async lock(tx: Transaction, id: string): Promise<Family | undefined> {
    const [row] = await tx.manager.query<StoredFamily[]>(`${selectFamily} where id = $1 for update`, [id]);
    return row && fromStored(row);
  }

  /** A person's live login sessions, locked, but for the one that is to stay. */
  async lockSessions(
    tx: Transaction,
    userId: string,
    { but, now }: { but: string | null; now: Date },
  ): Promise<Family[]> {
    const rows = await tx.manager.query<StoredFamily[]>(
      `${selectFamily} where principal_id = $1 and kind = 'session' and revoked_at is null and ends_at > $2
          and id is distinct from $3 order by id for update`,
      [userId, now, but],
    );
    return rows.map(fromStored);
  }

  /** A refresh token of a family that is locked. */
  async refreshToken(tx: Transaction, family: Family, jti: string): Promise<UsedRefreshToken | undefined> {
    const [row] = await tx.manager.query<StoredRefreshToken[]>(
      `select token.not_before, token.expires_at, token.used_at, token.replaced_at, successor.jti as successor_jti,
              successor.access_jti, successor.access_expires_at, successor.used_at as successor_used_at
         from refresh_token token left join refresh_token successor on successor.jti = token.successor
        where token.jti = $1 and token.family_id = $2`,
      [jti, family.id],
    );
    if (!row) return undefined;
    return {
      state: {
        notBefore: row.not_before,
        expiresAt: row.expires_at,
        usedAt: row.used_at,
        replacedAt: row.replaced_at,
        successorUsedAt: row.successor_used_at,
        familyRevokedAt: family.revokedAt,
        familyEndsAt: family.endsAt,
      },
      successor:
        row.successor_jti === null || row.access_jti === null || row.access_expires_at === null
          ? null
          : { refreshJti: row.successor_jti, accessJti: row.access_jti, accessExpiresAt: row.access_expires_at },
    };
  }

  /** The first use counts: a repeat changes the successor and not the time. */
  async markUsed(tx: Transaction, jti: string, successor: string, now: Date): Promise<void> {
    await tx.manager.query('update refresh_token set used_at = coalesce(used_at, $3), successor = $2 where jti = $1', [
      jti,
      successor,
      now,
    ]);
  }

  async markReplaced(tx: Transaction, jti: string, now: Date): Promise<void> {
    await tx.manager.query('update refresh_token set replaced_at = $2 where jti = $1', [jti, now]);
  }

  /** Until when an access token of the family may be valid somewhere. */
  async accessEndsAt(tx: Transaction, familyId: string): Promise<Date | null> {
    const [row] = await tx.manager.query<{ ends: Date | null }[]>(
      'select max(access_expires_at) as ends from refresh_token where family_id = $1',
      [familyId],
    );
    return row?.ends ?? null;
  }

  async markRevoked(tx: Transaction, familyId: string, by: string, seq: number, now: Date): Promise<void> {
    await tx.manager.query(
      'update token_family set revoked_at = $2, revoked_by = $3, revoked_seq = $4 where id = $1 and revoked_at is null',
      [familyId, now, by, seq],
    );
  }

  /** Where the people of a family stand now is copied here for those who read the family alone. */
  async setOrganization(tx: Transaction, familyId: string, organizationId: string | null): Promise<void> {
    await tx.manager.query(
      'update token_family set organization_id = $2 where id = $1 and organization_id is distinct from $2',
      [familyId, organizationId],
    );
  }

  /** Drops refresh tokens that have been over for a day and families that have been over for a month. */
  async prune(now: Date): Promise<void> {
    const daysAgo = (days: number): Date => new Date(now.getTime() - days * 86_400_000);
    await this.database.read(async (manager) => {
      await manager.query('delete from refresh_token where expires_at < $1', [daysAgo(1)]);
      await manager.query('delete from token_family where ends_at < $1', [daysAgo(30)]);
    });
  }
}

interface StoredFamily {
  id: string;
  kind: Family['kind'];
  credential_id: string;
  principal_kind: Family['principalKind'];
  principal_id: string;
  organization_id: string | null;
  secret_generation: number | null;
  key_fingerprint: string | null;
  in_browser: boolean;
  ends_at: Date;
  revoked_at: Date | null;
  revoked_seq: string | null;
  enforced_at: Date | null;
}

interface StoredRefreshToken {
  not_before: Date;
  expires_at: Date;
  used_at: Date | null;
  replaced_at: Date | null;
  successor_jti: string | null;
  access_jti: string | null;
  access_expires_at: Date | null;
  successor_used_at: Date | null;
}

const selectFamily = `select id, kind, credential_id, principal_kind, principal_id, organization_id, ends_at, revoked_at,
  revoked_seq, enforced_at, secret_generation, key_fingerprint, in_browser from token_family`;

const fromStored = (row: StoredFamily): Family => ({
  id: row.id,
  kind: row.kind,
  credentialId: row.credential_id,
  principalKind: row.principal_kind,
  principalId: row.principal_id,
  organizationId: row.organization_id,
  secretGeneration: row.secret_generation,
  keyFingerprint: row.key_fingerprint,
  inBrowser: row.in_browser,
  endsAt: row.ends_at,
  revokedAt: row.revoked_at,
  revokedSeq: row.revoked_seq === null ? null : Number(row.revoked_seq),
  enforcedAt: row.enforced_at,
});
