import { type AuditEvent } from '@portcullis/contracts';
import { type EntityManager } from 'typeorm';

/**
 * Keeps in mind which organizations are suspended, as the record tells it, in the transaction that keeps the events: nothing of one that
 * is suspended is sent to anybody, and once it is resumed its webhooks go on where they ended. What failed before is forgotten then.
 */
export async function noteSuspensions(
  manager: EntityManager,
  kept: readonly { readonly event: AuditEvent }[],
): Promise<void> {
  for (const { event } of kept) {
    const { action, service, resource } = event;
    if (service !== 'identity') continue;
    if (action === 'organization.suspended')
      await manager.query('insert into suspended_organization values ($1) on conflict do nothing', [resource.id]);
    else if (action === 'organization.resumed')
      await manager.query(
        `with resumed as (delete from suspended_organization where organization_id = $1 returning organization_id)
         update webhook set failing_since = null, held_until = null where organization_id in (select * from resumed)`,
        [resource.id],
      );
  }
}

/** Of a row of `webhook`, in SQL. */
export const isPaused = 'exists (select from suspended_organization where organization_id = webhook.organization_id)';
