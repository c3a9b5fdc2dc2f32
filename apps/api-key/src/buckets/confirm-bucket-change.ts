import { Injectable } from '@nestjs/common';
import { EnforcementAuthority, type LeftBehind } from '@portcullis/bus';
import { type EnforcementReceipt } from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { type Origin } from '../confirm-revocations.js';
import { BucketStore, type CommittedBucketChange } from './bucket.store.js';

/** Answers when every live gateway goes by a claim or a release, and writes that down once. May be repeated at any time. */
@Injectable()
export class ConfirmBucketChange {
  constructor(
    private readonly database: Database,
    private readonly authority: EnforcementAuthority,
    private readonly buckets: BucketStore,
  ) {}

  /** @param origin who made it and in which request, where somebody did */
  async execute(change: CommittedBucketChange, origin: Origin = {}): Promise<EnforcementReceipt> {
    const receipt = await this.authority.confirm([change.seq]);
    await this.database.transaction(async (tx) => {
      if (!(await this.buckets.settle(tx, change)) || !change.isRelease) return;
      await tx.owe(
        {
          ...origin,
          organization_id: change.organizationId,
          action: 'revocation.enforced',
          resource: { kind: 'bucket', id: change.name },
          details: { ...receipt },
        },
        { redone: true },
      );
    });
    return receipt;
  }

  /** Confirms what other processes have left. */
  async finish(left: LeftBehind): Promise<void> {
    for (const change of await this.buckets.unconfirmed(left)) await this.execute(change);
  }
}
