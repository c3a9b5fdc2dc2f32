import { ApiKey, newId } from '@portcullis/contracts';
import { parseApiKey, sha256Hex } from '@portcullis/credentials';
import { type KeyHouse, openKeyHouse } from '../spec/key-house.js';

let house: KeyHouse;
beforeAll(async () => (house = await openKeyHouse()));
afterAll(() => house.close());

type Rotated = Awaited<ReturnType<KeyHouse['rotate']>>;
const bearerOf = (rotated: Rotated) => house.opened(rotated.credentials.bearer_token, ApiKey.rotate);
const live = async (id: string) => ((await house.resolve({ id }))?.secrets ?? []).map(({ sha256 }) => sha256);

describe('a rotation', () => {
  test('makes new secrets in every form and keeps the client id; the old ones are good for the overlap', async () => {
    const made = await house.create({ forms: ['bearer', 'client_credentials'] });
    const old = [
      sha256Hex(house.opened(made.credentials.bearer_token, ApiKey.create)),
      sha256Hex(house.opened(made.credentials.client_secret, ApiKey.create)),
    ];
    const rotated = await house.rotate(made.id, 60);
    const bearer = bearerOf(rotated);
    const secret = house.opened(rotated.credentials.client_secret, ApiKey.rotate);
    expect(secret).toMatch(/^[A-Za-z0-9]{48}$/);
    expect(rotated.credentials.client_id).toBe(made.client_id);
    expect(rotated).toMatchObject({ client_id: made.client_id, key_prefix: `ptc_${parseApiKey(bearer)?.lookup}` });
    expect(rotated.enforcement).not.toBeNull();
    const fresh = [sha256Hex(bearer), sha256Hex(secret)];
    expect((await live(made.id)).sort()).toEqual([...old, ...fresh].sort());
    expect((await house.resolve({ client_id: made.client_id ?? '' }))?.id).toBe(made.id);
    for (const text of [house.opened(made.credentials.bearer_token, ApiKey.create), bearer]) {
      expect((await house.resolve({ lookup: parseApiKey(text)?.lookup ?? '' }))?.id).toBe(made.id);
    }
    expect(rotated.secrets.map(({ form, expires_at }) => [form, expires_at])).toEqual(
      expect.arrayContaining([
        ['bearer', '2026-03-01T12:01:00.000Z'],
        ['client_credentials', '2026-03-01T12:01:00.000Z'],
        ['bearer', null],
        ['client_credentials', null],
      ]),
    );
    // An overlap takes nothing away at once: streams go on.
    expect(await house.markers(made.id)).toEqual([{ effect: 'refresh' }]);
    house.after(60);
    expect((await live(made.id)).sort()).toEqual(fresh.sort());
  });

  test('without overlap is a revocation: the old secrets are nowhere, whatever a clock says', async () => {
    const made = await house.create();
    const rotated = await house.rotate(made.id, 0);
    expect(rotated.enforcement).toMatchObject({ enforcers: 0 });
    expect(rotated.enforced_at).not.toBeNull();
    house.after(-3600);
    expect(await live(made.id)).toEqual([sha256Hex(bearerOf(rotated))]);
    house.after(3600);
    expect((await house.events(made.id)).map(({ action }) => action)).toEqual([
      'api-key.created',
      'api-key.rotated',
      'revocation.enforced',
    ]);
    expect(rotated.secrets).toHaveLength(2);
  });

  test('with a shorter overlap cuts the longer ones before it, and a longer one prolongs nothing', async () => {
    const made = await house.create();
    await house.rotate(made.id, 3600);
    const second = await house.rotate(made.id, 60);
    const until = new Date(house.clock.now.getTime() + 60_000).toISOString();
    expect(second.secrets.map(({ expires_at }) => expires_at)).toEqual([until, until, null]);
    const third = await house.rotate(made.id, 7200);
    const later = new Date(house.clock.now.getTime() + 7_200_000).toISOString();
    expect(third.secrets.map(({ expires_at }) => expires_at)).toEqual([until, until, later, null]);
    // Every generation ends with those before it, so that a token's generation says whether it is good.
    expect((await house.resolve({ id: made.id }))?.secrets.map(({ generation }) => generation)).toEqual([1, 2, 3, 4]);
  });

  test('leaves at most five secrets of a form that are good at the same time', async () => {
    const made = await house.create();
    for (let n = 0; n < 4; n++) await house.rotate(made.id, 60);
    await expect(house.rotate(made.id, 60)).rejects.toMatchObject({ code: 'conflict' });
    expect(await live(made.id)).toHaveLength(5);
    await house.rotate(made.id, 0);
    expect(await live(made.id)).toHaveLength(1);
    for (let n = 0; n < 20; n++) await house.rotate(made.id, 0);
    expect((await house.one(made.id)).secrets).toHaveLength(20);
    expect((await house.one(made.id)).secrets.filter(({ expires_at }) => expires_at === null)).toHaveLength(1);
  });

  test('by two at once happens twice, one after the other', async () => {
    const made = await house.create();
    const both = await Promise.all([house.rotate(made.id, 60), house.rotate(made.id, 60)]);
    expect(await live(made.id)).toEqual(expect.arrayContaining(both.map((one) => sha256Hex(bearerOf(one)))));
    expect((await house.resolve({ id: made.id }))?.secrets.map(({ generation }) => generation)).toEqual([1, 2, 3]);
  });

  test('under one Idempotency-Key happens once, and shows its secrets once', async () => {
    const made = await house.create({ forms: ['bearer', 'client_credentials'] });
    const caller = house.owner({ id: newId('usr', new Date()) }, 'rotate');
    const first = await house.rotate(made.id, 60, caller);
    const repeat = await house.rotate(made.id, 60, caller);
    expect(repeat).toEqual({
      ...first,
      credentials: { client_id: made.client_id, secret_already_shown: true },
      enforcement: expect.anything() as unknown,
    });
    const kept = await house.database.read((manager) => manager.query<object[]>('select * from idempotency, outbox'));
    expect(JSON.stringify(kept)).not.toContain(bearerOf(first).slice(-38));
    await expect(house.rotate(made.id, 61, caller)).rejects.toMatchObject({ code: 'idempotency_key_reused' });
  });

  test('is refused to whoever holds less than the key', async () => {
    const made = await house.create({ roles: ['owner'] });
    const less = house.owner({ permissions: ['apikeys:manage', 'counterparties:view'], resources: {} });
    await expect(house.rotate(made.id, 0, less)).rejects.toMatchObject({ code: 'exceeds_grant' });
    const bound = await house.create({ networks: ['192.0.2.0/24'] });
    await expect(house.rotate(bound.id, 0, house.owner({ networks: ['10.0.0.0/8'] }))).rejects.toMatchObject({
      code: 'exceeds_grant',
    });
    expect(await live(made.id)).toHaveLength(1);
  });

  test('is refused for a key that is over, and not for a disabled one', async () => {
    const made = await house.create();
    await house.disable(made.id);
    expect(await house.rotate(made.id, 0)).toMatchObject({ status: 'disabled' });
    await house.revoke(made.id);
    await expect(house.rotate(made.id, 0)).rejects.toMatchObject({ code: 'conflict' });
  });

  test.each([undefined, -1, 2_592_001, 1.5, '60', null])('with an overlap of %p is none', (overlap_seconds) => {
    expect(ApiKey.rotate.request.safeParse({ id: 'key_1', overlap_seconds }).success).toBe(false);
  });
});

describe('disabling', () => {
  test('is a revocation with its receipt, and a repeat answers like the first', async () => {
    const made = await house.create();
    const first = await house.disable(made.id);
    expect(first).toMatchObject({ status: 'disabled', enforcement: { enforcers: 0 } });
    expect(await house.disable(made.id)).toEqual({ ...first, enforcement: expect.anything() as unknown });
    expect((await house.resolve({ id: made.id }))?.status).toBe('disabled');
    expect((await house.events(made.id)).map(({ action }) => action)).toEqual([
      'api-key.created',
      'api-key.disabled',
      'revocation.enforced',
    ]);
  });

  test('needs one of two permissions, and enabling needs to hold what the key holds', async () => {
    const made = await house.create({ roles: ['owner'] });
    const may = (permission: string) => house.owner({ permissions: [permission], resources: {} });
    await expect(house.disable(made.id, may('apikeys:view'))).rejects.toMatchObject({ code: 'forbidden' });
    expect(await house.disable(made.id, may('apikeys:revoke'))).toMatchObject({ status: 'disabled' });
    await expect(house.enable(made.id, may('apikeys:manage'))).rejects.toMatchObject({ code: 'exceeds_grant' });
    const enabled = await house.enable(made.id);
    expect(enabled).toMatchObject({ status: 'active', enforcement: { enforcers: 0 } });
    expect(await house.enable(made.id)).toEqual({ ...enabled, enforcement: expect.anything() as unknown });
    expect(await house.disable(made.id, may('apikeys:manage'))).toMatchObject({ status: 'disabled' });
    expect((await house.markers(made.id)).map(({ effect }) => effect)).toEqual(['drop', 'refresh', 'drop']);
  });

  test('does not bring back what is over', async () => {
    const made = await house.create();
    await house.disable(made.id);
    await house.revoke(made.id);
    await expect(house.enable(made.id)).rejects.toMatchObject({ code: 'conflict' });
    await expect(house.disable(made.id)).rejects.toMatchObject({ code: 'conflict' });
    expect((await house.one(made.id)).status).toBe('revoked');
  });
});

test('a revocation that a crash left unconfirmed is confirmed by its repeat', async () => {
  const made = await house.create();
  await house.revoke(made.id);
  await house.database.read((manager) =>
    manager.query('update api_key set enforced_at = null where id = $1', [made.id]),
  );
  expect((await house.one(made.id)).enforced_at).toBeNull();
  const repeat = await house.revoke(made.id);
  expect(repeat.enforced_at).not.toBeNull();
  expect(repeat.enforcement).toMatchObject({ enforcers: 0 });
});
