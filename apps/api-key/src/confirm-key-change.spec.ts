import { type KeyHouse, openKeyHouse } from '../spec/key-house.js';

let house: KeyHouse;
beforeAll(async () => {
  house = await openKeyHouse();
});
afterAll(() => house.close());

/** As if the processes that made all changes until now had died before they could confirm them, a while ago. */
const forget = (ago: string): Promise<unknown> =>
  house.database.read(async (manager) => {
    await manager.query('update api_key set enforced_at = null, change_enforced_at = null');
    await manager.query('delete from outbox');
    await manager.query(`update marker set created_at = now() - interval '${ago}'`);
  });
const enforced = async (): Promise<string[]> =>
  (await house.events()).flatMap(({ action, resource }) =>
    action === 'revocation.enforced' && resource.id !== null ? [resource.id] : [],
  );

test('changes of a process that died are confirmed by another; an event is only of what took something away', async () => {
  const [revoked, disabled, renewed, untouched] = [
    await house.create(),
    await house.create(),
    await house.create(),
    await house.create(),
  ];
  await house.revoke(revoked.id);
  await house.disable(disabled.id);
  await house.rotate(renewed.id, 60);
  await forget('1 second');
  await house.finish();
  expect((await house.one(revoked.id)).enforced_at).toBeNull(); // left to the process that made it

  await forget('1 minute');
  await Promise.all([house.finish(), house.finish()]);
  for (const { id } of [revoked, disabled, renewed]) expect((await house.one(id)).enforced_at).not.toBeNull();
  expect((await house.one(untouched.id)).enforced_at).toBeNull();
  expect((await enforced()).sort()).toEqual([revoked.id, disabled.id].sort());
  await house.finish();
  expect(await enforced()).toHaveLength(2);
});

test('who disables again what a process left unconfirmed owes the event of its end, once', async () => {
  const { id } = await house.create();
  await house.disable(id);
  await forget('1 second');
  await Promise.all([house.disable(id), house.disable(id)]);
  expect((await house.one(id)).enforced_at).not.toBeNull();
  await house.disable(id);
  expect(await enforced()).toEqual([id]);
});
