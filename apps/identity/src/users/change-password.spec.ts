import { Identity, newId } from '@portcullis/contracts';
import { claimsOf, type IdentityHouse, openIdentity } from '../../spec/identity-house.js';
import { refusalOf } from '../../spec/refusal.js';
import { CreateOrganization } from '../organizations/create-organization.js';
import { Login } from '../sessions/login.js';
import { Reauthenticate } from '../tokens/reauthenticate.js';
import { ResolveFamily } from '../tokens/resolve-family.js';
import { ChangePassword } from './change-password.js';
import { CreateUser } from './create-user.js';
import { ResolvePrincipal } from './resolve-principal.js';

let house: IdentityHouse;
let acme: string;
beforeAll(async () => {
  house = await openIdentity();
  acme = (await house.get(CreateOrganization).execute({ name: 'Acme' }, house.signedIn())).id;
});
afterAll(() => house.close());
beforeEach(() => house.query('delete from outbox'));

const first = 'the first pass phrase';
const second = 'the second pass phrase';
let people = 0;
async function aPerson(roles = ['viewer'], caller = house.signedIn(), email = `pw-${++people}@example.com`) {
  const password = house.seal(first, Identity.createUser.subject);
  const request = Identity.createUser.request.parse({ email, roles, password });
  return house.get(CreateUser).execute(request, caller);
}
async function login(email: string, password = first, clientIp = '192.0.2.1') {
  const request = { email, password: house.seal(password, Identity.login.subject) };
  const pair = await house.get(Login).execute(request, house.caller(clientIp));
  const { access, refresh } = house.openPair(pair, Identity.login.subject);
  return { session: String(claimsOf(access)['sid']), refresh };
}
async function change(id: string, caller = house.signedIn(), current?: string, password = second) {
  const { subject } = Identity.changePassword;
  return house.get(ChangePassword).execute(
    {
      id,
      password: house.seal(password, subject),
      ...(current === undefined ? {} : { current_password: house.seal(current, subject) }),
    },
    caller,
  );
}
const statusOf = async (id: string) => (await house.get(ResolveFamily).execute({ id })).family?.status;

test('one’s own needs the current one, ends every other session and leaves this one', async () => {
  const { id, email } = await aPerson();
  const [here, elsewhere] = [await login(email), await login(email)];
  const self = house.signedIn({ id, credential_id: here.session, roles: ['viewer'] });
  expect(await refusalOf(change(id, self))).toMatchObject({
    code: 'invalid_request',
    errors: [{ field: 'current_password' }],
  });
  expect((await refusalOf(change(id, self, 'not that one'))).code).toBe('invalid_credentials');
  expect(await house.events('password.refused')).toMatchObject([{ resource: { id }, outcome: 'denied' }]);

  expect(await change(id, self, first)).toMatchObject({ id, sessions_ended: 1, enforcement: { fenced: 0 } });
  expect([await statusOf(here.session), await statusOf(elsewhere.session)]).toEqual(['active', 'revoked']);
  const refresh = {
    refresh_token: house.seal(elsewhere.refresh, Identity.reauthenticate.subject),
  };
  expect((await refusalOf(house.get(Reauthenticate).execute(refresh, house.caller()))).code).toBe('invalid_token');
  expect((await refusalOf(login(email))).code).toBe('invalid_credentials');
  await expect(login(email, second)).resolves.toBeDefined();
  const { principal } = await house.get(ResolvePrincipal).execute({ id });
  expect(principal).toMatchObject({ password_number: 1 });
  expect(await house.events('password.changed')).toMatchObject([
    { details: { own: true, sessions: [elsewhere.session] } },
  ]);
});

test('guesses at the current one end as guesses at the door do', async () => {
  const { id } = await aPerson();
  const self = house.signedIn({ id, roles: ['viewer'] });
  for (let i = 0; i < 10; i++) expect((await refusalOf(change(id, self, 'wrong'))).code).toBe('invalid_credentials');
  expect((await refusalOf(change(id, self, first))).code).toBe('rate_limited');
  expect(await house.events('session.locked')).toMatchObject([{ resource: { id }, reason: 'too_many_for_user' }]);
});

test('another’s needs the permission, ends all their sessions, and asks for no current one', async () => {
  const { id, email } = await aPerson();
  const { session } = await login(email);
  const other = newId('usr', new Date());
  expect((await refusalOf(change(id, house.signedIn({ id: other, roles: ['viewer'] })))).code).toBe('forbidden');
  expect(await change(id)).toMatchObject({ sessions_ended: 1 });
  expect(await statusOf(session)).toBe('revoked');
  await expect(login(email, second)).resolves.toBeDefined();
});

describe('no escalation', () => {
  const manager = (given: object = {}) =>
    house.signedIn({ id: newId('usr', new Date()), roles: ['viewer'], permissions: ['users:manage'], ...given });

  test('nobody sets the password of somebody who holds more', async () => {
    const { id, email } = await aPerson(['manager']);
    const refusal = await refusalOf(change(id, manager()));
    expect([refusal.code, refusal.publicMessage]).toEqual(['exceeds_grant', expect.stringContaining('spec:manage')]);
    expect((await refusalOf(change(house.userId, manager()))).code).toBe('exceeds_grant');
    await expect(login(email)).resolves.toBeDefined();
  });

  test('nor of somebody who belongs elsewhere, unless they hold as much there', async () => {
    const { id, email } = await aPerson();
    await aPerson(['manager'], house.signedIn({ organization_id: acme }), email);
    const local = house.signedIn({ id: newId('usr', new Date()) });
    const refusal = await refusalOf(change(id, local));
    expect(refusal.code).toBe('exceeds_grant');
    expect(JSON.stringify(refusal.toMessage())).not.toContain('spec:manage');
    // The same person by a key: that is of one organization only.
    const byKey = house.signedIn({ credential_id: newId('key', new Date()) });
    expect((await refusalOf(change(id, byKey))).code).toBe('exceeds_grant');
    await expect(change(id)).resolves.toBeDefined();
  });

  test('somebody of another organization is as absent as nobody', async () => {
    const { id } = await aPerson();
    const stranger = house.signedIn({ organization_id: acme });
    const [theirs, missing] = [await refusalOf(change(id, stranger)), await refusalOf(change('usr_nobody', stranger))];
    expect(theirs.toMessage()).toEqual(missing.toMessage());
    expect(theirs.code).toBe('not_found');
  });

  test('a session that names no organization may change its own and no other', async () => {
    const { id } = await aPerson();
    const nowhere = (of: string) => {
      const caller = house.signedIn({ id: of, permissions: [], roles: [] });
      return { ...caller, principal: { ...caller.principal, organization_id: null as unknown as string } };
    };
    await expect(change(id, nowhere(id), first)).resolves.toBeDefined();
    expect((await refusalOf(change(id, nowhere(house.userId)))).code).toBe('organization_required');
  });
});

test('a sign-in with the old password that is under way ends with it', async () => {
  for (let round = 0; round < 5; round++) {
    const { id, email } = await aPerson();
    const [signIn] = await Promise.allSettled([login(email), change(id)]);
    if (signIn.status === 'rejected') continue;
    expect(await statusOf(signIn.value.session)).toBe('revoked');
  }
});

test('neither password is in anything that is stored', async () => {
  const { id } = await aPerson();
  const self = house.signedIn({ id, roles: ['viewer'] }, { idempotencyKey: 'ignored' });
  await change(id, self, first);
  const stored = await house.query(
    'select (select json_agg(o) from outbox o), (select json_agg(k) from idempotency k), (select json_agg(u) from user_account u)',
  );
  for (const secret of [first, second]) expect(JSON.stringify(stored)).not.toContain(secret);
});
