import { Lattice, type Catalogue } from './index.js';

const PERMISSIONS = { 'things:view': { title: 'View' }, 'things:manage': { title: 'Manage' } };

function faultsOf(catalogue: Partial<Catalogue>) {
  const result = Lattice.compile({ permissions: PERMISSIONS, roles: {}, ...catalogue });
  return 'faults' in result ? result.faults : [];
}

function messagesOf(catalogue: Partial<Catalogue>) {
  return faultsOf(catalogue).map(({ message }) => message);
}

describe('a catalogue is right as a whole or says everything that is wrong', () => {
  test('all faults of all kinds come at once', () => {
    const faults = faultsOf({
      permissions: { ...PERMISSIONS, 'bad name': { title: '' } },
      roles: {
        read: { title: 'R', permissions: [] },
        a: { title: 'A', inherits: ['ghost'], permissions: ['things:fly'] },
        b: { title: 'B', aliases: ['a', 'no good'], inherits: ['c'], permissions: [] },
        c: { title: 'C', inherits: ['b'], covers: ['nobody'], permissions: [] },
      },
    });
    expect(faults.map(({ kind, name, field, value }) => [kind, name, field, value])).toEqual([
      ['permission', 'bad name', 'name', undefined],
      ['role', 'read', 'name', undefined],
      ['role', 'b', 'aliases', 'a'],
      ['role', 'b', 'aliases', 'no good'],
      ['role', 'a', 'inherits', 'ghost'],
      ['role', 'a', 'permissions', 'things:fly'],
      ['role', 'c', 'covers', 'nobody'],
      ['role', 'c', 'inherits', 'b'],
    ]);
  });

  test.each([
    ['itself', { a: ['a'] }, ['roles inherit in a cycle: a → a']],
    ['two', { a: ['b'], b: ['a'] }, ['roles inherit in a cycle: a → b → a']],
    [
      'three, entered from outside',
      { x: ['a'], a: ['b'], b: ['c'], c: ['a'] },
      ['roles inherit in a cycle: a → b → c → a'],
    ],
    [
      'two cycles, each told once',
      { a: ['b'], b: ['a'], c: ['d', 'a'], d: ['c'] },
      ['roles inherit in a cycle: a → b → a', 'roles inherit in a cycle: c → d → c'],
    ],
    ['a diamond, which is none', { top: ['l', 'r'], l: ['base'], r: ['base'], base: [] }, []],
  ])('a cycle is told with its whole way: %s', (_, inherits, messages) => {
    const roles = Object.fromEntries(
      Object.entries(inherits).map(([name, parents]) => [name, { title: name, inherits: parents, permissions: [] }]),
    );
    expect(messagesOf({ roles })).toEqual(messages);
  });

  test('a cycle through an alias is still a cycle', () => {
    const a = { title: 'A', aliases: ['alpha'], inherits: ['b'], permissions: [] };
    expect(messagesOf({ roles: { a, b: { title: 'B', inherits: ['alpha'], permissions: [] } } })).toEqual([
      'roles inherit in a cycle: a → b → a',
    ]);
  });

  test.each(['read', 'read-write'])('the derived role %s can be neither defined nor an alias', (name) => {
    expect(messagesOf({ roles: { [name]: { title: 'mine', permissions: ['*'] } } })).toHaveLength(1);
    expect(messagesOf({ roles: { a: { title: 'A', aliases: [name], permissions: [] } } })).toHaveLength(1);
  });

  test.each(['', '*', 'a b', 'a::b', ':a', 'a:', '-a', '__proto__', 'a\n', 'é', 'x'.repeat(129)])(
    '%j is no name, of a permission or of a role',
    (name) => {
      const permissions = Object.fromEntries([[name, { title: 'T' }]]);
      const roles = Object.fromEntries([[name, { title: 'T', permissions: [] }]]);
      expect(faultsOf({ permissions, roles })).toHaveLength(2);
    },
  );

  test('a promise to cover that is not kept is a fault, and a kept one adds nothing', () => {
    const low = { title: 'Low', permissions: ['things:view'] };
    expect(messagesOf({ roles: { low, high: { title: 'High', covers: ['low'], permissions: [] } } })).toEqual([
      'role "high" says that it covers "low", but does not hold all of it',
    ]);
    expect(messagesOf({ roles: { low, high: { title: 'High', covers: ['low'], permissions: ['*'] } } })).toEqual([]);
  });

  test('names of Object.prototype are names like any other', () => {
    const result = Lattice.compile({
      permissions: PERMISSIONS,
      roles: { constructor: { title: 'C', permissions: [] } },
    });
    if ('faults' in result) throw new Error('must compile');
    expect(result.lattice.role('constructor')?.permissions).toEqual([]);
    expect(result.lattice.role('toString')).toBeUndefined();
    expect(result.lattice.permissionIndex('toString')).toBe(-1);
  });
});

test('where a permission does not say, its last word does: view reads, delete is in neither, the rest writes', () => {
  const permissions = Object.fromEntries(
    ['a:view', 'a:delete', 'a:manage', 'run', 'view', 'a:b:view'].map((name) => [name, { title: name }]),
  );
  const result = Lattice.compile({ permissions: { ...permissions, 'z:view': { title: 'Z', in: 'none' } }, roles: {} });
  if ('faults' in result) throw new Error('must compile');
  expect(result.lattice.role('read')?.permissions).toEqual(['a:b:view', 'a:view', 'view']);
  expect(result.lattice.role('read-write')?.permissions).toEqual(['a:b:view', 'a:manage', 'a:view', 'run', 'view']);
});
