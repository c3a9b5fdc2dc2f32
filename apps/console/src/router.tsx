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
  { path: '*', Component: Lost },
  { path: 'roles/:name?', lazy: async () => ({ Component: (await import('./screens/roles/roles')).Roles }) },
];

export const router = createBrowserRouter(
  [{ Component: Shell, ErrorBoundary: Lost, HydrateFallback: () => null, children: screens }],
  { basename: '/console' },
);
