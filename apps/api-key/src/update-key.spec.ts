import { ApiKey, newId, type RequestInputOf } from '@portcullis/contracts';
import { fillOutbox } from '@portcullis/testing';
import { type KeyHouse, openKeyHouse } from '../spec/key-house.js';

let house: KeyHouse;
beforeAll(async () => (house = await openKeyHouse()));
afterAll(() => house.close());

const effects = async (id: string) => (await house.markers(id)).map(({ effect }) => effect);

describe('an edit', () => {
  test('of the name changes nothing that gateways judge by: no marker, no receipt, one event', async () => {
    const { id } = await house.create();
    const edited = await house.update({
      id,
      name: 'renamed',
      description: 'for the nightly run',
      metadata: { team: 'a' },
    });
    expect(edited).toMatchObject({
      name: 'renamed',
      description: 'for the nightly run',
      metadata: { team: 'a' },
      enforcement: null,
      enforced_at: null,
    });
    expect(await effects(id)).toEqual([]);
    const [, event] = await house.events(id);
    expect(event).toMatchObject({
      action: 'api-key.updated',
      details: { before: { name: 'ci', description: null }, after: { name: 'renamed' } },
    });
    expect((await house.update({ id, description: null })).description).toBeNull();
  });

  test('to a narrower grant is a revocation, with its receipt and its place in the record', async () => {
    const { id } = await house.create({ roles: ['owner'] });
    const edited = await house.update({ id, roles: [], permissions: ['counterparties:view', 'counterparties:view'] });
    expect(edited).toMatchObject({ roles: [], permissions: ['counterparties:view'], buckets: null });
    expect(edited.enforcement).toMatchObject({ enforcers: 0, acknowledged: 0, fenced: 0 });
    expect(edited.enforced_at).not.toBeNull();
    expect(await effects(id)).toEqual(['drop']);
    expect(await house.resolve({ id })).toMatchObject({ roles: [], permissions: ['counterparties:view'] });
    expect((await house.events(id)).map(({ action }) => action)).toEqual([
      'api-key.created',
      'api-key.updated',
      'revocation.enforced',
    ]);
  });

  test('to fewer buckets or networks is one too; to more networks, or of the limit, takes nothing away', async () => {
    const { id } = await house.create({
      roles: ['storage:object-read-only'],
      networks: ['10.0.0.0/8', '192.0.2.0/24'],
    });
    expect(await house.update({ id, buckets: ['logs'] })).toMatchObject({ buckets: ['logs'] });
    expect(await house.update({ id, networks: ['10.1.0.0/16'] })).toMatchObject({ networks: ['10.1.0.0/16'] });
    expect(await effects(id)).toEqual(['drop', 'drop']);
    const limited = await house.update({ id, rate_limit: { requests: 5, per_seconds: 1 } });
    expect(limited.enforcement).not.toBeNull();
    expect(await house.update({ id, networks: ['10.0.0.0/8', '192.0.2.0/24'] })).toMatchObject({
      networks: ['10.0.0.0/8', '192.0.2.0/24'],
    });
    expect(await house.update({ id, networks: null, rate_limit: null })).toMatchObject({
      networks: null,
      rate_limit: null,
    });
    expect(await effects(id)).toEqual(['drop', 'drop', 'refresh', 'refresh', 'refresh']);
    expect(await house.resolve({ id })).toMatchObject({ networks: null, rate_limit: null, buckets: ['logs'] });
  });

  test('that changes nothing says nothing', async () => {
    const { id } = await house.create({ roles: ['observer', 'read'], networks: ['10.0.0.0/8', '192.0.2.0/24'] });
    const same = { roles: ['read', 'observer'], networks: ['192.0.2.0/24', '10.0.0.0/8'], name: 'ci' };
    expect((await house.update({ id, ...same })).enforcement).toBeNull();
    expect((await house.update({ id })).enforcement).toBeNull();
    expect(await house.events(id)).toHaveLength(1);
  });

  test('whose enforcement could not be confirmed is confirmed by its repeat', async () => {
    const { id } = await house.create({ roles: ['owner'] });
    await house.update({ id, roles: ['observer'] });
    // As a crash between the commit and the confirmation leaves it.
    await house.database.read((manager) =>
      manager.query('update api_key set change_enforced_at = null where id = $1', [id]),
    );
    expect((await house.one(id)).enforced_at).toBeNull();
    const repeat = await house.update({ id, roles: ['observer'] });
    expect(repeat.enforcement).not.toBeNull();
    expect(repeat.enforced_at).not.toBeNull();
    expect(await effects(id)).toEqual(['drop']);
  });

  test('by two at once comes one after the other, and neither undoes the other', async () => {
    const { id } = await house.create({ roles: ['owner'], networks: ['10.0.0.0/8'] });
    await Promise.all([
      house.update({ id, roles: ['observer'] }),
      house.update({ id, networks: ['10.1.0.0/16'] }),
      house.update({ id, name: 'both' }),
    ]);
    expect(await house.one(id)).toMatchObject({ roles: ['observer'], networks: ['10.1.0.0/16'], name: 'both' });
  });

  test('under one Idempotency-Key happens once, and its repeat is confirmed like the first', async () => {
    const { id } = await house.create({ roles: ['owner'] });
    const caller = house.owner({ id: newId('usr', new Date()) }, 'narrow');
    const first = await house.update({ id, roles: ['observer'] }, caller);
    const repeat = await house.update({ id, roles: ['observer'] }, caller);
    expect(repeat).toEqual({ ...first, enforcement: expect.anything() as unknown });
    expect(await effects(id)).toEqual(['drop']);
  });
});

describe('an edit is refused', () => {
  const holding = (...permissions: string[]) =>
    house.owner({ permissions: ['apikeys:manage', ...permissions], resources: {} });

  test.each([
    ['to a wider grant', { permissions: ['counterparties:view', 'users:manage'] }, 'permissions'],
    ['to another grant of the same size', { roles: [], permissions: ['users:view'] }, 'permissions'],
    ['to no grant at all', { roles: [], permissions: [] }, 'roles'],
    ['to buckets that it does not reach', { buckets: ['reports'] }, 'buckets'],
    ['to all buckets', { buckets: 'all' as const }, 'buckets'],
  ])('%s', async (_, change, field) => {
    const { id } = await house.create({
      roles: ['storage:object-read-only'],
      permissions: ['counterparties:view'],
      buckets: ['logs'],
    });
    const before = await house.one(id);
    await expect(house.update({ id, ...change })).rejects.toMatchObject({
      code: 'unprocessable',
      errors: expect.arrayContaining([expect.objectContaining({ field })]) as unknown,
    });
    expect(await house.one(id)).toEqual(before);
    expect(await effects(id)).toEqual([]);
  });

  test('with names that mean nothing', async () => {
    const { id } = await house.create({ roles: ['owner'] });
    await expect(house.update({ id, roles: ['emperor'] })).rejects.toMatchObject({ code: 'invalid_request' });
  });

  test('to whoever holds less than the key before it, naming what exceeds', async () => {
    const { id } = await house.create({ roles: [], permissions: ['counterparties:view', 'accounts:view'] });
    for (const change of [{ name: 'mine' }, { permissions: ['counterparties:view'] }, { networks: ['10.0.0.0/8'] }]) {
      await expect(house.update({ id, ...change }, holding('counterparties:view'))).rejects.toMatchObject({
        code: 'exceeds_grant',
        publicMessage: expect.stringContaining('accounts:view') as unknown,
      });
    }
    const editor = holding('counterparties:view', 'accounts:view');
    expect(await house.update({ id, name: 'mine' }, editor)).toMatchObject({ name: 'mine' });
  });

  test('to networks beyond those of whoever edits, before or after', async () => {
    const { id } = await house.create({ networks: ['10.1.0.0/16'] });
    const near = house.owner({ networks: ['10.0.0.0/8'] });
    await expect(house.update({ id, networks: ['10.1.0.0/16', '192.0.2.0/24'] }, near)).rejects.toMatchObject({
      code: 'exceeds_grant',
    });
    await expect(house.update({ id, networks: null }, near)).rejects.toMatchObject({ code: 'exceeds_grant' });
    await expect(house.update({ id, name: 'x' }, house.owner({ networks: ['10.1.1.0/24'] }))).rejects.toMatchObject({
      code: 'exceeds_grant',
    });
    expect(await house.update({ id, networks: ['10.2.0.0/16'] }, near)).toMatchObject({ networks: ['10.2.0.0/16'] });
  });

  test('of a key that is over, of another organization’s, and of none', async () => {
    const revoked = await house.create();
    await house.revoke(revoked.id);
    await expect(house.update({ id: revoked.id, name: 'x' })).rejects.toMatchObject({ code: 'conflict' });
    const short = await house.create({ expires_in_days: 1 });
    house.after(86_400);
    await expect(house.update({ id: short.id, name: 'x' })).rejects.toMatchObject({ code: 'conflict' });
    const stranger = house.owner({ organization_id: newId('org', new Date()) });
    const none = await house.update({ id: newId('key', new Date()), name: 'x' }).catch((error: unknown) => error);
    await expect(house.update({ id: short.id, name: 'x' }, stranger)).rejects.toEqual(none);
  });
});

describe('what is no edit', () => {
  const faults = (change: object) => {
    const fields = (ApiKey.update.request.safeParse({ id: 'key_1', ...change }).error?.issues ?? []).flatMap((issue) =>
      issue.code === 'unrecognized_keys' ? issue.keys : [issue.path.join('.')],
    );
    return fields;
  };

  test.each<[string, object, string]>([
    ['a field that is none', { rolls: [] }, 'rolls'],
    ['an expiry: keys are not prolonged', { expires_in_days: 30 }, 'expires_in_days'],
    ['other forms', { forms: ['bearer'] }, 'forms'],
    ['another owner', { service_account_id: 'sa_x' }, 'service_account_id'],
    ['a status', { status: 'active' }, 'status'],
    ['a name of 81 characters', { name: 'n'.repeat(81) }, 'name'],
    ['a blank name', { name: '  ' }, 'name'],
    ['no name', { name: null }, 'name'],
    ['a NUL in the name', { name: 'a\0b' }, 'name'],
    ['a line end in the description', { description: 'a\nb' }, 'description'],
    ['an empty list of networks, which would be nobody', { networks: [] }, 'networks'],
    ['a limit of no requests', { rate_limit: { requests: 0, per_seconds: 1 } }, 'rate_limit.requests'],
    ['a limit in another unit', { rate_limit: { requests: 1, per_hour: 1, per_seconds: 1 } }, 'per_hour'],
    ['metadata of 5,000 characters', { metadata: { a: 'x'.repeat(5000) } }, 'metadata'],
  ])('%s', (_, change, field) => {
    expect(faults(change)).toContain(field);
  });

  test.each(['10.0.0.1/8', '010.0.0.0/8', '10.0.0.0', '10.0.0.0/33', 'fe80::1%eth0/64', '0x0a.0.0.0/8', '10.0/8'])(
    'the network %s',
    async (network) => {
      const { id } = await house.create();
      await expect(house.update({ id, networks: [network] })).rejects.toMatchObject({
        code: 'invalid_request',
        errors: [expect.objectContaining({ field: 'networks.0' })],
      });
    },
  );

  test('a mapped network is written as the IPv4 network that it is', async () => {
    const { id } = await house.create();
    expect((await house.update({ id, networks: ['::ffff:10.0.0.0/104'] })).networks).toEqual(['10.0.0.0/8']);
  });
});

describe('an edit while the record cannot be written and the outbox is full', () => {
  const keys: string[] = [];
  let empty: () => Promise<void>;
  beforeAll(async () => {
    for (let n = 0; n < 11; n++) {
      const limits = { networks: ['10.0.0.0/8', '192.0.2.0/24'], rate_limit: { requests: 10, per_seconds: 1 } };
      keys.push((await house.create({ roles: ['owner'], ...limits })).id);
    }
    empty = await fillOutbox(house.database);
  });
  afterAll(() => empty());

  type Edit = Omit<RequestInputOf<typeof ApiKey.update>, 'id'>;
  test.each<Edit>([
    { roles: ['observer'] },
    { networks: ['10.1.0.0/16'] },
    { rate_limit: { requests: 5, per_seconds: 1 } },
    { roles: ['observer'], networks: ['192.0.2.0/24'], rate_limit: { requests: 10, per_seconds: 60 } },
  ])('that only narrows is made: %j', async (edit) => {
    expect(await house.update({ id: keys.pop() ?? '', ...edit })).toMatchObject(edit);
  });

  test.each<Edit>([
    { roles: ['observer'], networks: null },
    { roles: ['observer'], networks: ['10.1.0.0/16', '198.51.100.0/24'] },
    { roles: ['observer'], rate_limit: null },
    { networks: ['10.1.0.0/16'], rate_limit: { requests: 11, per_seconds: 1 } },
    { roles: ['observer'], name: 'renamed' },
    { metadata: { team: 'a' } },
  ])('that gives something, or does something else beside it, is refused as a whole: %j', async (edit) => {
    const id = keys.pop() ?? '';
    const before = await house.one(id);
    await expect(house.update({ id, ...edit })).rejects.toMatchObject({ code: 'audit_unavailable' });
    expect(await house.one(id)).toEqual(before);
  });

  test('of its secrets brings new ones and waits; to disable it does not', async () => {
    const id = keys.pop() ?? '';
    await expect(house.rotate(id, 0)).rejects.toMatchObject({ code: 'audit_unavailable' });
    expect(await house.disable(id)).toMatchObject({ status: 'disabled' });
    await expect(house.enable(id)).rejects.toMatchObject({ code: 'audit_unavailable' });
  });
});
