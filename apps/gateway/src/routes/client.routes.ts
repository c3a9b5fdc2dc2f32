import { ClientRegistry } from '@portcullis/contracts';
import { type ControlRoute, operationRoute } from './route.js';

export const clientRoutes: readonly ControlRoute[] = [
  operationRoute({
    method: 'GET',
    path: '/v1/clients',
    tag: 'Clients',
    summary: 'The machine clients of your organization',
    operation: ClientRegistry.list,
  }),
];
