import { z } from 'zod';
import { type Caller } from './caller.js';
import { services } from './operation.js';
import { PrincipalKind } from './principal.js';
import { Time } from './text.js';

/**
 * Everything that Portcullis writes down: `<noun>.<past participle>`. The NATS subject is
 * `audit.<organization or "installation">.<service>.<noun>.<past participle>`.
 */
export const actions = [
  'organization.created',
  'organization.updated',
  'organization.suspended',
  'organization.resumed',
  'user.created',
  'user.joined',
  'user.updated',
  'user.disabled',
  'user.enabled',
  'user.removed',
  'invitation.created',
  'invitation.accepted',
  'password.changed',
  'password.refused',
  'service-account.created',
  'service-account.updated',
  'service-account.disabled',
  'service-account.enabled',
  'service-account.deleted',
  'session.created',
  'session.refused',
  'session.ended',
  'session.locked',
  'token.issued',
  'token.refreshed',
  'token.reused',
  'family.revoked',
  'role-token.issued',
  'role-token.refreshed',
  'role-token.refused',
  'role-tokens.revoked',
  'signing-key.created',
  'signing-key.retired',
  'signing-key.revoked',
  'gateway.registered',
  'api-key.created',
  'api-key.updated',
  'api-key.rotated',
  'api-key.disabled',
  'api-key.enabled',
  'api-key.imported',
  'api-key.leaked',
  'api-key.expiring',
  'api-key.unused',
  'api-key.revoked',
  'owner-keys.revoked',
  'bucket.claimed',
  'bucket.released',
  'client.created',
  'client.updated',
  'client.rotated',
  'client.disabled',
  'client.enabled',
  'client.revoked',
  'revocation.enforced',
  'request.denied',
  'credential.refused',
  'policy.loaded',
  'policy.refused',
  'record.viewed',
  'record.exported',
  'record.followed',
  'record.erased',
  'log-key.created',
  'log-key.retired',
  'log.damaged',
  'event.rejected',
  'webhook.created',
  'webhook.updated',
  'webhook.rotated',
  'webhook.enabled',
  'webhook.disabled',
  'webhook.replayed',
  'webhook.deleted',
] as const;
export const Action = z.enum(actions);
export type Action = z.infer<typeof Action>;

/**
 * What takes something away, and what an installation says of its own upkeep: it is done however long the record cannot be written.
 * Everything else waits for the record. An update that narrows says so itself, for its action does not tell.
 */
export const unrefusedActions: ReadonlySet<Action> = new Set<Action>([
  'organization.suspended',
  'user.disabled',
  'user.removed',
  'password.changed',
  'service-account.disabled',
  'service-account.deleted',
  'session.ended',
  'session.locked',
  'token.reused',
  'family.revoked',
  'role-tokens.revoked',
  'signing-key.created',
  'signing-key.retired',
  'signing-key.revoked',
  'gateway.registered',
  'api-key.disabled',
  'api-key.leaked',
  'api-key.revoked',
  'owner-keys.revoked',
  'bucket.released',
  'client.disabled',
  'client.revoked',
  'revocation.enforced',
  'record.erased',
  'log-key.created',
  'log-key.retired',
  'log.damaged',
  'event.rejected',
  'webhook.disabled',
  'webhook.deleted',
]);

export const Outcome = z.enum(['success', 'denied', 'failure']);
export type Outcome = z.infer<typeof Outcome>;

export const Actor = z.object({
  kind: z.union([PrincipalKind, z.enum(['anonymous', 'system'])]),
  id: z.string().nullable(),
  credential_id: z.string().nullable(),
});
export type Actor = z.infer<typeof Actor>;

/** One thing that happened. Holds no secret, ever: secrets are typed as `Secret`, which prints as `[secret]`. */
export const AuditEvent = z.object({
  id: z.string(),
  time: Time,
  /** Null when nobody's: an unknown credential, the installation itself. Readers of the first organization see those. */
  organization_id: z.string().nullable(),
  service: z.enum(services),
  action: Action,
  outcome: Outcome,
  actor: Actor,
  resource: z.object({ kind: z.string(), id: z.string().nullable() }),
  request_id: z.string().nullable(),
  client_ip: z.string().nullable(),
  /** A closed word for programs where the outcome needs one: `unknown_key`, `wrong_secret`, `missing_permission`. */
  reason: z.string().nullable(),
  /** How many alike this one stands for. */
  count: z.number().int().positive(),
  details: z.record(z.string(), z.unknown()),
});
export type AuditEvent = z.infer<typeof AuditEvent>;

/** What a use-case says of an event; the transaction or the gateway adds id, time and service. */
export type OwedEvent = Pick<AuditEvent, 'organization_id' | 'action' | 'resource'> &
  Partial<Pick<AuditEvent, 'outcome' | 'actor' | 'request_id' | 'client_ip' | 'reason' | 'count' | 'details'>>;

/** Who did it and in which request, as an event says it. */
export function eventOrigin(caller: Caller | { principal: Caller['principal']; request: Caller['request'] }): {
  actor: Actor;
  request_id: string;
  client_ip: string;
} {
  const { principal, request } = caller;
  return {
    actor: principal
      ? { kind: principal.kind, id: principal.id, credential_id: principal.credential_id }
      : { kind: 'anonymous', id: null, credential_id: null },
    request_id: request.id,
    client_ip: request.client_ip,
  };
}

/** Fills in what a use-case need not say. */
export function completeEvent(
  owed: OwedEvent,
  origin: { id: string; time: Date; service: AuditEvent['service'] },
): AuditEvent {
  return {
    outcome: 'success',
    actor: { kind: 'system', id: null, credential_id: null },
    request_id: null,
    client_ip: null,
    reason: null,
    count: 1,
    details: {},
    ...owed,
    id: origin.id,
    time: origin.time.toISOString(),
    service: origin.service,
  };
}

/** The subject that an event travels on. */
export function eventSubject(event: Pick<AuditEvent, 'organization_id' | 'service' | 'action'>): string {
  return `audit.${event.organization_id ?? 'installation'}.${event.service}.${event.action}`;
}

/** CloudEvents 1.0, structured mode (https://github.com/cloudevents/spec), as it lies on the stream. */
export const CloudEvent = z.object({
  specversion: z.literal('1.0'),
  id: z.string(),
  source: z.string(),
  type: z.string(),
  time: Time,
  subject: z.string().optional(),
  datacontenttype: z.literal('application/json'),
  data: AuditEvent,
});
export type CloudEvent = z.infer<typeof CloudEvent>;

export function toCloudEvent(event: AuditEvent): CloudEvent {
  return {
    specversion: '1.0',
    id: event.id,
    source: `/portcullis/${event.service}`,
    type: `portcullis.${event.action}`,
    time: event.time,
    ...(event.resource.id === null ? {} : { subject: event.resource.id }),
    datacontenttype: 'application/json',
    data: event,
  };
}
