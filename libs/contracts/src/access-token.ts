import { z } from 'zod';

/** What an access token says beside the registered claims: API.md section 3. */
export const AccessTokenClaims = z.object({
  /** Absent: a session of a person in several organizations. Its permissions are then those of all of them together. */
  org: z.string().optional(),
  /** The credential that it was got with; of a session the family itself. */
  cid: z.string().min(1).max(128),
  /** The family. */
  sid: z.string().min(1).max(128),
  jti: z.string().min(1).max(128),
  permissions: z.array(z.string()),
  /** Where it says nothing of buckets, the credential's record and its owner do. */
  resources: z.object({ buckets: z.union([z.literal('all'), z.array(z.string())]).optional() }).optional(),
});
export type AccessTokenClaims = z.infer<typeof AccessTokenClaims>;
