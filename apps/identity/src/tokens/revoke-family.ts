import { Injectable } from '@nestjs/common';
import { type EnforcementReceipt } from '@portcullis/contracts';
import { Database, type Transaction } from '@portcullis/persistence';
import { ConfirmChange } from '../confirm-change.js';
import { type Family, FamilyStore } from './family.store.js';

/** Clocks of two machines, and a request that is under way: how much longer than its tokens a block is kept. */
export const blockMarginMilliseconds = 300_000;

/** Ends a family of tokens: in the caller's transaction, then everywhere. */
@Injectable()
export class RevokeFamily {
  constructor(
    private readonly database: Database,
    private readonly families: FamilyStore,
    private readonly confirmChange: ConfirmChange,
  ) {}

  /** Marks a locked family as revoked; the last thing that its transaction does. Answers the seq to confirm after the commit. */
  async mark(tx: Transaction, family: Family, by: string): Promise<number> {
    const now = this.database.now();
    const accessEndsAt = await this.families.accessEndsAt(tx, family.id);
    const seq = await tx.mark({
      scope: 'family',
      id: family.id,
      effect: 'block',
      keepMs: Math.max(0, (accessEndsAt?.getTime() ?? 0) - now.getTime()) + blockMarginMilliseconds,
    });
    await this.families.markRevoked(tx, family.id, by, seq, now);
    return seq;
  }

  /** Answers when every live enforcer refuses the family. May be repeated at any time. */
  confirm({ id, organizationId }: Family, seq: number): Promise<EnforcementReceipt> {
    const resource = { kind: 'family', id };
    return this.confirmChange.confirm({ seqs: [seq], keptAs: 'family', organizationId, resource });
  }
}
