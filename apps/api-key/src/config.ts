import { busSettings } from '@portcullis/bus';
import { maxLeaseSeconds } from '@portcullis/contracts';
import { postgresSettings } from '@portcullis/persistence';
import { settingsOrExit, wholeNumber } from '@portcullis/settings';
import { z } from 'zod';

export type Config = ReturnType<typeof loadConfig>;

/** The only reader of the environment. Every fault is printed at once, then exit 78. */
export function loadConfig() {
  return settingsOrExit(
    z.object({
      ...busSettings,
      ...postgresSettings,
      PORTCULLIS_POLICY: z.string().default('config/policy.yaml'),
      PORTCULLIS_KEY_PREFIX: z
        .string()
        .regex(/^[a-z][a-z0-9_]{1,14}[a-z0-9]$/, 'must be 3 to 16 lower-case letters, digits and underscores')
        .default('ptc'),
      PORTCULLIS_LEASE_SECONDS: wholeNumber({ min: 2, max: maxLeaseSeconds }).prefault('5'),
      /** How long `GET /v1/api-keys/requests` shows a request. */
      PORTCULLIS_REQUESTS_DAYS: wholeNumber({ min: 1, max: 3650 }).prefault('30'),
    }),
  );
}
