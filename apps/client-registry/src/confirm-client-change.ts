import { Injectable } from '@nestjs/common';
import { EnforcementAuthority, type LeftBehind } from '@portcullis/bus';
import { type EnforcementReceipt, type OwedEvent } from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { ClientChangeStore, type CommittedClientChange } from './client-change.store.js';

/** Answers when every live gateway goes by a change of a client, and writes that down once. May be repeated at any time. */
@Injectable()
export class ConfirmClientChange {
  constructor(
    private readonly database: Database,
    private readonly authority: EnforcementAuthority,
    private readonly changes: ClientChangeStore,
  ) {}

  /** @param origin who made it and in which request, where somebody did */
  async execute(
    change: CommittedClientChange,
    origin: Pick<OwedEvent, 'actor' | 'request_id' | 'client_ip'> = {},
  ): Promise<EnforcementReceipt> {
    const receipt = await this.authority.confirm([change.seq]);
    await this.database.transaction(async (tx) => {
      if (!(await this.changes.markEnforced(tx, change)) || !change.isRevocation) return;
      await tx.owe(
        {
          ...origin,
          organization_id: change.organizationId,
          action: 'revocation.enforced',
          resource: { kind: 'client', id: change.id },
          details: { ...receipt },
        },
        { redone: true },
      );
    });
    return receipt;
  }

  /** Confirms what other processes have left. */
  async finish(left: LeftBehind): Promise<void> {
    for (const change of await this.changes.unconfirmed(left)) await this.execute(change);
  }
}
