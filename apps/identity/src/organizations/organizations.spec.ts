import { newId } from '@portcullis/contracts';
import { type IdentityHouse, openIdentity } from '../../spec/identity-house.js';
import { refusalOf } from '../../spec/refusal.js';
import { ResolvePrincipal } from '../users/resolve-principal.js';
import { ChangeOrganization } from './change-organization.js';
import { CreateOrganization } from './create-organization.js';
import { ReadOrganizations } from './read-organizations.js';

let house: IdentityHouse;
beforeAll(async () => {
  house = await openIdentity();
});
afterAll(() => house.close());
beforeEach(() => house.query('delete from outbox'));

const create = (name = 'Acme', caller = house.signedIn()) => house.get(CreateOrganization).execute({ name }, caller);
const inside = (organization_id: string, given: { roles?: string[] } = {}) =>
  house.signedIn({ organization_id, ...given });
const list = (caller = house.signedIn(), page: { limit?: number; cursor?: string } = {}) =>
  house.get(ReadOrganizations).list({ limit: 50, ...page }, caller);
const membershipsOf = async (id: string) =>
  (await house.get(ResolvePrincipal).execute({ id })).principal?.memberships.map((one) => one.organization_id);

describe('an organization that is made', () => {
  test('has its maker as owner, by the time that it is answered, and an event in both records', async () => {
    const made = await create('Acme');
    expect(made).toMatchObject({ name: 'Acme', status: 'active', first: false, enforcement: { enforcers: 0 } });
    expect(await membershipsOf(house.userId)).toContain(made.id);
    const events = await house.events('organization.created');
    expect(events.map((event) => event.organization_id)).toEqual([house.organizationId, made.id]);
    expect(await house.query(`select effect from marker where subject = $1`, [house.userId])).toContainEqual({
      effect: 'drop',
    });
  });

  test('is made once for one Idempotency-Key', async () => {
    const caller = house.signedIn({}, { idempotencyKey: 'once' });
    const [first, second] = [await create('Once', caller), await create('Once', caller)];
    expect(second.id).toBe(first.id);
    expect((await refusalOf(create('Other', caller))).code).toBe('idempotency_key_reused');
  });

  test.each([
    ['from another organization than the first', { organization_id: newId('org', new Date()) }, 'forbidden'],
    ['by a system', { kind: 'service_account' as const }, 'unprocessable'],
    ['by somebody who may make it and holds less than an owner', { roles: ['admin'] }, 'exceeds_grant'],
    ['by somebody who is bound to a network', { networks: ['10.0.0.0/8'] }, 'exceeds_grant'],
  ])('is not made %s', async (_, given, code) => {
    const before = await list();
    expect((await refusalOf(create('Never', house.signedIn(given)))).code).toBe(code);
    expect((await list()).items).toHaveLength(before.items.length);
  });
});

describe('who sees which', () => {
  test('the first organization sees all, another sees itself, a session that names none sees its own', async () => {
    const made = await create('Seen');
    expect((await list()).items.map(({ id }) => id)).toContain(made.id);
    expect((await list(inside(made.id))).items.map(({ id }) => id)).toEqual([made.id]);
    const nowhere = { ...house.signedIn(), principal: { ...house.signedIn().principal, organization_id: null } };
    const own = (await list(nowhere as never)).items.map(({ id }) => id);
    expect(own).toEqual(expect.arrayContaining([house.organizationId, made.id]));
    const stranger = { ...nowhere, principal: { ...nowhere.principal, id: newId('usr', new Date()) } };
    expect((await list(stranger as never)).items).toEqual([]);
  });

  test('another organization is as absent as one that is not there', async () => {
    const made = await create('Hidden');
    const read = (id: string) => refusalOf(house.get(ReadOrganizations).one({ id }, inside(newId('org', new Date()))));
    const [hidden, missing] = [await read(made.id), await read('org_nowhere')];
    expect(hidden.toMessage()).toEqual(missing.toMessage());
    expect(hidden.code).toBe('not_found');
  });

  test('pages are whole, in order, and a cursor is good for its own list only', async () => {
    const all = (await list()).items.map(({ id }) => id);
    const seen: string[] = [];
    let cursor: string | null | undefined;
    do {
      const page = await list(house.signedIn(), { limit: 2, ...(cursor ? { cursor } : {}) });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next_cursor;
    } while (cursor);
    expect(seen).toEqual(all);
    const { next_cursor } = await list(house.signedIn(), { limit: 1 });
    const elsewhere = list(inside(all[0]!), { cursor: next_cursor ?? '' });
    expect((await refusalOf(elsewhere)).code).toBe('invalid_cursor');
  });
});

describe('suspension', () => {
  const change = () => house.get(ChangeOrganization);

  test('takes everything of it away, is reported once, and ends with a resumption', async () => {
    const { id } = await create('Stopped');
    const suspended = await change().suspend({ id }, house.signedIn());
    expect(suspended).toMatchObject({
      status: 'suspended',
      suspended_by: house.userId,
      enforcement: { enforcers: 0, fenced: 0 },
    });
    expect(suspended.enforced_at).not.toBeNull();
    expect(await membershipsOf(house.userId)).not.toContain(id);
    const repeat = await change().suspend({ id }, house.signedIn());
    expect([repeat.suspended_at, repeat.enforced_at]).toEqual([suspended.suspended_at, suspended.enforced_at]);
    expect(await house.events('revocation.enforced')).toHaveLength(1);

    expect(await change().resume({ id }, house.signedIn())).toMatchObject({ status: 'active', suspended_at: null });
    expect(await membershipsOf(house.userId)).toContain(id);
    const effects = await house.query<{ effect: string }>('select effect from marker where subject = $1 order by seq', [
      id,
    ]);
    expect(effects.map(({ effect }) => effect)).toEqual(['block', 'lift']);
    expect((await change().resume({ id }, house.signedIn())).enforcement).toBeNull();
  });

  test('of the first organization is refused', async () => {
    const refusal = await refusalOf(change().suspend({ id: house.organizationId }, house.signedIn()));
    expect(refusal).toMatchObject({ code: 'conflict' });
  });

  test('is the first organization’s alone: an owner elsewhere may rename, and not suspend', async () => {
    const { id } = await create('Theirs');
    expect((await change().rename({ id, name: 'Ours' }, inside(id))).name).toBe('Ours');
    expect((await refusalOf(change().suspend({ id }, inside(id)))).code).toBe('forbidden');
    const elsewhere = inside(newId('org', new Date()));
    for (const refused of [change().suspend({ id }, elsewhere), change().rename({ id, name: 'x' }, elsewhere)])
      expect((await refusalOf(refused)).code).toBe('not_found');
  });
});
