import { z } from 'zod';
import { EnforcementReceipt } from '../enforcement.js';
import { type Action, AuditEvent } from '../event.js';
import { apiKeyEvents } from './api-key-events.js';
import { auditEvents } from './audit-events.js';
import { clientRegistryEvents } from './client-registry-events.js';
import { type EventType, eventsOf } from './event-type.js';
import { gatewayEvents } from './gateway-events.js';
import { identityEvents } from './identity-events.js';

/** Every type of event. An action without an entry here does not compile. */
export const eventTypes: Readonly<Record<Action, EventType>> = {
  ...identityEvents,
  ...apiKeyEvents,
  ...clientRegistryEvents,
  'revocation.enforced': eventsOf(
    'identity',
    'api-key',
    'client-registry',
  )('What was taken away is in force at every enforcer, or its lease has run out.', {
    kind: [
      ...['user', 'service-account', 'organization', 'family', 'signing-key', 'role-token', 'role-tokens'],
      ...['api-key', 'bucket', 'client'],
    ],
    details: EnforcementReceipt.shape,
  }),
  ...gatewayEvents,
  ...auditEvents,
};

/** What is special to one type among the fields of an event. */
export function ownFields(action: Action) {
  const { services, kinds, outcomes, reason, details } = eventTypes[action];
  return {
    service: z.enum(services),
    action: z.literal(action),
    outcome: z.enum(outcomes),
    resource: z.strictObject({ kind: z.enum(kinds), id: z.string().nullable() }),
    reason,
    details,
  };
}

/**
 * An event of one type, to the last field. It is what we write, and stricter than what a reader should ask for: fields are added to
 * `details` without notice.
 */
export const eventSchema = (action: Action) => AuditEvent.extend(ownFields(action));

/** What is wrong with an event by the schema of its type; empty if nothing. For specs: who reads events takes fields that are new. */
export function eventFaults(event: AuditEvent): string[] {
  const parsed = eventSchema(event.action).safeParse(event);
  return (parsed.error?.issues ?? []).map(
    ({ path, message }) => `${event.action} of ${event.service}: ${path.join('.')}: ${message}`,
  );
}
