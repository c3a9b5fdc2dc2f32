import { busSettings } from '@portcullis/bus';
import { maxLeaseSeconds } from '@portcullis/contracts';
import { postgresSettings } from '@portcullis/persistence';
import { settingsOrExit, wholeNumber } from '@portcullis/settings';
import { z } from 'zod';

/** The only reader of the environment. Every fault is printed at once, then exit 78. */
export const loadConfig = () =>
  settingsOrExit(
    z.object({
      ...busSettings,
      ...postgresSettings,
      PORTCULLIS_POLICY: z.string().default('config/policy.yaml'),
      PORTCULLIS_LEASE_SECONDS: wholeNumber({ min: 2, max: maxLeaseSeconds }).prefault('5'),
    }),
  );
