import { Injectable } from '@nestjs/common';
import {
  type AuthenticatedCaller,
  Bucket,
  type BucketRecord,
  eventOrigin,
  maxBuckets,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Database, once, type Transaction } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { BucketStore, changeOf, type ClaimedBucket, type CommittedBucketChange } from './bucket.store.js';
import { ConfirmBucketChange } from './confirm-bucket-change.js';

type Reply = ReplyOf<typeof Bucket.claim>;

interface Decided {
  reply: Reply;
  /** The claim, where it is still to be confirmed. */
  pending: CommittedBucketChange | null;
}

/** The name is about to be free: once this is confirmed, where there is something to confirm. */
class AboutToBeFree extends Error {
  constructor(readonly release: CommittedBucketChange | null) {
    super('a bucket is being given back');
  }
}

/** Each time somebody else would have to claim the name and give it back just then. */
const mostAttempts = 3;

/** Takes a name for an organization. Of two that want it at once one gets it; the other is told that it is taken. */
@Injectable()
export class ClaimBucket {
  constructor(
    private readonly database: Database,
    private readonly policy: PolicyFile,
    private readonly buckets: BucketStore,
    private readonly confirm: ConfirmBucketChange,
  ) {}

  async execute(caller: AuthenticatedCaller, request: RequestOf<typeof Bucket.claim>): Promise<Reply> {
    const { reply, pending } = await this.decide(caller, request);
    return pending ? { ...reply, enforcement: await this.confirm.execute(pending, eventOrigin(caller)) } : reply;
  }

  private async decide(
    caller: AuthenticatedCaller,
    request: RequestOf<typeof Bucket.claim>,
    attempt = 1,
  ): Promise<Decided> {
    const hmacKey = await this.database.localKey('idempotency');
    const about = { caller, operation: Bucket.claim.subject, body: request, hmacKey, now: this.database.now() };
    try {
      return await this.database.transaction((tx) => once(tx, about, () => this.claim(tx, caller, request.name)));
    } catch (error) {
      if (!(error instanceof AboutToBeFree) || attempt >= mostAttempts) throw error;
      // No gateway may let its last owner in any more before it is another's.
      if (error.release) await this.confirm.execute(error.release);
      return this.decide(caller, request, attempt + 1);
    }
  }

  private async claim(tx: Transaction, caller: AuthenticatedCaller, name: string): Promise<Decided> {
    const { organization_id: organizationId, id: createdBy } = caller.principal;
    const named = this.policy.current.storage.buckets.get(name);
    if (named !== undefined) return decided(named === organizationId ? 'owned' : 'taken');
    const wanted = { name, organizationId, createdBy, createdAt: this.database.now() };
    if (await this.buckets.claim(tx, wanted)) {
      if ((await this.buckets.count(tx, organizationId)) > maxBuckets) {
        throw new Refusal('unprocessable', `An organization has at most ${maxBuckets} buckets. Delete one first.`);
      }
      await tx.owe({
        organization_id: organizationId,
        action: 'bucket.claimed',
        resource: { kind: 'bucket', id: name },
        ...eventOrigin(caller),
      });
      const seq = await this.buckets.markClaim(tx, name);
      return decided('claimed', wanted, { name, organizationId, seq, isRelease: false });
    }
    const bucket = await this.buckets.lock(tx, name);
    if (!bucket || bucket.releasedAt) throw new AboutToBeFree(bucket ? changeOf(bucket) : null);
    if (bucket.organizationId !== organizationId) return decided('taken');
    return decided('owned', bucket, bucket.enforcedAt ? null : changeOf(bucket));
  }
}

function decided(
  outcome: Reply['outcome'],
  bucket: Pick<ClaimedBucket, 'name' | 'createdAt'> | null = null,
  pending: CommittedBucketChange | null = null,
): Decided {
  return { reply: { outcome, bucket: bucket && toBucketRecord(bucket), enforcement: null }, pending };
}

export const toBucketRecord = ({ name, createdAt }: Pick<ClaimedBucket, 'name' | 'createdAt'>): BucketRecord => ({
  name,
  created_at: createdAt.toISOString(),
});
