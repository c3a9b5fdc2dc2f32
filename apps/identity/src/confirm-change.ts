import { Injectable } from '@nestjs/common';
import { EnforcementAuthority, type LeftBehind } from '@portcullis/bus';
import { type EnforcementReceipt } from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { EnforcedStore, type KeptAs } from './enforced.store.js';

/** A change that is committed, with what enforcers must have applied before it is answered. */
export interface CommittedChange {
  /** Its markers, and the last one that took something away from the same thing, which a repeat waits for again. */
  seqs: readonly number[];
  /** Which record says that something was taken away; null where the change only gives. */
  keptAs: KeptAs | null;
  organizationId: string | null;
  resource: { kind: string; id: string };
}

/** Answers when every live enforcer goes by a change. May be repeated at any time. */
@Injectable()
export class ConfirmChange {
  constructor(
    private readonly database: Database,
    private readonly authority: EnforcementAuthority,
    private readonly enforced: EnforcedStore,
  ) {}

  /** Null where nothing had to be told to anybody. */
  async execute({ seqs, ...change }: CommittedChange): Promise<EnforcementReceipt | null> {
    return seqs.length === 0 ? null : this.confirm({ seqs, ...change });
  }

  async confirm({ seqs, keptAs, organizationId, resource }: CommittedChange): Promise<EnforcementReceipt> {
    const receipt = await this.authority.confirm(seqs);
    if (keptAs === null) return receipt;
    await this.database.transaction(async (tx) => {
      if (!(await this.enforced.note(tx, keptAs, seqs, this.database.now()))) return;
      await tx.owe(
        {
          organization_id: organizationId,
          action: 'revocation.enforced',
          resource,
          details: { ...receipt },
        },
        { redone: true },
      );
    });
    return receipt;
  }

  /** Confirms what other processes have left. */
  async finish(left: LeftBehind): Promise<void> {
    for (const { keptAs, resource, id, organizationId, seqs } of await this.enforced.unconfirmed(left)) {
      await this.confirm({ seqs, keptAs, organizationId, resource: { kind: resource, id } });
    }
  }
}
