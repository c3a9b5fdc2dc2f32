import { argon2id, hash } from 'argon2';
import { describeVectors } from '../spec/vectors.js';
import { PasswordQueueFull } from './password-queue.js';
import { hashPassword, needsRehash, verifyPassword } from './password.js';
import { Secret } from './secret.js';

const password = Secret.of('correct horse battery staple');

describe('a password', () => {
  test('verifies against its own hash and no other does', async () => {
    const stored = await hashPassword(password);
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(await verifyPassword(stored, password)).toBe(true);
    for (const wrong of [
      '',
      'correct horse battery staple ',
      'Correct horse battery staple',
      'correct horse battery staple\u0000',
    ]) {
      expect(await verifyPassword(stored, Secret.of(wrong))).toBe(false);
    }
    expect(needsRehash(stored)).toBe(false);
  });

  test('has another hash each time', async () => {
    expect(await hashPassword(password)).not.toBe(await hashPassword(password));
  });

  test('counts whole: beyond 72 bytes, with NUL inside, in any Unicode spelling', async () => {
    const long = 'x'.repeat(1023);
    expect(await verifyPassword(await hashPassword(Secret.of(`${long}a`)), Secret.of(`${long}b`))).toBe(false);
    expect(await verifyPassword(await hashPassword(Secret.of('a\u0000b')), Secret.of('a\u0000c'))).toBe(false);
    expect(await verifyPassword(await hashPassword(Secret.of('caf\u00e9')), Secret.of('cafe\u0301'))).toBe(true);
  });

  test.each([0, 1025])('of %d bytes is neither stored nor accepted', async (length) => {
    const wrong = Secret.of('x'.repeat(length));
    await expect(hashPassword(wrong)).rejects.toThrow(RangeError);
    expect(await verifyPassword(null, wrong)).toBe(false);
  });

  test('length is counted in bytes', async () => {
    await expect(hashPassword(Secret.of('é'.repeat(513)))).rejects.toThrow(RangeError);
  });
});

describe('without a stored hash', () => {
  test('no password is right, and the work is the same', async () => {
    const stored = await hashPassword(password);
    const cpu = async (hashOrNull: string | null) => {
      const before = process.cpuUsage();
      for (let round = 0; round < 5; round++) expect(await verifyPassword(hashOrNull, Secret.of('wrong'))).toBe(false);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    await cpu(null);
    const [known, unknown] = [await cpu(stored), await cpu(null)];
    // Not a measure of timing, only of the work being done at all: without it the ratio is near 0.
    expect(unknown / known).toBeGreaterThan(0.4);
  });
});

describe('a stored hash', () => {
  test('of older parameters still verifies and asks to be renewed', async () => {
    const older = await hash('pw', { type: argon2id, memoryCost: 1024, timeCost: 1, parallelism: 1 });
    expect(await verifyPassword(older, Secret.of('pw'))).toBe(true);
    expect(needsRehash(older)).toBe(true);
  });

  const tail = `${'A'.repeat(22)}$${'A'.repeat(43)}`;
  test.each([
    '',
    'plaintext',
    '$2b$12$abcdefghijklmnopqrstuv',
    `$argon2i$v=19$m=19456,t=2,p=1$${tail}`,
    `$argon2d$v=19$m=19456,t=2,p=1$${tail}`,
    `$argon2id$v=16$m=19456,t=2,p=1$${tail}`,
    `$argon2id$v=19$m=4194304,t=2,p=1$${tail}`,
    `$argon2id$v=19$m=19456,t=99,p=1$${tail}`,
    `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$AAAA`,
    `$argon2id$v=19$m=19456,t=2,p=1$${tail}\n`,
  ])('%j is a fault, not a wrong password', async (stored) => {
    await expect(verifyPassword(stored, password)).rejects.toThrow('not an argon2id hash');
    expect(() => needsRehash(stored)).toThrow('not an argon2id hash');
  });
});

test('a flood is refused at once; those who wait are served, and afterwards there is room again', async () => {
  const cheap = await hash('pw', { type: argon2id, memoryCost: 1024, timeCost: 1, parallelism: 1 });
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => verifyPassword(cheap, Secret.of('pw'))));
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  expect(refused).toHaveLength(100 - 2 - 64);
  expect(refused.every(({ reason }) => reason instanceof PasswordQueueFull)).toBe(true);
  expect(outcomes.filter((outcome) => outcome.status === 'fulfilled').every(({ value }) => value)).toBe(true);
  expect(await verifyPassword(cheap, Secret.of('pw'))).toBe(true);
});

describeVectors('argon2-kats', (vectors) => {
  test('the library that we build on gives the reference tag', async () => {
    const text = vectors.text('argon2id');
    const [, memory, passes, lanes, length] =
      /Memory: (\d+) KiB, Iterations: (\d+), Parallelism: (\d+) lanes, Tag length: (\d+)/.exec(text) ?? [];
    const hex = (name: string) => {
      const line = new RegExp(`^${name}(?:\\[\\d+\\])?: ([0-9a-f ]+)$`, 'm').exec(text)?.[1] ?? '';
      return Buffer.from(line.replaceAll(' ', ''), 'hex');
    };
    const tag = await hash(hex('Password'), {
      raw: true,
      type: argon2id,
      memoryCost: Number(memory),
      timeCost: Number(passes),
      parallelism: Number(lanes),
      hashLength: Number(length),
      salt: hex('Salt'),
      secret: hex('Secret'),
      associatedData: hex('Associated data'),
    });
    expect(tag).toEqual(hex('Tag'));
    expect(tag).toHaveLength(32);
  });
});
