import { ClientRegistry } from '@portcullis/contracts';
import { type ControlRoute, operationRoute } from './route.js';

const tag = 'Clients';

export const clientRoutes: readonly ControlRoute[] = [
  operationRoute({
    method: 'POST',
    path: '/v1/clients',
    tag,
    summary: 'Register a machine client by its public key; it signs its requests',
    operation: ClientRegistry.create,
    status: 201,
    example: {
      name: 'SISU production',
      public_key: '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA…\n-----END PUBLIC KEY-----\n',
      networks: ['198.51.100.0/24'],
      roles: ['layer1:role:payment:viewer'],
    },
  }),
  operationRoute({
    method: 'GET',
    path: '/v1/clients',
    tag,
    summary: 'The machine clients of your organization, newest first',
    operation: ClientRegistry.list,
  }),
  operationRoute({
    method: 'GET',
    path: '/v1/clients/:id',
    tag,
    summary: 'One client',
    operation: ClientRegistry.read,
  }),
  operationRoute({
    method: 'PATCH',
    path: '/v1/clients/:id',
    tag,
    summary: 'Edit a client; with the receipt where gateways judge by what has changed',
    operation: ClientRegistry.update,
    example: { networks: ['198.51.100.7/32'] },
  }),
  operationRoute({
    method: 'DELETE',
    path: '/v1/clients/:id',
    tag,
    summary: 'End a client for good; answers when every gateway refuses it, with the receipt',
    operation: ClientRegistry.revoke,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/clients/:id/rotate',
    tag,
    summary: 'Another public key; the old one is good for the overlap',
    operation: ClientRegistry.rotate,
    example: {
      public_key: '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA…\n-----END PUBLIC KEY-----\n',
      overlap_seconds: 3600,
    },
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/clients/:id/enable',
    tag,
    summary: 'Let a disabled client work again; answers when every gateway accepts it',
    operation: ClientRegistry.enable,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/clients/:id/disable',
    tag,
    summary: 'Stop a client; answers when every gateway refuses it, with the receipt',
    operation: ClientRegistry.disable,
  }),
];
