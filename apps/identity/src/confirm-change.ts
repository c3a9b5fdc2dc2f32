import { Injectable } from '@nestjs/common';
import { EnforcementAuthority } from '@portcullis/bus';
import { type EnforcementReceipt } from '@portcullis/contracts';
import { Database, type Transaction } from '@portcullis/persistence';

/** A change that is committed, with what enforcers must have applied before it is answered. */
export interface CommittedChange {
  /** Its markers, and the last one that took something away from the same thing, which a repeat waits for again. */
  seqs: readonly number[];
  organizationId: string | null;
  resource: { kind: string; id: string };
  /**
   * Notes in the record that what was taken away is enforced, if that stands no later than `through` in the order of this authority:
   * another may have taken away more meanwhile. True for the first time.
   */
  markEnforced: (tx: Transaction, now: Date, through: number) => Promise<boolean>;
}

/** Answers when every live enforcer goes by a change. May be repeated at any time. */
@Injectable()
export class ConfirmChange {
  constructor(
    private readonly database: Database,
    private readonly authority: EnforcementAuthority,
  ) {}

  /** Null where nothing had to be told to anybody. */
  async execute({ seqs, ...change }: CommittedChange): Promise<EnforcementReceipt | null> {
    return seqs.length === 0 ? null : this.confirm({ seqs, ...change });
  }

  async confirm({ seqs, organizationId, resource, markEnforced }: CommittedChange): Promise<EnforcementReceipt> {
    const receipt = await this.authority.confirm(seqs);
    await this.database.transaction(async (tx) => {
      if (!(await markEnforced(tx, this.database.now(), Math.max(...seqs)))) return;
      await tx.owe({
        organization_id: organizationId,
        action: 'revocation.enforced',
        resource,
        details: { ...receipt },
      });
    });
    return receipt;
  }
}
