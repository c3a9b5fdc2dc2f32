import { busSettings } from '@portcullis/bus';
import { KeyEncryption, KeyListRefused, NetworkList, NetworkRefused } from '@portcullis/credentials';
import { postgresSettings } from '@portcullis/persistence';
import {
  auditRetentionDays,
  commaSeparated,
  readBy,
  readSettings,
  settingsOrExit,
  wholeNumber,
  type Environment,
} from '@portcullis/settings';
import { z } from 'zod';

const keyEncryption = z
  .string()
  .transform(readBy((list) => KeyEncryption.parse(list), KeyListRefused))
  .describe('It encrypts the keys of the log; all services of an installation need the same.');

const networks = commaSeparated(z.string())
  .transform((texts, context) => {
    try {
      return NetworkList.parse(texts);
    } catch (error) {
      if (!(error instanceof NetworkRefused)) throw error;
      // The message would repeat what was set.
      context.addIssue('holds an entry that is not a network such as 10.0.0.0/8 or fd00::/8');
      return z.NEVER;
    }
  })
  .describe('Networks to which webhooks may go though they are private; without it, to none.');

const settings = z.object({
  ...busSettings,
  ...postgresSettings,
  PORTCULLIS_KEY_ENCRYPTION_KEY: keyEncryption,
  PORTCULLIS_PUBLIC_URL: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .describe('The log is named after its host at the first start.'),
  /** The log's name, if not the one that it was given at its first start. Another name begins another log over the same leaves. */
  PORTCULLIS_AUDIT_ORIGIN: z
    .string()
    .regex(/^[\x21-\x2a\x2c-\x7e]{1,200}$/, 'must be 1 to 200 printable ASCII characters without spaces and plus signs')
    .optional(),
  PORTCULLIS_WEBHOOK_ALLOW: networks.optional(),
  PORTCULLIS_AUDIT_KEY_DAYS: wholeNumber({ min: 1, max: 3650 }).default(365),
  PORTCULLIS_AUDIT_RETENTION_DAYS: auditRetentionDays(),
});

/** The only reader of the environment. Every fault is printed at once, then exit 78. */
export const loadConfig = () => arranged(settingsOrExit(settings));

/** The same for an environment given; throws `ConfigFault`. */
export const readConfig = (env: Environment) => arranged(readSettings(settings, env));

const arranged = (read: z.output<typeof settings>) => ({
  natsUrl: read.NATS_URL,
  databaseUrl: read.DATABASE_URL,
  outboxBound: read.PORTCULLIS_OUTBOX_BOUND,
  webhookAllow: read.PORTCULLIS_WEBHOOK_ALLOW ?? NetworkList.parse([]),
  retentionDays: read.PORTCULLIS_AUDIT_RETENTION_DAYS,
  log: {
    encryption: read.PORTCULLIS_KEY_ENCRYPTION_KEY,
    keyDays: read.PORTCULLIS_AUDIT_KEY_DAYS,
    origin: read.PORTCULLIS_AUDIT_ORIGIN,
    firstOrigin: `${new URL(read.PORTCULLIS_PUBLIC_URL).host}/audit`,
  },
});

export type LogConfig = ReturnType<typeof arranged>['log'];
