import { z } from 'zod';
import { EnforcementReceipt } from './enforcement.js';
import { principalOperation, revokingSeconds } from './operation.js';
import { Page, pageRequest } from './page.js';
import { Time } from './text.js';

/** A key that signs access and refresh tokens, and what has become of it. */
export const SigningKeyRecord = z.object({
  /** The RFC 7638 thumbprint of its public half. */
  kid: z.string(),
  /** `upcoming`: published, and does not sign yet. `published`: signs no more; something that it signed may still be valid. */
  status: z.enum(['upcoming', 'signing', 'published', 'retired', 'revoked']),
  created_at: Time,
  signs_from: Time,
  retires_at: Time,
  revoked_at: Time.nullable(),
  revoked_by: z.string().nullable(),
  enforced_at: Time.nullable(),
});
export type SigningKeyRecord = z.infer<typeof SigningKeyRecord>;

const permission = 'signingkeys:manage';

/** The installation's signing keys, which identity holds. They are part of `Identity`; only the first organization sees them. */
export const signingKeyOperations = {
  listSigningKeys: principalOperation({
    subject: 'identity.list-signing-keys',
    permission,
    request: z.strictObject({ ...pageRequest }),
    reply: Page(SigningKeyRecord),
  }),
  /** Nothing that it signed is good for anything when this answers; another key signs from then on. */
  revokeSigningKey: principalOperation({
    subject: 'identity.revoke-signing-key',
    permission,
    request: z.strictObject({ kid: z.string().regex(/^[\w-]{1,128}$/, 'is not the id of a key') }),
    reply: SigningKeyRecord.extend({ enforcement: EnforcementReceipt }),
    timeoutSeconds: revokingSeconds,
  }),
} as const;
