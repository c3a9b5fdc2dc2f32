import { Identity } from '@portcullis/contracts';
import { acceptancePage, acceptanceHeaders } from '../acceptance-page.js';
import { type ControlRoute, operationRoute, ownRoute } from './route.js';

const organizations = 'Organizations';
const users = 'Users';
const serviceAccounts = 'Service accounts';

const organizationRoutes: readonly ControlRoute[] = [
  operationRoute({
    method: 'GET',
    path: '/v1/organizations',
    tag: organizations,
    summary:
      'One’s own organization; from the first organization all of them; without X-Org-ID those that one is a member of',
    operation: Identity.listOrganizations,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/organizations',
    tag: organizations,
    summary: 'Create an organization, as a member of the first one; whoever creates it is its owner',
    operation: Identity.createOrganization,
    status: 201,
    example: { name: 'Acme' },
  }),
  operationRoute({
    method: 'GET',
    path: '/v1/organizations/:id',
    tag: organizations,
    summary: 'One organization',
    operation: Identity.readOrganization,
  }),
  operationRoute({
    method: 'PATCH',
    path: '/v1/organizations/:id',
    tag: organizations,
    summary: 'Rename an organization',
    operation: Identity.updateOrganization,
    example: { name: 'Acme Holding' },
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/organizations/:id/suspend',
    tag: organizations,
    summary: 'Stop everything that belongs to an organization, everywhere, by the time this answers',
    operation: Identity.suspendOrganization,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/organizations/:id/resume',
    tag: organizations,
    summary: 'Let a suspended organization work again',
    operation: Identity.resumeOrganization,
  }),
];

const userRoutes: readonly ControlRoute[] = [
  operationRoute({
    method: 'GET',
    path: '/v1/users',
    tag: users,
    summary: 'The people of the organization',
    operation: Identity.listUsers,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/users',
    tag: users,
    summary:
      'Make somebody a member: a new person with a password or, without one, with an invitation link that is shown this once; a known address joins',
    operation: Identity.createUser,
    status: 201,
    example: { email: 'grace@example.com', name: 'Grace Hopper', roles: ['developer'] },
  }),
  operationRoute({
    method: 'GET',
    path: '/v1/users/:id',
    tag: users,
    summary: 'One person of the organization',
    operation: Identity.readUser,
  }),
  operationRoute({
    method: 'PATCH',
    path: '/v1/users/:id',
    tag: users,
    summary: 'Change name, roles, permissions or status; in force everywhere by the time this answers',
    operation: Identity.updateUser,
    example: { roles: ['observer'], status: 'active' },
  }),
  operationRoute({
    method: 'DELETE',
    path: '/v1/users/:id',
    tag: users,
    summary: 'End the membership in this organization; the person’s keys in it are refused by the time this answers',
    operation: Identity.removeUser,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/users/:id/invitation',
    tag: users,
    summary: 'A fresh invitation link for somebody who has no password yet; older links are void',
    operation: Identity.inviteUser,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/users/:id/password',
    tag: users,
    summary:
      'Set a password: one’s own with the current one, another’s with users:manage; ends the person’s other sessions',
    operation: Identity.changePassword,
    idempotent: false,
    example: { password: 'a new long pass phrase', current_password: 'correct horse battery staple' },
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/invitations/accept',
    tag: users,
    summary: 'Set the first password with the token of an invitation link, which stands behind #token= in it',
    operation: Identity.acceptInvitation,
    example: { token: 'uT0cE6p1c3ZpYk7wq2s8xLJv5n4mRr9dGfHhBbTtKkQ', password: 'a new long pass phrase' },
  }),
  ownRoute({
    method: 'GET',
    path: '/v1/invitations/accept',
    tag: users,
    summary: 'The page behind an invitation link',
    access: { public: true },
    reply: { mediaType: 'text/html; charset=utf-8' },
    answer: () => Promise.resolve({ status: 200, headers: acceptanceHeaders, body: acceptancePage }),
  }),
];

const serviceAccountRoutes: readonly ControlRoute[] = [
  operationRoute({
    method: 'GET',
    path: '/v1/service-accounts',
    tag: serviceAccounts,
    summary: 'The service accounts of the organization; deleted ones only with status=deleted',
    operation: Identity.listServiceAccounts,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/service-accounts',
    tag: serviceAccounts,
    summary: 'Make an actor that is a system, within what one holds',
    operation: Identity.createServiceAccount,
    status: 201,
    example: { name: 'settlement', description: 'Runs at night', roles: ['observer'] },
  }),
  operationRoute({
    method: 'GET',
    path: '/v1/service-accounts/:id',
    tag: serviceAccounts,
    summary: 'One service account',
    operation: Identity.readServiceAccount,
  }),
  operationRoute({
    method: 'PATCH',
    path: '/v1/service-accounts/:id',
    tag: serviceAccounts,
    summary: 'Change a service account; in force everywhere by the time this answers',
    operation: Identity.updateServiceAccount,
    example: { roles: ['observer'], permissions: [] },
  }),
  operationRoute({
    method: 'DELETE',
    path: '/v1/service-accounts/:id',
    tag: serviceAccounts,
    summary:
      'Delete a service account: its keys are refused by the time this answers, and then revoked; the record stays',
    operation: Identity.deleteServiceAccount,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/service-accounts/:id/disable',
    tag: serviceAccounts,
    summary: 'Stop a service account: its keys are refused everywhere by the time this answers',
    operation: Identity.disableServiceAccount,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/service-accounts/:id/enable',
    tag: serviceAccounts,
    summary: 'Let a disabled service account work again',
    operation: Identity.enableServiceAccount,
  }),
];

export const ownerRoutes: readonly ControlRoute[] = [...organizationRoutes, ...userRoutes, ...serviceAccountRoutes];
