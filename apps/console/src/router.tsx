import { createBrowserRouter, type RouteObject } from 'react-router';
import { Shell } from './shell/shell';
import { Lost } from './shell/lost';

/** Each screen is loaded when it is first gone to. */
const screens: RouteObject[] = [
  { index: true, lazy: async () => ({ Component: (await import('./screens/overview/overview')).Overview }) },
  { path: 'clients', lazy: async () => ({ Component: (await import('./screens/clients/client-list')).ClientList }) },
  { path: 'clients/new', lazy: async () => ({ Component: (await import('./screens/clients/new-client')).NewClient }) },
  { path: 'clients/:id', lazy: async () => ({ Component: (await import('./screens/clients/client')).Client }) },
  {
    path: 'clients/:id/edit',
    lazy: async () => ({ Component: (await import('./screens/clients/edit-client')).EditClient }),
  },
  { path: 'api-keys', lazy: async () => ({ Component: (await import('./screens/api-keys/key-list')).KeyList }) },
  { path: 'api-keys/new', lazy: async () => ({ Component: (await import('./screens/api-keys/new-key')).NewKey }) },
  {
    path: 'api-keys/leaks',
    lazy: async () => ({ Component: (await import('./screens/api-keys/find-leaks')).FindLeaks }),
  },
  {
    path: 'storage-tokens',
    lazy: async () => ({ Component: (await import('./screens/storage-tokens/token-list')).StorageTokenList }),
  },
  {
    path: 'storage-tokens/new',
    lazy: async () => ({ Component: (await import('./screens/storage-tokens/new-token')).NewStorageToken }),
  },
  ...['api-keys', 'storage-tokens'].flatMap((place): RouteObject[] => [
    { path: `${place}/:id`, lazy: async () => ({ Component: (await import('./screens/api-keys/key')).Key }) },
    {
      path: `${place}/:id/edit`,
      lazy: async () => ({ Component: (await import('./screens/api-keys/edit-key')).EditKey }),
    },
    {
      path: `${place}/:id/rotate`,
      lazy: async () => ({ Component: (await import('./screens/api-keys/rotate-key')).RotateKey }),
    },
  ]),
  {
    path: 'service-accounts',
    lazy: async () => ({
      Component: (await import('./screens/service-accounts/service-account-list')).ServiceAccountList,
    }),
  },
  {
    path: 'service-accounts/new',
    lazy: async () => ({
      Component: (await import('./screens/service-accounts/new-service-account')).NewServiceAccount,
    }),
  },
  {
    path: 'service-accounts/:id',
    lazy: async () => ({ Component: (await import('./screens/service-accounts/service-account')).ServiceAccount }),
  },
  {
    path: 'service-accounts/:id/edit',
    lazy: async () => ({
      Component: (await import('./screens/service-accounts/edit-service-account')).EditServiceAccount,
    }),
  },
  { path: 'people', lazy: async () => ({ Component: (await import('./screens/people/person-list')).PersonList }) },
  { path: 'people/new', lazy: async () => ({ Component: (await import('./screens/people/new-person')).NewPerson }) },
  { path: 'people/:id', lazy: async () => ({ Component: (await import('./screens/people/person')).Person }) },
  {
    path: 'people/:id/edit',
    lazy: async () => ({ Component: (await import('./screens/people/edit-person')).EditPerson }),
  },
  {
    path: 'people/:id/password',
    lazy: async () => ({ Component: (await import('./screens/people/set-password')).SetPassword }),
  },
  {
    path: 'organizations',
    lazy: async () => ({ Component: (await import('./screens/organizations/organization-list')).OrganizationList }),
  },
  {
    path: 'organizations/new',
    lazy: async () => ({ Component: (await import('./screens/organizations/new-organization')).NewOrganization }),
  },
  {
    path: 'organizations/:id',
    lazy: async () => ({ Component: (await import('./screens/organizations/organization')).Organization }),
  },
  {
    path: 'organizations/:id/edit',
    lazy: async () => ({ Component: (await import('./screens/organizations/edit-organization')).EditOrganization }),
  },
  { path: 'roles/:name?', lazy: async () => ({ Component: (await import('./screens/roles/roles')).Roles }) },
  { path: 'audit', lazy: async () => ({ Component: (await import('./screens/audit/event-list')).EventList }) },
  { path: 'audit/live', lazy: async () => ({ Component: (await import('./screens/audit/live-tail')).LiveTail }) },
  { path: 'audit/:id', lazy: async () => ({ Component: (await import('./screens/audit/event')).Event }) },
  { path: '*', Component: Lost },
];

export const router = createBrowserRouter(
  [
    {
      Component: Shell,
      ErrorBoundary: Lost,
      HydrateFallback: () => null,
      // A screen that breaks leaves the frame around it, with the way to the others.
      children: [{ ErrorBoundary: Lost, children: screens }],
    },
  ],
  { basename: '/console' },
);
