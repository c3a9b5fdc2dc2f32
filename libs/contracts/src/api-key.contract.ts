import { z } from 'zod';
import { CredentialStatus, KeyForm, keyForms, KeyOwner, RateLimit } from './api-key.js';
import { EnforcementReceipt } from './enforcement.js';
import { Id } from './ids.js';
import { KeyResolution } from './key-resolution.contract.js';
import { KeyUsage } from './key-usage.contract.js';
import { principalOperation, revokingSeconds, serviceOperation } from './operation.js';
import { OwnerId } from './owners.contract.js';
import { Page, pageRequest } from './page.js';
import { BucketName, Buckets } from './principal.js';
import { Name, Sealed, Sha256, Text, Time } from './text.js';

const RoleName = Text(128).min(1, 'must not be empty');
const Roles = z.array(RoleName).max(64);
const Permissions = z.array(RoleName).max(256);
const Networks = z.array(z.string().max(64)).min(1, 'must name a network, or be left out').max(100);

/** As they are asked for. */
const WantedBuckets = z.union([
  z.literal('all'),
  z.array(BucketName).max(1000, 'must name at most 1000 buckets, or be "all"'),
]);

/** JSON values in metadata are the operator's; only their size is ours. */
const Metadata = z
  .record(z.string().max(64), z.json())
  .refine((value) => JSON.stringify(value).length <= 4096, 'must be at most 4096 characters of JSON');

export const CreateApiKey = z.strictObject({
  name: Name,
  description: Text(500).nullable().default(null),
  forms: z
    .array(KeyForm)
    .min(1, 'must name at least one form')
    .max(keyForms.length)
    .refine((forms) => new Set(forms).size === forms.length, 'must not repeat a form')
    .default(['bearer']),
  roles: Roles.default([]),
  permissions: Permissions.default([]),
  buckets: WantedBuckets.optional(),
  service_account_id: Id('sa').optional(),
  networks: Networks.optional(),
  rate_limit: RateLimit.optional(),
  expires_in_days: z
    .number('must be a whole number of days from 1 to 365, or null for no expiry')
    .int('must be a whole number of days from 1 to 365, or null for no expiry')
    .min(1, 'must be 1 to 365 days, or null for no expiry')
    .max(365, 'must be 1 to 365 days, or null for no expiry')
    .nullable()
    .default(90),
  metadata: Metadata.default({}),
});

/** What may change of a key; what is left out stays. Null empties: no description, all networks, no limit. */
const ApiKeyChange = z.strictObject({
  name: Name.optional(),
  description: Text(500).nullable().optional(),
  networks: Networks.nullable().optional(),
  rate_limit: RateLimit.nullable().optional(),
  metadata: Metadata.optional(),
  roles: Roles.optional(),
  permissions: Permissions.optional(),
  buckets: WantedBuckets.optional(),
});

const maxOverlapSeconds = 30 * 86_400;
const overlapMessage = 'must be 0 to 2592000 whole seconds; with 0 the old secrets are refused at once';

/** A key that was made elsewhere: the digest of the whole string as it is presented, and what it begins with. */
export const ImportedKey = z.strictObject({
  ...CreateApiKey.omit({ forms: true }).shape,
  sha256: Sha256,
  prefix: z
    .string()
    .min(4, 'must be 4 to 16 characters')
    .max(16, 'must be 4 to 16 characters')
    .regex(/^[A-Za-z0-9\-._~+/]*$/, 'must be what a Bearer credential is made of: letters, digits and - . _ ~ + /'),
  forms: z
    .array(z.literal('bearer', 'must be "bearer": nothing else can be imported'))
    .length(1, 'must be ["bearer"], or left out')
    .optional(),
});
export type ImportedKey = z.infer<typeof ImportedKey>;

export const maxImportedKeys = 1000;
/** Of one text: 1,000 candidates, and up to eight ways to read where a foreign one ends. */
const maxLeakedDigests = 8000;
const AccessKeyId = z.string().regex(/^AKIA[0-9A-F]{16}$/);

/** What may be known of a key by whoever may view it. No secret, no digest. */
export const ApiKeyRecord = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  organization_id: z.string(),
  owner: KeyOwner,
  forms: z.array(KeyForm),
  key_prefix: z.string().nullable(),
  client_id: z.string().nullable(),
  access_key_id: z.string().nullable(),
  roles: z.array(z.string()),
  permissions: z.array(z.string()),
  buckets: Buckets.nullable(),
  networks: z.array(z.string()).nullable(),
  rate_limit: RateLimit.nullable(),
  metadata: z.record(z.string(), z.unknown()),
  status: CredentialStatus,
  created_at: Time,
  created_by: z.string(),
  expires_at: Time.nullable(),
  revoked_at: Time.nullable(),
  revoked_by: z.string().nullable(),
  /**
   * Of a revoked key: when every gateway refused it. Of another: when its latest change was in force everywhere; null where there
   * was none, or that could not be confirmed.
   */
  enforced_at: Time.nullable(),
  last_used_at: Time.nullable(),
  last_used_ip: z.string().nullable(),
  last_used_user_agent: z.string().nullable(),
  /** Those that are live, and of the others the latest: twenty at most. */
  secrets: z.array(
    z.object({
      id: z.string(),
      form: KeyForm,
      access_key_id: z.string().optional(),
      created_at: Time,
      expires_at: Time.nullable(),
      last_used_at: Time.nullable(),
    }),
  ),
});
export type ApiKeyRecord = z.infer<typeof ApiKeyRecord>;

/** The secrets of a key, in its creating answer alone. A repeat under the same `Idempotency-Key` says only that they were shown. */
export const ShownCredentials = z.object({
  bearer_token: Sealed.optional(),
  client_id: z.string().optional(),
  client_secret: Sealed.optional(),
  access_key_id: z.string().optional(),
  secret_access_key: Sealed.optional(),
  /** `S3_PUBLIC_URL`, with the organization (`organizationLabel`) where `{organization}` stands. */
  s3_endpoint: z.string().optional(),
  secret_already_shown: z.literal(true).optional(),
});

/** A key whose secret stood in a text. */
export const LeakedKey = z.object({
  id: z.string(),
  name: z.string(),
  owner: KeyOwner,
  key_prefix: z.string().nullable(),
  /** Of the secret that was found; null where that is not of the s3 form. */
  access_key_id: z.string().nullable(),
  status: CredentialStatus,
  /** Which of its secrets, and whether that one opened anything when it was found, before it was revoked here. */
  secret_id: z.string(),
  live: z.boolean(),
  expires_at: Time.nullable(),
  last_used_at: Time.nullable(),
  /** What the key did since the time that was asked for; null if none was, or no requests are kept here. */
  use: z.object({ since: Time, requests: z.number().int(), last_request_at: Time.nullable() }).nullable(),
});
export type LeakedKey = z.infer<typeof LeakedKey>;

/** The record as it is after a change, and how it came into force; null where gateways judge by nothing that has changed. */
const ChangedKey = ApiKeyRecord.extend({ enforcement: EnforcementReceipt.nullable() });

export const ApiKey = {
  create: principalOperation({
    subject: 'api-key.create',
    permission: 'apikeys:manage',
    request: CreateApiKey,
    reply: ApiKeyRecord.extend({ credentials: ShownCredentials }),
  }),
  list: principalOperation({
    subject: 'api-key.list',
    permission: 'apikeys:view',
    request: z.strictObject({
      ...pageRequest,
      status: CredentialStatus.optional(),
      owner: Text(64).optional(),
      role: RoleName.optional(),
      /** Not used for so many days: since it was made, if never. */
      unused_days: z.number().int().min(1, 'must be 1 to 3650').max(3650, 'must be 1 to 3650').optional(),
      /** Over within so many days, and not yet. */
      expiring_in_days: z.number().int().min(1, 'must be 1 to 365').max(365, 'must be 1 to 365').optional(),
      q: Text(100).optional(),
    }),
    reply: Page(ApiKeyRecord),
  }),
  read: principalOperation({
    subject: 'api-key.read',
    permission: 'apikeys:view',
    request: z.strictObject({ id: z.string().max(64) }),
    reply: ApiKeyRecord,
  }),
  /**
   * Changes what `ApiKeyChange` names; a grant only to a narrower one. Whatever gateways judge by (grant, networks, limit) is in
   * force everywhere when this answers, with the receipt. A name is nothing to judge by: `enforcement` is null.
   */
  update: principalOperation({
    subject: 'api-key.update',
    permission: 'apikeys:manage',
    request: ApiKeyChange.extend({ id: z.string().max(64) }),
    reply: ChangedKey,
    timeoutSeconds: revokingSeconds,
  }),
  /**
   * New secrets in every form. The old ones are good for the overlap, and so are tokens that were got with them; no secret
   * outlives a later one. With 0 this answers when every gateway refuses them. Repeat it after `enforcement_pending`: it makes
   * new secrets again. Too many live at once is a `conflict`.
   */
  rotate: principalOperation({
    subject: 'api-key.rotate',
    permission: 'apikeys:manage',
    request: z.strictObject({
      id: z.string().max(64),
      overlap_seconds: z
        .number(overlapMessage)
        .int(overlapMessage)
        .min(0, overlapMessage)
        .max(maxOverlapSeconds, overlapMessage),
    }),
    reply: ChangedKey.extend({ credentials: ShownCredentials }),
    timeoutSeconds: revokingSeconds,
  }),
  /** Needs `apikeys:manage` or `apikeys:revoke`. Answers only when every live enforcer refuses the key. */
  disable: principalOperation({
    subject: 'api-key.disable',
    permission: null,
    request: z.strictObject({ id: z.string().max(64) }),
    reply: ChangedKey,
    timeoutSeconds: revokingSeconds,
  }),
  enable: principalOperation({
    subject: 'api-key.enable',
    permission: 'apikeys:manage',
    request: z.strictObject({ id: z.string().max(64) }),
    reply: ChangedKey,
    timeoutSeconds: revokingSeconds,
  }),
  /** Takes over keys that were made elsewhere, all or none. When this answers every gateway accepts them. */
  import: principalOperation({
    subject: 'api-key.import',
    permission: 'apikeys:manage',
    request: z.strictObject({
      keys: z
        .array(ImportedKey)
        .min(1, 'must hold a key')
        .max(maxImportedKeys, `must hold at most ${maxImportedKeys} keys`),
    }),
    reply: z.object({
      items: z.array(
        z.object({
          id: z.string(),
          name: z.string(),
          key_prefix: z.string(),
          owner: KeyOwner,
          status: CredentialStatus,
          expires_at: Time.nullable(),
        }),
      ),
      enforcement: EnforcementReceipt,
    }),
    timeoutSeconds: revokingSeconds,
  }),
  /**
   * Which of these digests are keys of the caller's organization; the gateway has taken them from a text, which stays there.
   * `revoke` needs `apikeys:revoke` too, and answers when every live enforcer refuses all of them.
   */
  findLeaked: principalOperation({
    subject: 'api-key.find-leaked',
    permission: 'apikeys:view',
    request: z.strictObject({
      digests: z.array(Sha256).max(maxLeakedDigests),
      /** Access key ids, each with the digests of what may be its secret. */
      access_keys: z
        .array(z.strictObject({ access_key_id: AccessKeyId, digests: z.array(Sha256).min(1).max(8) }))
        .max(1000)
        .default([]),
      since: Time.optional(),
      revoke: z.boolean().default(false),
    }),
    reply: z.object({
      /** With the digest that each was found by. */
      items: z.array(LeakedKey.extend({ sha256: Sha256 })),
      enforcement: EnforcementReceipt.nullable(),
    }),
    timeoutSeconds: revokingSeconds,
  }),
  /** Answers only when every live enforcer refuses the key. Revoking it again answers with the first revocation. */
  revoke: principalOperation({
    subject: 'api-key.revoke',
    permission: 'apikeys:revoke',
    request: z.strictObject({ id: z.string().max(64) }),
    reply: ApiKeyRecord.extend({ enforcement: EnforcementReceipt }),
    timeoutSeconds: revokingSeconds,
  }),
  /**
   * Ends every live key of an owner who is gone, in one organization or in all: one that was made before `made_before`, since a
   * person may come back. Idempotent; answers when every live enforcer refuses them, with those that this very call ended.
   */
  revokeOwned: serviceOperation({
    subject: 'api-key.revoke-owned',
    callers: ['identity'],
    request: z.strictObject({
      owner_id: OwnerId,
      organization_id: Id('org').nullable(),
      revoked_by: z.string().max(64),
      because: z.enum(['user.removed', 'service-account.deleted']),
      made_before: Time,
    }),
    reply: z.object({ keys: z.array(z.string()) }),
    timeoutSeconds: revokingSeconds,
  }),
  /** The ids of an owner's live keys, for the record of what an owner's end takes with it. Nobody waits long for it. */
  listOwned: serviceOperation({
    subject: 'api-key.list-owned',
    callers: ['identity'],
    request: z.strictObject({ owner_id: OwnerId, organization_id: Id('org').nullable() }),
    reply: z.object({ keys: z.array(z.string()) }),
    timeoutSeconds: 2,
  }),
  ...KeyResolution,
  ...KeyUsage,
} as const;
