import fc from 'fast-check';
import { Lattice, allows, join, meet, sameGrant, within, type Catalogue, type Grant, type GrantSpec } from './index.js';

/**
 * The laws over random catalogues, and the grants against a model too simple to be wrong: a set of `permission@bucket`
 * over three named buckets and one that nobody names, so that `all` is more than any list.
 */
const NAMED = ['a', 'b', 'c'];
const ASKED = [...NAMED, 'unnamed'];
const TITLE = 'T';

interface Model {
  has(pair: string): boolean;
  size: number;
  pairs: Set<string>;
}

const permissionNames = Array.from({ length: 40 }, (_, at) => `p${at}:${['view', 'manage', 'delete'][at % 3]}`);

const catalogues = fc
  .record({
    bound: fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
    size: fc.integer({ min: 1, max: 40 }),
    roles: fc.array(
      fc.record({
        permissions: fc.array(fc.nat(39), { maxLength: 5 }),
        everything: fc.boolean(),
        // Only roles before this one: what is made here has no cycle.
        inherits: fc.array(fc.nat(20), { maxLength: 3 }),
        all: fc.boolean(),
        rare: fc.nat(9),
      }),
      { minLength: 1, maxLength: 8 },
    ),
  })
  .map(({ bound, size, roles }): Catalogue => {
    const names = permissionNames.slice(0, size);
    return {
      permissions: Object.fromEntries(
        names.map((name, at) => [name, { title: TITLE, ...(bound[at] && { resource: 'bucket' as const }) }]),
      ),
      roles: Object.fromEntries(
        roles.map(({ permissions, everything, inherits, all, rare }, at) => [
          `r${at}`,
          {
            title: TITLE,
            permissions: everything && rare === 0 ? ['*'] : permissions.map((number) => names[number % size] ?? ''),
            inherits: at === 0 ? [] : inherits.map((number) => `r${number % at}`),
            ...(all && rare < 4 && { buckets: 'all' as const }),
          },
        ]),
      ),
    };
  });

const bucketLists = fc.oneof(fc.constant('all' as const), fc.constant(null), fc.subarray(NAMED));

function specs(lattice: Lattice): fc.Arbitrary<GrantSpec> {
  const names = lattice.permissions().map(({ name }) => name);
  return fc.record({
    roles: fc.subarray(
      lattice.roles().map(({ name }) => name),
      { maxLength: 3 },
    ),
    permissions: fc.subarray(names, { maxLength: Math.min(6, names.length) }),
    buckets: bucketLists,
    resources: fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.constant('all' as const), fc.subarray(NAMED)), {
      maxKeys: 3,
    }),
  });
}

const worlds = (count: number) =>
  catalogues.chain((catalogue) => {
    const result = Lattice.compile(catalogue);
    if ('faults' in result) throw new Error(JSON.stringify(result.faults));
    const { lattice } = result;
    const grants = fc.array(specs(lattice), { minLength: count, maxLength: count });
    return grants.map((made) => ({ catalogue, lattice, specs: made, grants: made.map((spec) => lattice.grant(spec)) }));
  });

function modelOf(lattice: Lattice, grant: Grant): Model {
  const pairs = new Set<string>();
  for (const { name } of lattice.permissions()) {
    for (const bucket of ASKED) {
      if (allows(grant, lattice.permissionIndex(name), bucket)) pairs.add(`${name}@${bucket}`);
    }
  }
  return { pairs, size: pairs.size, has: (pair) => pairs.has(pair) };
}

const subset = (a: Model, b: Model) => [...a.pairs].every((pair) => b.has(pair));
const below = (a: Grant, b: Grant) => within(a, b).length === 0;

function law(
  title: string,
  count: number,
  check: (world: { lattice: Lattice; specs: GrantSpec[] }, ...g: Grant[]) => void,
) {
  test(title, () => {
    fc.assert(
      fc.property(worlds(count), ({ lattice, specs: made, grants }) => check({ lattice, specs: made }, ...grants)),
      { numRuns: 150 },
    );
  });
}

describe('grants over random catalogues', () => {
  law('within is empty exactly when contained', 2, ({ lattice }, a, b) => {
    expect(below(a, b)).toBe(subset(modelOf(lattice, a), modelOf(lattice, b)));
  });
  law(
    'what within names is exactly what is missing: adding it to the maker makes the child fit',
    2,
    ({ lattice }, a, b) => {
      const excess = within(a, b);
      const missing = lattice.grant({
        permissions: excess.map(({ permission }) => permission),
        resources: Object.fromEntries(
          excess.flatMap(({ permission, buckets }) => (buckets ? [[permission, buckets]] : [])),
        ),
      });
      expect(below(a, join(b, missing))).toBe(true);
      expect(below(missing, a)).toBe(true);
      const model = modelOf(lattice, b);
      for (const { permission, buckets } of excess) {
        const asked = buckets === undefined ? ['a'] : buckets === 'all' ? ['unnamed'] : buckets;
        for (const bucket of asked) expect(model.has(`${permission}@${bucket}`)).toBe(false);
      }
    },
  );
  law('the order is reflexive and antisymmetric', 2, ({ lattice }, a, b) => {
    expect(below(a, a)).toBe(true);
    expect(below(a, b) && below(b, a)).toBe(sameGrant(a, b));
    if (sameGrant(a, b)) {
      expect(lattice.names(a)).toEqual(lattice.names(b));
      expect(lattice.resources(a)).toEqual(lattice.resources(b));
    }
  });
  law('the order is transitive', 3, (_, a, b, c) => {
    const [low, middle, high] = [meet(meet(a, b), c), meet(a, b), a];
    expect(below(low, middle) && below(middle, high) && below(low, high)).toBe(true);
    if (below(a, b) && below(b, c)) expect(below(a, c)).toBe(true);
  });
  law('join is union and meet is intersection, pair by pair', 2, ({ lattice }, a, b) => {
    const [x, y] = [modelOf(lattice, a), modelOf(lattice, b)];
    expect(modelOf(lattice, join(a, b)).pairs).toEqual(new Set([...x.pairs, ...y.pairs]));
    expect(modelOf(lattice, meet(a, b)).pairs).toEqual(new Set([...x.pairs].filter((pair) => y.has(pair))));
  });
  law('join is the least upper bound, meet the greatest lower bound', 3, (_, a, b, c) => {
    expect(below(a, join(a, b)) && below(b, join(a, b))).toBe(true);
    expect(below(meet(a, b), a) && below(meet(a, b), b)).toBe(true);
    expect(below(join(a, b), c)).toBe(below(a, c) && below(b, c));
    expect(below(c, meet(a, b))).toBe(below(c, a) && below(c, b));
  });
  law('join and meet commute, associate, absorb and distribute', 3, (_, a, b, c) => {
    expect(sameGrant(join(a, b), join(b, a)) && sameGrant(meet(a, b), meet(b, a))).toBe(true);
    expect(sameGrant(join(a, join(b, c)), join(join(a, b), c))).toBe(true);
    expect(sameGrant(meet(a, meet(b, c)), meet(meet(a, b), c))).toBe(true);
    expect(sameGrant(join(a, meet(a, b)), a) && sameGrant(meet(a, join(a, b)), a)).toBe(true);
    expect(sameGrant(meet(a, join(b, c)), join(meet(a, b), meet(a, c)))).toBe(true);
  });
  law('nothing and everything are the ends', 1, ({ lattice }, a) => {
    expect(below(lattice.nothing, a) && below(a, lattice.everything)).toBe(true);
  });
  law('names and resources make the same grant again', 1, ({ lattice }, a) => {
    const again = lattice.grant({ permissions: lattice.names(a), resources: lattice.resources(a) });
    expect(sameGrant(again, a)).toBe(true);
  });
});

describe('roles and specs over random catalogues', () => {
  law('adding a role, a permission or a bucket never takes anything away', 2, ({ lattice, specs: [first, second] }) => {
    const more: GrantSpec = {
      roles: [...(first?.roles ?? []), ...(second?.roles ?? [])],
      permissions: [...(first?.permissions ?? []), ...(second?.permissions ?? [])],
      buckets: first?.buckets === 'all' || second?.buckets === 'all' ? 'all' : [...(first?.buckets ?? []), 'b'],
    };
    expect(below(lattice.grant({ ...first, resources: null }), lattice.grant(more))).toBe(true);
  });
  law(
    'a role covers another exactly when its grant contains the other for every choice of buckets',
    1,
    ({ lattice }) => {
      for (const upper of lattice.roles()) {
        for (const lower of lattice.roles()) {
          const contained = [null, ['a'], 'all' as const].every((buckets) =>
            below(lattice.grant({ roles: [lower.name], buckets }), lattice.grant({ roles: [upper.name], buckets })),
          );
          expect(lattice.covers(upper.name, lower.name)).toBe(contained);
          expect(upper.covers.includes(lower.name)).toBe(contained && upper !== lower);
        }
      }
    },
  );
  law('a role holds what it inherits, and its effective permissions are its grant', 1, ({ lattice }) => {
    for (const role of lattice.roles()) {
      for (const parent of role.inherits) expect(lattice.covers(role.name, parent)).toBe(true);
      expect(lattice.names(lattice.grant({ roles: [role.name], buckets: 'all' }))).toEqual(role.permissions);
    }
  });
  law('a chain of makers, each within the one before, never ends above its start', 3, ({ lattice }, root, b, c) => {
    let maker = root;
    for (const wanted of [b, c]) {
      const given = within(wanted, maker).length === 0 ? wanted : meet(wanted, maker);
      expect(below(given, maker)).toBe(true);
      maker = given;
    }
    expect(subset(modelOf(lattice, maker), modelOf(lattice, root))).toBe(true);
  });
});
