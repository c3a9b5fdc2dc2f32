import { type OrderedRole, orderOf } from './role-order';

const role = (name: string, ...covers: string[]): OrderedRole => ({ name, covers });

test('what follows from others is left out', () => {
  const { edges } = orderOf([role('owner', 'editor', 'reader'), role('editor', 'reader'), role('reader')]);
  expect(edges).toEqual([
    ['owner', 'editor'],
    ['editor', 'reader'],
  ]);
});

test('what lies on two ways between is joined by both', () => {
  const { edges } = orderOf([
    role('maintainer', 'accountant', 'auditor', 'consumer'),
    role('accountant', 'consumer'),
    role('auditor', 'consumer'),
    role('consumer'),
  ]);
  expect(edges).toEqual([
    ['maintainer', 'accountant'],
    ['maintainer', 'auditor'],
    ['accountant', 'consumer'],
    ['auditor', 'consumer'],
  ]);
});

test('roles that hold the same are one place, and no edge joins them', () => {
  const { places, edges } = orderOf([
    role('all', 'everything', 'reader'),
    role('everything', 'all', 'reader'),
    role('reader'),
  ]);
  expect(places.get('everything')).toEqual({ id: 'all', names: ['all', 'everything'] });
  expect(places.get('all')).toBe(places.get('everything'));
  expect(edges).toEqual([['all', 'reader']]);
});

test('among some of the roles, the way over one that is not among them is an edge', () => {
  expect(orderOf([role('owner', 'editor', 'reader'), role('reader')]).edges).toEqual([['owner', 'reader']]);
});
