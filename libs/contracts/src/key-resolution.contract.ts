import { z } from 'zod';
import { CredentialStatus, KeyForm, KeyOwner, RateLimit } from './api-key.js';
import { Caller } from './caller.js';
import { Position } from './enforcement.js';
import { serviceOperation } from './operation.js';
import { Buckets } from './principal.js';
import { Sealed, Sha256, Time } from './text.js';

/** What an enforcer needs to judge a key by: digests to compare with, never a secret. */
export const ResolvedKey = z.object({
  id: z.string(),
  organization_id: z.string(),
  owner: KeyOwner,
  client_id: z.string().nullable(),
  roles: z.array(z.string()),
  permissions: z.array(z.string()),
  buckets: Buckets.nullable(),
  networks: z.array(z.string()).nullable(),
  rate_limit: RateLimit.nullable(),
  status: CredentialStatus,
  expires_at: Time.nullable(),
  /**
   * Those that are live and are recognised by their digest: all but the s3 form's. Every rotation makes one more generation; a token is
   * good as long as a secret of its generation is.
   */
  secrets: z.array(
    z.object({
      id: z.string(),
      form: KeyForm,
      generation: z.number().int().positive(),
      sha256: Sha256,
      expires_at: Time.nullable(),
    }),
  ),
});
export type ResolvedKey = z.infer<typeof ResolvedKey>;

/** What `resolveAccessKey` seals, as JSON: SigV4 signing keys for the region of this installation and service s3, by date of their scope. */
export const S3SigningKeys = z.array(z.object({ date: z.string().regex(/^\d{8}$/), key: z.base64() })).max(9);
export type S3SigningKeys = z.infer<typeof S3SigningKeys>;

/**
 * What a guard needs to judge a key's tokens by: what the key was given, in permissions as the policy means its roles now, and
 * nothing that its secrets could be recognised by.
 */
export const ResolvedGrant = z.object({
  id: z.string(),
  organization_id: z.string(),
  owner_id: z.string(),
  permissions: z.array(z.string()),
  /** On which buckets it holds those of its permissions that are bound to buckets, by permission. */
  resources: z.record(z.string(), Buckets),
  networks: z.array(z.string()).nullable(),
  status: CredentialStatus,
  expires_at: Time.nullable(),
  /** Of client secrets that are live: a token is good as long as the one of its generation is. */
  generations: z.array(z.object({ generation: z.number().int().positive(), expires_at: Time.nullable() })),
});
export type ResolvedGrant = z.infer<typeof ResolvedGrant>;

/** Names all imported keys together, as a marker's id. */
export const importedKeys = 'imported';

/**
 * Part of `ApiKey`: what enforcers keep of keys under a lease, and read anew when a marker drops it. `position` is the authority's seq
 * of the very snapshot that was read.
 */
export const KeyResolution = {
  /** The record by lookup part of the bearer form, by id, or by client id. `position` is where that was read. */
  resolve: serviceOperation({
    subject: 'api-key.resolve',
    callers: ['gateway', 'identity'],
    request: z.union([
      z.strictObject({ lookup: z.string().max(64) }),
      z.strictObject({ id: z.string().max(64) }),
      z.strictObject({ client_id: z.string().max(128) }),
      /** Of an imported key alone: ours are found by their lookup part. */
      z.strictObject({ sha256: Sha256 }),
    ]),
    reply: z.object({ position: Position, key: ResolvedKey.nullable() }),
  }),
  /**
   * The key by one of its access key ids, and what its signatures are verified with: keys that are derived from the secret, for scopes
   * of the last seven days and of today, and of tomorrow in the last 15 minutes before it. Never the secret. `found` is null: there is
   * no such access key. `signing_keys` is null: nothing opens with it any more, because the key is not active or this secret has ended.
   * A marker on `credential:<key id>` says that it changes.
   */
  resolveAccessKey: serviceOperation({
    subject: 'api-key.resolve-access-key',
    callers: ['gateway'],
    request: z.strictObject({ access_key_id: z.string().max(128), reply_key: Caller.shape.reply_key }),
    reply: z.object({
      position: Position,
      found: z
        .object({
          key: ResolvedKey,
          secret_id: z.string(),
          generation: z.number().int().positive(),
          /** Of this secret. */
          expires_at: Time.nullable(),
          /** JSON of `S3SigningKeys`, sealed to `reply_key`; the context is the subject of this operation. */
          signing_keys: Sealed.nullable(),
        })
        .nullable(),
    }),
  }),
  /** For guards. Null: there is no such key. */
  resolveGrant: serviceOperation({
    subject: 'api-key.resolve-grant',
    callers: ['guard'],
    request: z.strictObject({ id: z.string().max(64) }),
    reply: z.object({ position: Position, grant: ResolvedGrant.nullable() }),
  }),
  /**
   * What imported keys begin with. A marker on `credential:<importedKeys>` says that there are more, and that a digest which was
   * unknown may be known.
   */
  foreignPrefixes: serviceOperation({
    subject: 'api-key.foreign-prefixes',
    callers: ['gateway'],
    request: z.strictObject({}),
    reply: z.object({ position: Position, prefixes: z.array(z.string()) }),
  }),
} as const;
