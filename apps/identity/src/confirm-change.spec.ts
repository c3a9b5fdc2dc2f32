import { Identity, newId } from '@portcullis/contracts';
import { administrator, claimsOf, type IdentityHouse, openIdentity } from '../spec/identity-house.js';
import { ConfirmChange } from './confirm-change.js';
import { ChangeOrganization } from './organizations/change-organization.js';
import { CreateOrganization } from './organizations/create-organization.js';
import { ChangeServiceAccount } from './service-accounts/change-service-account.js';
import { CreateServiceAccount } from './service-accounts/create-service-account.js';
import { Login } from './sessions/login.js';
import { Logout } from './sessions/logout.js';
import { ChangePassword } from './users/change-password.js';
import { CreateUser } from './users/create-user.js';
import { RemoveUser } from './users/remove-user.js';
import { RevokeRoleTokens } from './role-tokens/revoke-role-tokens.js';

let house: IdentityHouse;
beforeAll(async () => {
  house = await openIdentity();
});
afterAll(() => house.close());
const finish = () => house.get(ConfirmChange).finish({ afterSeconds: 20, limit: 100 });

const tables = [
  'membership',
  'service_account',
  'role_token_revocation',
  'organization',
  'token_family',
  'password_change',
];
const seqOf: Readonly<Record<string, string>> = {
  role_token_revocation: 'seqs',
  token_family: 'revoked_seq',
  password_change: 'seqs',
};
/** As if the processes that made all changes until now had died before they could confirm them, a while ago. */
const forget = async (ago = '1 minute'): Promise<void> => {
  for (const table of tables) await house.query(`update ${table} set enforced_at = null`);
  await house.query('delete from outbox');
  await house.query(`update marker set created_at = now() - interval '${ago}'`);
};
const unconfirmed = async (): Promise<string[]> => {
  const counts = tables.map(async (table) => {
    const left = await house.query(
      `select 1 from ${table} where ${seqOf[table] ?? 'seq'} is not null and enforced_at is null`,
    );
    return left.map(() => table);
  });
  return (await Promise.all(counts)).flat();
};

test('what was taken away by a process that died is confirmed by another, once, with an event', async () => {
  const { id: account } = await house
    .get(CreateServiceAccount)
    .execute({ name: 'ci', description: null, roles: [], permissions: [] }, house.signedIn());
  await house.get(ChangeServiceAccount).disable({ id: account }, house.signedIn());
  const password = house.seal('the first pass phrase', Identity.createUser.subject);
  const wanted = Identity.createUser.request.parse({ email: 'leaver@example.com', roles: ['viewer'], password });
  const { id: person } = await house.get(CreateUser).execute(wanted, house.signedIn());
  await house.get(RemoveUser).execute({ id: person }, house.signedIn());
  await house.get(RevokeRoleTokens).execute({ all: true }, house.signedIn());
  await forget();
  expect((await unconfirmed()).sort()).toEqual(['membership', 'role_token_revocation', 'service_account']);

  await Promise.all([finish(), finish()]);
  expect(await unconfirmed()).toEqual([]);
  const events = await house.events('revocation.enforced');
  expect(events.map(({ resource }) => resource)).toEqual(
    expect.arrayContaining([
      { kind: 'service-account', id: account },
      { kind: 'user', id: person },
      { kind: 'role-tokens', id: expect.stringMatching(/^all:/) as string },
    ]),
  );
  expect(events).toHaveLength(3);
  for (const { organization_id, details } of events) {
    expect(organization_id).toBe(house.organizationId);
    expect(details).toMatchObject({ enforcers: 0, fenced: 0 });
  }
  await finish();
  expect(await house.events('revocation.enforced')).toHaveLength(3);
});

test('what was made a moment ago is left to the process that made it', async () => {
  await forget('1 second');
  await finish();
  expect(await unconfirmed()).toHaveLength(3);
  expect(await house.events('revocation.enforced')).toEqual([]);
});

test('so are a session and an organization; a token that was refreshed and its family are one', async () => {
  await house.query(`update marker set created_at = now() - interval '1 minute'`);
  await finish();
  const { id: organization } = await house.get(CreateOrganization).execute({ name: 'Acme' }, house.signedIn());
  await house.get(ChangeOrganization).suspend({ id: organization }, house.signedIn());
  const password = house.seal(administrator.password.reveal(), Identity.login.subject);
  const pair = await house.get(Login).execute({ email: administrator.email, password }, house.caller());
  const session = String(claimsOf(house.openPair(pair, Identity.login.subject).access)['sid']);
  await house.get(Logout).execute(house.signedIn({ credential_id: session }));
  const [token, family] = [newId('tok', new Date()), newId('tok', new Date())];
  await house.query(
    `insert into role_token (id, family_id, family_ends_at) values ($1, $2, now() + interval '1 day')`,
    [token, family],
  );
  await house.get(RevokeRoleTokens).execute({ token_id: token }, house.signedIn());
  expect(await unconfirmed()).toEqual([]);

  await forget();
  await house.query(`update service_account set seq = null`);
  await house.query(`update membership set seq = null`);
  await house.query(`delete from role_token_revocation where id like 'all:%'`);
  expect((await unconfirmed()).sort()).toEqual([
    'organization',
    'role_token_revocation',
    'role_token_revocation',
    'token_family',
  ]);
  await finish();
  expect(await unconfirmed()).toEqual([]);
  const kinds = (await house.events('revocation.enforced')).map(({ resource }) => resource.kind);
  expect(kinds.sort()).toEqual(['family', 'organization', 'role-token']);
});

test('so is another password, with the sessions that went with it', async () => {
  const email = 'changer@example.com';
  const password = house.seal('the first pass phrase', Identity.createUser.subject);
  const wanted = Identity.createUser.request.parse({ email, roles: ['viewer'], password });
  const { id } = await house.get(CreateUser).execute(wanted, house.signedIn());
  await house
    .get(Login)
    .execute({ email, password: house.seal('the first pass phrase', Identity.login.subject) }, house.caller());
  const { subject } = Identity.changePassword;
  const change = { id, password: house.seal('the second pass phrase', subject) };
  expect(await house.get(ChangePassword).execute(change, house.signedIn())).toMatchObject({ sessions_ended: 1 });
  expect(await unconfirmed()).toEqual([]);
  const told = await house.events('revocation.enforced');
  expect(told.filter(({ resource }) => resource.id === id)).toHaveLength(1);

  await house.query('delete from outbox');
  await house.query(`update marker set created_at = now() - interval '1 minute'`);
  await house.query(`update password_change set enforced_at = null where user_id = $1`, [id]);
  await house.query(`update token_family set enforced_at = null where principal_id = $1`, [id]);
  expect((await unconfirmed()).sort()).toEqual(['password_change', 'token_family']);
  await finish();
  expect(await unconfirmed()).toEqual([]);
  const kinds = (await house.events('revocation.enforced')).map(({ resource }) => resource.kind);
  expect(kinds.sort()).toEqual(['family', 'user']);
});
