import { newId } from '@portcullis/contracts';
import { fillOutbox } from '@portcullis/testing';
import { type IdentityHouse, openIdentity } from '../../spec/identity-house.js';
import { refusalOf } from '../../spec/refusal.js';
import { OrganizationStore } from '../organizations/organization.store.js';
import { ResolvePrincipal } from '../users/resolve-principal.js';
import { ChangeServiceAccount } from './change-service-account.js';
import { CreateServiceAccount } from './create-service-account.js';
import { ReadServiceAccounts } from './read-service-accounts.js';

let house: IdentityHouse;
beforeAll(async () => {
  house = await openIdentity();
});
afterAll(() => house.close());
beforeEach(() => house.query('delete from outbox'));

let made = 0;
const create = (given: { name?: string; roles?: string[]; permissions?: string[] } = {}, caller = house.signedIn()) =>
  house
    .get(CreateServiceAccount)
    .execute({ name: `system ${++made}`, description: null, roles: [], permissions: [], ...given }, caller);
const change = () => house.get(ChangeServiceAccount);
const read = (id: string, caller = house.signedIn()) => house.get(ReadServiceAccounts).one({ id }, caller);
const resolve = async (id: string) => (await house.get(ResolvePrincipal).execute({ id })).principal;
const effectsOn = async (id: string) =>
  (await house.query<{ effect: string }>('select effect from marker where subject = $1 order by seq', [id])).map(
    ({ effect }) => effect,
  );
/** Holds the permission, and the least role. */
const junior = () => house.signedIn({ roles: ['viewer'], permissions: ['serviceaccounts:manage'] });

test('an account is an owner of keys: it is resolved with what it was given, in its organization', async () => {
  const account = await create({ roles: ['manager', 'manager'], permissions: ['spec:view'] });
  expect(account).toMatchObject({ status: 'active', roles: ['manager'], created_by: house.userId });
  expect(await resolve(account.id)).toEqual({
    id: account.id,
    kind: 'service_account',
    status: 'active',
    password_number: null,
    memberships: [{ organization_id: house.organizationId, roles: ['manager'], permissions: ['spec:view'] }],
  });
  expect((await house.events('service-account.created'))[0]).toMatchObject({ resource: { id: account.id } });
});

test('a name is taken once in an organization, in any case, until its account is deleted', async () => {
  const first = await create({ name: 'Settlement' });
  expect((await refusalOf(create({ name: 'settlement' }))).code).toBe('conflict');
  const both = await Promise.allSettled([create({ name: 'race' }), create({ name: 'race' })]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const other = await create();
  const rename = () => change().update({ id: other.id, name: 'SETTLEMENT' }, house.signedIn());
  expect((await refusalOf(rename())).code).toBe('conflict');
  await change().delete({ id: first.id }, house.signedIn());
  expect((await rename()).name).toBe('SETTLEMENT');
});

describe('no escalation', () => {
  test.each([
    ['a role', { roles: ['manager'] }],
    ['a permission', { permissions: ['spec:manage'] }],
    ['everything', { roles: ['owner'] }],
  ])('nobody gives %s that they do not hold, and is told what exceeds', async (_, given) => {
    const refusal = await refusalOf(create(given, junior()));
    expect(refusal.code).toBe('exceeds_grant');
    expect(refusal.publicMessage).toContain('spec:manage');
    await expect(create({ roles: ['viewer'] }, junior())).resolves.toBeDefined();
  });

  test('nobody edits or enables what holds more than they do, and anybody who manages them may stop it', async () => {
    const strong = await create({ roles: ['manager'] });
    for (const edit of [{ name: 'mine now' }, { roles: ['viewer'] }, { description: 'x' }]) {
      expect((await refusalOf(change().update({ id: strong.id, ...edit }, junior()))).code).toBe('exceeds_grant');
    }
    expect((await change().disable({ id: strong.id }, junior())).status).toBe('disabled');
    expect((await refusalOf(change().enable({ id: strong.id }, junior()))).code).toBe('exceeds_grant');
    const weak = await create({ roles: ['viewer'] });
    expect((await refusalOf(change().update({ id: weak.id, roles: ['manager'] }, junior()))).code).toBe(
      'exceeds_grant',
    );
  });

  test('a name that the policy does not have is a fault of the request', async () => {
    const refusal = await refusalOf(create({ roles: ['viewr'], permissions: ['no:such'] }));
    expect([refusal.code, refusal.errors?.map(({ field }) => field)]).toEqual([
      'invalid_request',
      ['roles', 'permissions'],
    ]);
  });
});

describe('a change', () => {
  test('is answered with a receipt, and is enforced once where it takes away', async () => {
    const { id } = await create({ roles: ['manager'] });
    const renamed = await change().update({ id, name: `other ${id}` }, house.signedIn());
    expect([renamed.enforcement, renamed.enforced_at]).toEqual([null, null]);
    const narrowed = await change().update({ id, roles: ['viewer'] }, house.signedIn());
    expect(narrowed).toMatchObject({ roles: ['viewer'], enforcement: { fenced: 0 } });
    expect(narrowed.enforced_at).not.toBeNull();
    const again = await change().update({ id, roles: ['viewer'] }, house.signedIn());
    expect(again.enforcement).not.toBeNull();
    expect(await house.events('revocation.enforced')).toHaveLength(1);
    expect(await house.events('service-account.updated')).toHaveLength(2);
    await change().update({ id, roles: ['manager'] }, house.signedIn());
    expect(await effectsOn(id)).toEqual(['drop', 'drop']);
  });

  test('of nothing is a fault of the request', async () => {
    const { id } = await create();
    expect((await refusalOf(change().update({ id }, house.signedIn()))).code).toBe('invalid_request');
  });
});

describe('the end', () => {
  test('disabling stands until it is lifted; both may be repeated', async () => {
    const { id } = await create();
    const first = await change().disable({ id }, house.signedIn());
    expect(first).toMatchObject({ status: 'disabled', disabled_by: house.userId, enforcement: { fenced: 0 } });
    expect((await change().disable({ id }, house.signedIn())).disabled_at).toBe(first.disabled_at);
    expect((await resolve(id))?.status).toBe('disabled');
    expect((await change().enable({ id }, house.signedIn())).status).toBe('active');
    await change().enable({ id }, house.signedIn());
    expect(await effectsOn(id)).toEqual(['block', 'lift']);
  });

  test('deleting keeps the record, owes the keys, names them in its event, and is for ever', async () => {
    const { id } = await create();
    house.ownedKeys.live = ['key_one', 'key_two'];
    const deleted = await change().delete({ id }, house.signedIn());
    expect(deleted).toMatchObject({ status: 'deleted', deleted_by: house.userId });
    house.clock.advance(5);
    expect((await change().delete({ id }, house.signedIn())).deleted_at).toBe(deleted.deleted_at);
    expect(await house.events('service-account.deleted')).toMatchObject([
      { details: { keys: ['key_one', 'key_two'] } },
    ]);
    expect(await read(id)).toMatchObject({ status: 'deleted' });
    expect((await resolve(id))?.status).toBe('deleted');
    for (const refused of [
      change().enable({ id }, house.signedIn()),
      change().disable({ id }, house.signedIn()),
      change().update({ id, name: 'back' }, house.signedIn()),
    ]) {
      expect((await refusalOf(refused)).code).toBe('conflict');
    }
    await house.keyDebts.pay();
    expect(house.ownedKeys.asked).toContainEqual(
      expect.objectContaining({ owner_id: id, revoked_by: house.userId, because: 'service-account.deleted' }),
    );
  });
});

test('another organization’s account is as absent as one that is not there, whatever is asked of it', async () => {
  const { id } = await create({ name: 'ours alone' });
  const stranger = house.signedIn({ organization_id: newId('org', new Date()) });
  const asks = [
    (of: string) => read(of, stranger),
    (of: string) => change().update({ id: of, name: 'x' }, stranger),
    (of: string) => change().disable({ id: of }, stranger),
    (of: string) => change().enable({ id: of }, stranger),
    (of: string) => change().delete({ id: of }, stranger),
  ];
  for (const ask of asks) {
    const [theirs, missing] = [await refusalOf(ask(id)), await refusalOf(ask(newId('sa', new Date())))];
    expect(theirs.toMessage()).toEqual(missing.toMessage());
    expect(theirs.code).toBe('not_found');
  }
  expect((await house.get(ReadServiceAccounts).list({ limit: 50 }, stranger)).items).toEqual([]);
});

test('lists are newest first, by status and part of a name, and leave out what is deleted', async () => {
  const [a, b, c] = [
    await create({ name: 'list one' }),
    await create({ name: 'LIST two' }),
    await create({ name: 'list 3' }),
  ];
  await change().disable({ id: b.id }, house.signedIn());
  await change().delete({ id: c.id }, house.signedIn());
  const list = async (given: object) =>
    (await house.get(ReadServiceAccounts).list({ limit: 50, q: 'list', ...given }, house.signedIn())).items.map(
      ({ id }) => id,
    );
  expect(await list({})).toEqual([b.id, a.id]);
  expect(await list({ status: 'disabled' })).toEqual([b.id]);
  expect(await list({ status: 'deleted' })).toEqual([c.id]);
  const first = await house.get(ReadServiceAccounts).list({ limit: 1, q: 'list' }, house.signedIn());
  expect(await list({ limit: 1, cursor: first.next_cursor })).toEqual([a.id]);
});

test('one Idempotency-Key makes one account', async () => {
  const caller = house.signedIn({}, { idempotencyKey: 'sa' });
  const [first, second] = [await create({ name: 'only' }, caller), await create({ name: 'only' }, caller)];
  expect(second).toEqual(first);
});

test('it is stopped while a change of a person holds the organization and waits for its turn: neither waits for the other', async () => {
  const account = await create();
  await house.database.transaction(async (tx) => {
    await house.get(OrganizationStore).lock(tx, house.organizationId);
    expect(await change().disable({ id: account.id }, house.signedIn())).toMatchObject({ status: 'disabled' });
  });
});

test('while the outbox is full an account is narrowed, and not renamed or given something in the same change', async () => {
  const { id } = await create({ roles: ['manager'] });
  const empty = await fillOutbox(house.database);
  const edit = (given: object) => change().update({ id, ...given }, house.signedIn());
  for (const given of [
    { roles: ['viewer'], name: 'another' },
    { roles: ['viewer'], permissions: ['users:manage'] },
  ])
    expect((await refusalOf(edit(given))).code).toBe('audit_unavailable');
  expect((await read(id)).roles).toEqual(['manager']);
  expect(await edit({ roles: ['viewer'] })).toMatchObject({ roles: ['viewer'] });
  await empty();
});
