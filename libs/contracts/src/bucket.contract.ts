import { z } from 'zod';
import { EnforcementReceipt, Position } from './enforcement.js';
import { Id } from './ids.js';
import { principalOperation, revokingSeconds, serviceOperation } from './operation.js';
import { BucketName } from './principal.js';
import { Time } from './text.js';

/** How many buckets an organization may claim. */
export const maxBuckets = 10_000;
const bucketsAtOnce = 1000;

/** A bucket that a key of ours created. Those that the policy names have no record. */
export const BucketRecord = z.object({ name: z.string(), created_at: Time });
export type BucketRecord = z.infer<typeof BucketRecord>;

/**
 * Whose a bucket is: each name belongs to one organization of the installation, or to none. `api-key` answers. Where `storage.buckets`
 * of the policy names a bucket, that organization owns it whatever the registry says, and the gateway decides so without asking.
 */
export const Bucket = {
  /**
   * Takes a name for the caller's organization. `claimed`: it is theirs from now on, and every gateway knows; `owned`: it was theirs
   * before; `taken`: it is another organization's. Repeat it after `enforcement_pending`.
   */
  claim: principalOperation({
    subject: 'api-key.claim-bucket',
    permission: 'storage:buckets:manage',
    request: z.strictObject({ name: BucketName }),
    reply: z.object({
      outcome: z.enum(['claimed', 'owned', 'taken']),
      /** Null: it is taken, or the policy names it. */
      bucket: BucketRecord.nullable(),
      /** Of a claim that this call made, or repeated. */
      enforcement: EnforcementReceipt.nullable(),
    }),
    timeoutSeconds: revokingSeconds,
  }),
  /**
   * Gives a name back. Answers when no gateway lets the organization into the bucket by its old claim; only then may another claim it.
   * `not_found`: it is not the organization's. A bucket that the policy gives to the organization stays its own: `released` is false.
   */
  release: principalOperation({
    subject: 'api-key.release-bucket',
    permission: 'storage:buckets:manage',
    request: z.strictObject({ name: z.string().max(255) }),
    reply: z.object({ name: z.string(), released: z.boolean(), enforcement: EnforcementReceipt.nullable() }),
    timeoutSeconds: revokingSeconds,
  }),
  /** Who has claimed a name; null: nobody. A marker on `bucket:<name>` says that it changes. */
  resolve: serviceOperation({
    subject: 'api-key.resolve-bucket',
    callers: ['gateway'],
    request: z.strictObject({ name: z.string().max(255) }),
    reply: z.object({
      position: Position,
      bucket: z.object({ name: z.string(), organization_id: z.string() }).nullable(),
    }),
  }),
  /** What an organization has claimed, by name, a page at a time: ask again with the last name as `after` while there are `more`. */
  listOwned: serviceOperation({
    subject: 'api-key.list-owned-buckets',
    callers: ['gateway'],
    request: z.strictObject({
      organization_id: Id('org'),
      after: z.string().max(255).optional(),
      limit: z.number().int().min(1).max(bucketsAtOnce).default(bucketsAtOnce),
    }),
    reply: z.object({ buckets: z.array(BucketRecord), more: z.boolean() }),
  }),
} as const;
