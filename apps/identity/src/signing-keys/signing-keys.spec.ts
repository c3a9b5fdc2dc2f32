import { EnvelopeRefused, KeyEncryption, signJwt, thumbprint, verifyJwt } from '@portcullis/credentials';
import { specDatabase, type SpecDatabase } from '@portcullis/testing';
import { Clock, keyEncryption, rotation } from '../../spec/identity-house.js';
import { identityDatabase } from '../identity.module.js';
import { SigningKeys } from './signing-keys.js';

const daySeconds = 86_400;
let clock: Clock;
let spec: SpecDatabase;
beforeEach(async () => {
  clock = new Clock();
  spec = await specDatabase({ ...identityDatabase, now: () => clock.now() });
});
afterEach(() => spec.drop());

const replica = (encryption = keyEncryption): SigningKeys => new SigningKeys(spec.database, encryption, rotation);
const rows = <Row>(sql: string): Promise<Row[]> => spec.database.read((manager) => manager.query<Row[]>(sql));
const kids = async (keys: SigningKeys): Promise<string[]> => (await keys.published()).map(({ kid }) => kid);

test('replicas that start together agree on one key', async () => {
  const replicas = Array.from({ length: 4 }, () => replica());
  const current = await Promise.all(replicas.map((each) => each.current()));
  expect(new Set(current.map(({ kid }) => kid)).size).toBe(1);
  expect(await rows('select 1 from signing_key')).toHaveLength(1);
});

test('what is published is public members only, named by their thumbprint', async () => {
  const keys = replica();
  const { kid } = await keys.current();
  const [published, ...others] = await keys.published();
  expect(others).toEqual([]);
  expect(Object.keys(published ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  expect(published).toMatchObject({ kid, kty: 'EC', crv: 'P-256', use: 'sig', alg: 'ES256' });
  expect(thumbprint({ ...published })).toBe(kid);
});

test('a token signed in the last second of a key verifies to its end, on a replica that never saw that key sign', async () => {
  const signer = replica();
  const { kid, privateKey } = await signer.current();
  for (let day = 0; day < 30; day++) {
    clock.advance(daySeconds / 2);
    await signer.rotate();
    clock.advance(daySeconds / 2 - (day === 29 ? 1 : 0));
  }
  expect((await signer.current()).kid).toBe(kid);
  const now = Math.floor(clock.now().getTime() / 1000);
  const claims = { iss: 'i', aud: 'a', iat: now, exp: now + 7200 };
  const token = signJwt({ key: privateKey, kid, typ: 't', claims });
  clock.advance(1);
  expect((await signer.current()).kid).not.toBe(kid);
  clock.advance(7198);
  const other = replica();
  await other.rotate();
  const key = await other.find(kid);
  const verified = verifyJwt(token, { typ: 't', keys: () => key, issuer: 'i', audience: 'a', now: clock.now() });
  expect(verified.exp).toBe(now + 7200);
  expect(await kids(other)).toContain(kid);
});

test('the next key is published half a day before it signs', async () => {
  const keys = replica();
  const first = await keys.current();
  clock.advance(29.5 * daySeconds);
  await keys.rotate();
  const published = await kids(keys);
  expect(published).toHaveLength(2);
  expect((await keys.current()).kid).toBe(first.kid);
  clock.advance(daySeconds / 2);
  expect((await keys.current()).kid).toBe(published.find((kid) => kid !== first.kid));
});

test('a retired key leaves no private half behind, and is an event', async () => {
  const keys = replica();
  const { kid } = await keys.current();
  clock.advance(32 * daySeconds);
  await keys.rotate();
  expect(await kids(keys)).not.toContain(kid);
  expect(await rows('select kid, private_key from signing_key where retired_at is not null')).toEqual([
    { kid, private_key: null },
  ]);
  const events = await rows<{ event: { action: string; resource: { id: string } } }>(
    'select event from outbox order by id',
  );
  expect(events.map(({ event }) => event.action)).toEqual([
    'signing-key.created',
    'signing-key.created',
    'signing-key.retired',
  ]);
  expect(events[2]?.event.resource.id).toBe(kid);
});

test('a private half is stored encrypted, and opens under no other name', async () => {
  const keys = replica();
  await keys.current();
  clock.advance(29.5 * daySeconds);
  await keys.rotate();
  const [one, two] = await rows<{ kid: string; private_key: string }>('select kid, private_key from signing_key');
  expect(one?.private_key).toMatch(/^v1\./);
  await spec.database.read((manager) =>
    manager.query('update signing_key set private_key = $2 where kid = $1', [one?.kid, two?.private_key]),
  );
  await expect(replica().rotate()).rejects.toBeInstanceOf(EnvelopeRefused);
});

test('a new key-encryption key takes over while the old one is still listed, and then without it', async () => {
  const { kid } = await replica().current();
  const fresh = 'nB3sV8xQ1wE6rT0yU5iO2pA7dF4gH9jKlZcXvMbNqWs=';
  await replica(KeyEncryption.parse(`${fresh},q5Zt0Yc3nUuX8yMvJ2kLw7RrEo1aHsGfD4bTiPzK9Vg=`)).rotate();
  expect((await replica(KeyEncryption.parse(fresh)).current()).kid).toBe(kid);
});
