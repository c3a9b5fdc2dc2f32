import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { compactDecrypt, CompactEncrypt } from 'jose';
import { TokenError } from './jws.js';
import { KeyListRefused } from './key-list.js';
import { type RoleTokenClaims, RoleTokenKeys } from './role-token.js';
import { Secret } from './secret.js';

const secret = 'q5Zt0Yc3nUuX8yMvJ2kLw7RrEo1aHsGfD4bTiPzK9Vg=';
const otherSecret = 'kX2vT9sQe7LwYb4NcR6mZp1HjD8fUgA3oViSxE5tBq0=';
const keys = RoleTokenKeys.parse(secret);
const issuedAt = Date.parse('2026-11-24T12:00:00Z') / 1000;
const claims: RoleTokenClaims = {
  id: 'tok_01J0000000000000000000000A',
  installationId: 'ins_spec',
  epoch: 3,
  role: 'creator',
  familyId: 'tok_01J0000000000000000000000A',
  owner: null,
  issuedAt,
  expiresAt: issuedAt + 3600,
  familyEndsAt: issuedAt + 86_400,
};
const at = (seconds: number): Date => new Date((issuedAt + seconds) * 1000);
const rawKey = (from = secret): Buffer => Buffer.from(hkdfSync('sha256', from, '', 'portcullis v1 role-token', 32));

function codeOf(token: string, { by = keys, now = at(0) }: { by?: RoleTokenKeys; now?: Date } = {}): string {
  try {
    by.open(Secret.of(token), now);
    return 'opened';
  } catch (error) {
    if (error instanceof TokenError) return error.code;
    throw error;
  }
}

/** The five parts of a token of ours, each a text. */
function partsOf(token: string): [string, string, string, string, string] {
  return token.split('.') as [string, string, string, string, string];
}

const headerOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(partsOf(token)[0], 'base64url').toString()) as Record<string, unknown>;

/** A JWE under our key with whatever header and content somebody may put there, in the form that RFC 7516 asks for. */
function forged(header: unknown, plaintext: string | Buffer, { key = rawKey(), ivBytes = 12 } = {}): string {
  const first = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header)).toString('base64url');
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(Buffer.from(first));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return [first, '', ...[iv, ciphertext, cipher.getAuthTag()].map((part) => part.toString('base64url'))].join('.');
}

const content = (token: string): Promise<string> =>
  compactDecrypt(token, rawKey()).then(({ plaintext }) => Buffer.from(plaintext).toString());

test('a token says what it was made of, to every process with the key', () => {
  for (const made of [claims, { ...claims, owner: { id: 'usr_01J0000000000000000000000B', passwordNumber: 0 } }]) {
    const token = keys.seal(made);
    expect(RoleTokenKeys.parse(secret).open(token, at(0))).toMatchObject(made);
    expect(token.reveal().length).toBeLessThan(600);
  }
});

test('the same claims never make the same token twice, and nothing of them can be read without the key', () => {
  const [one, two] = [keys.seal(claims).reveal(), keys.seal(claims).reveal()];
  expect(one).not.toBe(two);
  for (const part of partsOf(one)) expect(Buffer.from(part, 'base64url').toString('latin1')).not.toContain('creator');
});

test('it is a JWE as others write and read it: jose opens ours, and we open what jose made with our header', async () => {
  const token = keys.seal(claims).reveal();
  const { protectedHeader, plaintext } = await compactDecrypt(token, rawKey());
  expect(protectedHeader).toEqual({
    alg: 'dir',
    enc: 'A256GCM',
    kid: expect.any(String) as string,
    typ: 'portcullis-role+jwe',
  });
  const made = await new CompactEncrypt(plaintext).setProtectedHeader(protectedHeader).encrypt(rawKey());
  expect(keys.open(Secret.of(made), at(0))).toMatchObject(claims);
});

describe('rotation', () => {
  const rotated = RoleTokenKeys.parse(`${otherSecret}, ${secret}`);

  test('the first key encrypts, all decrypt', () => {
    expect(rotated.open(keys.seal(claims), at(0))).toMatchObject(claims);
    const fresh = rotated.seal(claims).reveal();
    expect(codeOf(fresh, { by: RoleTokenKeys.parse(otherSecret) })).toBe('opened');
    expect(headerOf(fresh)['kid']).not.toBe(headerOf(keys.seal(claims).reveal())['kid']);
  });

  test('a token under a key that is not in the list is refused, and the log learns why', () => {
    expect(codeOf(rotated.seal(claims).reveal())).toBe('unknown_key');
    expect(codeOf(keys.seal(claims).reveal(), { by: RoleTokenKeys.parse(otherSecret) })).toBe('unknown_key');
  });

  test('another key under the name of ours opens nothing', () => {
    const token = forged(headerOf(keys.seal(claims).reveal()), '{}', { key: rawKey(otherSecret) });
    expect(codeOf(token)).toBe('bad_signature');
  });
});

describe('time', () => {
  const token = keys.seal(claims).reveal();

  test.each([
    ['the last instant', 3599.999, 'opened'],
    ['its very second', 3600, 'expired'],
    ['long after', 1e9, 'expired'],
    ['a minute before it was made: clocks differ', -60, 'opened'],
    ['more than a minute before it was made', -61, 'not_yet_valid'],
  ])('at %s', (_, seconds, expected) => expect(codeOf(token, { now: at(seconds) })).toBe(expected));

  test('a clock that does not go refuses', () => expect(codeOf(token, { now: new Date(NaN) })).toBe('expired'));
});

describe('a token that was tampered with', () => {
  test.each([0, 2, 3, 4])('in any one letter of part %d is refused', (part) => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(...'ABCDabcd0123-_=+/. '), (where, letter) => {
        const token = keys.seal(claims).reveal();
        const parts = partsOf(token);
        const text = parts[part] ?? '';
        const index = where % text.length;
        parts[part] = text.slice(0, index) + letter + text.slice(index + 1);
        return parts.join('.') === token || codeOf(parts.join('.')) !== 'opened';
      }),
      { numRuns: 200 },
    );
  });

  const [header, , iv, ciphertext, tag] = partsOf(keys.seal(claims).reveal());
  const cut = (text: string, bytes: number): string =>
    Buffer.from(text, 'base64url').subarray(0, bytes).toString('base64url');

  test.each([
    ['an encrypted key beside "dir"', [header, 'AAAA', iv, ciphertext, tag]],
    ['four parts', [header, '', iv, ciphertext]],
    ['six parts', [header, '', iv, ciphertext, tag, '']],
    ['a tag of 4 bytes, which Node would take', [header, '', iv, ciphertext, cut(tag, 4)]],
    ['a tag of 15 bytes', [header, '', iv, ciphertext, cut(tag, 15)]],
    ['a tag of 17 bytes', [header, '', iv, ciphertext, `${tag.slice(0, -2)}AAAA`]],
    ['no tag', [header, '', iv, ciphertext, '']],
    ['an IV of 8 bytes', [header, '', cut(iv, 8), ciphertext, tag]],
    ['no IV', [header, '', '', ciphertext, tag]],
    ['padding', [header, '', iv, ciphertext, `${tag}==`]],
    ['a line end', [header, '', iv, `${ciphertext}\n`, tag]],
  ])('is malformed: %s', (_, parts) => expect(codeOf(parts.join('.'))).toBe('malformed'));

  test('the ciphertext of another token under its header is refused', () => {
    const other = partsOf(keys.seal({ ...claims, role: 'maintainer' }).reveal());
    expect(codeOf([header, '', iv, other[3], other[4]].join('.'))).toBe('bad_signature');
  });

  test('one that is too long is refused before it is looked at', () => {
    expect(codeOf([header, '', iv, 'A'.repeat(4000), tag].join('.'))).toBe('malformed');
  });

  test.each(['', '.', '....', 'AAAA', '%%%', 'a.b.c.d.e', '\0....'])('junk is an answer, never a crash: %j', (text) =>
    expect(['malformed', 'unsupported']).toContain(codeOf(text)),
  );
});

describe('a header is ours to the letter', () => {
  const ours = headerOf(keys.seal(claims).reveal());

  test.each<[string, unknown]>([
    ['zip', { ...ours, zip: 'DEF' }],
    ['crit', { ...ours, crit: ['exp'] }],
    ['another alg', { ...ours, alg: 'A256GCMKW' }],
    ['no encryption', { ...ours, alg: 'none' }],
    [
      'PBES2, whose work its sender would choose',
      { ...ours, alg: 'PBES2-HS256+A128KW', p2c: 2_000_000_000, p2s: 'AAAA' },
    ],
    ['another enc', { ...ours, enc: 'A128CBC-HS256' }],
    ['another typ: a sealed secret is no token', { ...ours, typ: 'portcullis-sealed+jwe' }],
    ['no typ', { alg: ours['alg'], enc: ours['enc'], kid: ours['kid'] }],
    ['no kid', { alg: ours['alg'], enc: ours['enc'], typ: ours['typ'] }],
    ['a key brought along', { ...ours, jwk: { kty: 'oct', k: 'AAAA' } }],
    ['another order', { typ: ours['typ'], kid: ours['kid'], enc: ours['enc'], alg: ours['alg'] }],
    [
      'a member twice',
      `{"alg":"dir","enc":"A256GCM","kid":"${String(ours['kid'])}","kid":"x","typ":"portcullis-role+jwe"}`,
    ],
    ['white space', JSON.stringify(ours, null, 1)],
    ['no JSON', 'hello'],
  ])('%s is unsupported', async (_, header) => {
    const plaintext = await content(keys.seal(claims).reveal());
    expect(codeOf(forged(header, plaintext))).toBe('unsupported');
  });
});

describe('what is inside is strict as well, though only a holder of the key can write it', () => {
  const header = headerOf(keys.seal(claims).reveal());
  const good = {
    jti: 'tok_1',
    iss: 'ins_1',
    epo: 1,
    rol: 'creator',
    fam: 'tok_1',
    iat: issuedAt,
    exp: issuedAt + 1,
    end: issuedAt + 1,
  };

  test('the least that is whole is taken', () => expect(codeOf(forged(header, JSON.stringify(good)))).toBe('opened'));

  test.each<[string, string]>([
    ['nothing', ''],
    ['no JSON', 'hello'],
    ['no object', '[]'],
    ['a member twice', JSON.stringify(good).replace('{', '{"rol":"maintainer",')],
    ['bytes that are no UTF-8', '\xff'],
  ])('%s is malformed', (_, text) => expect(codeOf(forged(header, Buffer.from(text, 'latin1')))).toBe('malformed'));

  test.each<[string, Record<string, unknown>]>([
    ...Object.keys(good).map((name): [string, Record<string, unknown>] => [`no ${name}`, { [name]: undefined }]),
    ['a claim that nobody named', { admin: true }],
    ['an end that is a text', { exp: String(issuedAt + 1) }],
    ['an end that is a fraction', { exp: issuedAt + 0.5 }],
    ['an end before the beginning', { exp: issuedAt - 1 }],
    ['an end after that of the family', { exp: issuedAt + 2 }],
    ['an epoch below nothing', { epo: -1 }],
    ['a role that is a list', { rol: ['maintainer'] }],
    ['an id with a line end', { jti: 'tok_1\n' }],
    ['an owner that is nobody', { sub: '', pwd: 0 }],
    ['an owner without the number of a password', { sub: 'usr_1' }],
    ['the number of a password of nobody', { pwd: 0 }],
    ['a password before the first', { sub: 'usr_1', pwd: -1 }],
  ])('%s is refused', (_, change) =>
    expect(codeOf(forged(header, JSON.stringify({ ...good, ...change })))).toBe('invalid_claims'),
  );
});

describe('a list of keys', () => {
  test.each([
    ['hexadecimal', '3f9a1c5e7b2d4f608192a3b4c5d6e7f0'],
    ['base64', 'Zt0Yc3nUuX8yMvJ2kLw7Rr=='],
    ['a sentence', 'plain tea & no sugar!'],
  ])('128 bits in %s are enough', (_, text) => expect(() => RoleTokenKeys.parse(text)).not.toThrow());

  test.each([
    ['nothing', '', /Entry 1 of the key list is empty/],
    ['a word', 'testtest', /too short: 128 bits are 32 hexadecimal digits/],
    ['31 hexadecimal digits', '3f9a1c5e7b2d4f608192a3b4c5d6e7f', /too short/],
    ['one letter', 'a'.repeat(64), /repeats itself/],
    ['a placeholder', 'please-change-me-soon-0123', /is known/],
    ['the same twice', `${secret},${secret}`, /Entry 2 of the key list stands there twice/],
    ['a second one that is short', `${secret},x`, /Entry 2 of the key list is too short/],
  ])('%s is refused with a sentence', (_, text, sentence) => {
    expect(() => RoleTokenKeys.parse(text)).toThrow(KeyListRefused);
    expect(() => RoleTokenKeys.parse(text)).toThrow(sentence);
  });
});
