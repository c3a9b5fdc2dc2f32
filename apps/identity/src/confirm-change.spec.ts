import { Identity } from '@portcullis/contracts';
import { type IdentityHouse, openIdentity } from '../spec/identity-house.js';
import { ConfirmChange } from './confirm-change.js';
import { FinishChanges } from './finish-changes.js';
import { ChangeServiceAccount } from './service-accounts/change-service-account.js';
import { CreateServiceAccount } from './service-accounts/create-service-account.js';
import { CreateUser } from './users/create-user.js';
import { RemoveUser } from './users/remove-user.js';
import { RevokeRoleTokens } from './role-tokens/revoke-role-tokens.js';

let house: IdentityHouse;
let finish: FinishChanges;
beforeAll(async () => {
  house = await openIdentity();
  finish = new FinishChanges(house.database, house.get(ConfirmChange));
});
afterAll(() => house.close());

const tables = ['membership', 'service_account', 'role_token_revocation'];
/** As if the processes that made all changes until now had died before they could confirm them, a while ago. */
const forget = async (ago = '1 minute'): Promise<void> => {
  for (const table of tables) await house.query(`update ${table} set enforced_at = null`);
  await house.query('delete from outbox');
  await house.query(`update marker set created_at = now() - interval '${ago}'`);
};
const unconfirmed = async (): Promise<string[]> => {
  const counts = tables.map(async (table) => {
    const taken = table === 'role_token_revocation' ? 'true' : 'seq is not null';
    return (await house.query(`select 1 from ${table} where ${taken} and enforced_at is null`)).map(() => table);
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

  await Promise.all([finish.run(), finish.run()]);
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
  await finish.run();
  expect(await house.events('revocation.enforced')).toHaveLength(3);
});

test('what was made a moment ago is left to the process that made it', async () => {
  await forget('1 second');
  await finish.run();
  expect(await unconfirmed()).toHaveLength(3);
  expect(await house.events('revocation.enforced')).toEqual([]);
});
