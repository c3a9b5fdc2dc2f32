import { Injectable } from '@nestjs/common';
import { type Bucket, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { BucketStore } from './bucket.store.js';
import { toBucketRecord } from './claim-bucket.js';

/** What gateways ask of the registry. What the policy says of a name they read in their own. */
@Injectable()
export class ReadBuckets {
  constructor(private readonly buckets: BucketStore) {}

  resolve({ name }: RequestOf<typeof Bucket.resolve>): Promise<ReplyOf<typeof Bucket.resolve>> {
    return this.buckets.resolve(name);
  }

  async owned(request: RequestOf<typeof Bucket.listOwned>): Promise<ReplyOf<typeof Bucket.listOwned>> {
    const { organization_id: organizationId, after = '', limit } = request;
    const found = await this.buckets.owned(organizationId, after, limit + 1);
    return { buckets: found.slice(0, limit).map(toBucketRecord), more: found.length > limit };
  }
}
