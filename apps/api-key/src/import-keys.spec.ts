import { ApiKey, importedKeys, newId, type RequestInputOf } from '@portcullis/contracts';
import { parseApiKey, sha256Hex } from '@portcullis/credentials';
import { type KeyHouse, openKeyHouse } from '../spec/key-house.js';

let house: KeyHouse;
beforeAll(async () => (house = await openKeyHouse()));
afterAll(() => house.close());

type Imported = RequestInputOf<typeof ApiKey.import>['keys'][number];
let made = 0;
const aForeignKey = (given: Partial<Imported> = {}): { text: string; key: Imported } => {
  const text = `acme_live_${String((made += 1)).padStart(6, '0')}`;
  return {
    text,
    key: { sha256: sha256Hex(text), prefix: 'acme_live_', name: 'billing', roles: ['observer'], ...given },
  };
};
const count = async (): Promise<number> =>
  (await house.database.read((manager) => manager.query<{ n: number }[]>('select count(*)::int as n from api_key')))[0]
    ?.n ?? 0;

describe('an import', () => {
  test('takes over keys by their digests, and gateways learn what they begin with', async () => {
    const [one, two] = [aForeignKey(), aForeignKey({ networks: ['10.0.0.0/8'], expires_in_days: null })];
    const { items, enforcement } = await house.import([one.key, two.key]);
    expect(items).toMatchObject([
      { name: 'billing', key_prefix: 'acme_live_', status: 'active', expires_at: '2026-05-30T12:00:00.000Z' },
      { expires_at: null },
    ]);
    expect(enforcement).toMatchObject({ enforcers: 0 });
    expect(await house.prefixes()).toContain('acme_live_');
    expect(await house.markers(importedKeys)).toEqual([{ effect: 'refresh' }]);
    const found = await house.resolve({ sha256: two.key.sha256 });
    expect(found).toMatchObject({ id: items[1]?.id, networks: ['10.0.0.0/8'], secrets: [{ form: 'bearer' }] });
    expect((await house.events(items[0]?.id)).map(({ action }) => action)).toEqual(['api-key.imported']);
    expect(JSON.stringify(await house.events())).not.toContain(one.key.sha256);
  });

  test('makes keys like others: listed, edited, disabled, revoked; rotated they get one of ours', async () => {
    const foreign = aForeignKey();
    const [item] = (await house.import([foreign.key])).items;
    const id = item?.id ?? '';
    expect((await house.list({ q: 'billing' })).items.map((key) => key.id)).toContain(id);
    expect(await house.update({ id, name: 'invoices' })).toMatchObject({ name: 'invoices' });
    await house.disable(id);
    expect(await house.resolve({ sha256: foreign.key.sha256 })).toMatchObject({ status: 'disabled' });
    await house.enable(id);
    const rotated = await house.rotate(id, 60);
    const ours = house.opened(rotated.credentials.bearer_token, ApiKey.rotate);
    expect(parseApiKey(ours)).toMatchObject({ prefix: 'ptc' });
    expect(rotated.key_prefix).toBe(`ptc_${parseApiKey(ours)?.lookup}`);
    expect((await house.resolve({ sha256: foreign.key.sha256 }))?.secrets).toHaveLength(2);
    house.after(60);
    expect((await house.resolve({ sha256: foreign.key.sha256 }))?.secrets).toMatchObject([{ sha256: sha256Hex(ours) }]);
    // Ours is found by its lookup part alone.
    expect(await house.resolve({ sha256: sha256Hex(ours) })).toBeNull();
    expect(await house.revoke(id)).toMatchObject({ status: 'revoked' });
  });

  test('of a thousand keys is one transaction', async () => {
    const keys = Array.from({ length: 1000 }, () => aForeignKey({ name: 'one of many' }).key);
    expect((await house.import(keys)).items).toHaveLength(1000);
    expect(ApiKey.import.request.safeParse({ keys: [...keys, aForeignKey().key] }).success).toBe(false);
    expect(ApiKey.import.request.safeParse({ keys: [] }).success).toBe(false);
  });

  test('under one Idempotency-Key happens once', async () => {
    const caller = house.owner({ id: newId('usr', new Date()) }, 'import');
    const { key } = aForeignKey();
    const first = await house.import([key], caller);
    expect((await house.import([key], caller)).items).toEqual(first.items);
  });
});

describe('all or none: an import is refused', () => {
  const less = () => house.owner({ permissions: ['apikeys:manage', 'counterparties:view'], resources: {} });

  test.each<{
    name: string;
    key: Partial<Imported>;
    code: string;
    field?: string;
    caller?: () => ReturnType<typeof less>;
  }>([
    { name: 'with a prefix that is ours', key: { prefix: 'ptc_' }, code: 'unprocessable', field: 'prefix' },
    { name: 'with one that ours begins with', key: { prefix: 'ptc_abc' }, code: 'unprocessable', field: 'prefix' },
    { name: 'with one that begins ours', key: { prefix: 'old_' }, code: 'unprocessable', field: 'prefix' },
    { name: 'with one that ours had before', key: { prefix: 'old_ptc_x' }, code: 'unprocessable', field: 'prefix' },
    { name: 'with one that tokens begin with', key: { prefix: 'eyJhbGci' }, code: 'unprocessable', field: 'prefix' },
    { name: 'with a role that is none', key: { roles: ['emperor'] }, code: 'invalid_request', field: 'roles' },
    { name: 'with no role and no permission', key: { roles: [] }, code: 'unprocessable', field: 'roles' },
    { name: 'with more than the importer holds', key: { roles: ['owner'] }, caller: less, code: 'exceeds_grant' },
    {
      name: 'with host bits in a network',
      key: { networks: ['10.0.0.1/8'] },
      code: 'invalid_request',
      field: 'networks.0',
    },
  ])('$name', async ({ key, code, field, caller }) => {
    const before = await count();
    const good = aForeignKey({ roles: [], permissions: ['counterparties:view'] }).key;
    await expect(house.import([good, aForeignKey(key).key], caller?.() ?? house.owner())).rejects.toMatchObject({
      code,
      ...(field === undefined
        ? {}
        : { errors: expect.arrayContaining([expect.objectContaining({ field: `keys.1.${field}` })]) as unknown }),
    });
    expect(await count()).toBe(before);
  });

  test('with a digest twice, or one that is known already, here or elsewhere, and nobody is told whose', async () => {
    const { key } = aForeignKey();
    await expect(house.import([key, { ...key, name: 'again' }])).rejects.toMatchObject({
      code: 'unprocessable',
      errors: [{ field: 'keys.1.sha256', message: 'is the same as that of keys.0' }],
    });
    await house.import([key]);
    const before = await count();
    const elsewhere = house.owner({ organization_id: newId('org', new Date()) });
    const [here, there] = await Promise.all(
      [house.owner(), elsewhere].map((caller) =>
        house.import([aForeignKey().key, key], caller).catch((error: unknown) => error),
      ),
    );
    expect(here).toMatchObject({ code: 'conflict' });
    expect(here).toEqual(there);
    const ours = await house.create();
    const text = house.opened(ours.credentials.bearer_token, ApiKey.create);
    await expect(house.import([aForeignKey({ sha256: sha256Hex(text) }).key])).rejects.toMatchObject({
      code: 'conflict',
    });
    expect(await count()).toBe(before + 1);
  });

  test('by two at once one of them gets it', async () => {
    const { key } = aForeignKey();
    const both = await Promise.allSettled([house.import([key]), house.import([key])]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test.each<[string, object]>([
    ['capitals in the digest', { sha256: 'A'.repeat(64) }],
    ['63 digits', { sha256: 'a'.repeat(63) }],
    ['a prefix of 3 characters', { prefix: 'abc' }],
    ['a prefix of 17', { prefix: 'a'.repeat(17) }],
    ['a prefix that no header carries', { prefix: 'ab cd' }],
    ['another form', { forms: ['client_credentials'] }],
    ['the key itself', { secret: 'acme_live_x' }],
  ])('%s is no key to import', (_, given) => {
    expect(ApiKey.import.request.safeParse({ keys: [{ ...aForeignKey().key, ...given }] }).success).toBe(false);
  });

  test('and an organization brings at most fifty prefixes', async () => {
    const caller = house.owner({ organization_id: newId('org', new Date()) });
    const keys = Array.from({ length: 51 }, (_, n) => aForeignKey({ prefix: `pre${n + 100}_` }).key);
    await expect(house.import(keys, caller)).rejects.toMatchObject({ code: 'unprocessable' });
    expect(await house.prefixes()).not.toContain('pre100_');
    expect((await house.import(keys.slice(1), caller)).items).toHaveLength(50);
  });
});

describe('keys that stood in a text', () => {
  const digestOf = (key: Awaited<ReturnType<KeyHouse['create']>>) =>
    sha256Hex(house.opened(key.credentials.bearer_token, ApiKey.create));

  test('are found by their digest, with whose they are and whether they open anything', async () => {
    const [plain, off, gone] = [await house.create(), await house.create(), await house.create()];
    await house.disable(off.id);
    await house.revoke(gone.id);
    const foreign = aForeignKey();
    const [imported] = (await house.import([foreign.key])).items;
    const digests = [...[plain, off, gone].map(digestOf), foreign.key.sha256, 'f'.repeat(64)];
    const { items, enforcement } = await house.leaks({ digests });
    expect(enforcement).toBeNull();
    expect(items.map(({ id, live, status }) => [id, live, status])).toEqual(
      expect.arrayContaining([
        [plain.id, true, 'active'],
        [off.id, false, 'disabled'],
        [gone.id, false, 'revoked'],
        [imported?.id, true, 'active'],
      ]),
    );
    expect(items).toHaveLength(4);
    expect(items[0]).toMatchObject({ name: plain.name, owner: plain.owner, use: null });
    expect((await house.events(plain.id)).map(({ action }) => action)).toEqual(['api-key.created', 'api-key.leaked']);
  });

  test('are another organization’s as little as none', async () => {
    const made = await house.create();
    const stranger = house.owner({ organization_id: newId('org', new Date()) });
    const digests = [digestOf(made)];
    expect((await house.leaks({ digests, revoke: true }, stranger)).items).toEqual([]);
    expect((await house.one(made.id)).status).toBe('active');
    expect(await house.events(made.id)).toHaveLength(1);
  });

  test('a secret that a rotation ended is found, and is not live', async () => {
    const made = await house.create();
    const digests = [digestOf(made)];
    await house.rotate(made.id, 0);
    expect((await house.leaks({ digests })).items).toMatchObject([{ id: made.id, live: false, status: 'active' }]);
  });

  test('end with revoke, all of them before it is answered, and a repeat answers the same', async () => {
    const made = [await house.create(), await house.create()];
    const digests = made.map(digestOf);
    const caller = house.owner({ permissions: ['apikeys:view'] });
    await expect(house.leaks({ digests, revoke: true }, caller)).rejects.toMatchObject({ code: 'forbidden' });
    const found = await house.leaks({ digests, revoke: true });
    expect(found.enforcement).toMatchObject({ enforcers: 0 });
    expect(found.items.map(({ status, live }) => [status, live])).toEqual([
      ['revoked', true],
      ['revoked', true],
    ]);
    for (const { id } of made) {
      expect((await house.one(id)).enforced_at).not.toBeNull();
      expect((await house.events(id)).map(({ action }) => action)).toEqual([
        'api-key.created',
        'api-key.leaked',
        'api-key.revoked',
        'revocation.enforced',
      ]);
    }
    const again = await house.leaks({ digests, revoke: true });
    expect(again.items.map(({ status, live }) => [status, live])).toEqual([
      ['revoked', false],
      ['revoked', false],
    ]);
    expect(again.enforcement).not.toBeNull();
  });
});
