import { type EnforcementAuthority } from '@portcullis/bus';
import { type Database } from '@portcullis/persistence';
import { type ConfirmRevocations } from './confirm-revocations.js';
import { type KeyChangeStore } from './key-change.store.js';

/** What one run takes up; the next one comes soon. */
const most = 100;
/** Until then it is the process that made a change which confirms it. */
const leftAfterSeconds = 20;

/**
 * Confirms what was committed and whose process died while it waited for the gateways. That they obey needs nobody: an enforcer that
 * is silent is fenced. This writes down that they do, and since when it is known.
 */
export class FinishChanges {
  constructor(
    private readonly database: Database,
    private readonly authority: EnforcementAuthority,
    private readonly changes: KeyChangeStore,
    private readonly confirmRevocations: ConfirmRevocations,
  ) {}

  async run(): Promise<void> {
    const revocations = await this.changes.unconfirmedRevocations(leftAfterSeconds, most);
    if (revocations.length > 0) {
      await this.confirmRevocations.execute(revocations.map((one) => ({ ...one, enforced: false })));
    }
    for (const { id, organizationId, seq, isRevocation } of await this.changes.unconfirmed(leftAfterSeconds, most)) {
      const receipt = await this.authority.confirm([seq]);
      await this.database.transaction(async (tx) => {
        if (!(await this.changes.markEnforced(tx, id, seq)) || !isRevocation) return;
        await tx.owe({
          organization_id: organizationId,
          action: 'revocation.enforced',
          resource: { kind: 'api-key', id },
          details: { ...receipt },
        });
      });
    }
  }
}
