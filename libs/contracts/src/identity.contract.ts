import { z } from 'zod';
import { EnforcementReceipt, Position } from './enforcement.js';
import { openOperation, principalOperation, revokingSeconds, serviceOperation } from './operation.js';
import { ownerOperations } from './owners.contract.js';
import { PrincipalKind } from './principal.js';
import { roleTokenOperations } from './role-token.contract.js';
import { sessionOperations, SignIn } from './session.contract.js';
import { signingKeyOperations } from './signing-key.contract.js';
import { Sealed, Sha256, Text, Time } from './text.js';

/** An ES256 public key as a JWK (RFC 7517), `kid` its RFC 7638 thumbprint. */
export const VerificationKey = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  kid: z.string(),
  use: z.literal('sig'),
  alg: z.literal('ES256'),
});
export type VerificationKey = z.infer<typeof VerificationKey>;

const SealingKey = z.object({ kty: z.literal('OKP'), crv: z.literal('X25519'), x: z.string() });

/** An access and a refresh token. Seconds; `refresh_not_before` is when the refresh token becomes valid. */
export const TokenPair = z.object({
  access_token: Sealed,
  refresh_token: Sealed,
  token_type: z.literal('Bearer'),
  expires_in: z.number().int(),
  refresh_not_before: Time,
});
export type TokenPair = z.infer<typeof TokenPair>;

/** An access token alone, and what it may be used for (RFC 6749 section 5.1). */
export const AccessGrant = z.object({
  access_token: Sealed,
  token_type: z.literal('Bearer'),
  expires_in: z.number().int(),
  permissions: z.array(z.string()),
});
export type AccessGrant = z.infer<typeof AccessGrant>;

/** Permissions that are wanted; null: all that is held. Names that mean nothing are refused, and so is a list of which nothing is held. */
const Scope = z.array(Text(128)).max(256).nullable();

/** The roles and single permissions that somebody was given in one organization, as stored: what they mean is looked up. */
export const Membership = z.object({
  organization_id: z.string(),
  roles: z.array(z.string()),
  permissions: z.array(z.string()),
});
export type Membership = z.infer<typeof Membership>;

/** What a person or service account is and holds now, and the position at which that was read. */
export const ResolvedPrincipal = z.object({
  position: Position,
  principal: z
    .object({
      id: z.string(),
      kind: PrincipalKind,
      status: z.enum(['active', 'disabled', 'deleted']),
      /** Which of their passwords a person has now, counted from 0: what was got with an earlier one is over. Null: a service account. */
      password_number: z.number().int().nonnegative().nullable(),
      /** Active organizations only: one that is suspended gives nothing. */
      memberships: z.array(Membership),
    })
    .nullable(),
});
export type ResolvedPrincipal = z.infer<typeof ResolvedPrincipal>;

/** The same for a guard: what somebody holds in each active organization, in permissions as the policy means their roles now. */
export const ResolvedHolder = z.object({
  position: Position,
  holder: z
    .object({
      id: z.string(),
      kind: PrincipalKind,
      status: z.enum(['active', 'disabled', 'deleted']),
      memberships: z.array(z.object({ organization_id: z.string(), permissions: z.array(z.string()) })),
    })
    .nullable(),
});
export type ResolvedHolder = z.infer<typeof ResolvedHolder>;

/** A family of tokens: a login session, or what was issued to one API key's client secret. Its id is the `sid` of its tokens. */
export const ResolvedFamily = z.object({
  position: Position,
  family: z
    .object({
      id: z.string(),
      kind: z.enum(['session', 'api-key', 'client']),
      /** The person of a session, the key or the client of what was issued to one. */
      credential_id: z.string(),
      principal_id: z.string(),
      organization_id: z.string().nullable(),
      /** Of the client secret that a key's tokens were got with: they are good as long as a secret of it is. Null: unknown, or a session. */
      secret_generation: z.number().int().positive().nullable(),
      /** Of the key by which a machine client said who it is: its tokens are good as long as that key is. */
      key_fingerprint: z.string().nullable(),
      status: z.enum(['active', 'revoked', 'expired']),
    })
    .nullable(),
});
export type ResolvedFamily = z.infer<typeof ResolvedFamily>;

export const Identity = {
  login: openOperation({
    subject: 'identity.login',
    request: SignIn,
    reply: TokenPair,
    timeoutSeconds: 10,
  }),
  logout: principalOperation({
    subject: 'identity.logout',
    permission: null,
    request: z.strictObject({}),
    reply: z.object({ enforcement: EnforcementReceipt }),
    timeoutSeconds: revokingSeconds,
  }),
  /** A client secret becomes a token pair. Only the digest of the secret crosses the bus. */
  authenticate: openOperation({
    subject: 'identity.authenticate',
    request: z.strictObject({ client_id: Text(128), secret_sha256: Sha256 }),
    reply: TokenPair,
  }),
  /** A refresh token becomes a new pair; it is good once. Theft revokes the family, so the call may wait for enforcement. */
  reauthenticate: openOperation({
    subject: 'identity.reauthenticate',
    request: z.strictObject({
      refresh_token: Sealed,
      /** The key that its presenter was found to be: another's token is refused. */
      credential_id: z.string().max(64).optional(),
    }),
    reply: TokenPair,
    timeoutSeconds: revokingSeconds,
  }),
  /** A client secret becomes an access token and no refresh token (RFC 6749 section 4.4.3). */
  grantBySecret: openOperation({
    subject: 'identity.grant-by-secret',
    request: z.strictObject({ client_id: Text(128), secret_sha256: Sha256, scope: Scope }),
    reply: AccessGrant,
  }),
  /** The same for a machine client, who has proven with its key who it is. */
  grantToClient: principalOperation({
    subject: 'identity.grant-to-client',
    permission: null,
    request: z.strictObject({ scope: Scope, key_fingerprint: z.string().max(128) }),
    reply: AccessGrant,
  }),
  /**
   * Ends what was issued to the caller, by one of its tokens: the access and the refresh tokens of its family (RFC 7009). Answers when
   * every live enforcer refuses them. Another's token stays as it is.
   */
  revokeToken: principalOperation({
    subject: 'identity.revoke-token',
    permission: null,
    request: z.strictObject({ token: Sealed }),
    reply: z.object({ outcome: z.enum(['revoked', 'unknown', 'of_another']) }),
    timeoutSeconds: revokingSeconds,
  }),
  resolvePrincipal: serviceOperation({
    subject: 'identity.resolve-principal',
    callers: ['gateway', 'api-key', 'client-registry'],
    request: z.strictObject({ id: z.string() }),
    reply: ResolvedPrincipal,
  }),
  /** For guards. Null: nobody has this id. */
  resolveHolder: serviceOperation({
    subject: 'identity.resolve-holder',
    callers: ['guard'],
    request: z.strictObject({ id: z.string().max(64) }),
    reply: ResolvedHolder,
  }),
  resolveFamily: serviceOperation({
    subject: 'identity.resolve-family',
    callers: ['gateway', 'guard'],
    request: z.strictObject({ id: z.string() }),
    reply: ResolvedFamily,
  }),
  /** The keys that verify access tokens, and those of the gateways (identity tokens to upstreams). */
  keys: serviceOperation({
    subject: 'identity.keys',
    callers: ['gateway', 'guard'],
    request: z.strictObject({}),
    reply: z.object({ access: z.array(VerificationKey), gateways: z.array(VerificationKey) }),
  }),
  /** A gateway process makes the public half of its key known, at start and then every minute. */
  registerGateway: serviceOperation({
    subject: 'identity.register-gateway',
    callers: ['gateway'],
    request: z.strictObject({ gateway_id: z.string(), key: VerificationKey }),
    reply: z.object({}),
  }),
  /** The keys that verify caller tokens. */
  gatewayKeys: serviceOperation({
    subject: 'identity.gateway-keys',
    callers: ['api-key', 'client-registry', 'audit'],
    request: z.strictObject({}),
    reply: z.object({ keys: z.array(VerificationKey) }),
  }),
  /** The public key to which secrets for identity are sealed. */
  sealingKey: serviceOperation({
    subject: 'identity.sealing-key',
    callers: ['gateway'],
    request: z.strictObject({}),
    reply: z.object({ key: SealingKey }),
  }),
  /** Facts of the installation. */
  installation: serviceOperation({
    subject: 'identity.installation',
    callers: ['audit', 'gateway'],
    request: z.strictObject({}),
    reply: z.object({ first_organization_id: z.string() }),
  }),
  ...sessionOperations,
  ...roleTokenOperations,
  ...signingKeyOperations,
  ...ownerOperations,
} as const;
