import { type Audit, type AuthenticatedCaller, eventOrigin, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { type Database } from '@portcullis/persistence';
import { type EventStore } from './event.store.js';

const batchEvents = 5_000;

/**
 * Removes what the record says about somebody: body and salt of the organization's events whose actor or resource that is. Leaf hashes
 * stay, so every proof holds, and without the salt nobody can tell from a leaf what was said. That something was erased, by whom and how
 * much, is an event that cannot be erased.
 */
export class EraseSubject {
  constructor(
    private readonly database: Database,
    private readonly events: EventStore,
  ) {}

  async erase(
    caller: AuthenticatedCaller,
    { subject }: RequestOf<typeof Audit.eraseSubject>,
  ): Promise<ReplyOf<typeof Audit.eraseSubject>> {
    const { organization_id: organizationId, id } = caller.principal;
    let erased = 0;
    for (;;) {
      const count = await this.database.transaction(async (tx) => {
        const now = this.database.now();
        const gone = await this.events.erase(tx.manager, { organizationId, subject, by: id, now }, batchEvents);
        if (gone > 0 || erased === 0)
          await tx.owe({
            organization_id: organizationId,
            action: 'record.erased',
            resource: { kind: 'audit-events', id: null },
            ...eventOrigin(caller),
            details: { subject, erased: gone },
          });
        return gone;
      });
      erased += count;
      if (count < batchEvents) return { erased };
    }
  }
}
