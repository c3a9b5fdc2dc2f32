import { describeVectors } from '../spec/vectors.js';
import { BcryptHash, BcryptHashRefused, hashWithBcrypt } from './bcrypt.js';
import { PasswordQueueFull } from './password-queue.js';
import { Secret } from './secret.js';

/** `test`, as two tools write it. */
const hashes = [
  '$2a$12$Ltg3M2W53Xv9wwJ2.iAv4e4gWELrrr8D2dYat7wNdY2xArdmOSL1i',
  '$2a$12$mZIODMvjsiS2VdK1xgI1cOTizhGVNoVz2Xn48H8ddFFLzX2B3lD3m',
];
const cheap = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'; // U*U

const matches = (hash: string, password: string): Promise<boolean> =>
  BcryptHash.parse(hash).matches(Secret.of(password));

describeVectors('bcrypt', (vectors) => {
  interface Vector {
    passwordHex: string;
    hash: string;
  }
  const { vectors: all, prefix2y } = vectors.json<{ vectors: Vector[]; prefix2y: Vector[] }>('vectors.json');

  test.each([...all, ...prefix2y].map(({ passwordHex, hash }) => [hash, passwordHex] as const))(
    '%s',
    async (hash, passwordHex) => {
      const bytes = Buffer.from(passwordHex, 'hex');
      const text = bytes.toString();
      // A password is text here: what is no UTF-8 cannot be presented, and is asked of the library's reading only.
      if (!Buffer.from(text).equals(bytes)) return expect(() => BcryptHash.parse(hash)).not.toThrow();
      expect(await matches(hash, text)).toBe(true);
      expect(await matches(hash, `${text}x`)).toBe(false);
    },
  );
});

test.each(hashes)('what other tools make is read: %s', async (hash) => {
  expect(await matches(hash, 'test')).toBe(true);
  expect(await matches(hash.replace('$2a', '$2y'), 'test')).toBe(true);
  expect(await matches(hash.replace('$2a', '$2b'), 'tesT')).toBe(false);
});

test('a hash made here is of cost 12, in the form that every tool reads, and another each time', async () => {
  const [one, two] = await Promise.all([hashWithBcrypt(Secret.of('hello')), hashWithBcrypt(Secret.of('hello'))]);
  expect(one).toMatch(/^\$2a\$12\$[./A-Za-z0-9]{53}$/);
  expect(one).not.toBe(two);
  expect(await matches(one, 'hello')).toBe(true);
  expect(BcryptHash.parse(one).cost).toBe(12);
});

describe('a password that bcrypt would cut', () => {
  test.each([
    ['is empty', ''],
    ['has 73 bytes', 'x'.repeat(73)],
    ['has 72 characters and more bytes', `${'x'.repeat(71)}é`],
    ['holds NUL', 'U*U\0anything'],
  ])('is never hashed and matches nothing: it %s', async (_, password) => {
    await expect(hashWithBcrypt(Secret.of(password))).rejects.toThrow(RangeError);
    expect(await matches(cheap, password)).toBe(false);
  });

  test('one of 72 bytes is whole', async () => {
    const hash = await hashWithBcrypt(Secret.of('x'.repeat(72)));
    expect(await matches(hash, 'x'.repeat(72))).toBe(true);
    expect(await matches(hash, 'x'.repeat(73))).toBe(false);
  });
});

test.each([
  ['', /not a bcrypt hash/],
  ['hello', /not a bcrypt hash/],
  [cheap.slice(0, -1), /not a bcrypt hash/],
  [`${cheap}\n`, /not a bcrypt hash/],
  [cheap.replace('$2a', '$2x'), /not a bcrypt hash/],
  [cheap.replace('$05', '$5'), /not a bcrypt hash/],
  [cheap.replace('CCCC.E5', 'CCCCCE5'), /not a bcrypt hash/],
  [cheap.replace('$05', '$03'), /cost is 3/],
  [cheap.replace('$05', '$31'), /cost is 31/],
])('%j is no hash to configure', (text, sentence) => {
  expect(() => BcryptHash.parse(text)).toThrow(BcryptHashRefused);
  expect(() => BcryptHash.parse(text)).toThrow(sentence);
});

test('two checks run and eight wait; the next is refused at once, without work', async () => {
  const hash = BcryptHash.parse(hashes[0] ?? '');
  const asked = Array.from({ length: 20 }, () => hash.matches(Secret.of('test')).catch((error: unknown) => error));
  const outcomes = await Promise.all(asked);
  expect(outcomes.filter((outcome) => outcome === true)).toHaveLength(10);
  expect(outcomes.filter((outcome) => outcome instanceof PasswordQueueFull)).toHaveLength(10);
});

test('the main thread goes on meanwhile', async () => {
  const hash = BcryptHash.parse(hashes[0] ?? '');
  await hash.matches(Secret.of('warm'));
  let turns = 0;
  let done = false;
  const checked = hash.matches(Secret.of('test')).then(() => (done = true));
  while (!done) {
    await new Promise((resolve) => setImmediate(resolve));
    turns++;
  }
  await checked;
  expect(turns).toBeGreaterThan(20);
});
