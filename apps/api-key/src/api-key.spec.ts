import { Bus, CallerSigner, EnforcementAuthority, EnforcerLink, startService } from '@portcullis/bus';
import { ApiKey, type AuthenticatedCaller, newId, type Principal, type RequestInputOf } from '@portcullis/contracts';
import {
  generateSealingKey,
  generateSigningKey,
  parseApiKey,
  publicSealingJwk,
  sha256Hex,
  unseal,
} from '@portcullis/credentials';
import { PolicyFile } from '@portcullis/policy';
import { aCaller, eventually, specDatabase, type SpecDatabase, specNatsUrl } from '@portcullis/testing';
import { apiKeyDatabase, ApiKeyModule } from './api-key.module.js';

const sealingKey = generateSealingKey();
const gatewayKey = generateSigningKey();
const organization_id = newId('org', new Date());
const leaseSeconds = 2;

let clock = new Date('2026-03-01T12:00:00.000Z');
let spec: SpecDatabase;
let service: { stop(): Promise<void> };
let policy: PolicyFile;
let gateway: Bus;

beforeAll(async () => {
  policy = await PolicyFile.open(new URL('../../../config/policy.yaml', import.meta.url).pathname);
  spec = await specDatabase({ ...apiKeyDatabase, now: () => clock });
  const { database } = spec;
  service = await startService('api-key', specNatsUrl('api-key'), (bus, report) => {
    const authority = new EnforcementAuthority(bus, { store: database.enforcement, leaseSeconds, report });
    return Promise.resolve({
      module: ApiKeyModule.of({ bus, database, policy, authority, keyPrefix: 'ptc' }),
      outbox: database.outbox,
      companions: [authority],
      gatewayKeys: { find: () => Promise.resolve(gatewayKey.publicKey) },
      healthy: () => database.healthy(),
      close: () => Promise.resolve(),
    });
  });
  gateway = await Bus.connect('gateway', specNatsUrl('gateway'), {
    signer: new CallerSigner(gatewayKey, () => new Date()),
  });
});

afterAll(async () => {
  await gateway.close();
  await service.stop();
  await policy.close();
  await spec.drop();
});

const owner = (given: Partial<Principal> = {}, request: { idempotencyKey?: string } = {}): AuthenticatedCaller => {
  const { lattice } = policy.current;
  const permissions = lattice.names(lattice.grant({ roles: ['owner'], buckets: 'all' }));
  const principal = { organization_id, permissions, resources: { buckets: 'all' as const }, ...given };
  return aCaller(principal, { replyKey: publicSealingJwk(sealingKey), ...request });
};
const create = (given: Partial<RequestInputOf<typeof ApiKey.create>> = {}, caller = owner()) =>
  gateway.call(ApiKey.create, { name: 'ci', roles: ['observer'], ...given }, caller);
const opened = (text: { sealed: string } | undefined) => unseal(sealingKey, text?.sealed ?? '', ApiKey.create.subject);
const events = async (id: string) =>
  (
    await spec.database.read((manager) =>
      manager.query<{ event: { action: string } }[]>(
        `select event from outbox where event->'resource'->>'id' = $1 order by id`,
        [id],
      ),
    )
  ).map(({ event }) => event);

describe('a key that is made', () => {
  test('shows its bearer token once, sealed, and keeps only the digest', async () => {
    const made = await create();
    const token = opened(made.credentials.bearer_token);
    const parts = parseApiKey(token);
    expect(parts).toMatchObject({ prefix: 'ptc' });
    expect(made).toMatchObject({
      status: 'active',
      forms: ['bearer'],
      key_prefix: `ptc_${parts?.lookup}`,
      client_id: null,
    });
    expect(made.expires_at).toBe('2026-05-30T12:00:00.000Z');

    const { key, position } = await gateway.call(ApiKey.resolve, { lookup: parts?.lookup ?? '' });
    expect(key).toMatchObject({
      id: made.id,
      organization_id,
      status: 'active',
      secrets: [{ form: 'bearer', sha256: sha256Hex(token) }],
    });
    expect(position.history).not.toBe('');
    const tables = await spec.database.read((manager) =>
      manager.query<object[]>('select * from key_secret, api_key, outbox, idempotency'),
    );
    expect(JSON.stringify(tables)).not.toContain(token.slice(-38));
    expect(JSON.stringify(await gateway.call(ApiKey.read, { id: made.id }, owner()))).not.toContain(token.slice(-38));
  });

  test('with client credentials has an id of 22 letters and a secret of 48', async () => {
    const made = await create({
      forms: ['client_credentials'],
      roles: [],
      permissions: ['counterparties:view', 'counterparties:view'],
    });
    expect(made.client_id).toMatch(/^[A-Za-z]{22}$/);
    expect(made.permissions).toEqual(['counterparties:view']);
    const secret = opened(made.credentials.client_secret);
    expect(secret).toMatch(/^[A-Za-z0-9]{48}$/);
    const { key } = await gateway.call(ApiKey.resolve, { client_id: made.client_id ?? '' });
    expect(key?.secrets).toEqual([expect.objectContaining({ form: 'client_credentials', sha256: sha256Hex(secret) })]);
    expect(made.credentials.bearer_token).toBeUndefined();
  });

  test('owes one event, which says who made what and holds no secret', async () => {
    const maker = owner();
    const made = await create({}, maker);
    expect(await events(made.id)).toEqual([
      expect.objectContaining({
        action: 'api-key.created',
        organization_id,
        actor: { kind: 'user', id: maker.principal.id, credential_id: maker.principal.credential_id },
        request_id: maker.request.id,
      }),
    ]);
  });

  test('with a storage role reaches all buckets unless some are named, and without one names none', async () => {
    const role = 'storage:object-read-only';
    expect((await create({ roles: [role] })).buckets).toBe('all');
    expect((await create({ roles: [role], buckets: ['logs'] })).buckets).toEqual(['logs']);
    expect((await create()).buckets).toBeNull();
  });

  test('carries its rate limit, to whoever reads it and to gateways', async () => {
    const rate_limit = { requests: 100, per_seconds: 1 };
    const made = await create({ rate_limit });
    expect(made.rate_limit).toEqual(rate_limit);
    expect((await gateway.call(ApiKey.resolve, { id: made.id })).key?.rate_limit).toEqual(rate_limit);
    const unlimited = await create();
    expect(unlimited.rate_limit).toBeNull();
    expect((await gateway.call(ApiKey.resolve, { id: unlimited.id })).key?.rate_limit).toBeNull();
  });

  test('never expires if that is asked for', async () => {
    expect((await create({ expires_in_days: null })).expires_at).toBeNull();
  });

  test('is made once for one Idempotency-Key, and the repeat shows no secret', async () => {
    const maker = owner({ id: newId('usr', new Date()) }, { idempotencyKey: 'one' });
    const [first, ...rest] = [await create({}, maker), await create({}, maker), await create({}, maker)];
    for (const repeat of rest) {
      expect(repeat).toEqual({ ...first, credentials: { secret_already_shown: true } });
    }
  });
});

describe('a key is refused', () => {
  const observer = (): AuthenticatedCaller =>
    owner({ permissions: ['apikeys:manage', 'counterparties:view'], resources: {} });

  test.each<{
    name: string;
    given: Partial<RequestInputOf<typeof ApiKey.create>>;
    caller?: () => AuthenticatedCaller;
    code: string;
    field?: string;
  }>([
    { name: 'with no role and no permission', given: { roles: [] }, code: 'unprocessable', field: 'roles' },
    { name: 'with a role that is none', given: { roles: ['emperor'] }, code: 'invalid_request', field: 'roles' },
    {
      name: 'with a permission that is none',
      given: { permissions: ['moon:view'] },
      code: 'invalid_request',
      field: 'permissions',
    },
    { name: 'with more than its maker holds', given: { roles: ['owner'] }, caller: observer, code: 'exceeds_grant' },
    {
      name: 'with one permission more than its maker holds',
      given: { roles: [], permissions: ['counterparties:view', 'accounts:view'] },
      caller: observer,
      code: 'exceeds_grant',
    },
    {
      name: 'for buckets that its maker does not reach',
      given: { roles: ['storage:object-read-only'], buckets: ['logs'] },
      caller: observer,
      code: 'exceeds_grant',
    },
    {
      name: 'with a storage administrator’s role for some buckets',
      given: { roles: ['storage:admin-read-only'], buckets: ['logs'] },
      code: 'unprocessable',
      field: 'buckets',
    },
    {
      name: 'with more buckets than fit into its tokens',
      given: {
        roles: ['storage:object-read-only'],
        forms: ['client_credentials'],
        buckets: Array.from({ length: 51 }, (_, n) => `bucket-${n}`),
      },
      code: 'unprocessable',
      field: 'buckets',
    },
    {
      name: 'for networks beyond its maker’s',
      given: { networks: ['10.0.0.0/8'] },
      caller: () => owner({ networks: ['10.1.0.0/16'] }),
      code: 'exceeds_grant',
    },
    {
      name: 'for all networks by a maker who has some',
      given: {},
      caller: () => owner({ networks: ['10.1.0.0/16'] }),
      code: 'exceeds_grant',
    },
    {
      name: 'with host bits in a network',
      given: { networks: ['10.0.0.1/8'] },
      code: 'invalid_request',
      field: 'networks.0',
    },
    {
      name: 'with leading zeros in a network',
      given: { networks: ['010.0.0.0/8'] },
      code: 'invalid_request',
      field: 'networks.0',
    },
    { name: 'for 0 days', given: { expires_in_days: 0 }, code: 'invalid_request', field: 'expires_in_days' },
    { name: 'for 366 days', given: { expires_in_days: 366 }, code: 'invalid_request', field: 'expires_in_days' },
    {
      name: 'for a day and a half',
      given: { expires_in_days: 1.5 },
      code: 'invalid_request',
      field: 'expires_in_days',
    },
    {
      name: 'for days in words',
      given: { expires_in_days: '90' as never },
      code: 'invalid_request',
      field: 'expires_in_days',
    },
    { name: 'for -1 days', given: { expires_in_days: -1 }, code: 'invalid_request', field: 'expires_in_days' },
    {
      name: 'with a field that is none',
      given: { expires_in_day: 1 } as never,
      code: 'invalid_request',
      field: 'expires_in_day',
    },
    { name: 'with a name of 81 characters', given: { name: 'n'.repeat(81) }, code: 'invalid_request', field: 'name' },
    { name: 'with a blank name', given: { name: ' ' }, code: 'invalid_request', field: 'name' },
    { name: 'with a NUL in its name', given: { name: 'a\0b' }, code: 'invalid_request', field: 'name' },
    { name: 'with a form twice', given: { forms: ['bearer', 'bearer'] }, code: 'invalid_request', field: 'forms' },
    { name: 'without a form', given: { forms: [] }, code: 'invalid_request', field: 'forms' },
    {
      name: 'in the s3 form, without an object store',
      given: { forms: ['s3'] },
      code: 'unprocessable',
      field: 'forms',
    },
    {
      name: 'to a maker without apikeys:manage',
      given: {},
      caller: () => owner({ permissions: ['counterparties:view'] }),
      code: 'forbidden',
    },
    {
      name: 'to a machine client as owner',
      given: { roles: [], permissions: ['counterparties:view'] },
      caller: () => ({ ...observer(), principal: { ...observer().principal, kind: 'client' } }),
      code: 'forbidden',
    },
  ])('$name', async ({ given, caller, code, field }) => {
    const refusal = create(given, caller?.() ?? owner());
    await expect(refusal).rejects.toMatchObject({
      code,
      ...(field === undefined
        ? {}
        : { errors: expect.arrayContaining([expect.objectContaining({ field })]) as unknown }),
    });
  });
});

describe('the record of a key', () => {
  test('of another organization is as good as none, to read or to revoke', async () => {
    const made = await create();
    const stranger = owner({ organization_id: newId('org', new Date()) });
    const missing = await gateway.call(ApiKey.read, { id: newId('key', new Date()) }, owner()).catch((e: unknown) => e);
    for (const call of [
      gateway.call(ApiKey.read, { id: made.id }, stranger),
      gateway.call(ApiKey.revoke, { id: made.id }, stranger),
    ]) {
      await expect(call).rejects.toEqual(missing);
    }
    expect((await gateway.call(ApiKey.list, {}, stranger)).items).toEqual([]);
    expect((await gateway.call(ApiKey.read, { id: made.id }, owner())).status).toBe('active');
  });

  test('is listed newest first, page by page, without drift while keys are added', async () => {
    const caller = owner({ organization_id: newId('org', new Date()) });
    const names: string[] = [];
    for (let i = 0; i < 5; i++) names.unshift((await create({ name: `key ${i}` }, caller)).name);
    const first = await gateway.call(ApiKey.list, { limit: 2 }, caller);
    await create({ name: 'later' }, caller);
    const second = await gateway.call(ApiKey.list, { limit: 2, cursor: first.next_cursor ?? '' }, caller);
    const third = await gateway.call(ApiKey.list, { limit: 2, cursor: second.next_cursor ?? '' }, caller);
    expect([...first.items, ...second.items, ...third.items].map((key) => key.name)).toEqual(names);
    expect(third.next_cursor).toBeNull();
    await expect(gateway.call(ApiKey.list, { cursor: `${first.next_cursor}x` }, caller)).rejects.toMatchObject({
      code: 'invalid_cursor',
    });
    await expect(
      gateway.call(ApiKey.list, { cursor: first.next_cursor ?? '', q: 'other' }, caller),
    ).rejects.toMatchObject({ code: 'invalid_cursor' });
  });

  test('is found by status, owner, role and part of its name', async () => {
    const caller = owner({ organization_id: newId('org', new Date()) });
    const ci = await create({ name: 'CI deploys' }, caller);
    const short = await create({ name: 'short', roles: ['read'], expires_in_days: 1 }, caller);
    const gone = await create({ name: 'gone' }, caller);
    await gateway.call(ApiKey.revoke, { id: gone.id }, caller);
    const found = async (filter: Partial<RequestInputOf<typeof ApiKey.list>>) =>
      (await gateway.call(ApiKey.list, filter, caller)).items.map((key) => key.id);
    const before = clock;
    clock = new Date(before.getTime() + 2 * 86_400_000);
    expect(await found({ status: 'active' })).toEqual([ci.id]);
    expect(await found({ status: 'expired' })).toEqual([short.id]);
    expect(await found({ status: 'revoked' })).toEqual([gone.id]);
    expect(await found({ status: 'disabled' })).toEqual([]);
    clock = before;
    expect(await found({ role: 'read' })).toEqual([short.id]);
    expect(await found({ q: 'ci DEP' })).toEqual([ci.id]);
    expect(await found({ q: '%' })).toEqual([]);
    expect(await found({ owner: caller.principal.id })).toHaveLength(3);
    expect(await found({ owner: 'usr_other' })).toEqual([]);
  });
});

describe('a revocation', () => {
  test('keeps the record, and a repeat reports the first', async () => {
    const revoker = owner();
    const made = await create();
    const first = await gateway.call(ApiKey.revoke, { id: made.id }, revoker);
    expect(first).toMatchObject({
      status: 'revoked',
      revoked_by: revoker.principal.id,
      enforcement: { enforcers: 0, acknowledged: 0, fenced: 0 },
    });
    expect(first.enforced_at).not.toBeNull();
    const repeat = await gateway.call(ApiKey.revoke, { id: made.id }, owner());
    expect(repeat).toEqual({ ...first, enforcement: expect.anything() as unknown });
    expect((await events(made.id)).map((event) => event.action)).toEqual([
      'api-key.created',
      'api-key.revoked',
      'revocation.enforced',
    ]);
    expect((await gateway.call(ApiKey.resolve, { id: made.id })).key?.status).toBe('revoked');
  });

  test('by two at once happens once', async () => {
    const made = await create();
    const both = await Promise.all([1, 2].map(() => gateway.call(ApiKey.revoke, { id: made.id }, owner())));
    expect(both[0]?.revoked_by).toBe(both[1]?.revoked_by);
    expect((await events(made.id)).filter((event) => event.action !== 'api-key.created')).toHaveLength(2);
  });

  test('needs apikeys:revoke', async () => {
    const made = await create();
    await expect(
      gateway.call(ApiKey.revoke, { id: made.id }, owner({ permissions: ['apikeys:manage'] })),
    ).rejects.toMatchObject({ code: 'forbidden' });
  });

  test('answers when a live enforcer has dropped the key, and fences one that is silent', async () => {
    const link = new EnforcerLink<string>(gateway, { id: `gw-${newId('req', new Date())}` });
    const { enforcer } = link;
    link.start();
    await eventually(() => enforcer.holdsLease('api-key', link.now()));
    const made = await create();
    const { position } = await gateway.call(ApiKey.resolve, { id: made.id });
    const tags = [`credential:${made.id}`] as const;
    expect(enforcer.remember(made.id, 'record', { authority: 'api-key', at: position, tags }, link.now())).toBe('kept');

    const revoked = await gateway.call(ApiKey.revoke, { id: made.id }, owner());
    expect(enforcer.recall(made.id, link.now())).toEqual({ outcome: 'none' });
    expect(revoked.enforcement).toMatchObject({ enforcers: 1, acknowledged: 1, fenced: 0 });
    expect(revoked.enforcement.elapsed_ms).toBeLessThan(leaseSeconds * 1000);
    // An answer from before the revocation that arrives after it is not believed.
    expect(enforcer.remember(made.id, 'stale', { authority: 'api-key', at: position, tags }, link.now())).toBe('stale');

    const other = await create();
    await link.stop();
    // A process that joined and then says nothing: it may still answer from memory until its lease is over.
    const silent = await Bus.connect('gateway', specNatsUrl('gateway'));
    const mute = new EnforcerLink<string>(silent, { id: `gw-${newId('req', new Date())}` });
    mute.start();
    await eventually(() => mute.enforcer.holdsLease('api-key', mute.now()));
    await silent.connection.close();
    const fenced = await gateway.call(ApiKey.revoke, { id: other.id }, owner());
    expect(fenced.enforcement).toMatchObject({ enforcers: 1, acknowledged: 0, fenced: 1 });
    expect(mute.enforcer.holdsLease('api-key', mute.now())).toBe(false);
    await mute.stop();
  });
});
