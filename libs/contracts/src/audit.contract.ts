import { z } from 'zod';
import { Action, AuditEvent, Outcome } from './event.js';
import { principalOperation } from './operation.js';
import { Page, pageRequest } from './page.js';
import { Text, Time } from './text.js';

export const Audit = {
  /** Newest first. Filters are joined by "and". */
  list: principalOperation({
    subject: 'audit.list',
    permission: 'audit:view',
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
    permission: 'audit:view',
    request: z.strictObject({ id: z.string().max(64) }),
    reply: AuditEvent,
  }),
} as const;
