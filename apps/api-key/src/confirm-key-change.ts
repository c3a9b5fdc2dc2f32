import { Injectable } from '@nestjs/common';
import { EnforcementAuthority, type LeftBehind } from '@portcullis/bus';
import { type EnforcementReceipt } from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { ConfirmRevocations, type Origin } from './confirm-revocations.js';
import { type CommittedKeyChange, KeyChangeStore } from './key-change.store.js';

/** Answers when every live gateway goes by a change of a key, and writes that down once. May be repeated at any time. */
@Injectable()
export class ConfirmKeyChange {
  constructor(
    private readonly database: Database,
    private readonly authority: EnforcementAuthority,
    private readonly changes: KeyChangeStore,
    private readonly confirmRevocations: ConfirmRevocations,
  ) {}

  /** @param origin who made it and in which request, where somebody did */
  async execute(
    { id, organizationId, seq, isRevocation }: CommittedKeyChange,
    origin: Origin = {},
  ): Promise<EnforcementReceipt> {
    const receipt = await this.authority.confirm([seq]);
    await this.database.transaction(async (tx) => {
      if (!(await this.changes.markEnforced(tx, id, seq)) || !isRevocation) return;
      await tx.owe(
        {
          ...origin,
          organization_id: organizationId,
          action: 'revocation.enforced',
          resource: { kind: 'api-key', id },
          details: { ...receipt },
        },
        { redone: true },
      );
    });
    return receipt;
  }

  /** Confirms what other processes have left: revocations first. */
  async finish(left: LeftBehind): Promise<void> {
    const revocations = await this.changes.unconfirmedRevocations(left);
    if (revocations.length > 0) {
      await this.confirmRevocations.execute(revocations.map((one) => ({ ...one, enforced: false })));
    }
    for (const change of await this.changes.unconfirmed(left)) await this.execute(change);
  }
}
