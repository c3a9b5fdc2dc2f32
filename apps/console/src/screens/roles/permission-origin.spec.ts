import { type GrantingRole, permissionsOf } from './permission-origin';

const role = (name: string, part: Partial<GrantingRole>): GrantingRole => ({
  name,
  aliases: [],
  inherits: [],
  permissions: [],
  covers: [],
  ...part,
});

const reader = role('reader', { aliases: ['read-only'], permissions: ['data:view'] });
const editor = role('editor', {
  inherits: ['read-only'],
  permissions: ['data:manage', 'data:view'],
  covers: ['reader'],
});

test('what is inherited is told from what is the role’s own, by an alias too', () => {
  expect(permissionsOf(editor, [reader, editor])).toEqual([
    { name: 'data:manage', from: [], isAdded: true },
    { name: 'data:view', from: ['reader'], isAdded: false },
  ]);
});

test('a role that inherits nothing adds what those below it do not hold', () => {
  const owner = role('owner', {
    permissions: ['data:manage', 'data:view', 'keys:manage'],
    covers: ['editor', 'reader'],
  });
  expect(permissionsOf(owner, [reader, editor, owner]).filter(({ isAdded }) => isAdded)).toEqual([
    { name: 'keys:manage', from: [], isAdded: true },
  ]);
});

test('a role that holds the same takes nothing from what is added', () => {
  const twin = role('twin', { permissions: ['data:view'], covers: ['reader'] });
  expect(permissionsOf(twin, [twin, { ...reader, covers: ['twin'] }])).toEqual([
    { name: 'data:view', from: [], isAdded: true },
  ]);
});
