import { ApiKey, newId, organizationLabel, S3SigningKeys } from '@portcullis/contracts';
import { s3SigningKey, Secret, sha256Hex } from '@portcullis/credentials';
import { type KeyHouse, objectStorage, openKeyHouse } from '../../spec/key-house.js';
import { signingDates } from './signing-dates.js';

let house: KeyHouse;
beforeAll(async () => (house = await openKeyHouse()));
afterAll(() => house.close());

const storage = { forms: ['s3'], roles: ['storage:object-read-write'] } satisfies Parameters<KeyHouse['create']>[0];
type Made = Awaited<ReturnType<KeyHouse['create']>>;
const secretOf = (
  made: Pick<Made, 'credentials'>,
  operation: typeof ApiKey.create | typeof ApiKey.rotate = ApiKey.create,
) => house.opened(made.credentials.secret_access_key, operation);
const signingKeys = async (accessKeyId: string | null | undefined) => {
  const found = await house.resolveAccessKey(accessKeyId ?? '');
  if (!found?.signing_keys) return null;
  return S3SigningKeys.parse(JSON.parse(house.opened(found.signing_keys, ApiKey.resolveAccessKey)));
};

describe('the s3 form of a key', () => {
  test('is an access key id, a secret and an endpoint, in one creation with the other forms', async () => {
    const made = await house.create({
      ...storage,
      forms: ['bearer', 'client_credentials', 's3'],
      buckets: ['reports'],
    });
    expect(made.credentials.access_key_id).toMatch(/^AKIA[0-9A-F]{16}$/);
    expect(secretOf(made)).toMatch(/^[0-9A-Za-z]{40}$/);
    expect(made.credentials.s3_endpoint).toBe('http://127.0.0.1:9000');
    expect(Object.keys(made.credentials).sort()).toEqual([
      'access_key_id',
      'bearer_token',
      'client_id',
      'client_secret',
      's3_endpoint',
      'secret_access_key',
    ]);
    expect(made).toMatchObject({ access_key_id: made.credentials.access_key_id, buckets: ['reports'] });
    const shown = await house.one(made.id);
    expect(shown.access_key_id).toBe(made.access_key_id);
    expect(shown.secrets.map(({ form, access_key_id }) => [form, access_key_id])).toEqual(
      expect.arrayContaining([
        ['bearer', undefined],
        ['client_credentials', undefined],
        ['s3', made.access_key_id],
      ]),
    );
    // What is recognised by a digest has one; the bearer form is the same key's.
    const resolved = await house.resolve({ id: made.id });
    expect(resolved?.secrets.map(({ form }) => form).sort()).toEqual(['bearer', 'client_credentials']);
    expect((await house.resolveAccessKey(made.access_key_id ?? ''))?.key).toEqual(resolved);
  });

  test('alone opens nothing as a bearer', async () => {
    const made = await house.create(storage);
    expect(Object.keys(made.credentials).sort()).toEqual(['access_key_id', 's3_endpoint', 'secret_access_key']);
    expect(await house.resolve({ lookup: made.access_key_id ?? '' })).toBeNull();
    expect((await house.resolve({ id: made.id }))?.secrets).toEqual([]);
  });

  test.each([
    ['without an end', { expires_in_days: null }, 'expires_in_days', /1 to 365/],
    ['without anything that it could open', { roles: ['observer'] }, 'roles', /opens object storage alone/],
    ['for no bucket at all', { buckets: [] }, 'roles', /may do nothing there/],
    [
      'with a bucket list and an administrator’s role',
      { roles: ['storage:admin-read-only'], buckets: ['reports'] },
      'buckets',
      /always for all buckets/,
    ],
  ])('%s is refused', async (_, given, field, why) => {
    const refusal = house.create({ ...storage, ...given });
    await expect(refusal).rejects.toMatchObject({
      code: 'unprocessable',
      publicMessage: expect.stringMatching(why) as unknown,
      errors: [expect.objectContaining({ field })],
    });
  });

  test.each(['Reports', 'ab', 'a..b', '192.168.0.1', '-a-', 'a_b', 'x'.repeat(64), 'a/b'])(
    'is not for %s, which names no bucket',
    (name) => {
      const request = { name: 'ci', roles: ['storage:object-read-only'], buckets: [name] };
      expect(ApiKey.create.request.safeParse(request).error?.issues[0]?.path).toEqual(['buckets', 0]);
      expect(ApiKey.update.request.safeParse({ id: 'key_1', buckets: [name] }).success).toBe(false);
    },
  );

  test('is narrowed like any other, and what it opened it opens no more', async () => {
    const made = await house.create({ ...storage, buckets: ['logs', 'reports'] });
    const narrowed = await house.update({ id: made.id, buckets: ['reports'], roles: ['storage:object-read-only'] });
    expect(narrowed).toMatchObject({ buckets: ['reports'], enforcement: { enforcers: 0 } });
    expect(await house.markers(made.id)).toEqual([{ effect: 'drop' }]);
    expect((await house.resolveAccessKey(made.access_key_id ?? ''))?.key.buckets).toEqual(['reports']);
    await expect(house.update({ id: made.id, buckets: 'all' })).rejects.toMatchObject({ code: 'unprocessable' });
    await expect(house.update({ id: made.id, buckets: ['logs'] })).rejects.toMatchObject({ code: 'unprocessable' });
  });

  test('under one Idempotency-Key is shown once, and its public half again', async () => {
    const caller = house.owner({ id: newId('usr', new Date()) }, 's3');
    const first = await house.create(storage, caller);
    const repeat = await house.create(storage, caller);
    expect(repeat).toEqual({
      ...first,
      credentials: {
        access_key_id: first.access_key_id,
        s3_endpoint: 'http://127.0.0.1:9000',
        secret_already_shown: true,
      },
    });
  });

  test('has the organization in its endpoint where that is configured, as a label that any host may have', async () => {
    const other = await openKeyHouse({ s3: { ...objectStorage, publicUrl: 'https://{organization}.s3.example.com' } });
    const { credentials } = await other.create(storage);
    expect(credentials.s3_endpoint).toBe(`https://${organizationLabel(other.organization_id)}.s3.example.com`);
    expect(new URL(credentials.s3_endpoint ?? '').hostname).toMatch(/^org-[0-9a-z]{26}\.s3\.example\.com$/);
    await other.close();
  });

  test.each([
    ['S3_PUBLIC_URL', { ...objectStorage, publicUrl: null }],
    ['PORTCULLIS_KEY_ENCRYPTION_KEY', { ...objectStorage, encryption: null }],
  ])('without %s is refused, naming it', async (setting, s3) => {
    const other = await openKeyHouse({ s3 });
    await expect(other.create(storage)).rejects.toMatchObject({
      code: 'unprocessable',
      publicMessage: expect.stringContaining(setting) as unknown,
    });
    await other.close();
  });
});

describe('a rotation', () => {
  test('gives a new access key id and secret; the old pair is good for the overlap', async () => {
    const made = await house.create(storage);
    const rotated = await house.rotate(made.id, 60);
    expect(rotated.credentials.access_key_id).not.toBe(made.access_key_id);
    expect(rotated.access_key_id).toBe(rotated.credentials.access_key_id);
    expect(secretOf(rotated, ApiKey.rotate)).not.toBe(secretOf(made));
    const [old, fresh] = [
      await house.resolveAccessKey(made.access_key_id ?? ''),
      await house.resolveAccessKey(rotated.access_key_id ?? ''),
    ];
    expect([old?.generation, fresh?.generation]).toEqual([1, 2]);
    expect([old?.expires_at, fresh?.expires_at]).toEqual([
      new Date(house.clock.now.getTime() + 60_000).toISOString(),
      null,
    ]);
    expect(rotated.secrets.map(({ access_key_id }) => access_key_id)).toEqual([
      made.access_key_id,
      rotated.access_key_id,
    ]);
    expect(await signingKeys(made.access_key_id)).not.toBeNull();
    house.after(60);
    expect(await signingKeys(made.access_key_id)).toBeNull();
    expect(await signingKeys(rotated.access_key_id)).not.toBeNull();
  });

  test('without overlap cuts the old pair, whatever a clock says', async () => {
    const made = await house.create(storage);
    const rotated = await house.rotate(made.id, 0);
    expect(rotated.enforcement).toMatchObject({ enforcers: 0 });
    house.after(-3600);
    expect(await signingKeys(made.access_key_id)).toBeNull();
    expect(await signingKeys(rotated.access_key_id)).not.toBeNull();
    house.after(3600);
    expect(await house.markers(made.id)).toEqual([{ effect: 'drop' }]);
  });
});

describe('what an access key id resolves to', () => {
  test('verifies exactly what the secret signs, for the days that may be signed for', async () => {
    const made = await house.create(storage);
    const keys = await signingKeys(made.access_key_id);
    const secret = Secret.of(secretOf(made));
    expect(keys?.map(({ date }) => date)).toEqual(signingDates(house.clock.now));
    for (const { date, key } of keys ?? []) expect(key).toBe(s3SigningKey(secret, date, 'us-east-1').reveal());
    expect(new Set(keys?.map(({ key }) => key)).size).toBe(keys?.length);
  });

  test('is for the configured region alone', async () => {
    const made = await house.create(storage);
    const [first] = (await signingKeys(made.access_key_id)) ?? [];
    const elsewhere = s3SigningKey(Secret.of(secretOf(made)), first?.date ?? '', 'eu-west-1').reveal();
    expect(first?.key).not.toBe(elsewhere);
  });

  test('is nothing once the key is disabled, revoked or over, and nobody for an id that there is not', async () => {
    const [disabled, revoked, short] = [
      await house.create(storage),
      await house.create(storage),
      await house.create({ ...storage, expires_in_days: 1 }),
    ];
    await house.disable(disabled.id);
    await house.revoke(revoked.id);
    house.after(86_400);
    const found = await Promise.all(
      [disabled, revoked, short].map((made) => house.resolveAccessKey(made.access_key_id ?? '')),
    );
    expect(found.map((one) => [one?.key.status, one?.signing_keys])).toEqual([
      ['disabled', null],
      ['revoked', null],
      ['expired', null],
    ]);
    house.after(-86_400);
    await house.enable(disabled.id);
    expect(await signingKeys(disabled.access_key_id)).not.toBeNull();
    for (const id of ['AKIA0000000000000000', '', "'; drop table api_key; --", 'x'.repeat(128)])
      expect(await house.resolveAccessKey(id)).toBeNull();
  });

  test('is 503 for a secret that was moved to another row, or that no configured key opens; the key itself stays as it is', async () => {
    const [one, other] = [await house.create(storage), await house.create(storage)];
    await house.database.read((manager) =>
      manager.query(
        `update key_secret set envelope = (select envelope from key_secret where key_id = $2) where key_id = $1`,
        [one.id, other.id],
      ),
    );
    await expect(house.resolveAccessKey(one.access_key_id ?? '')).rejects.toMatchObject({ code: 'unavailable' });
    expect((await house.one(one.id)).status).toBe('active');
    expect(await signingKeys(other.access_key_id)).not.toBeNull();
  });
});

test.each([
  ['2026-03-01T12:00:00Z', '20260222', '20260301'],
  ['2026-03-01T00:00:00Z', '20260222', '20260301'],
  ['2026-02-28T23:44:59Z', '20260221', '20260228'],
  ['2026-02-28T23:45:00Z', '20260221', '20260301'],
  ['2025-12-31T23:59:59Z', '20251224', '20260101'],
])('at %s signatures may be dated from %s to %s', (now, first, last) => {
  const dates = signingDates(new Date(now));
  expect([dates[0], dates.at(-1)]).toEqual([first, last]);
  expect(dates).toEqual([...new Set(dates)].sort());
  expect(dates.length).toBe(now.slice(11) < '23:45' ? 8 : 9);
});

test('an S3 secret stands in no row, event or kept answer, nor in what is logged', async () => {
  const written: string[] = [];
  const write = process.stdout.write.bind(process.stdout);
  const errors = process.stderr.write.bind(process.stderr);
  process.stdout.write = (chunk: string | Uint8Array) => written.push(String(chunk)) > 0;
  process.stderr.write = (chunk: string | Uint8Array) => written.push(String(chunk)) > 0;
  let secrets: string[];
  let keys: string[];
  try {
    const caller = house.owner({ id: newId('usr', new Date()) }, 'sweep');
    const made = await house.create({ ...storage, metadata: { note: 'sweep' } }, caller);
    const rotated = await house.rotate(made.id, 60, caller);
    secrets = [secretOf(made), secretOf(rotated, ApiKey.rotate)];
    keys = ((await signingKeys(rotated.access_key_id)) ?? []).map(({ key }) => key);
    await house.disable(made.id);
    await house.revoke(made.id);
  } finally {
    process.stdout.write = write;
    process.stderr.write = errors;
  }
  const tables = await house.database.read((manager) =>
    manager.query<{ tablename: string }[]>(`select tablename from pg_tables where schemaname = 'api_key'`),
  );
  expect(tables.length).toBeGreaterThan(8);
  for (const { tablename } of tables) {
    const [row] = await house.database.read((manager) =>
      manager.query<{ dump: string | null }[]>(`select json_agg(to_jsonb(one))::text as dump from "${tablename}" one`),
    );
    written.push(row?.dump ?? '');
  }
  const all = written.join('\n');
  expect(all).toContain('"note": "sweep"'); // it was looked where the key is
  for (const secret of secrets) {
    for (const form of [secret, Buffer.from(secret).toString('base64'), Buffer.from(secret).toString('hex')])
      expect(all).not.toContain(form);
  }
  expect(keys).toHaveLength(8);
  for (const key of keys) expect(all).not.toContain(key);
});

describe('a secret that stood in a text beside its access key id', () => {
  const pair = (made: Made, ...digests: string[]) => ({ access_key_id: made.access_key_id ?? '', digests });

  test('is found, and its key ends with revoke', async () => {
    const made = await house.create(storage);
    const access_keys = [pair(made, 'f'.repeat(64)), pair(made, sha256Hex(secretOf(made)))];
    const found = await house.leaks({ digests: [], access_keys });
    expect(found.items).toMatchObject([
      { id: made.id, access_key_id: made.access_key_id, live: true, status: 'active' },
    ]);
    const ended = await house.leaks({ digests: [], access_keys, revoke: true });
    expect(ended.items).toMatchObject([{ id: made.id, live: true, status: 'revoked' }]);
    expect(ended.enforcement).not.toBeNull();
    expect(await signingKeys(made.access_key_id)).toBeNull();
  });

  test('is none with another secret, another id, or of another organization', async () => {
    const [made, other] = [await house.create(storage), await house.create(storage)];
    const right = sha256Hex(secretOf(made));
    const ask = async (of: ReturnType<typeof pair>, caller = house.owner()) =>
      (await house.leaks({ digests: [right], access_keys: [of], revoke: true }, caller)).items;
    expect(await ask(pair(made, 'f'.repeat(64)))).toEqual([]);
    expect(await ask(pair(other, right))).toEqual([]);
    expect(await ask(pair(made, right), house.owner({ organization_id: newId('org', new Date()) }))).toEqual([]);
    expect((await house.one(made.id)).status).toBe('active');
  });

  test('that a rotation ended is found, and is not live', async () => {
    const made = await house.create(storage);
    await house.rotate(made.id, 0);
    const { items } = await house.leaks({ digests: [], access_keys: [pair(made, sha256Hex(secretOf(made)))] });
    expect(items).toMatchObject([{ id: made.id, live: false, status: 'active' }]);
  });
});
