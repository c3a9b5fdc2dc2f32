import { Bus, EnforcementAuthority } from '@portcullis/bus';
import { newId, type RequestOf, type ApiKey } from '@portcullis/contracts';
import { specDatabase, type SpecDatabase, specNatsUrl } from '@portcullis/testing';
import { apiKeyDatabase } from './api-key.module.js';
import { ApiKeyStore } from './api-key.store.js';
import { ConfirmRevocations } from './confirm-revocations.js';
import { RevocationStore } from './revocation.store.js';
import { OwnedKeyStore } from './owned-key.store.js';
import { RevokeOwned } from './revoke-owned.js';

const clock = new Date('2026-03-01T12:00:00.000Z');
let spec: SpecDatabase;
let bus: Bus;
let owned: RevokeOwned;
let keys: ApiKeyStore;
beforeAll(async () => {
  spec = await specDatabase({ ...apiKeyDatabase, now: () => clock });
  bus = await Bus.connect('api-key', specNatsUrl('api-key'));
  const { database } = spec;
  const authority = new EnforcementAuthority(bus, {
    store: database.enforcement,
    leaseSeconds: 2,
    report: () => undefined,
  });
  keys = new ApiKeyStore(database);
  owned = new RevokeOwned(
    database,
    new OwnedKeyStore(database),
    new ConfirmRevocations(new RevocationStore(database), authority),
  );
});
afterAll(async () => {
  await bus.close();
  await spec.drop();
});

const query = <Row>(sql: string, parameters: unknown[] = []) =>
  spec.database.read((manager) => manager.query<Row[]>(sql, parameters));
const ago = (seconds: number) => new Date(clock.getTime() - seconds * 1000);

async function aKey(ownerId: string, organizationId: string, given: { createdAt?: Date; expiresAt?: Date } = {}) {
  const id = newId('key', clock);
  await query(
    `insert into api_key (id, organization_id, name, owner_kind, owner_id, forms, roles, permissions, metadata, created_at,
                          created_by, expires_at)
     values ($1, $2, 'k', $3, $4, '{bearer}', '{observer}', '{}', '{}', $5, $4, $6)`,
    [
      id,
      organizationId,
      ownerId.startsWith('sa_') ? 'service_account' : 'user',
      ownerId,
      given.createdAt ?? ago(60),
      given.expiresAt ?? null,
    ],
  );
  return id;
}
const by = newId('usr', clock);
const revoke = (
  owner_id: string,
  organization_id: string | null,
  given: Partial<RequestOf<typeof ApiKey.revokeOwned>> = {},
) =>
  owned.execute({
    owner_id,
    organization_id,
    revoked_by: by,
    because: 'user.removed',
    made_before: clock.toISOString(),
    ...given,
  });
const events = async (id: string) =>
  (
    await query<{ event: { action: string; details: object } }>(
      `select event from outbox where event->'resource'->>'id' = $1 order by id`,
      [id],
    )
  ).map(({ event }) => event);

test('every live key of the owner in that organization ends, disabled ones too, and no other does', async () => {
  const [owner, other] = [newId('usr', clock), newId('usr', clock)];
  const [here, there] = [newId('org', clock), newId('org', clock)];
  const [first, second, elsewhere, foreign] = [
    await aKey(owner, here),
    await aKey(owner, here),
    await aKey(owner, there),
    await aKey(other, here),
  ];
  await query('update api_key set disabled_at = now() where id = $1', [second]);
  const expired = await aKey(owner, here, { expiresAt: ago(1) });
  expect((await owned.list({ owner_id: owner, organization_id: here })).keys).toEqual([first, second]);
  expect(await revoke(owner, here)).toEqual({ keys: [first, second] });
  for (const id of [first, second]) {
    expect(await keys.read(here, id)).toMatchObject({ status: 'revoked', revoked_by: by });
    expect((await keys.read(here, id))?.enforced_at).not.toBeNull();
    expect((await events(id)).map(({ action }) => action)).toEqual(['api-key.revoked', 'revocation.enforced']);
  }
  expect((await events(owner)).map(({ action, details }) => [action, details])).toEqual([
    ['owner-keys.revoked', { keys: [first, second] }],
  ]);
  for (const [organization, id] of [
    [there, elsewhere],
    [here, foreign],
  ] as const)
    expect((await keys.read(organization, id))?.status).toBe('active');
  expect((await keys.read(here, expired))?.status).toBe('expired');
});

test('without an organization all of them end, each in the record of its own', async () => {
  const owner = newId('sa', clock);
  const organizations = [newId('org', clock), newId('org', clock)];
  const ids: string[] = [];
  for (const organization of organizations) ids.push(await aKey(owner, organization));
  expect((await revoke(owner, null, { because: 'service-account.deleted' })).keys).toEqual(ids);
  const summaries = await query<{ event: { organization_id: string; details: object; reason: string } }>(
    `select event from outbox where event->>'action' = 'owner-keys.revoked' and event->'resource'->>'id' = $1 order by id`,
    [owner],
  );
  expect(summaries.map(({ event }) => [event.organization_id, event.details, event.reason])).toEqual(
    organizations.map((organization, at) => [organization, { keys: [ids[at]] }, 'service-account.deleted']),
  );
});

test('a repeat ends nothing more, and confirms what an earlier call could not', async () => {
  const [owner, organization] = [newId('usr', clock), newId('org', clock)];
  const id = await aKey(owner, organization);
  await revoke(owner, organization);
  const first = await keys.read(organization, id);
  expect(await revoke(owner, organization, { revoked_by: newId('usr', clock) })).toEqual({ keys: [] });
  expect(await keys.read(organization, id)).toEqual(first);
  await query('update api_key set enforced_at = null where id = $1', [id]);
  await revoke(owner, organization);
  expect((await keys.read(organization, id))?.enforced_at).not.toBeNull();
  expect((await events(id)).filter(({ action }) => action === 'api-key.revoked')).toHaveLength(1);
});

test('a key that was made after the owner came back stays', async () => {
  const [owner, organization] = [newId('usr', clock), newId('org', clock)];
  const [old, fresh] = [await aKey(owner, organization), await aKey(owner, organization, { createdAt: ago(5) })];
  expect(await revoke(owner, organization, { made_before: ago(30).toISOString() })).toEqual({ keys: [old] });
  expect((await keys.read(organization, fresh))?.status).toBe('active');
});

test('two calls at once revoke each key once', async () => {
  const [owner, organization] = [newId('usr', clock), newId('org', clock)];
  const ids = [await aKey(owner, organization), await aKey(owner, organization)];
  const both = await Promise.all([revoke(owner, organization), revoke(owner, organization)]);
  expect(both.flatMap((reply) => reply.keys).sort()).toEqual(ids);
  for (const id of ids) expect(await events(id)).toHaveLength(2);
});
