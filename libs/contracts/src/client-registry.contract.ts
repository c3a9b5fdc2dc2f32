import { z } from 'zod';
import { CredentialStatus } from './api-key.js';
import { EnforcementReceipt, Position } from './enforcement.js';
import { principalOperation, revokingSeconds, serviceOperation } from './operation.js';
import { Page, pageRequest } from './page.js';
import { Buckets } from './principal.js';
import { Name, Sha256, Text, Time } from './text.js';

/** Of a public key what people tell it by. */
const PublicKey = z.object({
  /** SHA-256 of the DER form (SubjectPublicKeyInfo), hex. */
  fingerprint: z.string(),
  algorithm: z.string(),
  /** Both ends of its base64. */
  preview: z.string(),
});

/** A machine client that signs its requests. */
export const ClientRecord = z.object({
  id: z.string(),
  /** The organization. */
  account_id: z.string(),
  /** Unique in the installation: the `keyid` of its signatures and its OAuth client id. */
  client_id: z.string(),
  name: z.string(),
  enabled: z.boolean(),
  status: CredentialStatus,
  /** The newest. */
  public_key: PublicKey,
  /** Those that are good now, the newest first: several while one replaces another. */
  public_keys: z.array(PublicKey.extend({ created_at: Time, expires_at: Time.nullable() })),
  networks: z.array(z.string()),
  roles: z.array(z.string()),
  /** How many of the `layer1:role:*` it has: "3 of 15". */
  role_count: z.string(),
  roles_available: z.number().int(),
  created_at: Time,
  created_by: z.string(),
  revoked_at: Time.nullable(),
  revoked_by: z.string().nullable(),
  enforced_at: Time.nullable(),
  rotated_at: Time.nullable(),
  last_used_at: Time.nullable(),
  last_used_ip: z.string().nullable(),
  last_used_user_agent: z.string().nullable(),
});
export type ClientRecord = z.infer<typeof ClientRecord>;

const id = z.string().max(64);
const Networks = z.array(z.string().max(64)).min(1, 'must name a network, or be left out').max(100);
const Roles = z.array(Text(128).min(1, 'must not be empty')).max(64);
/** PEM, SubjectPublicKeyInfo. An RSA key of 8192 bits has some 1,500 characters. */
const Pem = z.string().min(1, 'must be a public key in PEM form').max(8192, 'is longer than any public key');

const maxOverlapSeconds = 30 * 86_400;
const overlapMessage = 'must be 0 to 2592000 whole seconds; with 0 the old key is refused at once';

/** The record after a change, and how it came into force; null where gateways judge by nothing that has changed. */
const ChangedClient = ClientRecord.extend({ enforcement: EnforcementReceipt.nullable() });

/** What a gateway needs to judge a signed request by. */
export const ResolvedClient = z.object({
  id: z.string(),
  organization_id: z.string(),
  client_id: z.string(),
  roles: z.array(z.string()),
  networks: z.array(z.string()),
  status: CredentialStatus,
  /** Those that are good now. */
  keys: z.array(
    z.object({
      fingerprint: z.string(),
      algorithm: z.enum(['rsa', 'ec-p256', 'ed25519']),
      /** SubjectPublicKeyInfo, DER, base64. */
      spki: z.string(),
      expires_at: Time.nullable(),
    }),
  ),
});
export type ResolvedClient = z.infer<typeof ResolvedClient>;

/**
 * What a guard needs to judge a client's tokens by: what it was given, in permissions as the policy means its roles now, and which of
 * its keys are good, by name. Guards verify no signature of a client.
 */
export const ResolvedClientGrant = ResolvedClient.pick({
  id: true,
  organization_id: true,
  networks: true,
  status: true,
}).extend({
  permissions: z.array(z.string()),
  /** On which buckets it holds those of its permissions that are bound to buckets, by permission. */
  resources: z.record(z.string(), Buckets),
  /** Those that are good now: a token is good as long as the one is that it was got with. */
  keys: z.array(z.object({ fingerprint: z.string(), expires_at: Time.nullable() })),
});
export type ResolvedClientGrant = z.infer<typeof ResolvedClientGrant>;

export const ClientRegistry = {
  /** `warnings` say what is allowed and hardly meant: a key that another client of the organization has too. */
  create: principalOperation({
    subject: 'client-registry.create',
    permission: 'clients:manage',
    request: z.strictObject({
      name: Name,
      public_key: Pem,
      networks: Networks.default(['0.0.0.0/0', '::/0']),
      roles: Roles,
      enabled: z.boolean().default(true),
    }),
    reply: ClientRecord.extend({ warnings: z.array(z.string()) }),
  }),
  list: principalOperation({
    subject: 'client-registry.list',
    permission: 'clients:view',
    request: z.strictObject({
      ...pageRequest,
      status: CredentialStatus.optional(),
      role: Text(128).optional(),
      /** Part of the name, in any case. */
      q: Text(100).optional(),
    }),
    reply: Page(ClientRecord),
  }),
  read: principalOperation({
    subject: 'client-registry.read',
    permission: 'clients:view',
    request: z.strictObject({ id }),
    reply: ClientRecord,
  }),
  /** What is left out stays. Whatever gateways judge by is in force everywhere when this answers, with the receipt. */
  update: principalOperation({
    subject: 'client-registry.update',
    permission: 'clients:manage',
    request: z.strictObject({
      id,
      name: Name.optional(),
      networks: Networks.optional(),
      roles: Roles.optional(),
      enabled: z.boolean().optional(),
    }),
    reply: ChangedClient,
    timeoutSeconds: revokingSeconds,
  }),
  /** Another key takes the place of all others, which are good for the overlap. With 0 every gateway refuses them when this answers. */
  rotate: principalOperation({
    subject: 'client-registry.rotate',
    permission: 'clients:manage',
    request: z.strictObject({
      id,
      public_key: Pem,
      overlap_seconds: z
        .number(overlapMessage)
        .int(overlapMessage)
        .min(0, overlapMessage)
        .max(maxOverlapSeconds, overlapMessage)
        .default(0),
    }),
    reply: ChangedClient.extend({ warnings: z.array(z.string()) }),
    timeoutSeconds: revokingSeconds,
  }),
  enable: principalOperation({
    subject: 'client-registry.enable',
    permission: 'clients:manage',
    request: z.strictObject({ id }),
    reply: ChangedClient,
    timeoutSeconds: revokingSeconds,
  }),
  disable: principalOperation({
    subject: 'client-registry.disable',
    permission: 'clients:manage',
    request: z.strictObject({ id }),
    reply: ChangedClient,
    timeoutSeconds: revokingSeconds,
  }),
  /** For good; the record stays. A repeat answers with the first revocation. */
  revoke: principalOperation({
    subject: 'client-registry.revoke',
    permission: 'clients:manage',
    request: z.strictObject({ id }),
    reply: ClientRecord.extend({ enforcement: EnforcementReceipt }),
    timeoutSeconds: revokingSeconds,
  }),
  /** By the `keyid` of a signature. `position` is where that was read. */
  resolve: serviceOperation({
    subject: 'client-registry.resolve',
    callers: ['gateway'],
    request: z.union([z.strictObject({ client_id: z.string().max(128) }), z.strictObject({ id })]),
    reply: z.object({ position: Position, client: ResolvedClient.nullable() }),
  }),
  /** The same by id, as far as guards of other teams' services need it. Null: no such client. */
  resolveGrant: serviceOperation({
    subject: 'client-registry.resolve-grant',
    callers: ['guard'],
    request: z.strictObject({ id }),
    reply: z.object({ position: Position, grant: ResolvedClientGrant.nullable() }),
  }),
  /**
   * Takes what was signed for the one that it is: false for each that was taken before, by any gateway, or stands further in front. It is
   * to be asked when all else is verified, and before anything is done. What is claimed is remembered until `until`.
   */
  claim: serviceOperation({
    subject: 'client-registry.claim',
    callers: ['gateway'],
    request: z.strictObject({
      claims: z
        .array(
          z.strictObject({
            client: id,
            /** Of what was signed, never of the signature: that of ECDSA has two spellings. */
            digest: Sha256,
            until: Time,
            client_ip: z.string().max(64),
            user_agent: z.string().max(512).nullable(),
          }),
        )
        .min(1)
        .max(256),
    }),
    /** In the order of the claims. */
    reply: z.object({ claimed: z.array(z.boolean()) }),
    timeoutSeconds: 3,
  }),
} as const;
