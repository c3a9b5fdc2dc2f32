import { z } from 'zod';
import { Time } from '../text.js';
import { change, eventsOf, Names, oneOf } from './event-type.js';

const event = eventsOf('audit');

const webhook = { kind: 'webhook' };
const index = z.number().int();
/** Of a webhook's address the host alone: what stands behind it may be a secret of the receiver's. */
const host = { host: z.string() };

export const auditEvents = {
  'record.viewed': event('Somebody read events, one event, or the proof of one.', {
    kind: ['audit-events', 'audit-event', 'audit-proof'],
    details: {
      actor: z.string().optional(),
      action: z.string().optional(),
      resource: z.string().optional(),
      outcome: z.string().optional(),
      since: Time.optional(),
      until: Time.optional(),
      request_id: z.string().optional(),
      /** For a text, which is not told: it may be anything. */
      searched: z.literal(true).optional(),
    },
  }),
  'record.exported': event('Somebody exported the record, or a part of it.', {
    kind: 'audit-events',
    details: { from: index, to: index, since: Time.optional(), until: Time.optional() },
  }),
  'record.followed': event('Somebody follows the record as it grows.', {
    kind: 'audit-events',
    details: { after: index.optional() },
  }),
  'record.erased': event('What events say about a subject was erased; their leaves stay.', {
    kind: 'audit-events',
    details: { subject: z.string(), erased: z.number().int() },
  }),

  'log-key.created': event("A key that signs the log's checkpoints was made.", {
    kind: 'log-key',
    details: { verifier_key: z.string() },
  }),
  'log-key.retired': event('A key signs no checkpoints any more.', { kind: 'log-key' }),
  'log.damaged': event('The stored log is not what was signed.', {
    kind: 'audit-log',
    outcome: 'failure',
    /** The first bad index, and what is wrong there. */
    details: { index, what: z.string() },
  }),
  'event.rejected': event('A message on the stream was no event, and was put aside.', {
    kind: 'message',
    outcome: 'failure',
  }),

  'webhook.created': event('Events are sent to one more address.', {
    ...webhook,
    details: { ...host, actions: Names.nullable(), subjects: Names.nullable() },
  }),
  'webhook.updated': event('A webhook was edited.', {
    ...webhook,
    details: change({
      name: z.string(),
      description: z.string().nullable(),
      host: z.string(),
      actions: Names.nullable(),
      subjects: Names.nullable(),
      enabled: z.boolean(),
    }),
  }),
  'webhook.rotated': event('A webhook signs with another secret.', {
    ...webhook,
    details: { overlap_seconds: z.number().int() },
  }),
  'webhook.enabled': event('A disabled webhook goes on where it ended.', webhook),
  'webhook.disabled': event('A webhook is sent nothing any more.', {
    ...webhook,
    outcome: ['success', 'failure'],
    /** Null where somebody disabled it. */
    reason: oneOf('gone', 'failing').nullable(),
    details: { failing_since: Time.optional() },
  }),
  'webhook.replayed': event('Events that were given up are sent again.', {
    ...webhook,
    details: { replayed: z.number().int() },
  }),
  'webhook.deleted': event('A webhook was deleted.', { ...webhook, details: host }),
} as const;
