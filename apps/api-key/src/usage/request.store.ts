import { Injectable } from '@nestjs/common';
import { type EntityManager } from 'typeorm';
import { type AccessBatch, type AccessRecord, type RequestRecord } from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { type Use } from './last-used.js';

/** What to list, and where the page before ended. */
export interface RequestFilter {
  organizationId: string;
  keyId?: string | undefined;
  principalId?: string | undefined;
  /** Included. */
  since: Date;
  /** Not included. */
  until?: Date | undefined;
  after?: Place | undefined;
}

/** Where a row stands in the order of all. */
export interface Place {
  time: Date;
  batch: string;
  place: number;
}

const dayMs = 86_400_000;

/** The only file that knows the tables of use. */
@Injectable()
export class RequestStore {
  /** Days whose partition is known to be there. */
  private readonly days = new Set<string>();

  constructor(private readonly database: Database) {}

  /**
   * Keeps what is not kept yet of these batches, and writes the uses given, in one transaction. A use is written unless a later one
   * is.
   */
  async keep(batches: readonly AccessBatch[], uses: readonly Use[]): Promise<void> {
    const rows = batches.flatMap(({ id, records }) => records.map((record, place) => ({ record, batch: id, place })));
    try {
      await this.partitions(new Set(rows.map(({ record }) => dayOf(record.time_ms))));
      await this.write(rows, uses);
    } catch (error) {
      // Whatever it was, another replica may have dropped a day.
      this.days.clear();
      throw error;
    }
  }

  private write(rows: readonly Row[], uses: readonly Use[]): Promise<void> {
    return this.database.transaction(async ({ manager }) => {
      if (rows.length > 0) {
        const insert = `insert into request (${columns.map(([name]) => name).join(', ')})
          select * from unnest(${columns.map(([, type], at) => `$${at + 1}::${type}[]`).join(', ')})
          on conflict do nothing`;
        await manager.query(
          insert,
          columns.map(([, , read]) => rows.map(read)),
        );
      }
      await this.writeUses(manager, uses);
    });
  }

  /** The latest uses that are not written with their key: what an end in between has left. */
  async unwritten(): Promise<Use[]> {
    return this.database.read(async (manager) => {
      const rows = await manager.query<StoredUse[]>(
        `select distinct on (r.api_key_id, r.secret_id)
                r.api_key_id, r.secret_id, r.time, r.client_ip, r.user_agent
           from request r join api_key k on k.id = r.api_key_id
          where r.time >= (select max(time) from request) - interval '2 minutes'
            and (k.last_used_at is null or r.time > k.last_used_at)
          order by r.api_key_id, r.secret_id, r.time desc`,
      );
      return rows.map((row) => ({
        keyId: row.api_key_id,
        secretId: row.secret_id,
        timeMs: row.time.getTime(),
        clientIp: row.client_ip,
        userAgent: row.user_agent,
      }));
    });
  }

  /** Newest first, at most `limit`. */
  list(filter: RequestFilter, limit: number): Promise<{ at: Place; record: RequestRecord }[]> {
    const { text, values } = listQuery(filter, limit);
    return this.database.read(async (manager) => (await manager.query<StoredRequest[]>(text, values)).map(toListed));
  }

  /** How many requests these keys made since, and when the last. A key that made none is not there. */
  countSince(
    organizationId: string,
    keyIds: readonly string[],
    since: Date,
  ): Promise<Map<string, { requests: number; lastRequestAt: Date }>> {
    return this.database.read(async (manager) => {
      const rows = await manager.query<{ api_key_id: string; requests: string; last: Date }[]>(
        `select api_key_id, sum(1 + coalesce(omitted, 0)) as requests, max(time) as last
           from request where organization_id = $1 and api_key_id = any($2) and time >= $3 group by api_key_id`,
        [organizationId, keyIds, since],
      );
      return new Map(rows.map((row) => [row.api_key_id, { requests: Number(row.requests), lastRequestAt: row.last }]));
    });
  }

  /** Drops one day that ends before `end`, the oldest. False: there is none. */
  async dropDayBefore(end: Date): Promise<boolean> {
    return this.database.transaction(async ({ manager }) => {
      const [oldest] = await manager.query<{ name: string }[]>(
        `select child.relname as name from pg_inherits
           join pg_class child on child.oid = inhrelid
          where inhparent = 'request'::regclass order by child.relname limit 1`,
      );
      const day = oldest?.name.slice('request_'.length).replaceAll('_', '-');
      if (!oldest || day === undefined || Date.parse(day) + dayMs > end.getTime()) return false;
      // Readers and writers finish first; who cannot wait is not made to: the next turn tries again.
      await manager.query(`set local lock_timeout = '2s'`);
      await manager.query(`drop table ${oldest.name}`);
      this.days.delete(day);
      return true;
    });
  }

  private async partitions(days: ReadonlySet<string>): Promise<void> {
    for (const day of days) {
      if (this.days.has(day)) continue;
      const next = dayOf(Date.parse(day) + dayMs);
      await this.database.transaction(async ({ manager }) => {
        // "if not exists" still fails where two make it at once.
        await manager.query(`select pg_advisory_xact_lock(hashtextextended('request partition', 0))`);
        await manager.query(`create table if not exists request_${day.replaceAll('-', '_')}
          partition of request for values from ('${day}T00:00:00Z') to ('${next}T00:00:00Z')`);
      });
      this.days.add(day);
    }
  }

  private async writeUses(manager: EntityManager, uses: readonly Use[]): Promise<void> {
    if (uses.length === 0) return;
    const given = `(select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[])
                      as given (key_id, secret_id, time, ip, agent)) given`;
    const values = [
      uses.map(({ keyId }) => keyId),
      uses.map(({ secretId }) => secretId),
      uses.map(({ timeMs }) => new Date(timeMs)),
      uses.map(({ clientIp }) => clientIp),
      uses.map(({ userAgent }) => userAgent),
    ];
    // Locked as every change locks: a key before its secrets, and keys in one order. So nobody waits for another crosswise, neither
    // a replica nor a rotation. In one statement with the rest it is Postgres that chooses the order.
    await manager.query('select 1 from api_key where id = any($1) order by id for no key update', values.slice(0, 1));
    await manager.query(
      `update api_key key set last_used_at = time, last_used_ip = ip, last_used_user_agent = agent
         from (select distinct on (key_id) * from ${given} order by key_id, time desc) latest
        where key.id = latest.key_id and (key.last_used_at is null or key.last_used_at < time)`,
      values,
    );
    await manager.query(
      `update key_secret secret set last_used_at = time
         from (select secret_id, max(time) as time from ${given} where secret_id is not null group by secret_id) used
        where secret.id = used.secret_id and (secret.last_used_at is null or secret.last_used_at < time)`,
      values,
    );
  }
}

/** A list as SQL: it reads no more rows than it answers, by the index that fits the filter. */
export function listQuery(filter: RequestFilter, limit: number): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  const p = (value: unknown): string => `$${values.push(value)}`;
  const conditions = [`organization_id = ${p(filter.organizationId)}`, `time >= ${p(filter.since)}`];
  if (filter.keyId !== undefined) conditions.push(`api_key_id = ${p(filter.keyId)}`);
  if (filter.principalId !== undefined) conditions.push(`principal_id = ${p(filter.principalId)}`);
  if (filter.until !== undefined) conditions.push(`time < ${p(filter.until)}`);
  if (filter.after) {
    const { time, batch, place } = filter.after;
    conditions.push(`(time, batch, place) < (${p(time)}, ${p(batch)}, ${p(place)})`);
  }
  const text = `select time, batch, place, request_id, method, path, route, status, duration_ms, client_ip, user_agent,
                       api_key_id, principal_kind, principal_id, omitted
                  from request where ${conditions.join(' and ')}
                 order by time desc, batch desc, place desc limit ${p(limit)}`;
  return { text, values };
}

interface Row {
  record: AccessRecord;
  batch: string;
  place: number;
}

const columns: readonly (readonly [name: string, type: string, read: (row: Row) => unknown])[] = [
  ['time', 'timestamptz', ({ record }) => new Date(record.time_ms)],
  ['batch', 'text', ({ batch }) => batch],
  ['place', 'smallint', ({ place }) => place],
  ['organization_id', 'text', ({ record }) => record.organization_id],
  ['api_key_id', 'text', ({ record }) => record.api_key_id],
  ['principal_kind', 'text', ({ record }) => record.principal_kind],
  ['principal_id', 'text', ({ record }) => record.principal_id],
  ['secret_id', 'text', ({ record }) => record.secret_id],
  ['request_id', 'text', ({ record }) => record.request_id],
  ['method', 'text', ({ record }) => record.method],
  ['path', 'text', ({ record }) => record.path],
  ['route', 'text', ({ record }) => record.route],
  ['status', 'smallint', ({ record }) => record.status],
  ['duration_ms', 'integer', ({ record }) => record.duration_ms],
  ['client_ip', 'text', ({ record }) => record.client_ip],
  ['user_agent', 'text', ({ record }) => record.user_agent],
  ['omitted', 'integer', ({ record }) => record.omitted ?? null],
];

interface StoredUse {
  api_key_id: string;
  secret_id: string | null;
  time: Date;
  client_ip: string;
  user_agent: string | null;
}

interface StoredRequest {
  time: Date;
  batch: string;
  place: number;
  request_id: string;
  method: string;
  path: string;
  route: string | null;
  status: number;
  duration_ms: number;
  client_ip: string;
  user_agent: string | null;
  api_key_id: string;
  principal_kind: RequestRecord['principal']['kind'];
  principal_id: string;
  omitted: number | null;
}

const toListed = (row: StoredRequest): { at: Place; record: RequestRecord } => ({
  at: { time: row.time, batch: row.batch, place: row.place },
  record: {
    request_id: row.request_id,
    time: row.time.toISOString(),
    method: row.method,
    path: row.path,
    route: row.route,
    status: row.status,
    duration_ms: row.duration_ms,
    client_ip: row.client_ip,
    user_agent: row.user_agent,
    api_key_id: row.api_key_id,
    principal: { kind: row.principal_kind, id: row.principal_id },
    ...(row.omitted === null ? {} : { omitted: row.omitted }),
  },
});

const dayOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10);
