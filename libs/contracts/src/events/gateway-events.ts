import { z } from 'zod';
import { eventsOf, Names, Reason } from './event-type.js';

const event = eventsOf('gateway');

/** What was asked for, without its query: credentials and personal data end up there. */
const request = { method: z.string(), path: z.string() };

export const gatewayEvents = {
  'request.denied': event(
    'A request was denied. More than ten a second from one credential, or one address and reason, are counted in one event.',
    {
      kind: 'request',
      outcome: 'denied',
      reason: Reason,
      details: { ...request, required_permissions: Names.optional() },
    },
  ),
  'credential.refused': event('A credential that was presented was not accepted. Many are counted in one event.', {
    kind: 'credential',
    outcome: 'denied',
    reason: Reason,
    details: request,
  }),
  'policy.loaded': event('A gateway goes by this policy from now on.', {
    kind: 'policy',
    details: { digest: z.string() },
  }),
  'policy.refused': event('A policy was edited and cannot be used; the one before stays in force.', {
    kind: 'policy',
    outcome: 'failure',
    /** The first 20: file, line, and what is wrong. */
    details: { faults: Names },
  }),
} as const;
