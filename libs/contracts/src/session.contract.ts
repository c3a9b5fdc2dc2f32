import { z } from 'zod';
import { EnforcementReceipt } from './enforcement.js';
import { openOperation, revokingSeconds } from './operation.js';
import { Sealed, Text } from './text.js';

/** An e-mail address and a password, whatever session they are to become. */
export const SignIn = z.strictObject({ email: Text(254).min(1, 'must not be empty'), password: Sealed });

/**
 * What a browser gets. Its refresh token is for a cookie that no script reads; it is good at once, because a page forgets its access
 * token whenever it is loaded again. Seconds; `refresh_expires_in` is the refresh token's.
 */
export const BrowserTokens = z.object({
  access_token: Sealed,
  refresh_token: Sealed,
  token_type: z.literal('Bearer'),
  expires_in: z.number().int(),
  refresh_expires_in: z.number().int(),
});
export type BrowserTokens = z.infer<typeof BrowserTokens>;

/**
 * Login sessions that a browser keeps in a cookie. Their refresh tokens are used here alone, and those of no other session are: each kind
 * stays behind the defences that were made for it.
 */
export const sessionOperations = {
  openSession: openOperation({
    subject: 'identity.open-session',
    request: SignIn,
    reply: BrowserTokens,
    timeoutSeconds: 10,
  }),
  /** As `reauthenticate`: good once, and theft ends the session. */
  continueSession: openOperation({
    subject: 'identity.continue-session',
    request: z.strictObject({ refresh_token: Sealed }),
    reply: BrowserTokens,
    timeoutSeconds: revokingSeconds,
  }),
  /** Ends a session by any of its refresh tokens that is not over. Null: there is no such session any more. */
  endSession: openOperation({
    subject: 'identity.end-session',
    request: z.strictObject({ refresh_token: Sealed }),
    reply: z.object({ enforcement: EnforcementReceipt.nullable() }),
    timeoutSeconds: revokingSeconds,
  }),
} as const;
