import { type IdentityHouse, openIdentity } from '../../spec/identity-house.js';
import { ResolveHolder } from './resolve-holder.js';

let house: IdentityHouse;
beforeAll(async () => {
  house = await openIdentity();
});
afterAll(() => house.close());

const resolve = async (id: string) => (await house.get(ResolveHolder).execute({ id })).holder;

test('a person is what their roles mean now, in organizations that are active', async () => {
  const holder = await resolve(house.userId);
  expect(holder).toMatchObject({ id: house.userId, kind: 'user', status: 'active' });
  expect(holder?.memberships).toEqual([
    { organization_id: house.organizationId, permissions: expect.arrayContaining(['spec:manage']) as string[] },
  ]);
  await house.query(`update organization set status = 'suspended'`);
  expect((await resolve(house.userId))?.memberships).toEqual([]);
  await house.query(`update organization set status = 'active'`);
});

test('a disabled person is an answer, and so is nobody', async () => {
  await house.query(`update user_account set status = 'disabled'`);
  expect((await resolve(house.userId))?.status).toBe('disabled');
  expect(await resolve('usr_nobody')).toBeNull();
});
