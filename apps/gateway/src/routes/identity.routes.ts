import { Identity, Principal, Sealed, Text } from '@portcullis/contracts';
import { sha256Hex } from '@portcullis/credentials';
import { z } from 'zod';
import { type ControlRoute, operationRoute, ownRoute } from './route.js';

export const identityRoutes: readonly ControlRoute[] = [
  operationRoute({
    method: 'POST',
    path: '/v1/login',
    tag: 'Sign in',
    summary: 'E-mail and password become an access and a refresh token',
    operation: Identity.login,
    example: { email: 'ada@example.com', password: 'correct horse battery staple' },
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/logout',
    tag: 'Sign in',
    summary: 'End the session that the token belongs to, everywhere, by the time this answers',
    operation: Identity.logout,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/authenticate',
    tag: 'Sign in',
    summary: 'The client id and secret of an API key become an access and a refresh token',
    operation: Identity.authenticate,
    body: z.strictObject({
      client_id: Text(128).min(1, 'must not be empty'),
      client_secret: z.string().min(1, 'must not be empty').max(256, 'must be at most 256 characters'),
    }),
    // The secret itself stays in this process: what crosses the bus proves nothing to anyone but the key's record.
    request: ({ client_id, client_secret }) => ({ client_id, secret_sha256: sha256Hex(client_secret) }),
    example: {
      client_id: 'DbIxeEpDNyYlOQWsMSDhqH',
      client_secret: 'the 48 letters and digits shown when the key was made',
    },
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/reauthenticate',
    tag: 'Sign in',
    summary: 'A refresh token, good once, becomes a new pair with the permissions held now',
    operation: Identity.reauthenticate,
    body: z.strictObject({ refresh_token: Sealed }),
    example: { refresh_token: 'eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9…' },
  }),
  operationRoute({
    method: 'GET',
    path: '/v1/signing-keys',
    tag: 'Signing keys',
    summary: 'The keys that sign access and refresh tokens, newest first; for the first organization',
    operation: Identity.listSigningKeys,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/signing-keys/:kid/revoke',
    tag: 'Signing keys',
    summary: 'End a signing key and all that it signed; answers when every gateway refuses it, with the receipt',
    operation: Identity.revokeSigningKey,
  }),
  ownRoute({
    method: 'GET',
    path: '/v1/whoami',
    tag: 'Sign in',
    summary: 'Who the presented credential is, and what it may do now',
    access: { public: false, permission: null },
    reply: Principal,
    answer: ({ principal }) => Promise.resolve({ status: 200, body: principal ?? {} }),
  }),
];
