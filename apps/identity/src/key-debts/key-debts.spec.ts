import { newId } from '@portcullis/contracts';
import { type IdentityHouse, openIdentity } from '../../spec/identity-house.js';

let house: IdentityHouse;
beforeAll(async () => {
  house = await openIdentity();
});
afterAll(() => house.close());
beforeEach(async () => {
  await house.query('delete from key_debt');
  house.ownedKeys.away = false;
  house.ownedKeys.asked.length = 0;
});

const owe = () => {
  const debt = { ownerId: newId('usr', new Date()), organizationId: house.organizationId, revokedBy: house.userId };
  return house.database
    .transaction((tx) => house.keyDebts.owe(tx, { ...debt, because: 'user.removed' }))
    .then(() => debt);
};
const debts = () => house.query<{ owner_id: string }>('select owner_id from key_debt');

test('a debt is paid at once, and once more for what was on its way; then it is forgotten', async () => {
  const { ownerId } = await owe();
  await house.keyDebts.pay();
  const wanted = { owner_id: ownerId, made_before: new Date(house.clock.now().getTime() + 10_000).toISOString() };
  expect(house.ownedKeys.asked).toMatchObject([wanted]);
  await house.keyDebts.pay();
  expect(house.ownedKeys.asked).toHaveLength(1);
  house.clock.advance(10);
  await house.keyDebts.pay();
  expect(house.ownedKeys.asked).toMatchObject([wanted, wanted]);
  expect(await debts()).toEqual([]);
});

test('a debt is kept while the service of keys is away, and paid when it is back', async () => {
  await owe();
  house.ownedKeys.away = true;
  await house.keyDebts.pay();
  expect(await debts()).toHaveLength(2);
  house.ownedKeys.away = false;
  await house.keyDebts.pay();
  expect(house.ownedKeys.asked).toEqual([]);
  house.clock.advance(60);
  await house.keyDebts.pay();
  expect(await debts()).toEqual([]);
});

test('a debt is as committed as the change that owes it', async () => {
  const undone = house.database.transaction(async (tx) => {
    await house.keyDebts.owe(tx, {
      ownerId: newId('usr', new Date()),
      organizationId: null,
      revokedBy: house.userId,
      because: 'user.removed',
    });
    throw new Error('undone');
  });
  await expect(undone).rejects.toThrow('undone');
  expect(await debts()).toEqual([]);
});

test('two replicas do not both take one debt', async () => {
  await owe();
  await Promise.all([house.keyDebts.pay(), house.keyDebts.pay()]);
  expect(house.ownedKeys.asked).toHaveLength(1);
});
