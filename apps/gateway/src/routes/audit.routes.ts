import { Audit } from '@portcullis/contracts';
import { type ControlRoute, operationRoute } from './route.js';

const tag = 'Audit';

export const auditRoutes: readonly ControlRoute[] = [
  operationRoute({
    method: 'GET',
    path: '/v1/audit/events',
    tag,
    summary: 'What happened in your organization, newest first',
    operation: Audit.list,
  }),
  operationRoute({ method: 'GET', path: '/v1/audit/events/:id', tag, summary: 'One event', operation: Audit.read }),
];
