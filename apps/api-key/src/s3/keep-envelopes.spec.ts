import { EnvelopeRefused, KeyEncryption } from '@portcullis/credentials';
import {
  firstKeyEncryptionKey,
  type KeyHouse,
  nextKeyEncryptionKey,
  objectStorage,
  openKeyHouse,
} from '../../spec/key-house.js';
import { KeepEnvelopes } from './keep-envelopes.js';
import { s3SecretContext } from './s3-form.js';

let house: KeyHouse;
beforeEach(async () => (house = await openKeyHouse()));
afterEach(() => house.close());

const storage = { forms: ['s3'], roles: ['storage:object-read-write'] } satisfies Parameters<KeyHouse['create']>[0];
const both = KeyEncryption.parse(`${nextKeyEncryptionKey},${firstKeyEncryptionKey}`);
const nextAlone = KeyEncryption.parse(nextKeyEncryptionKey);

const kept = () =>
  house.database.read((manager) =>
    manager.query<{ id: string; keyId: string; organizationId: string; envelope: string | null }[]>(
      `select secret.id, key_id as "keyId", organization_id as "organizationId", envelope
         from key_secret secret join api_key key on key.id = secret.key_id where secret.form = 's3' order by secret.id`,
    ),
  );
/** The secrets that a list of keys opens. */
const opened = async (encryption: KeyEncryption): Promise<(string | null)[]> =>
  (await kept()).map((secret) => {
    try {
      return secret.envelope && encryption.decrypt(secret.envelope, s3SecretContext(secret)).toString();
    } catch (error) {
      if (error instanceof EnvelopeRefused) return null;
      throw error;
    }
  });
const pass = (encryption: KeyEncryption, lines: string[] = [], atOnce = 2) =>
  new KeepEnvelopes(house.database, encryption, (line) => lines.push(line), atOnce);

test('once all are wrapped anew the old key-encryption key is no longer needed, and no secret has changed', async () => {
  for (let n = 0; n < 5; n++) await house.create(storage);
  const before = await opened(objectStorage.encryption!);
  expect(new Set(before).size).toBe(5);
  expect(await opened(nextAlone)).toEqual([null, null, null, null, null]);

  const lines: string[] = [];
  const envelopes = pass(both, lines);
  await envelopes.run();
  expect(await opened(nextAlone)).toEqual(before);
  expect(lines).toEqual([
    expect.stringMatching(/^5 S3 secrets were encrypted anew; all S3 secrets are under the first key/),
  ]);
  await envelopes.run();
  expect(lines).toHaveLength(1);
});

test('replicas that do it at once share the work, and requests go on meanwhile', async () => {
  const made = await Promise.all(Array.from({ length: 8 }, () => house.create(storage)));
  const before = await opened(objectStorage.encryption!);
  await Promise.all([
    pass(both, [], 1).run(),
    pass(both, [], 1).run(),
    pass(both, [], 3).run(),
    ...made.map((key) => house.rotate(key.id, 60)),
  ]);
  await pass(both).run();
  const after = await opened(nextAlone);
  expect(after).toHaveLength(16);
  expect(after).not.toContain(null);
  expect(after).toEqual(expect.arrayContaining(before));
});

test('what no listed key opens is left as it is, and told', async () => {
  await house.create(storage);
  const stranger = KeyEncryption.parse('Zp7Rk2Xv9Bn4Mq6Ws1Td8Yf3Hg5Jc0LaUeOiQxVbNmE=');
  const envelope = (await kept())[0]?.envelope;
  const lines: string[] = [];
  await pass(stranger, lines).run();
  expect((await kept())[0]?.envelope).toBe(envelope);
  expect(lines).toEqual([expect.stringMatching(/^1 S3 secrets are under a key that PORTCULLIS_KEY_ENCRYPTION_KEY/)]);
  expect(lines.join('')).not.toContain('Zp7Rk2Xv9');
});

test('the envelope of what is over for a day is dropped; its row stays as a record', async () => {
  const [revoked, rotated, short, live] = [
    await house.create(storage),
    await house.create(storage),
    await house.create({ ...storage, expires_in_days: 1 }),
    await house.create({ ...storage, expires_in_days: 30 }),
  ];
  await house.revoke(revoked.id);
  await house.rotate(rotated.id, 0);
  house.after(2 * 86_400 + 1);
  await pass(objectStorage.encryption!).run();
  const left = (await kept()).filter(({ envelope }) => envelope !== null).map(({ keyId }) => keyId);
  expect(left.sort()).toEqual([rotated.id, live.id].sort());
  expect(await kept()).toHaveLength(5);
  for (const key of [revoked, short]) {
    expect((await house.one(key.id)).access_key_id).toBe(key.access_key_id);
    expect((await house.resolveAccessKey(key.access_key_id ?? ''))?.signing_keys).toBeNull();
  }
});
