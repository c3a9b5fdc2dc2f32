import { z } from 'zod';
import { Time } from '../text.js';
import { Buckets, change, End, eventsOf, granted, KeyOwner, Names, Networks, oneOf, RateLimit } from './event-type.js';

const event = eventsOf('api-key');

const key = { kind: 'api-key' };
const bucket = { kind: 'bucket' };
const given = {
  name: z.string(),
  owner: KeyOwner,
  ...granted,
  buckets: Buckets.nullable(),
  networks: Networks,
  rate_limit: RateLimit,
  expires_at: End,
};
const forms = z.array(z.enum(['bearer', 'client_credentials', 's3']));
const watched = {
  name: z.string(),
  owner: KeyOwner,
  /** So many days before its end, or without use. */
  days: z.number().int(),
  expires_at: End,
  last_used_at: End,
};
/** The owner is gone. */
const ownerGone = ['user.removed', 'service-account.deleted'] as const;

export const apiKeyEvents = {
  'api-key.created': event('An API key was made.', {
    ...key,
    details: { ...given, forms, access_key_id: z.string().nullable() },
  }),
  'api-key.updated': event('An API key was edited.', {
    ...key,
    details: change({
      name: z.string(),
      description: z.string().nullable(),
      metadata: z.record(z.string(), z.unknown()),
      ...granted,
      buckets: Buckets.nullable(),
      networks: Networks,
      rate_limit: RateLimit,
    }),
  }),
  'api-key.rotated': event('An API key has new secrets; the old ones end.', {
    ...key,
    details: {
      overlap_seconds: z.number().int(),
      forms,
      access_key_id: z.string().nullable().optional(),
      old_secrets_end_at: Time,
    },
  }),
  'api-key.disabled': event('An API key was disabled.', key),
  'api-key.enabled': event('A disabled API key goes on.', key),
  'api-key.imported': event('A key of another system was taken over.', {
    ...key,
    details: { ...given, key_prefix: z.string().nullable() },
  }),
  'api-key.leaked': event('A secret of a key stood in a text that was asked about.', {
    ...key,
    details: { secret_id: z.string(), live: z.boolean() },
  }),
  'api-key.expiring': event('An API key ends soon.', { ...key, details: watched }),
  'api-key.unused': event('Nobody has used an API key for long.', { ...key, details: watched }),
  'api-key.revoked': event('An API key was revoked.', {
    ...key,
    reason: oneOf('leaked', ...ownerGone).nullable(),
  }),
  'owner-keys.revoked': event('All keys of an owner were revoked, for the owner is gone.', {
    kind: ['user', 'service-account'],
    reason: oneOf(...ownerGone),
    details: { keys: Names },
  }),
  'bucket.claimed': event("A bucket's name is the organization's.", bucket),
  'bucket.released': event("A bucket's name was given up.", bucket),
} as const;
