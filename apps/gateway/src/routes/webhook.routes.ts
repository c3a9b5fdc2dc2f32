import { Audit } from '@portcullis/contracts';
import { type ControlRoute, operationRoute } from './route.js';

const tag = 'Audit';

/** Webhooks of the audit record; they are part of `auditRoutes`. */
export const webhookRoutes: readonly ControlRoute[] = [
  operationRoute({
    method: 'GET',
    path: '/v1/audit/webhooks',
    tag,
    summary: 'Where your events are sent, newest first, and how that goes',
    operation: Audit.listWebhooks,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/audit/webhooks',
    tag,
    summary:
      'Have your events sent to an https URL as they are kept, signed (Standard Webhooks). The secret is shown once',
    operation: Audit.createWebhook,
    status: 201,
  }),
  operationRoute({
    method: 'GET',
    path: '/v1/audit/webhooks/:id',
    tag,
    summary: 'One webhook',
    operation: Audit.readWebhook,
  }),
  operationRoute({
    method: 'PATCH',
    path: '/v1/audit/webhooks/:id',
    tag,
    summary: 'Edit a webhook: its name, where it goes, what is sent, and whether at all',
    operation: Audit.updateWebhook,
    example: { actions: ['api-key.*', 'client.*'] },
  }),
  operationRoute({
    method: 'DELETE',
    path: '/v1/audit/webhooks/:id',
    tag,
    summary: 'Send nothing there any more; what was not delivered yet is forgotten, not the events',
    operation: Audit.deleteWebhook,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/audit/webhooks/:id/rotate',
    tag,
    summary: 'Another secret, shown once; the old one signs beside it for the overlap',
    operation: Audit.rotateWebhook,
    example: { overlap_seconds: 3600 },
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/audit/webhooks/:id/enable',
    tag,
    summary: 'Let a disabled webhook go on where it ended',
    operation: Audit.enableWebhook,
  }),
  operationRoute({
    method: 'GET',
    path: '/v1/audit/webhooks/:id/dead-letters',
    tag,
    summary: 'Events that were given up after a day of attempts; kept for 30 days',
    operation: Audit.deadLetters,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/audit/webhooks/:id/replay',
    tag,
    summary: 'Send dead letters again, all or those named, under the ids that they had',
    operation: Audit.replayWebhook,
  }),
];
