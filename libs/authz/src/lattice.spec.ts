import {
  Lattice,
  UnknownName,
  allows,
  join,
  meet,
  sameGrant,
  within,
  type Catalogue,
  type GrantSpec,
} from './index.js';

const CATALOGUE: Catalogue = {
  permissions: {
    'logs:view': { title: 'View logs' },
    'logs:manage': { title: 'Manage logs' },
    'logs:delete': { title: 'Delete logs' },
    'files:view': { title: 'View files', resource: 'bucket' },
    'files:manage': { title: 'Manage files', resource: 'bucket' },
  },
  roles: {
    owner: { title: 'Owner', permissions: ['*'], buckets: 'all' },
    writer: {
      title: 'Writer',
      aliases: ['scribe'],
      inherits: ['reader'],
      permissions: ['logs:manage', 'files:manage'],
    },
    reader: { title: 'Reader', permissions: ['logs:view', 'files:view'] },
    'file-admin': { title: 'File admin', inherits: ['reader'], permissions: [], buckets: 'all' },
    nobody: { title: 'Nobody', permissions: [] },
  },
};

function compiled(catalogue: Catalogue = CATALOGUE): Lattice {
  const result = Lattice.compile(catalogue);
  if ('faults' in result) throw new Error(JSON.stringify(result.faults));
  return result.lattice;
}

const lattice = compiled();

describe('decisions', () => {
  type Row = [GrantSpec, permission: string, bucket: string | undefined, allowed: boolean];
  const rows: Row[] = [
    [{}, 'logs:view', undefined, false],
    [{ permissions: ['logs:view'] }, 'logs:view', undefined, true],
    [{ permissions: ['logs:view'] }, 'logs:view', 'reports', true],
    [{ permissions: ['logs:view'] }, 'logs:manage', undefined, false],
    [{ permissions: ['logs:view'] }, 'logs:vie', undefined, false],
    [{ roles: ['owner'] }, 'logs:unknown', undefined, false],
    [{ roles: ['reader'] }, 'logs:view', undefined, true],
    [{ roles: ['reader'] }, 'logs:manage', undefined, false],
    [{ roles: ['writer'] }, 'logs:view', undefined, true],
    [{ roles: ['scribe'] }, 'logs:manage', undefined, true],
    [{ roles: ['writer'] }, 'logs:delete', undefined, false],
    [{ roles: ['owner'] }, 'logs:delete', undefined, true],
    [{ roles: ['read'] }, 'logs:view', undefined, true],
    [{ roles: ['read'] }, 'logs:manage', undefined, false],
    [{ roles: ['read-write'] }, 'logs:manage', undefined, true],
    [{ roles: ['read-write'] }, 'logs:delete', undefined, false],
    [{ roles: ['reader'] }, 'files:view', 'reports', false],
    [{ roles: ['reader'], buckets: null }, 'files:view', 'reports', false],
    [{ roles: ['reader'], buckets: [] }, 'files:view', 'reports', false],
    [{ roles: ['reader'], buckets: ['reports'] }, 'files:view', 'reports', true],
    [{ roles: ['reader'], buckets: ['reports'] }, 'files:view', 'report', false],
    [{ roles: ['reader'], buckets: ['reports'] }, 'files:view', 'Reports', false],
    [{ roles: ['reader'], buckets: ['reports'] }, 'files:view', undefined, false],
    [{ roles: ['reader'], buckets: ['reports'] }, 'files:manage', 'reports', false],
    [{ roles: ['reader'], buckets: ['all'] }, 'files:view', 'reports', false],
    [{ roles: ['reader'], buckets: ['*'] }, 'files:view', 'reports', false],
    [{ roles: ['reader'], buckets: 'all' }, 'files:view', 'made-later', true],
    [{ roles: ['reader'], buckets: 'all' }, 'files:view', undefined, true],
    [{ roles: ['file-admin'] }, 'files:view', 'made-later', true],
    [{ roles: ['file-admin'], buckets: ['a'] }, 'files:view', 'b', true],
    [{ roles: ['file-admin', 'writer'], buckets: ['a'] }, 'files:manage', 'a', true],
    [{ roles: ['file-admin', 'writer'], buckets: ['a'] }, 'files:manage', 'b', false],
    [{ permissions: ['files:view'], buckets: 'all', resources: { 'files:view': ['a'] } }, 'files:view', 'b', false],
    [{ permissions: ['files:view'], resources: { 'files:view': ['a'] } }, 'files:view', 'a', true],
    [{ resources: { 'files:view': ['a'] } }, 'files:view', 'a', false],
  ];
  test.each(rows)('%j asked for %s on %s: %s', (spec, permission, bucket, allowed) => {
    expect(allows(lattice.grant(spec), lattice.permissionIndex(permission), bucket)).toBe(allowed);
  });

  test.each([-1, 5, 31, 32, 1e9, Number.NaN])('permission number %d, which is none, is never held', (number) => {
    expect(allows(lattice.everything, number)).toBe(false);
  });
});

describe('buckets are kept for each permission', () => {
  const reads = lattice.grant({ permissions: ['files:view'], buckets: ['a'] });
  const writes = lattice.grant({ permissions: ['files:manage'], buckets: ['b'] });

  test('joining read on a with write on b gives neither write on a nor read on b', () => {
    expect(lattice.resources(join(reads, writes))).toEqual({ 'files:view': ['a'], 'files:manage': ['b'] });
  });

  test('meeting two grants without a bucket in common drops the permission', () => {
    const other = lattice.grant({ permissions: ['files:view', 'logs:view'], buckets: ['b'] });
    expect(sameGrant(meet(reads, other), lattice.nothing)).toBe(true);
    expect(lattice.names(meet(reads, other))).toEqual([]);
  });

  test('names and resources written down make the same grant again', () => {
    const mixed = join(join(reads, writes), lattice.grant({ roles: ['file-admin'] }));
    const again = lattice.grant({ permissions: lattice.names(mixed), resources: lattice.resources(mixed) });
    expect(sameGrant(again, mixed)).toBe(true);
  });

  test.each<[GrantSpec, GrantSpec, unknown[]]>([
    [{ roles: ['reader'], buckets: ['a'] }, { roles: ['reader'], buckets: ['a', 'b'] }, []],
    [{ roles: ['reader'], buckets: ['b', 'a'] }, { roles: ['owner'] }, []],
    [
      { roles: ['reader'], buckets: ['a', 'c', 'b'] },
      { roles: ['reader'], buckets: ['a'] },
      [{ permission: 'files:view', buckets: ['b', 'c'] }],
    ],
    [
      { roles: ['reader'], buckets: 'all' },
      { roles: ['reader'], buckets: ['a', 'b'] },
      [{ permission: 'files:view', buckets: 'all' }],
    ],
    [
      { roles: ['writer'], buckets: ['a'] },
      { roles: ['read'] },
      [
        { permission: 'files:manage', buckets: ['a'] },
        { permission: 'files:view', buckets: ['a'] },
        { permission: 'logs:manage' },
      ],
    ],
    [
      { roles: ['reader'], buckets: ['a'] },
      {},
      [{ permission: 'files:view', buckets: ['a'] }, { permission: 'logs:view' }],
    ],
  ])('%j within %j: exceeds by exactly %j', (child, maker, excess) => {
    expect(within(lattice.grant(child), lattice.grant(maker))).toEqual(excess);
  });
});

describe('names', () => {
  test('an unknown name in something written now throws and says every unknown name once', () => {
    const spec = {
      roles: ['reader', 'raeder', 'raeder'],
      permissions: ['*', 'logs:view'],
      resources: { 'x:y': ['a'] },
    };
    expect(lattice.unknown(spec)).toEqual({ roles: ['raeder'], permissions: ['*', 'x:y'] });
    expect(() => lattice.grant(spec)).toThrow(UnknownName);
  });

  test('an unknown name in something stored gives nothing and spoils nothing', () => {
    const grant = lattice.grantKnown({ roles: ['gone', 'constructor'], permissions: ['__proto__', '*', 'logs:view'] });
    expect(lattice.names(grant)).toEqual(['logs:view']);
  });

  test('role and permission names do not stand for each other', () => {
    expect(lattice.unknown({ roles: ['logs:view'], permissions: ['reader'] })).toEqual({
      roles: ['logs:view'],
      permissions: ['reader'],
    });
  });
});

describe('the order between roles', () => {
  test('is what they contain, buckets too', () => {
    expect(lattice.role('writer')).toEqual({
      name: 'writer',
      title: 'Writer',
      aliases: ['scribe'],
      inherits: ['reader'],
      permissions: ['files:manage', 'files:view', 'logs:manage', 'logs:view'],
      covers: ['nobody', 'read', 'read-write', 'reader'],
      allBuckets: false,
    });
    expect(lattice.covers('writer', 'file-admin')).toBe(false);
    expect(lattice.covers('file-admin', 'reader')).toBe(true);
    expect(lattice.role('owner')?.covers).toEqual(['file-admin', 'nobody', 'read', 'read-write', 'reader', 'writer']);
    expect(lattice.role('owner')?.allBuckets).toBe(true);
  });

  test('takes aliases, and knows nothing of unknown roles', () => {
    expect(lattice.covers('owner', 'scribe')).toBe(true);
    expect(lattice.covers('owner', 'ghost')).toBe(false);
    expect(lattice.covers('ghost', 'nobody')).toBe(false);
    expect(lattice.role('scribe')?.name).toBe('writer');
  });
});

test('grants of two lattices never compare, even if the catalogues are the same', () => {
  const other = compiled();
  expect(other.owns(lattice.everything)).toBe(false);
  expect(lattice.owns(lattice.everything)).toBe(true);
  for (const compare of [meet, join, within, sameGrant]) {
    expect(() => compare(lattice.nothing, other.everything)).toThrow(TypeError);
  }
});

test('more permissions than one word of the mask holds are told apart', () => {
  const names = Array.from({ length: 100 }, (_, at) => `p${String(at).padStart(3, '0')}`);
  const many = compiled({ permissions: Object.fromEntries(names.map((name) => [name, { title: name }])), roles: {} });
  for (const name of names) {
    const grant = many.grant({ permissions: [name] });
    expect(names.filter((other) => allows(grant, many.permissionIndex(other)))).toEqual([name]);
  }
});
