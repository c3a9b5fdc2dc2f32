import { groupOf, shortName } from './role-group';

test('a role belongs to a group by its name, and what nobody ships is the policy’s', () => {
  expect(
    ['owner', 'auditor', 'storage:object-read-only', 'layer1:role:user:viewer', 'night-shift'].map(groupOf),
  ).toEqual(['organization', 'node', 'storage', 'layer1', 'policy']);
});

test('what the whole group begins with is left out of a short name', () => {
  expect(['storage:object-read-only', 'layer1:role:user:viewer', 'read-write'].map(shortName)).toEqual([
    'object-read-only',
    'user:viewer',
    'read-write',
  ]);
});
