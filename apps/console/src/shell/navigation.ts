/** What the side bar offers, to those who hold one of the permissions named; the server decides again on each page. */
export interface Place {
  readonly to: string;
  readonly label: string;
  readonly needs: readonly string[];
}

export const places: readonly { readonly heading: string | null; readonly places: readonly Place[] }[] = [
  { heading: null, places: [{ to: '/', label: 'Overview', needs: [] }] },
  {
    heading: 'Machines',
    places: [
      { to: '/clients', label: 'Clients', needs: ['clients:view'] },
      { to: '/service-accounts', label: 'Service accounts', needs: ['serviceaccounts:view'] },
    ],
  },
  {
    heading: 'People',
    places: [
      { to: '/people', label: 'People', needs: ['users:view'] },
      { to: '/organizations', label: 'Organizations', needs: ['organizations:view'] },
      { to: '/roles', label: 'Roles', needs: [] },
    ],
  },
];
