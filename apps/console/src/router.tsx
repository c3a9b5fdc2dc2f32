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
  { path: '*', Component: Lost },
];

export const router = createBrowserRouter(
  [{ Component: Shell, ErrorBoundary: Lost, HydrateFallback: () => null, children: screens }],
  { basename: '/console' },
);
