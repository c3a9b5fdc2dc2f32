import { Identity, Refusal } from '@portcullis/contracts';
import { aCaller } from '@portcullis/testing';
import { administrator, aKey, claimsOf, type IdentityHouse, openIdentity } from '../../spec/identity-house.js';
import { Reauthenticate } from '../tokens/reauthenticate.js';
import { ResolveFamily } from '../tokens/resolve-family.js';
import { Login } from './login.js';
import { Logout } from './logout.js';

let house: IdentityHouse;
beforeAll(async () => {
  house = await openIdentity();
});
afterAll(() => house.close());

async function signIn(): Promise<{ sid: string; refresh: string }> {
  const password = house.seal(administrator.password.reveal(), Identity.login.subject);
  const pair = await house.get(Login).execute({ email: administrator.email, password }, house.caller());
  const { access, refresh } = house.openPair(pair, Identity.login.subject);
  return { sid: String(claimsOf(access)['sid']), refresh };
}

const logout = (sid: string, userId = house.userId) =>
  house.get(Logout).execute(aCaller({ id: userId, credential_id: sid, organization_id: house.organizationId }));

test('a session that was logged out is over, its refresh token too', async () => {
  const { sid, refresh } = await signIn();
  const before = await house.get(ResolveFamily).execute({ id: sid });
  expect(before.family?.status).toBe('active');
  const { enforcement } = await logout(sid);
  expect(enforcement).toMatchObject({ enforcers: 0, acknowledged: 0, fenced: 0 });
  const after = await house.get(ResolveFamily).execute({ id: sid });
  expect(after.family?.status).toBe('revoked');
  expect(after.position.history).toBe(before.position.history);
  expect(after.position.seq).toBe(before.position.seq + 1);

  house.clock.advance(3600);
  const request = { refresh_token: house.seal(refresh, Identity.reauthenticate.subject) };
  await expect(house.get(Reauthenticate).execute(request, house.caller())).rejects.toMatchObject({
    code: 'invalid_token',
  });
});

test('a refresh token of a session that was logged out says so even before its time', async () => {
  const { sid, refresh } = await signIn();
  await logout(sid);
  const request = { refresh_token: house.seal(refresh, Identity.reauthenticate.subject) };
  await expect(house.get(Reauthenticate).execute(request, house.caller())).rejects.toMatchObject({
    code: 'invalid_token',
  });
});

test('a second logout confirms the first and is no second event', async () => {
  const { sid } = await signIn();
  await house.query('delete from outbox');
  await Promise.all([logout(sid), logout(sid)]);
  await logout(sid);
  expect((await house.events()).map((event) => event.action)).toEqual(['session.ended', 'revocation.enforced']);
});

test('one session of a person ends, the others go on', async () => {
  const [one, other] = [await signIn(), await signIn()];
  await logout(one.sid);
  expect((await house.get(ResolveFamily).execute({ id: other.sid })).family?.status).toBe('active');
});

test('a key, an unknown session and the session of another cannot be logged out', async () => {
  const { sid } = await signIn();
  for (const attempt of [logout(aKey(house).id), logout('tok_none'), logout(sid, 'usr_other')]) {
    await expect(attempt).rejects.toBeInstanceOf(Refusal);
  }
  expect((await house.get(ResolveFamily).execute({ id: sid })).family?.status).toBe('active');
});
