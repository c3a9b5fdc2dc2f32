import { type IdentityHouse, openIdentity } from '../../spec/identity-house.js';
import { ResolvePrincipal } from './resolve-principal.js';

let house: IdentityHouse;
beforeAll(async () => {
  house = await openIdentity();
});
afterAll(() => house.close());

const resolve = (id: string) => house.get(ResolvePrincipal).execute({ id });

test('a person is what they hold in active organizations, at a point of history', async () => {
  const { position, principal } = await resolve(house.userId);
  expect(position).toEqual({ history: expect.any(String) as string, seq: 0 });
  expect(principal).toEqual({
    id: house.userId,
    kind: 'user',
    status: 'active',
    password_number: 0,
    memberships: [{ organization_id: house.organizationId, roles: ['owner'], permissions: [] }],
  });
});

test('a suspended organization gives nothing', async () => {
  await house.query(`update organization set status = 'suspended'`);
  expect((await resolve(house.userId)).principal?.memberships).toEqual([]);
  await house.query(`update organization set status = 'active'`);
});

test('a disabled person is an answer, and so is nobody', async () => {
  await house.query(`update user_account set status = 'disabled'`);
  expect((await resolve(house.userId)).principal?.status).toBe('disabled');
  expect((await resolve('usr_nobody')).principal).toBeNull();
  expect((await resolve('')).position.seq).toBe(0);
});

test('the position moves with each revocation', async () => {
  await house.database.transaction((tx) => tx.mark({ scope: 'principal', id: house.userId, effect: 'drop' }));
  expect((await resolve(house.userId)).position.seq).toBe(1);
});
