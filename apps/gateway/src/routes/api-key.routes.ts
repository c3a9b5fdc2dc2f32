import { ApiKey } from '@portcullis/contracts';
import { type ControlRoute, operationRoute } from './route.js';

const tag = 'API keys';

export const apiKeyRoutes: readonly ControlRoute[] = [
  operationRoute({
    method: 'POST',
    path: '/v1/api-keys',
    tag,
    summary: 'Issue a key; its secrets are in this answer alone',
    operation: ApiKey.create,
    status: 201,
    example: { name: 'ci', forms: ['bearer'], permissions: ['counterparties:view'], expires_in_days: 90 },
  }),
  operationRoute({
    method: 'GET',
    path: '/v1/api-keys',
    tag,
    summary: 'The keys of your organization, newest first',
    operation: ApiKey.list,
  }),
  operationRoute({
    method: 'GET',
    path: '/v1/api-keys/requests',
    tag,
    summary: 'What was called with which key, newest first',
    operation: ApiKey.requests,
  }),
  operationRoute({ method: 'GET', path: '/v1/api-keys/:id', tag, summary: 'One key', operation: ApiKey.read }),
  operationRoute({
    method: 'DELETE',
    path: '/v1/api-keys/:id',
    tag,
    summary: 'Revoke a key; answers when every gateway refuses it, with the receipt',
    operation: ApiKey.revoke,
  }),
];
