import { busSettings } from '@portcullis/bus';
import { maxLeaseSeconds } from '@portcullis/contracts';
import { KeyEncryption, KeyListRefused } from '@portcullis/credentials';
import { postgresSettings } from '@portcullis/persistence';
import {
  commaSeparated,
  type Environment,
  readBy,
  readSettings,
  s3PublicUrl,
  s3Region,
  settingsOrExit,
  wholeNumber,
} from '@portcullis/settings';
import { z } from 'zod';

const rule = 'must be 3 to 16 lower-case letters and digits, with single underscores between them';
const prefix = z
  .string()
  .regex(/^[0-9A-Za-z]+(?:_[0-9A-Za-z]+)*$/, 'is letters and digits, with single underscores between them');

const keyEncryption = z
  .string()
  .transform(readBy((list) => KeyEncryption.parse(list), KeyListRefused))
  .describe('It encrypts the secrets of keys in the s3 form; all services of an installation need the same.');

const settings = z
  .object({
    ...busSettings,
    ...postgresSettings,
    PORTCULLIS_POLICY: z.string().default('config/policy.yaml'),
    PORTCULLIS_KEY_PREFIX: prefix
      .max(16, rule)
      .regex(/^(?=.{3})[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/, rule)
      .default('ptc'),
    /** Prefixes that keys had before: the gateways accept them, and nobody imports keys that begin so. */
    PORTCULLIS_KEY_PREFIXES_ACCEPTED: commaSeparated(prefix.max(32)).default([]),
    /** After so many days without use an event says so. */
    PORTCULLIS_KEY_UNUSED_DAYS: wholeNumber({ min: 1, max: 3650 }).prefault('90'),
    PORTCULLIS_LEASE_SECONDS: wholeNumber({ min: 2, max: maxLeaseSeconds }).prefault('5'),
    /** How long `GET /v1/api-keys/requests` shows a request. */
    PORTCULLIS_REQUESTS_DAYS: wholeNumber({ min: 1, max: 3650 }).prefault('30'),
    /** Without it no key gets the s3 form. */
    S3_PUBLIC_URL: s3PublicUrl().optional(),
    S3_REGION: s3Region().default('us-east-1'),
    PORTCULLIS_KEY_ENCRYPTION_KEY: keyEncryption.optional(),
  })
  .superRefine((read, context) => {
    if (read.S3_PUBLIC_URL === undefined || read.PORTCULLIS_KEY_ENCRYPTION_KEY !== undefined) return;
    context.addIssue({
      code: 'custom',
      message:
        'S3_PUBLIC_URL needs PORTCULLIS_KEY_ENCRYPTION_KEY, under which S3 secrets are kept: set both or neither.',
    });
  });

export type Config = ReturnType<typeof loadConfig>;

/** The only reader of the environment. Every fault is printed at once, then exit 78. */
export function loadConfig() {
  return arranged(settingsOrExit(settings));
}

/** The same for an environment given; throws `ConfigFault`. */
export function readConfig(env: Environment) {
  return arranged(readSettings(settings, env));
}

const arranged = (read: z.output<typeof settings>) => ({
  ...read,
  s3: {
    publicUrl: read.S3_PUBLIC_URL ?? null,
    region: read.S3_REGION,
    encryption: read.PORTCULLIS_KEY_ENCRYPTION_KEY ?? null,
  },
});
