import { z } from 'zod';
import { EnforcementReceipt, Position } from './enforcement.js';
import { Id } from './ids.js';
import { openOperation, principalOperation, serviceOperation } from './operation.js';
import { Sealed, Time } from './text.js';

/** The roles that a role token can carry. What they mean is the catalogue's. */
export const tokenRoles = ['consumer', 'creator', 'accountant', 'auditor', 'maintainer'] as const;
export const TokenRole = z.enum(tokenRoles, { error: `must be one of ${tokenRoles.join(', ')}` });
export type TokenRole = z.infer<typeof TokenRole>;

/**
 * The id under the marker scope `role-tokens` that stands for the tokens of other installations with the same key. Their epochs are
 * not ours, so what counts for them is when they were issued, in seconds since 1970.
 */
export const roleTokensOfOthers = 'others';

/** Seconds. The most is configuration of identity, which refuses more. */
const Expiry = z
  .number('must be a whole number of seconds, 1 or more')
  .int('must be a whole number of seconds, 1 or more')
  .min(1, 'must be a whole number of seconds, 1 or more');

/** The bodies of `/auth` and `/refresh`. */
export const NewRoleToken = z.strictObject({ role: TokenRole, expiry: Expiry });
export const RefreshedRoleToken = z.strictObject({ role: TokenRole.optional(), expiry: Expiry });

export const IssuedRoleToken = z.object({ key: Sealed, token_id: z.string(), role: TokenRole, expires_at: Time });
export type IssuedRoleToken = z.infer<typeof IssuedRoleToken>;

/** What was revoked, when first and by whom; null where all were. */
export const RoleTokenRevocation = z.object({
  token_id: z.string().nullable(),
  revoked_at: Time,
  revoked_by: z.string(),
  enforced_at: Time.nullable(),
  enforcement: EnforcementReceipt,
});
export type RoleTokenRevocation = z.infer<typeof RoleTokenRevocation>;

/** Whose role tokens are ours, and where they belong. */
export const ResolvedInstallation = z.object({
  position: Position,
  installation: z.object({
    id: z.string(),
    first_organization_id: z.string(),
    /** A node password is configured: `/auth` and `/refresh` are there. */
    issues_role_tokens: z.boolean(),
  }),
});
export type ResolvedInstallation = z.infer<typeof ResolvedInstallation>;

/** Role tokens, which identity issues. They are part of `Identity`. */
export const roleTokenOperations = {
  /**
   * A password becomes a role token: that of the node, or with `email` that person's. What is wrong with the body is told only to
   * whoever knows the password: then `wanted` is null.
   */
  issueRoleToken: openOperation({
    subject: 'identity.issue-role-token',
    request: z.strictObject({
      email: z.string().max(254).nullable(),
      password: Sealed,
      wanted: NewRoleToken.nullable(),
    }),
    reply: IssuedRoleToken,
    timeoutSeconds: 15,
  }),
  /** A role token becomes another of its family, of a role that it covers. It stays valid itself. */
  refreshRoleToken: principalOperation({
    subject: 'identity.refresh-role-token',
    permission: null,
    request: z.strictObject({ token: Sealed, wanted: RefreshedRoleToken }),
    reply: IssuedRoleToken,
  }),
  /** One token with its whole family, or all. Answers when every live enforcer refuses them. */
  revokeRoleTokens: principalOperation({
    subject: 'identity.revoke-role-tokens',
    permission: 'roletokens:revoke',
    request: z.strictObject({
      token: Sealed.optional(),
      token_id: Id('tok').optional(),
      all: z.literal(true, 'must be true, or be left out').optional(),
    }),
    reply: RoleTokenRevocation,
    timeoutSeconds: 15,
  }),
  resolveInstallation: serviceOperation({
    subject: 'identity.resolve-installation',
    callers: ['gateway'],
    request: z.strictObject({}),
    reply: ResolvedInstallation,
  }),
} as const;
