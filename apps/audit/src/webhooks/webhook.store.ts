import { type DeadLetter, type WebhookRecord } from '@portcullis/contracts';
import { type Database } from '@portcullis/persistence';
import { type EntityManager } from 'typeorm';

export interface NewWebhook {
  readonly id: string;
  readonly organizationId: string;
  readonly name: string;
  readonly description: string | null;
  readonly url: string;
  readonly actions: readonly string[] | null;
  readonly subjects: readonly string[] | null;
  readonly createdAt: Date;
  readonly createdBy: string;
}

export interface NewSecret {
  readonly id: string;
  readonly webhookId: string;
  readonly envelope: string;
  readonly createdAt: Date;
}

/** What may be changed of one, and whether it is sent to. */
export type LockedWebhook = Pick<WebhookRecord, 'name' | 'description' | 'url' | 'actions' | 'subjects' | 'status'>;

/** A dead letter and its place in the list. */
export type PlacedDeadLetter = DeadLetter & { readonly leafIndex: string };

/** Webhooks as their organization sees and changes them. */
export class WebhookStore {
  constructor(private readonly database: Database) {}

  /** Counts an organization's webhooks, and keeps everybody else from making one until the transaction ends. */
  async lockAndCount(manager: EntityManager, organizationId: string): Promise<number> {
    await manager.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`webhooks:${organizationId}`]);
    const [row] = await manager.query<{ count: number }[]>(
      'select count(*)::int as count from webhook where organization_id = $1',
      [organizationId],
    );
    return row?.count ?? 0;
  }

  /** It begins where the record ends now. */
  async add(manager: EntityManager, webhook: NewWebhook): Promise<void> {
    await manager.query(
      `insert into webhook (id, organization_id, name, url, actions, subjects, created_at, created_by, description, next_index)
       select $1, $2, $3, $4, $5, $6, $7, $8, $9, size from log_head`,
      [
        webhook.id,
        webhook.organizationId,
        webhook.name,
        webhook.url,
        webhook.actions,
        webhook.subjects,
        webhook.createdAt,
        webhook.createdBy,
        webhook.description,
      ],
    );
  }

  async addSecret(manager: EntityManager, secret: NewSecret): Promise<void> {
    await manager.query('insert into webhook_secret (id, webhook_id, envelope, created_at) values ($1, $2, $3, $4)', [
      secret.id,
      secret.webhookId,
      secret.envelope,
      secret.createdAt,
    ]);
  }

  /** The newest secret signs no longer than until then. */
  async endNewestSecret(manager: EntityManager, webhookId: string, at: Date): Promise<void> {
    await manager.query('update webhook_secret set expires_at = $2 where webhook_id = $1 and expires_at is null', [
      webhookId,
      at,
    ]);
  }

  /** The webhook, which nobody else changes until the transaction ends. */
  async lock(manager: EntityManager, organizationId: string, id: string): Promise<LockedWebhook | undefined> {
    const [row] = await manager.query<LockedWebhook[]>(
      'select name, description, url, actions, subjects, status from webhook where organization_id = $1 and id = $2 for update',
      [organizationId, id],
    );
    return row;
  }

  /** Another URL is another receiver: what the one before it did is forgotten. */
  async write(manager: EntityManager, id: string, fields: Omit<LockedWebhook, 'status'>): Promise<void> {
    const { name, description, url, actions, subjects } = fields;
    await manager.query(
      `update webhook set name = $2, description = $3, url = $4, actions = $5, subjects = $6,
              failing_since = case when url = $4 then failing_since end,
              held_until = case when url = $4 then held_until end
        where id = $1`,
      [id, name, description, url, actions, subjects],
    );
  }

  /** By hand. */
  async disable(manager: EntityManager, id: string): Promise<void> {
    await manager.query(`update webhook set status = 'disabled', disabled_reason = null where id = $1`, [id]);
  }

  async enable(manager: EntityManager, id: string): Promise<void> {
    await manager.query(
      `update webhook set status = 'active', disabled_reason = null, failing_since = null, held_until = null where id = $1`,
      [id],
    );
  }

  async remove(manager: EntityManager, id: string): Promise<void> {
    await manager.query('delete from webhook where id = $1', [id]);
  }

  /** Dead letters are due again, as if never tried. Answers how many. */
  async replay(manager: EntityManager, id: string, eventIds: readonly string[] | null, now: Date): Promise<number> {
    const [, count] = await manager.query<[unknown, number]>(
      `update webhook_delivery set attempts = 0, due_at = $3, died_at = null, reason = null
        where webhook_id = $1 and died_at is not null and ($2::text[] is null or event_id = any($2))`,
      [id, eventIds, now],
    );
    return count;
  }

  /** Newest first, behind a webhook. */
  list(organizationId: string, now: Date, after: string | undefined, limit: number): Promise<WebhookRecord[]> {
    return this.database.read((manager) =>
      this.records(
        manager,
        now,
        'organization_id = $2 and ($3::text is null or id < $3)',
        [organizationId, after],
        limit,
      ),
    );
  }

  async read(
    manager: EntityManager,
    organizationId: string,
    id: string,
    now: Date,
  ): Promise<WebhookRecord | undefined> {
    return (await this.records(manager, now, 'organization_id = $2 and id = $3', [organizationId, id], 1))[0];
  }

  deadLetters(id: string, after: string | undefined, limit: number): Promise<PlacedDeadLetter[]> {
    return this.database.read(async (manager) => {
      const rows = await manager.query<(Omit<PlacedDeadLetter, 'died_at'> & { died_at: Date })[]>(
        `select event_id, attempts, reason, died_at, leaf_index as "leafIndex" from webhook_delivery
          where webhook_id = $1 and died_at is not null and leaf_index > coalesce($2::bigint, -1)
          order by leaf_index limit $3`,
        [id, after, limit],
      );
      return rows.map((row) => ({ ...row, died_at: row.died_at.toISOString() }));
    });
  }

  private async records(
    manager: EntityManager,
    now: Date,
    where: string,
    values: unknown[],
    limit: number,
  ): Promise<WebhookRecord[]> {
    const rows = await manager.query<WebhookRow[]>(
      `select id, name, description, url, actions, subjects, status, disabled_reason, created_at, created_by, failing_since, delivered_at,
              (select count(*)::int from webhook_delivery where webhook_id = webhook.id and due_at is not null) as pending,
              (select count(*)::int from webhook_delivery where webhook_id = webhook.id and died_at is not null) as dead_letters,
              (select json_agg(json_build_object('created_at', created_at, 'expires_at', expires_at)
                               order by created_at desc, id desc)
                 from webhook_secret
                where webhook_id = webhook.id and (expires_at is null or expires_at > $1)) as secrets
         from webhook where ${where} order by id desc limit ${limit}`,
      [now, ...values],
    );
    return rows.map((row) => ({
      ...row,
      created_at: row.created_at.toISOString(),
      failing_since: row.failing_since?.toISOString() ?? null,
      delivered_at: row.delivered_at?.toISOString() ?? null,
      secrets: row.secrets.map(({ created_at, expires_at }) => ({
        created_at: new Date(created_at).toISOString(),
        expires_at: expires_at === null ? null : new Date(expires_at).toISOString(),
      })),
    }));
  }
}

type WebhookRow = Omit<WebhookRecord, 'created_at' | 'failing_since' | 'delivered_at'> & {
  created_at: Date;
  failing_since: Date | null;
  delivered_at: Date | null;
};
