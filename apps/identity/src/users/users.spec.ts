import { Identity, newId, type RequestInputOf } from '@portcullis/contracts';
import { fillOutbox } from '@portcullis/testing';
import { type IdentityHouse, openIdentity } from '../../spec/identity-house.js';
import { refusalOf } from '../../spec/refusal.js';
import { CreateOrganization } from '../organizations/create-organization.js';
import { Login } from '../sessions/login.js';
import { AcceptInvitation } from './accept-invitation.js';
import { CreateUser } from './create-user.js';
import { InviteUser } from './invite-user.js';
import { ReadUsers } from './read-users.js';
import { RemoveUser } from './remove-user.js';
import { ResolvePrincipal } from './resolve-principal.js';
import { UpdateUser } from './update-user.js';

let house: IdentityHouse;
let acme: string;
beforeAll(async () => {
  house = await openIdentity();
  acme = (await house.get(CreateOrganization).execute({ name: 'Acme' }, house.signedIn())).id;
});
afterAll(() => house.close());
beforeEach(async () => {
  await house.query('delete from outbox');
  house.ownedKeys.away = false;
  house.ownedKeys.asked.length = 0;
});

const good = 'a long enough pass phrase';
let people = 0;
const anAddress = () => `person-${++people}@example.com`;
const inAcme = (given: object = {}) => house.signedIn({ organization_id: acme, ...given });

type Wanted = Partial<Omit<RequestInputOf<typeof Identity.createUser>, 'password'>> & { password?: string };
async function create(given: Wanted = {}, caller = house.signedIn()) {
  const { password, ...rest } = given;
  const request = Identity.createUser.request.parse({
    email: anAddress(),
    roles: ['viewer'],
    ...rest,
    ...(password === undefined ? {} : { password: house.seal(password, Identity.createUser.subject) }),
  });
  const reply = await house.get(CreateUser).execute(request, caller);
  const { invitation_url: sealed, ...record } = reply;
  return { ...record, url: sealed && house.open(sealed, Identity.createUser.subject) };
}
const tokenOf = (url = '') => new URLSearchParams(new URL(url).hash.slice(1)).get('token') ?? '';
async function accept(token: string, password = good) {
  const { subject } = Identity.acceptInvitation;
  const request = { token: house.seal(token, subject), password: house.seal(password, subject) };
  return house.get(AcceptInvitation).execute(request, house.caller());
}
async function login(email: string, password = good) {
  const request = { email, password: house.seal(password, Identity.login.subject) };
  return house.get(Login).execute(request, house.caller(`198.51.100.${people % 250}`));
}
const resolve = async (id: string) => (await house.get(ResolvePrincipal).execute({ id })).principal;
const update = (id: string, given: object, caller = house.signedIn()) =>
  house.get(UpdateUser).execute({ id, ...given }, caller);
const remove = (id: string, caller = house.signedIn()) => house.get(RemoveUser).execute({ id }, caller);
const read = (id: string, caller = house.signedIn()) => house.get(ReadUsers).one({ id }, caller);

describe('an invitation', () => {
  test('is a link with its token in the fragment, good once, which sets the first password', async () => {
    const email = anAddress();
    const made = await create({ email });
    expect(made).toMatchObject({ email, status: 'invited', known: false, invitation_mail: null });
    expect(made.url).toMatch(/^https:\/\/gate\.example\/v1\/invitations\/accept#token=[\w-]{43}$/);
    expect((await refusalOf(login(email))).code).toBe('invalid_credentials');

    const accepted = await accept(tokenOf(made.url));
    expect(accepted).toEqual({ id: made.id, email, organization_id: house.organizationId });
    await expect(login(email)).resolves.toBeDefined();
    expect((await read(made.id)).status).toBe('active');
    expect(await refusalOf(accept(tokenOf(made.url)))).toMatchObject({
      code: 'invalid_token',
      failedCredential: { reason: 'invitation_accepted', organization_id: house.organizationId },
    });
    expect(await house.events('invitation.accepted')).toHaveLength(1);
  });

  test('is kept as a digest: nothing that is stored has its token, nor a password', async () => {
    const made = await create({}, house.signedIn({}, { idempotencyKey: 'invited' }));
    const again = await create({ email: made.email }, house.signedIn({}, { idempotencyKey: 'invited' }));
    expect([again.id, again.url, again.secret_already_shown]).toEqual([made.id, undefined, true]);
    await create({ password: good }, house.signedIn({}, { idempotencyKey: 'with password' }));
    const stored = await house.query(
      'select (select json_agg(i) from invitation i), (select json_agg(o) from outbox o), (select json_agg(k) from idempotency k)',
    );
    for (const secret of [tokenOf(made.url), good]) expect(JSON.stringify(stored)).not.toContain(secret);
  });

  test('of two who accept at once sets one password', async () => {
    const made = await create();
    const both = await Promise.allSettled([
      accept(tokenOf(made.url), 'the password of one'),
      accept(tokenOf(made.url), 'the password of two'),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('ends after a week, with a later one, and with the membership', async () => {
    const late = await create();
    house.clock.advance(7 * 86_400);
    expect((await refusalOf(accept(tokenOf(late.url)))).failedCredential?.reason).toBe('invitation_expired');

    const renewed = await house.get(InviteUser).execute({ id: late.id }, house.signedIn());
    const url = house.open(renewed.invitation_url!, Identity.inviteUser.subject);
    const second = await house.get(InviteUser).execute({ id: late.id }, house.signedIn());
    expect((await refusalOf(accept(tokenOf(url)))).failedCredential?.reason).toBe('invitation_voided');
    const latest = house.open(second.invitation_url!, Identity.inviteUser.subject);
    await accept(tokenOf(latest));
    expect((await refusalOf(house.get(InviteUser).execute({ id: late.id }, house.signedIn()))).code).toBe('conflict');

    const gone = await create();
    await remove(gone.id);
    expect((await refusalOf(accept(tokenOf(gone.url)))).code).toBe('invalid_token');
  });

  test.each(['', 'x', 'x'.repeat(43)])('that nobody made (%p) is refused in the same words', async (token) => {
    const used = await create();
    await accept(tokenOf(used.url));
    expect((await refusalOf(accept(token))).publicMessage).toBe(
      (await refusalOf(accept(tokenOf(used.url)))).publicMessage,
    );
  });
});

describe('a password', () => {
  test.each([
    ['too short', 'eleven char'],
    ['too short, though it has many bytes', '🔑'.repeat(11)],
    ['too long', 'x'.repeat(1025)],
  ])('that is %s is refused, by whatever way it comes', async (_, password) => {
    const made = await create();
    for (const refused of [create({ password }), accept(tokenOf(made.url), password)]) {
      const refusal = await refusalOf(refused);
      expect([refusal.code, refusal.errors?.[0]?.field]).toEqual(['unprocessable', 'password']);
      expect(JSON.stringify(refusal.toMessage())).not.toContain(password);
    }
    await expect(accept(tokenOf(made.url), '🔑'.repeat(12))).resolves.toBeDefined();
  });

  test('that is the address itself is refused, in any case', async () => {
    const refusal = await refusalOf(create({ email: 'long.name@example.com', password: 'Long.Name@EXAMPLE.com' }));
    expect(refusal.code).toBe('unprocessable');
  });

  test('that comes with the person needs no invitation', async () => {
    const made = await create({ password: good });
    expect([made.status, made.url]).toEqual(['active', undefined]);
    await expect(login(made.email)).resolves.toBeDefined();
  });
});

describe('an address that is known', () => {
  test('joins here too, stays who it is, and has other roles here', async () => {
    const here = await create({ password: good, name: 'Grace' });
    const there = await create(
      { email: here.email.toUpperCase(), roles: ['manager'], name: 'Other', password: 'another good password' },
      inAcme(),
    );
    expect(there).toMatchObject({ id: here.id, known: true, roles: ['manager'], name: 'Grace', organization_id: acme });
    expect(there.url).toBeUndefined();
    expect((await read(here.id)).roles).toEqual(['viewer']);
    await expect(login(here.email)).resolves.toBeDefined();
    expect((await resolve(here.id))?.memberships).toHaveLength(2);
    expect((await house.events('user.joined'))[0]).toMatchObject({ organization_id: acme });
    expect((await refusalOf(create({ email: here.email }, inAcme()))).code).toBe('conflict');
  });

  test('and has not come yet gives no link to whoever invites it elsewhere: who has the link is that person', async () => {
    const here = await create({ roles: ['manager'] });
    const there = await create({ email: here.email }, inAcme());
    expect([there.known, there.status, there.url]).toEqual([true, 'invited', undefined]);
    const caller = inAcme({ id: newId('usr', new Date()) });
    expect((await refusalOf(house.get(InviteUser).execute({ id: here.id }, caller))).code).toBe('exceeds_grant');
    await accept(tokenOf(here.url));
    expect((await read(here.id, inAcme())).status).toBe('active');
  });

  test('of two who name it at once is one person', async () => {
    const email = anAddress();
    const both = await Promise.all([create({ email }), create({ email }, inAcme())]);
    expect(new Set(both.map(({ id }) => id)).size).toBe(1);
    const same = await Promise.allSettled([create({ email: `x${email}` }), create({ email: `x${email}` })]);
    expect(same.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});

describe('no escalation', () => {
  const junior = (given: object = {}) =>
    house.signedIn({ id: newId('usr', new Date()), roles: ['viewer'], permissions: ['users:manage'], ...given });

  test('nobody gives, edits, disables or removes more than they hold, and is told what exceeds', async () => {
    expect((await refusalOf(create({ roles: ['manager'] }, junior()))).publicMessage).toContain('spec:manage');
    const strong = await create({ roles: ['manager'] });
    for (const refused of [
      update(strong.id, { roles: ['viewer'] }, junior()),
      update(strong.id, { status: 'disabled' }, junior()),
      update(strong.id, { name: 'Mine' }, junior()),
      remove(strong.id, junior()),
      house.get(InviteUser).execute({ id: strong.id }, junior()),
    ]) {
      expect((await refusalOf(refused)).code).toBe('exceeds_grant');
    }
    const weak = await create();
    expect((await refusalOf(update(weak.id, { roles: ['manager'] }, junior()))).code).toBe('exceeds_grant');
    expect((await update(weak.id, { status: 'disabled' }, junior())).status).toBe('disabled');
    expect((await read(strong.id)).roles).toEqual(['manager']);
  });

  test('a key that is bound to a network makes nobody', async () => {
    expect((await refusalOf(create({}, house.signedIn({ networks: ['10.0.0.0/8'] })))).code).toBe('exceeds_grant');
  });

  test('the name of somebody who holds more elsewhere is not changed here', async () => {
    const person = await create({ password: good, roles: ['viewer'] }, inAcme());
    await create({ email: person.email, roles: ['manager'] });
    const acmeOnly = inAcme({ id: newId('usr', new Date()) });
    const refusal = await refusalOf(update(person.id, { name: 'Renamed' }, acmeOnly));
    expect(refusal.code).toBe('exceeds_grant');
    expect(JSON.stringify(refusal.toMessage())).not.toContain('spec:manage');
    expect((await update(person.id, { name: 'Renamed' }, inAcme())).name).toBe('Renamed');
  });

  test('nobody raises themselves', async () => {
    const { id } = await create({ password: good, permissions: ['users:manage'] });
    const self = house.signedIn({ id, roles: ['viewer'], permissions: ['users:manage'] });
    expect((await refusalOf(update(id, { roles: ['owner'] }, self))).code).toBe('exceeds_grant');
    expect((await update(id, { name: 'Myself' }, self)).name).toBe('Myself');
  });
});

describe('a change', () => {
  test('is in force when it is answered, with a receipt; a repeat confirms again and changes nothing', async () => {
    const { id } = await create({ roles: ['manager'] });
    const narrowed = await update(id, { roles: ['viewer'] });
    expect(narrowed).toMatchObject({ roles: ['viewer'], enforcement: { fenced: 0 } });
    expect(narrowed.enforced_at).not.toBeNull();
    expect((await update(id, { roles: ['viewer'] })).enforcement).not.toBeNull();
    expect(await house.events('user.updated')).toHaveLength(1);
    expect(await house.events('revocation.enforced')).toHaveLength(1);
    expect((await resolve(id))?.memberships).toMatchObject([{ roles: ['viewer'] }]);
  });

  test('to disabled stops a person here and nowhere else, and they cannot sign in when it was their only place', async () => {
    const { id, email } = await create({ password: good });
    await create({ email }, inAcme());
    expect(await update(id, { status: 'disabled' })).toMatchObject({ status: 'disabled', disabled_by: house.userId });
    expect((await resolve(id))?.memberships).toMatchObject([{ organization_id: acme }]);
    await expect(login(email)).resolves.toBeDefined();
    await update(id, { status: 'disabled' }, inAcme());
    expect((await refusalOf(login(email))).code).toBe('invalid_credentials');
    expect(await house.events('session.refused')).toMatchObject([{ reason: 'no_membership' }]);
    await update(id, { status: 'active' });
    await expect(login(email)).resolves.toBeDefined();
  });

  test.each([
    ['nothing', {}, 'invalid_request'],
    ['no role at all', { roles: [] }, 'unprocessable'],
    ['a role that is none', { roles: ['viewr'] }, 'invalid_request'],
  ])('to %s is refused', async (_, given, code) => {
    expect((await refusalOf(update((await create()).id, given))).code).toBe(code);
  });
});

describe('the last owner', () => {
  /** A fresh organization with these owners, who can sign in. */
  const withOwners = async (count: number) => {
    const { id } = await house.get(CreateOrganization).execute({ name: 'Owned' }, house.signedIn());
    const caller = house.signedIn({ organization_id: id });
    const others = [];
    for (let i = 1; i < count; i++) others.push((await create({ roles: ['owner'], password: good }, caller)).id);
    return { caller, owners: [house.userId, ...others] };
  };

  test('is not removed, disabled or made less; who was only invited does not count', async () => {
    const { caller } = await withOwners(1);
    await create({ roles: ['owner'] }, caller);
    for (const refused of [
      remove(house.userId, caller),
      update(house.userId, { status: 'disabled' }, caller),
      update(house.userId, { roles: ['viewer'] }, caller),
    ]) {
      expect(await refusalOf(refused)).toMatchObject({
        code: 'conflict',
        publicMessage: expect.stringContaining('last owner') as unknown,
      });
    }
    expect((await read(house.userId, caller)).roles).toEqual(['owner']);
  });

  test.each<[string, (id: string, caller: ReturnType<IdentityHouse['signedIn']>) => Promise<unknown>]>([
    ['removed', remove],
    ['disabled', (id, caller) => update(id, { status: 'disabled' }, caller)],
    ['made less', (id, caller) => update(id, { roles: ['viewer'] }, caller)],
  ])('of two who are %s at once one stays', async (_, end) => {
    for (let round = 0; round < 3; round++) {
      const { caller, owners } = await withOwners(2);
      const both = await Promise.allSettled(owners.map((id) => end(id, caller)));
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const left = await house.get(ReadUsers).list({ limit: 50, role: 'owner', status: 'active' }, caller);
      expect(left.items).toHaveLength(1);
    }
  });
});

describe('a removal', () => {
  test('ends the membership here, owes the keys here, names them, and is reported once', async () => {
    const { id, email } = await create({ password: good });
    await create({ email }, inAcme());
    house.ownedKeys.live = ['key_one'];
    const removed = await remove(id);
    expect(removed).toMatchObject({ id, status: 'removed', removed_by: house.userId, enforcement: { fenced: 0 } });
    expect(removed.enforced_at).not.toBeNull();
    expect((await resolve(id))?.memberships).toMatchObject([{ organization_id: acme }]);
    expect((await refusalOf(read(id))).code).toBe('not_found');
    expect(await house.events('user.removed')).toMatchObject([
      { details: { keys: ['key_one'], person_deleted: false } },
    ]);
    house.clock.advance(60);
    expect((await remove(id)).removed_at).toBe(removed.removed_at);
    expect(await house.events('user.removed')).toHaveLength(1);
    await house.keyDebts.pay();
    expect(house.ownedKeys.asked).toContainEqual(
      expect.objectContaining({ owner_id: id, organization_id: house.organizationId, because: 'user.removed' }),
    );
  });

  test('of the last membership ends the person: the address is kept nowhere here and may begin anew', async () => {
    const { id, email } = await create({ password: good, name: 'Gone Person' });
    await remove(id);
    expect((await resolve(id))?.status).toBe('deleted');
    expect((await refusalOf(login(email))).code).toBe('invalid_credentials');
    const stored = JSON.stringify(await house.query('select * from user_account'));
    for (const trace of [email, 'Gone Person']) expect(stored).not.toContain(trace);
    const again = await create({ email, password: good });
    expect([again.known, again.id === id]).toEqual([false, false]);
  });

  test('does not wait for the service of keys, and says that it could not ask', async () => {
    const { id } = await create({ password: good });
    house.ownedKeys.away = true;
    expect((await remove(id)).status).toBe('removed');
    expect(await house.events('user.removed')).toMatchObject([{ details: { keys: null } }]);
  });

  test('can be followed by a return', async () => {
    const { id, email } = await create({ password: good });
    await create({ email }, inAcme());
    await remove(id);
    expect(await create({ email, roles: ['manager'] })).toMatchObject({ id, known: true, roles: ['manager'] });
    expect((await resolve(id))?.memberships).toHaveLength(2);
  });
});

test('somebody of another organization is as absent as nobody, whatever is asked of them', async () => {
  const { id } = await create({ password: good });
  const stranger = inAcme();
  for (const ask of [
    (of: string) => read(of, stranger),
    (of: string) => update(of, { name: 'x' }, stranger),
    (of: string) => remove(of, stranger),
    (of: string) => house.get(InviteUser).execute({ id: of }, stranger),
  ]) {
    const [theirs, missing] = [await refusalOf(ask(id)), await refusalOf(ask('usr_nobody'))];
    expect(theirs.toMessage()).toEqual(missing.toMessage());
    expect(theirs.code).toBe('not_found');
  }
  const seen = await house.get(ReadUsers).list({ limit: 100 }, stranger);
  expect(seen.items.map((user) => user.organization_id)).not.toContain(house.organizationId);
  expect(seen.items.map((user) => user.id)).not.toContain(id);
});

test('lists are newest first, in pages, by status, role and part of name or address', async () => {
  const { id: organization_id } = await house.get(CreateOrganization).execute({ name: 'Listed' }, house.signedIn());
  const caller = house.signedIn({ organization_id });
  const ids = [];
  for (const given of [{ name: 'Ann', password: good }, { name: 'Bob' }, { roles: ['manager'], password: good }])
    ids.unshift((await create(given, caller)).id);
  const list = async (given: object) =>
    (await house.get(ReadUsers).list({ limit: 50, ...given }, caller)).items.map(({ id }) => id);
  expect(await list({})).toEqual([...ids, house.userId]);
  expect(await list({ status: 'invited' })).toEqual([ids[1]]);
  expect(await list({ role: 'manager' })).toEqual([ids[0]]);
  expect(await list({ q: 'ANN' })).toEqual([ids[2]]);
  const first = await house.get(ReadUsers).list({ limit: 2 }, caller);
  expect(await list({ limit: 2, cursor: first.next_cursor })).toEqual([ids[2], house.userId]);
  expect((await refusalOf(house.get(ReadUsers).list({ limit: 2, cursor: 'x' }, caller))).code).toBe('invalid_cursor');
});

describe('a change while the record cannot be written and the outbox is full', () => {
  test('goes through if it only takes away, and is refused as a whole if it gives something beside that', async () => {
    const [first, second, third, fourth] = await Promise.all(
      Array.from({ length: 4 }, () => create({ roles: ['manager'] })),
    );
    await update(fourth!.id, { status: 'disabled' });
    const empty = await fillOutbox(house.database);

    expect(await update(first!.id, { roles: ['viewer'] })).toMatchObject({ roles: ['viewer'] });
    const both = { status: 'disabled', roles: ['viewer'] };
    expect(await update(second!.id, both)).toMatchObject(both);
    for (const [id, change] of [
      [third!.id, { status: 'disabled', roles: ['owner'] }],
      [third!.id, { roles: ['viewer'], permissions: ['users:manage'] }],
      [third!.id, { roles: ['viewer'], name: 'Renamed' }],
      [fourth!.id, { status: 'active', roles: ['viewer'] }],
    ] as const) {
      const before = await read(id);
      expect((await refusalOf(update(id, change))).code).toBe('audit_unavailable');
      expect(await read(id)).toEqual(before);
    }
    await empty();
  });
});
