import { effectivePermissions } from './effective-permissions';

const catalogue = [
  { name: 'read', aliases: ['reader'], permissions: ['a:view', 'b:view'] },
  { name: 'write', aliases: [], permissions: ['a:view', 'a:manage'] },
];
const of = (roles: string[], permissions: string[] = []) => effectivePermissions({ roles, permissions }, catalogue);

test('roles, by any of their names, and single permissions come to one set', () => {
  expect(of(['reader', 'write'], ['b:view', 'c:view']).sort()).toEqual(['a:manage', 'a:view', 'b:view', 'c:view']);
});

test('a name that the policy does not have means nothing', () => expect(of(['gone'])).toEqual([]));
