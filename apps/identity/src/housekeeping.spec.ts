import { Identity } from '@portcullis/contracts';
import { administrator, claimsOf, type IdentityHouse, openIdentity } from '../spec/identity-house.js';
import { Housekeeping } from './housekeeping.js';
import { Login } from './sessions/login.js';
import { Reauthenticate } from './tokens/reauthenticate.js';
import { ResolveFamily } from './tokens/resolve-family.js';

let house: IdentityHouse;
beforeAll(async () => {
  house = await openIdentity();
});
afterAll(() => house.close());

test('a token whose row is gone still says truly that it has expired, and its family that it has ended', async () => {
  const housekeeping = new Housekeeping(house.database, () => undefined);
  const password = house.seal(administrator.password.reveal(), Identity.login.subject);
  const answer = await house.get(Login).execute({ email: administrator.email, password }, house.caller());
  const pair = house.openPair(answer, Identity.login.subject);
  const count = async (table: string): Promise<number> => (await house.query(`select 1 from ${table}`)).length;

  await housekeeping.run();
  house.clock.advance(7200 + 86_400 - 1);
  await housekeeping.run();
  expect(await count('refresh_token')).toBe(1);
  house.clock.advance(2);
  await housekeeping.run();
  expect(await count('refresh_token')).toBe(0);
  const request = { refresh_token: house.seal(pair.refresh, Identity.reauthenticate.subject) };
  await expect(house.get(Reauthenticate).execute(request, house.caller())).rejects.toMatchObject({
    code: 'token_expired',
  });

  const id = String(claimsOf(pair.access)['sid']);
  house.clock.advance(2_592_000);
  await housekeeping.run();
  expect((await house.get(ResolveFamily).execute({ id })).family?.status).toBe('expired');
  house.clock.advance(2_592_000);
  await housekeeping.run();
  expect(await count('token_family')).toBe(0);
});
