import { Identity } from '@portcullis/contracts';
import { signJwt } from '@portcullis/credentials';
import { administrator, type IdentityHouse, keyEncryption, openIdentity, rotation } from '../../spec/identity-house.js';
import { refusalOf } from '../../spec/refusal.js';
import { CreateOrganization } from '../organizations/create-organization.js';
import { Login } from '../sessions/login.js';
import { Reauthenticate } from '../tokens/reauthenticate.js';
import { ReadSigningKeys } from './read-signing-keys.js';
import { RevokeSigningKey } from './revoke-signing-key.js';
import { SigningKeys } from './signing-keys.js';

let house: IdentityHouse;
beforeEach(async () => {
  house = await openIdentity();
});
afterEach(() => house.close());

const revoke = (kid: string, caller = house.signedIn()) => house.get(RevokeSigningKey).execute({ kid }, caller);
const list = (request = {}, caller = house.signedIn()) =>
  house.get(ReadSigningKeys).list(Identity.listSigningKeys.request.parse(request), caller);
const signIn = async (): Promise<string> => {
  const password = house.seal(administrator.password.reveal(), Identity.login.subject);
  const pair = await house.get(Login).execute({ email: administrator.email, password }, house.caller());
  return house.openPair(pair, Identity.login.subject).refresh;
};
const refresh = (token: string) =>
  house
    .get(Reauthenticate)
    .execute({ refresh_token: house.seal(token, Identity.reauthenticate.subject) }, house.caller());

test('a revoked key signs no more, is published no more, and what it signed is refused for ever', async () => {
  const replica = new SigningKeys(house.database, keyEncryption, rotation);
  const { kid, privateKey } = await replica.current();
  const token = await signIn();
  const revoked = await revoke(kid);
  expect(revoked).toMatchObject({ kid, status: 'revoked', revoked_by: house.userId, enforcement: { fenced: 0 } });
  expect(revoked.enforced_at).not.toBeNull();

  expect((await house.signingKeys.current()).kid).not.toBe(kid);
  expect((await house.signingKeys.published()).map((key) => key.kid)).not.toContain(kid);
  expect(await house.query('select private_key from signing_key where kid = $1', [kid])).toEqual([
    { private_key: null },
  ]);
  expect(
    await house.query('select effect, keep_ms from marker where scope = $1 and subject = $2', ['signing-key', kid]),
  ).toEqual([{ effect: 'block', keep_ms: null }]);
  // On a replica that has it in memory, too, and though whoever holds the key signs anew with it.
  expect(await replica.find(kid)).toBeUndefined();
  house.clock.advance(3600);
  expect((await refusalOf(refresh(token))).code).toBe('invalid_token');
  const forged = signJwt({ key: privateKey, kid, typ: 'portcullis-refresh+jwt', claims: {} });
  expect((await refusalOf(refresh(forged))).code).toBe('invalid_token');
});

test('the key that was to come takes its place at once', async () => {
  const { kid } = await house.signingKeys.current();
  house.clock.advance(29.5 * 86_400);
  await house.signingKeys.rotate();
  const next = (await house.signingKeys.published()).find((key) => key.kid !== kid);
  await revoke(kid);
  expect((await house.signingKeys.current()).kid).toBe(next?.kid);
  expect((await list()).items.map((key) => [key.kid, key.status])).toEqual([
    [next?.kid, 'signing'],
    [kid, 'revoked'],
  ]);
});

test('a repeat answers with the first revocation, and is no second event', async () => {
  const { kid } = await house.signingKeys.current();
  const [first, second] = [await revoke(kid), await revoke(kid, house.signedIn({ id: 'usr_other' }))];
  expect({ ...second, enforcement: null }).toEqual({ ...first, enforcement: null });
  const told = (await house.events()).filter(({ resource }) => resource.id === kid).map(({ action }) => action);
  expect(told).toEqual(['signing-key.created', 'signing-key.revoked', 'revocation.enforced']);
});

test('of two who revoke at once one is the first, and a key is there that signs', async () => {
  const { kid } = await house.signingKeys.current();
  const [one, other] = await Promise.all([revoke(kid), revoke(kid)]);
  expect(one.revoked_at).toBe(other.revoked_at);
  expect(await house.query('select 1 from signing_key where retired_at is null')).toHaveLength(1);
});

test('another organization has no signing keys, and nobody has one that never was', async () => {
  const { kid } = await house.signingKeys.current();
  const { id } = await house.get(CreateOrganization).execute({ name: 'Acme' }, house.signedIn());
  const stranger = house.signedIn({ organization_id: id });
  expect((await refusalOf(revoke(kid, stranger))).code).toBe('not_found');
  expect((await refusalOf(list({}, stranger))).code).toBe('not_found');
  expect((await refusalOf(revoke('unknown'))).code).toBe('not_found');
  expect((await house.signingKeys.current()).kid).toBe(kid);
});

test('a key that is retired has nothing left to revoke', async () => {
  const { kid } = await house.signingKeys.current();
  house.clock.advance(32 * 86_400);
  await house.signingKeys.rotate();
  expect((await refusalOf(revoke(kid))).code).toBe('conflict');
});

test('the list is paged, newest first', async () => {
  house.clock.advance(29.5 * 86_400);
  await house.signingKeys.rotate();
  const all = (await list()).items;
  expect(all.map(({ status }) => status)).toEqual(['upcoming', 'signing']);
  const first = await list({ limit: 1 });
  const second = await list({ limit: 1, cursor: first.next_cursor });
  expect([...first.items, ...second.items]).toEqual(all);
  expect(second.next_cursor).toBeNull();
});
