import { z } from 'zod';
import { Action, AuditEvent, Outcome } from './event.js';
import { principalOperation, serviceOperation } from './operation.js';
import { Page, pageRequest } from './page.js';
import { Text, Time } from './text.js';
import { webhookOperations, WebhookState } from './webhook.contract.js';

/** Hashes or a salt, of 32 bytes each, in base64 (RFC 4648 section 4, padded). */
const Base64 = z.string();

const Count = z.number('must be a whole number').int('must be a whole number').min(0, 'must be 0 or more');

const EventId = z.string().max(64);

/** A key that signs, or has signed, the log's checkpoints (c2sp.org/signed-note). */
export const LogKeyRecord = z.object({
  /** The key id in signature lines: 8 hex digits. */
  id: z.string(),
  /** `<name>+<id>+<base64 of 0x01 and the Ed25519 public key>` */
  verifier_key: z.string(),
  status: z.enum(['signing', 'retired']),
  created_at: Time,
  retired_at: Time.nullable(),
});
export type LogKeyRecord = z.infer<typeof LogKeyRecord>;

/**
 * One line of an export. The event is what was hashed, member by member, so it passes through every schema untouched. Without salt and
 * event: another organization's, or erased.
 */
export const ExportedLeaf = z.object({
  leaf_index: Count,
  leaf_hash: Base64,
  salt: Base64.optional(),
  event: z.record(z.string(), z.unknown()).optional(),
});
export type ExportedLeaf = z.infer<typeof ExportedLeaf>;

/** Which part of the record: by index, or by time. A time means all indexes between the first and the last event of it. */
const range = {
  /** The first index. */
  from: Count.optional(),
  /** The index behind the last. */
  to: Count.optional(),
  since: Time.optional(),
  until: Time.optional(),
};

const view = 'audit:view';

export const Audit = {
  /** Newest first. Filters are joined by "and". */
  list: principalOperation({
    subject: 'audit.list',
    permission: view,
    request: z.strictObject({
      ...pageRequest,
      /** Id of the principal or of the credential that acted. */
      actor: Text(64).optional(),
      action: Action.optional(),
      /** Id or kind of what was acted on. */
      resource: Text(64).optional(),
      outcome: Outcome.optional(),
      since: Time.optional(),
      until: Time.optional(),
      request_id: Text(128).optional(),
      q: Text(100).optional(),
    }),
    reply: Page(AuditEvent),
  }),
  read: principalOperation({
    subject: 'audit.read',
    permission: view,
    request: z.strictObject({ id: EventId }),
    reply: AuditEvent,
  }),
  /** That the event's leaf is in the tree of the checkpoint (RFC 9162 section 2.1.3). Also of an erased event. */
  prove: principalOperation({
    subject: 'audit.prove',
    permission: view,
    request: z.strictObject({ id: EventId }),
    reply: z.object({
      leaf_index: Count,
      tree_size: Count,
      leaf_hash: Base64,
      hashes: z.array(Base64),
      /** The signed note over the tree of `tree_size` leaves. */
      checkpoint: z.string(),
    }),
  }),
  /** The newest signed checkpoint. */
  checkpoint: principalOperation({
    subject: 'audit.checkpoint',
    permission: view,
    request: z.strictObject({}),
    reply: z.object({ checkpoint: z.string() }),
  }),
  /** The newest first; all of them, for a checkpoint that somebody kept may be as old as the log. */
  logKeys: principalOperation({
    subject: 'audit.log-keys',
    permission: view,
    request: z.strictObject({}),
    reply: z.object({ origin: z.string(), keys: z.array(LogKeyRecord) }),
  }),
  /** Another key signs from now on, and the newest checkpoint is signed anew. */
  rotateLogKey: principalOperation({
    subject: 'audit.rotate-log-key',
    permission: 'audit:manage',
    request: z.strictObject({}),
    reply: LogKeyRecord,
  }),
  /** That the tree of `to` leaves begins with that of `from` (RFC 9162 section 2.1.4). */
  consistency: principalOperation({
    subject: 'audit.consistency',
    permission: view,
    request: z.strictObject({ from: Count.min(1, 'must be 1 or more'), to: Count.min(1, 'must be 1 or more') }),
    reply: z.object({ from: Count, to: Count, hashes: z.array(Base64) }),
  }),
  /** A tile of the tree (c2sp.org/tlog-tiles). Hashes alone, which say nothing of an event. */
  tile: principalOperation({
    subject: 'audit.tile',
    permission: view,
    /** As it is there: `tile/0/x001/x234/067`, or `tile/0/067.p/8` for the first 8 hashes of one. */
    request: z.strictObject({ path: z.string().max(64) }),
    /** One behind the other, 32 bytes each. */
    reply: z.object({ hashes: Base64 }),
  }),
  /** A page of an export, as much as a message holds. The next begins at `next`, with the `to` that was answered. */
  exportPage: principalOperation({
    subject: 'audit.export',
    permission: 'audit:export',
    request: z.strictObject({
      ...range,
      /** A page behind the first, which was written down. */
      continued: z.literal(true).optional(),
    }),
    reply: z.object({ lines: z.array(ExportedLeaf), next: Count.nullable(), to: Count }),
    timeoutSeconds: 15,
  }),
  /** How the log stands, for metrics. */
  state: serviceOperation({
    subject: 'audit.state',
    callers: ['gateway'],
    request: z.strictObject({}),
    reply: z.object({
      size: Count,
      /** When all of it had last been held against what was signed; null until it once was. */
      checked_at: Time.nullable(),
      /** The first index at which that failed; null if it never did. */
      damaged_index: Count.nullable(),
      /** Messages that were put aside because they are no events. Absent: a service of the version before. */
      rejected: Count.optional(),
      /** Webhooks of all organizations together. Absent: a service of the version before. */
      webhooks: WebhookState.optional(),
    }),
  }),
  /** The organization's events behind an index, oldest first; of none at once none. Without `after`: where the log ends now. */
  follow: principalOperation({
    subject: 'audit.follow',
    permission: view,
    request: z.strictObject({ after: z.number().int().min(-1).optional(), continued: z.literal(true).optional() }),
    reply: z.object({
      events: z.array(z.object({ leaf_index: Count, event: AuditEvent })),
      /** To ask with next. */
      after: z.number().int().min(-1),
    }),
  }),
  /**
   * Removes body and salt of the organization's events whose actor or resource is `subject`. Leaves stand, so every proof holds; what was
   * said is gone for good.
   */
  eraseSubject: principalOperation({
    subject: 'audit.erase-subject',
    permission: 'audit:manage',
    request: z.strictObject({ subject: Text(64).min(1, 'must not be empty') }),
    reply: z.object({ erased: Count }),
    timeoutSeconds: 15,
  }),
  ...webhookOperations,
} as const;
