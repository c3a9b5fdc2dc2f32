import { bucketNameRule, isBucketName } from '@portcullis/authz';
import { z } from 'zod';
import { Time } from './text.js';

/** Who acts. A key acts as its owner; `credential_id` tells by which credential. */
export const principalKinds = ['user', 'service_account', 'client', 'node'] as const;
export const PrincipalKind = z.enum(principalKinds);
export type PrincipalKind = z.infer<typeof PrincipalKind>;

/** A bucket's name by S3's rules. What is stored and resolved is not held to it: it was when it was written. */
export const BucketName = z.string().max(255).refine(isBucketName, bucketNameRule);

/** Buckets that resource-bound permissions reach: all of the organization's, or those named. */
export const Buckets = z.union([z.literal('all'), z.array(z.string().min(3).max(63)).max(1000)]);
export type Buckets = z.infer<typeof Buckets>;

/** What every credential resolves to, as it is now. `GET /v1/whoami` shows it. It never holds a secret. */
export const Principal = z.object({
  kind: PrincipalKind,
  id: z.string(),
  /** Null for a session of a person in several organizations who has not said which with `X-Org-ID`. */
  organization_id: z.string().nullable(),
  credential_id: z.string(),
  /** Of a machine client: the `keyid` of its signatures and its OAuth client id. */
  client_id: z.string().optional(),
  roles: z.array(z.string()),
  permissions: z.array(z.string()),
  resources: z.object({ buckets: Buckets.optional() }),
  networks: z.array(z.string()).nullable(),
  expires_at: Time.nullable(),
});
export type Principal = z.infer<typeof Principal>;
