import { Injectable } from '@nestjs/common';
import { type EntityManager, Brackets, In } from 'typeorm';
import { type ApiKeyRecord, type KeyForm, type Position, type ResolvedKey } from '@portcullis/contracts';
import { Database, type Transaction } from '@portcullis/persistence';
import { ApiKeyEntity, KeySecretEntity } from './api-key.entity.js';
import { keyStatus } from './key-status.js';

/** What has happened to no key yet that is new. */
export const untouched = {
  disabledAt: null,
  disabledBy: null,
  revokedAt: null,
  revokedBy: null,
  revokedSeq: null,
  enforcedAt: null,
  changedSeq: null,
  changeEnforcedAt: null,
  lastUsedAt: null,
  lastUsedIp: null,
  lastUsedUserAgent: null,
};

export type NewKey = Omit<ApiKeyEntity, keyof typeof untouched>;
export type NewSecret = Pick<KeySecretEntity, 'id' | 'form' | 'lookup' | 'sha256' | 'accessKeyId' | 'envelope'>;

export interface KeyFilter {
  organizationId: string;
  /** Only keys older than this one. */
  before?: string | undefined;
  status?: ApiKeyRecord['status'] | undefined;
  owner?: string | undefined;
  role?: string | undefined;
  unused_days?: number | undefined;
  expiring_in_days?: number | undefined;
  /** Part of the name, in any case. */
  q?: string | undefined;
}

/** What of a revocation must be known to answer a repeat of it. */
export interface Revocation {
  seq: number;
  enforced: boolean;
}

/** A secret that was looked for by its digest, with its key. */
export interface FoundSecret {
  record: ApiKeyRecord;
  secret: { id: string; sha256: string; accessKeyId?: string };
  /** Whether it opens anything now. */
  live: boolean;
}

/** The SQL of making, finding and ending keys. */
@Injectable()
export class ApiKeyStore {
  constructor(private readonly database: Database) {}

  async insert(tx: Transaction, key: NewKey, secrets: readonly NewSecret[]): Promise<ApiKeyRecord> {
    const entity = Object.assign(new ApiKeyEntity(), key, untouched);
    const rows = secrets.map((secret) =>
      Object.assign(new KeySecretEntity(), secret, {
        keyId: key.id,
        generation: 1,
        foreignPrefix: null,
        cut: false,
        createdAt: key.createdAt,
        expiresAt: null,
        lastUsedAt: null,
      }),
    );
    await tx.manager.insert(ApiKeyEntity, { ...entity, metadata: entity.metadata as never });
    await tx.manager.insert(KeySecretEntity, rows);
    const shown = secrets.map(({ id, form, accessKeyId }) => ({
      id,
      form,
      access_key_id: accessKeyId,
      created_at: key.createdAt,
      expires_at: null,
      last_used_at: null,
    }));
    return toRecord(entity, shown, this.database.now());
  }

  /** A key of the organization, or undefined: another organization's key is as good as none. */
  read(organizationId: string, id: string): Promise<ApiKeyRecord | undefined> {
    return this.database.read(async (manager) => {
      const key = await manager.findOneBy(ApiKeyEntity, { id, organizationId });
      return key ? (await recordsOf(manager, [key], this.database.now()))[0] : undefined;
    });
  }

  /** Newest first, at most `limit`. */
  list(filter: KeyFilter, limit: number): Promise<ApiKeyRecord[]> {
    const now = this.database.now();
    return this.database.read(async (manager) => {
      const query = manager
        .createQueryBuilder(ApiKeyEntity, 'key')
        .where('key.organizationId = :organizationId', filter)
        .orderBy('key.id', 'DESC')
        .limit(limit);
      if (filter.before !== undefined) query.andWhere('key.id < :before', filter);
      if (filter.owner !== undefined) query.andWhere('key.ownerId = :owner', filter);
      if (filter.role !== undefined) query.andWhere(':role = any(key.roles)', filter);
      if (filter.q !== undefined) query.andWhere('position(lower(:q) in lower(key.name)) > 0', filter);
      if (filter.unused_days !== undefined) {
        const since = daysFrom(now, -filter.unused_days);
        query.andWhere('coalesce(key.lastUsedAt, key.createdAt) <= :since', { since });
      }
      if (filter.expiring_in_days !== undefined) {
        const until = daysFrom(now, filter.expiring_in_days);
        query.andWhere('key.revokedAt is null and key.expiresAt > :now and key.expiresAt <= :until', { now, until });
      }
      const live = new Brackets((live) => live.where('key.expiresAt is null').orWhere('key.expiresAt > :now'));
      if (filter.status === 'revoked') query.andWhere('key.revokedAt is not null');
      else if (filter.status !== undefined) query.andWhere('key.revokedAt is null').setParameter('now', now);
      if (filter.status === 'expired') query.andWhere('key.expiresAt <= :now');
      if (filter.status === 'disabled') query.andWhere(live).andWhere('key.disabledAt is not null');
      if (filter.status === 'active') query.andWhere(live).andWhere('key.disabledAt is null');
      return recordsOf(manager, await query.getMany(), now);
    });
  }

  /** Marks the key revoked unless it is, and says which revocation counts. Undefined: no such key in the organization. */
  async revoke(
    tx: Transaction,
    organizationId: string,
    id: string,
    by: string,
  ): Promise<(Revocation & { first: boolean }) | undefined> {
    const key = await tx.manager.findOne(ApiKeyEntity, {
      where: { id, organizationId },
      lock: { mode: 'pessimistic_write' },
    });
    if (!key) return undefined;
    if (key.revokedAt) return { seq: Number(key.revokedSeq), enforced: key.enforcedAt !== null, first: false };
    const seq = await tx.mark({ scope: 'credential', id, effect: 'drop' });
    await tx.manager.update(
      ApiKeyEntity,
      { id },
      { revokedAt: this.database.now(), revokedBy: by, revokedSeq: String(seq) },
    );
    return { seq, enforced: false, first: true };
  }

  /** Which of these digests are secrets in bearer form of the organization, in the order of their ids. */
  findByDigests(organizationId: string, digests: readonly string[]): Promise<FoundSecret[]> {
    const now = this.database.now();
    return this.database.read(async (manager) => {
      const rows = await manager.query<{ id: string; key_id: string; sha256: string; live: boolean }[]>(
        `select secret.id, secret.key_id, secret.sha256,
                not secret.cut and (secret.expires_at is null or secret.expires_at > $3) as live
           from key_secret secret join api_key key on key.id = secret.key_id
          where secret.sha256 = any($1) and secret.form = 'bearer' and key.organization_id = $2 order by secret.id`,
        [digests, organizationId, now],
      );
      const records = await this.byIds([...new Set(rows.map((row) => row.key_id))]);
      return rows.flatMap(({ id, key_id: keyId, sha256, live }) => {
        const record = records.get(keyId);
        return record ? [{ record, secret: { id, sha256 }, live: live && record.status === 'active' }] : [];
      });
    });
  }

  /** Their records as they are now. */
  byIds(ids: readonly string[]): Promise<ReadonlyMap<string, ApiKeyRecord>> {
    return this.database.read(async (manager) => {
      const keys = ids.length === 0 ? [] : await manager.findBy(ApiKeyEntity, { id: In(ids) });
      const records = await recordsOf(manager, keys, this.database.now());
      return new Map(records.map((record) => [record.id, record]));
    });
  }

  /** The key by one of its unique names, together with the position at which it was read: one statement, one snapshot. */
  resolve(
    by: 'id' | 'client_id' | 'lookup' | 'sha256',
    value: string,
  ): Promise<{ position: Position; key: ResolvedKey | null }> {
    const now = this.database.now();
    return this.database.read(async (manager) => {
      const [row] = await manager.query<ResolvedRow[]>(resolveBy[by], [value, now]);
      if (!row) throw new Error('enforcement_position has no row');
      return {
        position: { history: row.history, seq: Number(row.seq) },
        key: row.id === null ? null : toResolved(row as ResolvedRow & { id: string }, now),
      };
    });
  }
}

export interface ResolvedRow {
  history: string;
  seq: string;
  id: string | null;
  organization_id: string;
  owner_kind: 'user' | 'service_account';
  owner_id: string;
  client_id: string | null;
  roles: string[];
  permissions: string[];
  buckets: ResolvedKey['buckets'];
  networks: string[] | null;
  rate_limit: ResolvedKey['rate_limit'];
  expires_at: Date | null;
  disabled_at: Date | null;
  revoked_at: Date | null;
  secrets: { id: string; form: KeyForm; generation: number; sha256: string; expires_at: string | null }[] | null;
}

/** Of a key named `key`: its secrets that are live at $2 and are recognised by their digest. */
export const resolvedSecrets = `
         (select json_agg(json_build_object('id', s.id, 'form', s.form, 'generation', s.generation,
                                           'sha256', s.sha256, 'expires_at', s.expires_at) order by s.generation)
            from key_secret s where s.key_id = key.id and s.sha256 is not null
             and not s.cut and (s.expires_at is null or s.expires_at > $2)) as secrets`;

const resolveWhere = (condition: string): string => `
  select position.history, position.seq, key.*, ${resolvedSecrets}
    from enforcement_position position
    left join api_key key on ${condition}`;

const resolveBy = {
  id: resolveWhere('key.id = $1'),
  client_id: resolveWhere('key.client_id = $1'),
  lookup: resolveWhere('key.id = (select key_id from key_secret where lookup = $1)'),
  sha256: resolveWhere('key.id = (select key_id from key_secret where sha256 = $1 and foreign_prefix is not null)'),
};

const mostSecretsShown = 20;

/** The secrets that records show, in their order. `keys`: `any(…)` of ids; `now`: a place in the text. */
export const shownSecrets = (keys: string, now: string): string => `
  select id, key_id, form, access_key_id, created_at, expires_at, last_used_at
    from (select *, row_number() over (partition by key_id order by (expires_at is null or expires_at > ${now}) desc,
                                                                    generation desc, id) as place
            from key_secret where key_id = ${keys}) secret
   where place <= ${mostSecretsShown} order by generation, id`;

/** Keys with their secrets: those that are live, and of the others the latest. */
export async function recordsOf(
  manager: EntityManager,
  keys: readonly ApiKeyEntity[],
  now: Date,
): Promise<ApiKeyRecord[]> {
  if (keys.length === 0) return [];
  const rows = await manager.query<ShownSecret[]>(shownSecrets('any($1)', '$2'), [keys.map((key) => key.id), now]);
  const byKey = new Map<string, ShownSecret[]>(keys.map((key) => [key.id, []]));
  for (const row of rows) byKey.get(row.key_id)?.push(row);
  return keys.map((key) => toRecord(key, byKey.get(key.id) ?? [], now));
}

export interface ShownSecret {
  id: string;
  key_id: string;
  form: KeyForm;
  access_key_id: string | null;
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
}

export function toRecord(key: ApiKeyEntity, secrets: readonly Omit<ShownSecret, 'key_id'>[], now: Date): ApiKeyRecord {
  return {
    id: key.id,
    name: key.name,
    description: key.description,
    organization_id: key.organizationId,
    owner: { kind: key.ownerKind, id: key.ownerId },
    forms: key.forms,
    key_prefix: key.keyPrefix,
    client_id: key.clientId,
    access_key_id: key.accessKeyId,
    roles: key.roles,
    permissions: key.permissions,
    buckets: key.buckets,
    networks: key.networks,
    rate_limit: key.rateLimit,
    metadata: key.metadata,
    status: keyStatus(key, now),
    created_at: key.createdAt.toISOString(),
    created_by: key.createdBy,
    expires_at: time(key.expiresAt),
    revoked_at: time(key.revokedAt),
    revoked_by: key.revokedBy,
    enforced_at: time(key.revokedAt === null ? key.changeEnforcedAt : key.enforcedAt),
    last_used_at: time(key.lastUsedAt),
    last_used_ip: key.lastUsedIp,
    last_used_user_agent: key.lastUsedUserAgent,
    secrets: secrets.map((secret) => ({
      id: secret.id,
      form: secret.form,
      ...(secret.access_key_id === null ? {} : { access_key_id: secret.access_key_id }),
      created_at: secret.created_at.toISOString(),
      expires_at: time(secret.expires_at),
      last_used_at: time(secret.last_used_at),
    })),
  };
}

export function toResolved(row: ResolvedRow & { id: string }, now: Date): ResolvedKey {
  return {
    id: row.id,
    organization_id: row.organization_id,
    owner: { kind: row.owner_kind, id: row.owner_id },
    client_id: row.client_id,
    roles: row.roles,
    permissions: row.permissions,
    buckets: row.buckets,
    networks: row.networks,
    rate_limit: row.rate_limit,
    status: keyStatus({ revokedAt: row.revoked_at, expiresAt: row.expires_at, disabledAt: row.disabled_at }, now),
    expires_at: time(row.expires_at),
    secrets: (row.secrets ?? []).map((secret) => ({
      ...secret,
      expires_at: secret.expires_at === null ? null : new Date(secret.expires_at).toISOString(),
    })),
  };
}

const daysFrom = (now: Date, days: number): Date => new Date(now.getTime() + days * 86_400_000);
const time = (date: Date | null): string | null => date?.toISOString() ?? null;
