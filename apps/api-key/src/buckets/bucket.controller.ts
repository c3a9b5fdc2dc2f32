import { Controller } from '@nestjs/common';
import { Handles } from '@portcullis/bus';
import { type AuthenticatedCaller, Bucket, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { ClaimBucket } from './claim-bucket.js';
import { ReadBuckets } from './read-buckets.js';
import { ReleaseBucket } from './release-bucket.js';

/** The message face of the registry of buckets: one method per operation, one call each. */
@Controller()
export class BucketController {
  constructor(
    private readonly claimBucket: ClaimBucket,
    private readonly releaseBucket: ReleaseBucket,
    private readonly readBuckets: ReadBuckets,
  ) {}

  @Handles(Bucket.claim)
  claim(request: RequestOf<typeof Bucket.claim>, caller: AuthenticatedCaller): Promise<ReplyOf<typeof Bucket.claim>> {
    return this.claimBucket.execute(caller, request);
  }

  @Handles(Bucket.release)
  release(
    request: RequestOf<typeof Bucket.release>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof Bucket.release>> {
    return this.releaseBucket.execute(caller, request);
  }

  @Handles(Bucket.resolve)
  resolve(request: RequestOf<typeof Bucket.resolve>): Promise<ReplyOf<typeof Bucket.resolve>> {
    return this.readBuckets.resolve(request);
  }

  @Handles(Bucket.listOwned)
  listOwned(request: RequestOf<typeof Bucket.listOwned>): Promise<ReplyOf<typeof Bucket.listOwned>> {
    return this.readBuckets.owned(request);
  }
}
