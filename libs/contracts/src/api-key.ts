import { z } from 'zod';

/** How a key can be presented: each form has secrets of its own. */
export const keyForms = ['bearer', 'client_credentials', 's3'] as const;
export const KeyForm = z.enum(keyForms);
export type KeyForm = z.infer<typeof KeyForm>;

export const credentialStatuses = ['active', 'disabled', 'expired', 'revoked'] as const;
export const CredentialStatus = z.enum(credentialStatuses);
export type CredentialStatus = z.infer<typeof CredentialStatus>;

export const KeyOwner = z.object({ kind: z.enum(['user', 'service_account']), id: z.string() });
export type KeyOwner = z.infer<typeof KeyOwner>;

/** At most so many requests in any span of so many seconds, by all its secrets and tokens together. */
export const RateLimit = z.strictObject({
  requests: z.number().int().min(1).max(1_000_000),
  per_seconds: z.number().int().min(1).max(86_400),
});
export type RateLimit = z.infer<typeof RateLimit>;
