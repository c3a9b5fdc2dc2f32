import { busSettings } from '@portcullis/bus';
import { maxLeaseSeconds } from '@portcullis/contracts';
import { postgresSettings } from '@portcullis/persistence';
import { commaSeparated, settingsOrExit, wholeNumber } from '@portcullis/settings';
import { z } from 'zod';

const rule = 'must be 3 to 16 lower-case letters and digits, with single underscores between them';
const prefix = z
  .string()
  .regex(/^[0-9A-Za-z]+(?:_[0-9A-Za-z]+)*$/, 'is letters and digits, with single underscores between them');

export type Config = ReturnType<typeof loadConfig>;

/** The only reader of the environment. Every fault is printed at once, then exit 78. */
export function loadConfig() {
  return settingsOrExit(
    z.object({
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
    }),
  );
}
