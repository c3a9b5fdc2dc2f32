import { z } from 'zod';
import { actions } from './event.js';
import { principalOperation } from './operation.js';
import { Page, pageRequest } from './page.js';
import { Name, Sealed, Text, Time } from './text.js';

/** Of one organization. */
export const maxWebhooks = 20;

const nouns = new Set<string>(actions.map((action) => action.slice(0, action.indexOf('.'))));
const known = new Set<string>([...actions, ...[...nouns].map((noun) => `${noun}.*`)]);
/** An action, or all of a noun: `api-key.*`. */
const ActionPattern = z
  .string()
  .max(64)
  .refine((text) => known.has(text), 'must be an action such as api-key.revoked, or all of a noun: api-key.*');

const Description = Text(500).nullable();

const filter = {
  /** Null: every action. */
  actions: z.array(ActionPattern).min(1, 'must name an action, or be left out').max(100).nullable(),
  /** Ids or kinds of what was acted on, one of which an event must have. Null: everything. */
  subjects: z
    .array(Text(128).min(1, 'must not be empty'))
    .min(1, 'must name a subject, or be left out')
    .max(100)
    .nullable(),
};

const WebhookUrl = z
  .string()
  .max(2048, 'must be at most 2048 characters')
  .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), 'must be an https URL')
  .refine((text) => {
    const { username, password } = URL.canParse(text) ? new URL(text) : { username: '', password: '' };
    return username === '' && password === '';
  }, 'must not hold a user name or a password: verify the signature instead')
  .refine((text) => !text.includes('#'), 'must have no fragment');

/** Why a webhook was disabled by itself: the receiver answered 410, or did not take an event for days. */
export const webhookFaults = ['gone', 'failing'] as const;

/** Where the organization's events are sent as they are kept (https://www.standardwebhooks.com). */
export const WebhookRecord = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  url: z.string(),
  actions: z.array(z.string()).nullable(),
  subjects: z.array(z.string()).nullable(),
  status: z.enum(['active', 'disabled']),
  /** Null where somebody disabled it. */
  disabled_reason: z.enum(webhookFaults).nullable(),
  created_at: Time,
  created_by: z.string(),
  /** When it first failed since it last took an event; null where the last attempt succeeded. */
  failing_since: Time.nullable(),
  delivered_at: Time.nullable(),
  /** Events that are found for it and not delivered yet. */
  pending: z.number().int(),
  dead_letters: z.number().int(),
  /** Secrets that sign now, the newest first; the old ones until their time is over. */
  secrets: z.array(z.object({ created_at: Time, expires_at: Time.nullable() })),
});
export type WebhookRecord = z.infer<typeof WebhookRecord>;

/** An event that was given up. It is in the record as ever; `replay` sends it again. */
export const DeadLetter = z.object({
  event_id: z.string(),
  attempts: z.number().int(),
  /** Why the last attempt failed: `status_500`, `timeout`, `redirect`, `address_refused`, `unreachable`. */
  reason: z.string(),
  died_at: Time,
});
export type DeadLetter = z.infer<typeof DeadLetter>;

/** What became of an attempt: `failed` is tried again, `given_up` is a dead letter, `gone` disables the webhook. */
export const attemptOutcomes = ['delivered', 'failed', 'given_up', 'gone'] as const;
export type AttemptOutcome = (typeof attemptOutcomes)[number];

const Count = z.number().int().min(0);

/** How webhooks do, for metrics. */
export const WebhookState = z.object({
  active: Count,
  disabled: Count,
  /** Of organizations that are suspended: sent nothing until those are resumed. */
  paused: Count,
  /** Active ones that failed since they last took an event. */
  failing: Count,
  pending: Count,
  dead_letters: Count,
  /** The age of the oldest event that is found for an active webhook and not delivered; 0 if there is none. */
  lag_seconds: z.number().min(0),
  /** Since the beginning, over all replicas. One that is killed loses what it counted within half a second. */
  attempts: z.object({ delivered: Count, failed: Count, given_up: Count, gone: Count }),
});
export type WebhookState = z.infer<typeof WebhookState>;

const permission = 'audit:manage';
/** Any text: a malformed id is one that does not exist. */
const byId = { id: z.string().max(64) };
/** Absent where an answer is repeated under its Idempotency-Key: it is shown once. */
const secret = { secret: Sealed.optional() };

/** Webhooks, which audit delivers. They are part of `Audit`. */
export const webhookOperations = {
  /** The newest first. */
  listWebhooks: principalOperation({
    subject: 'audit.list-webhooks',
    permission,
    request: z.strictObject(pageRequest),
    reply: Page(WebhookRecord),
  }),
  readWebhook: principalOperation({
    subject: 'audit.read-webhook',
    permission,
    request: z.strictObject(byId),
    reply: WebhookRecord,
  }),
  /** Sends what is kept from now on. Asks for `audit:view` too: it shows events. */
  createWebhook: principalOperation({
    subject: 'audit.create-webhook',
    permission,
    request: z.strictObject({
      name: Name,
      description: Description.default(null),
      url: WebhookUrl,
      actions: filter.actions.default(null),
      subjects: filter.subjects.default(null),
    }),
    reply: WebhookRecord.extend(secret),
    timeoutSeconds: 15,
  }),
  /**
   * What is left out stays. Another URL and other filters ask for `audit:view` too, and count for what is sent, and what is looked for,
   * from then on; the secret stays. Disabled by `enabled: false` it is sent nothing, until it is enabled and goes on where it ended.
   */
  updateWebhook: principalOperation({
    subject: 'audit.update-webhook',
    permission,
    request: z.strictObject({
      ...byId,
      name: Name.optional(),
      description: Description.optional(),
      url: WebhookUrl.optional(),
      actions: filter.actions.optional(),
      subjects: filter.subjects.optional(),
      enabled: z.boolean('must be true or false').optional(),
    }),
    reply: WebhookRecord,
    timeoutSeconds: 15,
  }),
  deleteWebhook: principalOperation({
    subject: 'audit.delete-webhook',
    permission,
    request: z.strictObject(byId),
    reply: z.object({ id: z.string(), deleted: z.literal(true) }),
  }),
  /** Another secret signs at once; those before it sign beside it for the overlap. */
  rotateWebhook: principalOperation({
    subject: 'audit.rotate-webhook',
    permission,
    request: z.strictObject({
      ...byId,
      overlap_seconds: z
        .number('must be a whole number of seconds, 0 to 604800')
        .int('must be a whole number of seconds, 0 to 604800')
        .min(0, 'must be a whole number of seconds, 0 to 604800')
        .max(604_800, 'must be a whole number of seconds, 0 to 604800')
        .default(86_400),
    }),
    reply: WebhookRecord.extend(secret),
  }),
  /** A disabled one goes on where it ended; nothing of the time between is left out. */
  enableWebhook: principalOperation({
    subject: 'audit.enable-webhook',
    permission,
    request: z.strictObject(byId),
    reply: WebhookRecord,
  }),
  /** In the order of the record. */
  deadLetters: principalOperation({
    subject: 'audit.dead-letters',
    permission,
    request: z.strictObject({ ...pageRequest, ...byId }),
    reply: Page(DeadLetter),
  }),
  /** Sends dead letters again, all of them or those named, with their old ids. */
  replayWebhook: principalOperation({
    subject: 'audit.replay-webhook',
    permission,
    request: z.strictObject({
      ...byId,
      event_ids: z
        .array(z.string().max(64))
        .min(1, 'must name an event, or be left out')
        .max(1000, 'must name at most 1000 events')
        .optional(),
    }),
    reply: z.object({ replayed: z.number().int() }),
  }),
} as const;
