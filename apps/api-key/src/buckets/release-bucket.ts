import { Injectable } from '@nestjs/common';
import {
  type AuthenticatedCaller,
  Bucket,
  eventOrigin,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Database, once, type Transaction } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { BucketStore, changeOf, type CommittedBucketChange } from './bucket.store.js';
import { ConfirmBucketChange } from './confirm-bucket-change.js';

/** Gives a name back, and answers when no gateway lets the organization in by its old claim. Only then is the name anybody's. */
@Injectable()
export class ReleaseBucket {
  constructor(
    private readonly database: Database,
    private readonly policy: PolicyFile,
    private readonly buckets: BucketStore,
    private readonly confirm: ConfirmBucketChange,
  ) {}

  async execute(
    caller: AuthenticatedCaller,
    request: RequestOf<typeof Bucket.release>,
  ): Promise<ReplyOf<typeof Bucket.release>> {
    const { name } = request;
    const { organization_id: organizationId } = caller.principal;
    const named = this.policy.current.storage.buckets.get(name);
    // What the policy says of a name goes before the registry, for its owner as for all others.
    if (named !== undefined && named !== organizationId) throw unknown();
    const hmacKey = await this.database.localKey('idempotency');
    const about = { caller, operation: Bucket.release.subject, body: request, hmacKey, now: this.database.now() };
    const { change } = await this.database.transaction((tx) =>
      once(tx, about, async () => {
        const released = await this.release(tx, caller, name);
        if (!released && named === undefined) throw unknown();
        return { change: released };
      }),
    );
    if (!change) return { name, released: false, enforcement: null };
    const enforcement = await this.confirm.execute(change, eventOrigin(caller));
    return { name, released: named === undefined, enforcement };
  }

  /** Null: the organization has not claimed it. One that is being given back is only confirmed again. */
  private async release(
    tx: Transaction,
    caller: AuthenticatedCaller,
    name: string,
  ): Promise<CommittedBucketChange | null> {
    const { organization_id: organizationId } = caller.principal;
    const bucket = await this.buckets.lock(tx, name);
    if (!bucket || bucket.organizationId !== organizationId) return null;
    if (bucket.releasedAt) return changeOf(bucket);
    await tx.owe({
      organization_id: organizationId,
      action: 'bucket.released',
      resource: { kind: 'bucket', id: name },
      ...eventOrigin(caller),
    });
    return this.buckets.release(tx, bucket);
  }
}

const unknown = (): Refusal => new Refusal('not_found', 'No such bucket.');
