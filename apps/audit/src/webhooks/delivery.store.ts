import { type AttemptOutcome, type AuditEvent } from '@portcullis/contracts';
import { type Database, type Transaction } from '@portcullis/persistence';
import { type EntityManager } from 'typeorm';
import { place } from '../event-list.store.js';
import { isPaused } from './suspensions.js';

/** An event that this process alone sends now. */
export interface ClaimedDelivery {
  readonly webhookId: string;
  readonly organizationId: string;
  readonly url: string;
  readonly leafIndex: number;
  readonly eventId: string;
  /** This one among them. */
  readonly attempts: number;
}

/** How many of one webhook may be under way; of one that fails a single one, so that it holds no place that others need. */
const slots = 8;
/** A webhook with so many to be sent looks no further in the record: what waits is bounded, and nothing is passed over. */
const maxPending = 1_000;
const windowEvents = 500;
/** Behind by more the place is written down though nothing was found. */
const maxLag = 10_000;

/** What is found in the record for each webhook, and what became of it. */
export class DeliveryStore {
  constructor(private readonly database: Database) {}

  /** Webhooks that have not looked at the whole record of `size` events. */
  behind(size: number): Promise<string[]> {
    return this.database.read(async (manager) => {
      const rows = await manager.query<{ id: string }[]>(
        `select id from webhook where status = 'active' and next_index < $1 and not ${isPaused} order by next_index`,
        [size],
      );
      return rows.map(({ id }) => id);
    });
  }

  /**
   * Looks for a webhook's events in the next stretch of the record. One statement: what was found and the place behind it are written
   * together, and another replica that is at it is left alone. Answers whether there is more to look at.
   */
  find(webhookId: string, size: number, now: Date): Promise<boolean> {
    return this.database.read(async (manager) => {
      const rows = await manager.query<{ filled: boolean }[]>(
        `with hook as materialized (
           select * from webhook
            where id = $1 and status = 'active' and next_index < $2 and not ${isPaused}
              and (select count(*) from webhook_delivery where webhook_id = $1 and due_at is not null) < ${maxPending}
              for update skip locked),
         stretch as materialized (
           select seen.* from hook cross join lateral (
             select leaf_index, id, action, resource_kind, resource_id from event
              where reader = hook.organization_id and ${place} >= hook.next_index and ${place} < $2
              order by ${place} limit ${windowEvents}) as seen),
         put as (
           insert into webhook_delivery (webhook_id, leaf_index, event_id, due_at)
           select hook.id, stretch.leaf_index, stretch.id, $3 from stretch cross join hook
            where (hook.actions is null or stretch.action = any(hook.actions)
                   or split_part(stretch.action, '.', 1) || '.*' = any(hook.actions))
              and (hook.subjects is null or stretch.resource_kind = any(hook.subjects)
                   or stretch.resource_id = any(hook.subjects))
           on conflict do nothing),
         looked as (select count(*) = ${windowEvents} as filled, count(*) as events, max(leaf_index) as last from stretch),
         moved as (
           update webhook set next_index = case when filled then last + 1 else $2 end
             from looked where webhook.id in (select id from hook) and (events > 0 or $2 - next_index > ${maxLag}))
         select filled from looked`,
        [webhookId, size, now],
      );
      return rows[0]?.filled ?? false;
    });
  }

  /** Takes up to `limit` events that are due, for so long as `until`; what another replica has taken is passed over. */
  claim(now: Date, until: Date, limit: number): Promise<ClaimedDelivery[]> {
    const free = `due_at <= $1 and (leased_until is null or leased_until <= $1)`;
    return this.database.read(async (manager) => {
      const [rows] = await manager.query<[(Omit<ClaimedDelivery, 'leafIndex'> & { leafIndex: string })[], number]>(
        // Whose turn it is goes by chance: a webhook with many events keeps no other waiting.
        `with hook as materialized (
           select id, organization_id, url, case when failing_since is null then ${slots} else 1 end as slots from webhook
            where status = 'active' and not ${isPaused} and (held_until is null or held_until <= $1)
              and exists (select from webhook_delivery where webhook_id = webhook.id and ${free})
            order by random() limit $3 for update skip locked),
         chosen as materialized (
           select hook.id, organization_id, url, leaf_index from hook cross join lateral (
             select leaf_index from webhook_delivery where webhook_id = hook.id and ${free}
              order by due_at, leaf_index
              limit greatest(0, slots - (select count(*) from webhook_delivery
                                          where webhook_id = hook.id and leased_until > $1))) as due
            limit $3)
         update webhook_delivery set leased_until = $2, attempts = attempts + 1 from chosen
          where webhook_id = chosen.id and webhook_delivery.leaf_index = chosen.leaf_index and ${free}
         returning webhook_id as "webhookId", organization_id as "organizationId", url,
                   webhook_delivery.leaf_index as "leafIndex", event_id as "eventId", attempts`,
        [now, until, limit],
      );
      return rows.map((row) => ({ ...row, leafIndex: Number(row.leafIndex) }));
    });
  }

  /** The event and the envelopes that sign it. No event: its body was taken away since. */
  content(
    { webhookId, organizationId, leafIndex }: ClaimedDelivery,
    now: Date,
  ): Promise<{ event: AuditEvent | undefined; secrets: { id: string; envelope: string }[] }> {
    return this.database.read(async (manager) => {
      // The organization is asked for again here: whatever lies in the queue, nobody is sent another's event.
      const [row] = await manager.query<{ body: AuditEvent }[]>(
        'select body from event where leaf_index = $1 and reader = $2',
        [leafIndex, organizationId],
      );
      const secrets = await manager.query<{ id: string; envelope: string }[]>(
        `select id, envelope from webhook_secret where webhook_id = $1 and (expires_at is null or expires_at > $2)
          order by created_at desc, id desc`,
        [webhookId, now],
      );
      return { event: row?.body, secrets };
    });
  }

  /** The receiver has it. */
  async delivered({ webhookId, leafIndex }: ClaimedDelivery, now: Date): Promise<void> {
    await this.database.transaction(async ({ manager }) => {
      await manager.query(
        'update webhook set failing_since = null, held_until = null, delivered_at = $2 where id = $1',
        [webhookId, now],
      );
      await drop(manager, webhookId, leafIndex);
    });
  }

  /** There is nothing to be sent any more. */
  async forget({ webhookId, leafIndex }: ClaimedDelivery): Promise<void> {
    await this.database.read((manager) => drop(manager, webhookId, leafIndex));
  }

  /** It was no attempt: another process may have it at once. */
  async release({ webhookId, leafIndex, attempts }: ClaimedDelivery): Promise<void> {
    await this.database.read((manager) =>
      manager.query(
        `update webhook_delivery set leased_until = null, attempts = attempts - 1
          where webhook_id = $1 and leaf_index = $2 and attempts = $3`,
        [webhookId, leafIndex, attempts],
      ),
    );
  }

  /** Writes down a failure. Answers since when the webhook fails; undefined if it is not there or not active any more. */
  async failed(
    { manager }: Transaction,
    { webhookId, leafIndex, attempts }: ClaimedDelivery,
    what: { reason: string; now: Date; dueAt: Date | null; heldUntil: Date | null },
  ): Promise<Date | undefined> {
    const [[hook]] = await manager.query<[{ failing_since: Date }[], number]>(
      `update webhook set failing_since = coalesce(failing_since, $2), held_until = coalesce($3, held_until)
        where id = $1 and status = 'active' returning failing_since`,
      [webhookId, what.now, what.heldUntil],
    );
    // Only of this attempt: when its time was over, another process may be at the next.
    await manager.query(
      `update webhook_delivery set leased_until = null, reason = $4, due_at = $5,
              died_at = case when $5::timestamptz is null then $6::timestamptz end
        where webhook_id = $1 and leaf_index = $2 and attempts = $3`,
      [webhookId, leafIndex, attempts, what.reason, what.dueAt, what.now],
    );
    return hook?.failing_since;
  }

  async disable({ manager }: Transaction, webhookId: string, reason: string): Promise<void> {
    await manager.query(`update webhook set status = 'disabled', disabled_reason = $2 where id = $1`, [
      webhookId,
      reason,
    ]);
  }

  /** Takes away what has had its time: dead letters of before `oldest`, secrets that sign no more. */
  async tidy(now: Date, oldest: Date): Promise<void> {
    await this.database.read(async (manager) => {
      // Whoever is suspended cannot replay them.
      await manager.query(
        `delete from webhook_delivery using webhook where webhook_id = webhook.id and died_at < $1 and not ${isPaused}`,
        [oldest],
      );
      await manager.query('delete from webhook_secret where expires_at <= $1', [now]);
    });
  }

  /** Envelopes under other keys than the first. */
  staleSecrets(currentKid: string): Promise<{ id: string; webhookId: string; envelope: string }[]> {
    return this.database.read((manager) =>
      manager.query(
        `select id, webhook_id as "webhookId", envelope from webhook_secret where split_part(envelope, '.', 2) <> $1`,
        [currentKid],
      ),
    );
  }

  async rewrap(id: string, was: string, envelope: string): Promise<void> {
    await this.database.read((manager) =>
      manager.query('update webhook_secret set envelope = $3 where id = $1 and envelope = $2', [id, was, envelope]),
    );
  }

  /** Adds to what became of attempts. */
  async count(attempts: ReadonlyMap<AttemptOutcome, number>): Promise<void> {
    await this.database.read((manager) =>
      manager.query(
        `insert into webhook_attempts (outcome, count) select * from unnest($1::text[], $2::bigint[]) order by 1
         on conflict (outcome) do update set count = webhook_attempts.count + excluded.count`,
        [[...attempts.keys()], [...attempts.values()]],
      ),
    );
  }
}

async function drop(manager: EntityManager, webhookId: string, leafIndex: number): Promise<void> {
  await manager.query('delete from webhook_delivery where webhook_id = $1 and leaf_index = $2', [webhookId, leafIndex]);
}
