import { busSettings } from '@portcullis/bus';
import { maxLeaseSeconds } from '@portcullis/contracts';
import {
  BcryptHash,
  BcryptHashRefused,
  KeyEncryption,
  KeyListRefused,
  RoleTokenKeys,
  Secret,
} from '@portcullis/credentials';
import { postgresSettings } from '@portcullis/persistence';
import { readBy, readSettings, settingsOrExit, wholeNumber, type Environment } from '@portcullis/settings';
import { z } from 'zod';
import { roleTokenFaults, RoleTokenSettings } from './role-tokens/role-token-settings.js';
import { lifetimeFaults, TokenSettings } from './tokens/token-pair.js';

const daySeconds = 86_400;

const publicUrl = z
  .string()
  .refine(isPublicUrl, 'must be an http or https URL without a user, a query, a fragment or a slash at its end')
  .describe('It is what callers know Portcullis by, such as https://gate.example.com: `iss` of every token.');

const keyEncryption = z
  .string()
  .transform(readBy((list) => KeyEncryption.parse(list), KeyListRefused))
  .describe('It encrypts signing keys; all services of an installation need the same.');

const tokenEncryption = z
  .string()
  .transform(readBy((list) => RoleTokenKeys.parse(list), KeyListRefused))
  .describe('It encrypts role tokens; gateways need the same.');

const nodePassword = z
  .string()
  .transform(readBy((hash) => BcryptHash.parse(hash), BcryptHashRefused))
  .describe('It is the bcrypt hash of the node password: portcullis bcrypt makes one.');

const smtpUrl = z
  .string()
  .refine(isSmtpUrl, 'must be a URL such as smtp://user:password@mail.example.com:587 or smtps://…')
  .transform((text) => Secret.of(text))
  .describe('It is the mail server that sends invitations.');

const secret = z.string().transform((text) => Secret.of(text));

/** Exported for its spec alone; the process reads it through `loadConfig`. */
export const identitySettings = z
  .object({
    ...busSettings,
    ...postgresSettings,
    PORTCULLIS_POLICY: z.string().default('config/policy.yaml'),
    PORTCULLIS_PUBLIC_URL: publicUrl,
    /** `aud` of access tokens; the public URL unless set. */
    PORTCULLIS_TOKEN_AUDIENCE: z.string().max(512, 'must be at most 512 characters').optional(),
    PORTCULLIS_KEY_ENCRYPTION_KEY: keyEncryption,
    PORTCULLIS_ACCESS_TOKEN_SECONDS: wholeNumber({ min: 1, max: daySeconds }).default(3600),
    PORTCULLIS_REFRESH_TOKEN_SECONDS: wholeNumber({ min: 1, max: 365 * daySeconds }).default(7200),
    PORTCULLIS_REFRESH_OVERLAP_SECONDS: wholeNumber({ max: daySeconds }).default(900),
    PORTCULLIS_FAMILY_DAYS: wholeNumber({ min: 1, max: 365 }).default(30),
    PORTCULLIS_SIGNING_KEY_DAYS: wholeNumber({ min: 1, max: 365 }).default(30),
    PORTCULLIS_ADMIN_PASSWORD_HASH: nodePassword.optional(),
    PORTCULLIS_TOKEN_ENCRYPTION_KEY: tokenEncryption.optional(),
    PORTCULLIS_ROLE_TOKEN_MAX_SECONDS: wholeNumber({ min: 1, max: 366 * daySeconds }).default(30 * daySeconds),
    PORTCULLIS_ROLE_TOKEN_FAMILY_SECONDS: wholeNumber({ min: 1, max: 366 * daySeconds }).default(90 * daySeconds),
    PORTCULLIS_LEASE_SECONDS: wholeNumber({ min: 2, max: maxLeaseSeconds }).default(5),
    PORTCULLIS_SMTP_URL: smtpUrl.optional(),
    PORTCULLIS_SMTP_FROM: z
      .string()
      .regex(/^[^\r\n]{1,320}$/, 'must be one line such as Portcullis <gate@example.com>')
      .optional(),
    PORTCULLIS_FIRST_ADMIN_EMAIL: z
      .string()
      .regex(/^[^\s@]{1,64}@[^\s@]{1,189}$/, 'is not an e-mail address')
      .optional(),
    PORTCULLIS_FIRST_ADMIN_PASSWORD: secret
      .refine((password) => password.reveal().length >= 8, 'must have at least 8 characters')
      .refine(
        (password) => Buffer.byteLength(password.reveal().normalize('NFKC')) <= 1024,
        'must have at most 1024 bytes',
      )
      .optional(),
  })
  .superRefine((settings, context) => {
    for (const message of lifetimeFaults(lifetimes(settings))) context.addIssue({ code: 'custom', message });
    if ((settings.PORTCULLIS_SMTP_URL === undefined) !== (settings.PORTCULLIS_SMTP_FROM === undefined)) {
      context.addIssue({
        code: 'custom',
        message: 'PORTCULLIS_SMTP_URL and PORTCULLIS_SMTP_FROM belong together: set both or neither.',
      });
    }
    for (const message of roleTokenFaults({
      hasPassword: settings.PORTCULLIS_ADMIN_PASSWORD_HASH !== undefined,
      hasKeys: settings.PORTCULLIS_TOKEN_ENCRYPTION_KEY !== undefined,
      maxSeconds: settings.PORTCULLIS_ROLE_TOKEN_MAX_SECONDS,
      familySeconds: settings.PORTCULLIS_ROLE_TOKEN_FAMILY_SECONDS,
    })) {
      context.addIssue({ code: 'custom', message });
    }
  });

export type Config = ReturnType<typeof loadConfig>;

/** The only reader of the environment. Every fault is printed at once, then exit 78. */
export function loadConfig() {
  return arranged(settingsOrExit(identitySettings));
}

/** The same for an environment given; throws `ConfigFault`. */
export function readConfig(env: Environment) {
  return arranged(readSettings(identitySettings, env));
}

function arranged(settings: z.output<typeof identitySettings>) {
  return {
    natsUrl: settings.NATS_URL,
    databaseUrl: settings.DATABASE_URL,
    outboxBound: settings.PORTCULLIS_OUTBOX_BOUND,
    policyPath: settings.PORTCULLIS_POLICY,
    keyEncryption: settings.PORTCULLIS_KEY_ENCRYPTION_KEY,
    leaseSeconds: settings.PORTCULLIS_LEASE_SECONDS,
    tokens: new TokenSettings({
      issuer: settings.PORTCULLIS_PUBLIC_URL,
      audience: settings.PORTCULLIS_TOKEN_AUDIENCE ?? settings.PORTCULLIS_PUBLIC_URL,
      ...lifetimes(settings),
    }),
    roleTokens: new RoleTokenSettings({
      nodePassword: settings.PORTCULLIS_ADMIN_PASSWORD_HASH ?? null,
      keys: settings.PORTCULLIS_TOKEN_ENCRYPTION_KEY ?? null,
      maxSeconds: settings.PORTCULLIS_ROLE_TOKEN_MAX_SECONDS,
      familySeconds: settings.PORTCULLIS_ROLE_TOKEN_FAMILY_SECONDS,
    }),
    mail:
      settings.PORTCULLIS_SMTP_URL && settings.PORTCULLIS_SMTP_FROM
        ? { url: settings.PORTCULLIS_SMTP_URL, from: settings.PORTCULLIS_SMTP_FROM }
        : null,
    rotation: {
      periodMilliseconds: settings.PORTCULLIS_SIGNING_KEY_DAYS * daySeconds * 1000,
      // A day more than the longest token: another replica may still run with longer lifetimes.
      keepMilliseconds:
        (Math.max(settings.PORTCULLIS_ACCESS_TOKEN_SECONDS, settings.PORTCULLIS_REFRESH_TOKEN_SECONDS) + daySeconds) *
        1000,
    },
    firstAdministrator: {
      email: settings.PORTCULLIS_FIRST_ADMIN_EMAIL,
      password: settings.PORTCULLIS_FIRST_ADMIN_PASSWORD,
    },
  };
}

interface Lifetimes {
  PORTCULLIS_ACCESS_TOKEN_SECONDS: number;
  PORTCULLIS_REFRESH_TOKEN_SECONDS: number;
  PORTCULLIS_REFRESH_OVERLAP_SECONDS: number;
  PORTCULLIS_FAMILY_DAYS: number;
}

const lifetimes = (settings: Lifetimes) => ({
  accessSeconds: settings.PORTCULLIS_ACCESS_TOKEN_SECONDS,
  refreshSeconds: settings.PORTCULLIS_REFRESH_TOKEN_SECONDS,
  overlapSeconds: settings.PORTCULLIS_REFRESH_OVERLAP_SECONDS,
  familySeconds: settings.PORTCULLIS_FAMILY_DAYS * daySeconds,
});

function isSmtpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return ['smtp:', 'smtps:'].includes(url.protocol) && url.hostname !== '';
}

function isPublicUrl(text: string): boolean {
  if (!URL.canParse(text) || /[?#\s]|\/$/.test(text)) return false;
  const url = new URL(text);
  return ['http:', 'https:'].includes(url.protocol) && url.username === '' && url.password === '';
}
