import { VerificationKey } from '@portcullis/contracts';
import { generateSigningKey } from '@portcullis/credentials';
import { specDatabase, type SpecDatabase } from '@portcullis/testing';
import { Clock } from '../../spec/identity-house.js';
import { identityDatabase } from '../identity.module.js';
import { GatewayStore } from './gateway.store.js';
import { gatewaySeconds, RegisterGateway } from './register-gateway.js';

const clock = new Clock();
let spec: SpecDatabase;
let store: GatewayStore;
let register: RegisterGateway;
beforeAll(async () => {
  spec = await specDatabase({ ...identityDatabase, now: clock.now });
  store = new GatewayStore(spec.database);
  register = new RegisterGateway(spec.database, store);
});
afterAll(() => spec.drop());
beforeEach(() =>
  spec.database.read(async (manager) => {
    await manager.query('delete from gateway_key');
    await manager.query('delete from outbox');
  }),
);

const aGatewayKey = (): VerificationKey => VerificationKey.parse(generateSigningKey().publicJwk);
const events = async (): Promise<number> =>
  (await spec.database.read((manager) => manager.query<unknown[]>('select 1 from outbox'))).length;

test('a gateway is believed as long as it says that it is there, and ten minutes more', async () => {
  const key = aGatewayKey();
  await register.execute({ gateway_id: 'one', key });
  clock.advance(gatewaySeconds);
  expect(await store.seenWithin(gatewaySeconds)).toEqual([key]);
  clock.advance(1);
  expect(await store.seenWithin(gatewaySeconds)).toEqual([]);
  await register.execute({ gateway_id: 'one', key });
  expect(await store.seenWithin(gatewaySeconds)).toEqual([key]);
});

test('registering is one event, however often and from however many places it is repeated', async () => {
  const key = aGatewayKey();
  await Promise.all(Array.from({ length: 5 }, () => register.execute({ gateway_id: 'one', key })));
  clock.advance(60);
  await register.execute({ gateway_id: 'one', key });
  expect(await events()).toBe(1);
});

test('no gateway takes the name of another, nor its key', async () => {
  const key = aGatewayKey();
  await register.execute({ gateway_id: 'one', key });
  await expect(register.execute({ gateway_id: 'one', key: aGatewayKey() })).rejects.toMatchObject({ code: 'conflict' });
  await expect(register.execute({ gateway_id: 'two', key })).rejects.toMatchObject({ code: 'conflict' });
  expect(await store.seenWithin(gatewaySeconds)).toEqual([key]);
  expect(await events()).toBe(1);
});

test('a key that is not what its name says, or no point of the curve, is refused', async () => {
  const [key, other] = [aGatewayKey(), aGatewayKey()];
  for (const bad of [
    { ...key, kid: other.kid },
    { ...key, x: other.x, kid: key.kid },
    { ...key, y: 'AA' },
  ]) {
    await expect(register.execute({ gateway_id: 'one', key: bad })).rejects.toMatchObject({ code: 'invalid_request' });
  }
  expect(await store.seenWithin(gatewaySeconds)).toEqual([]);
});
