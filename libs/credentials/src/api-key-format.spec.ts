import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import {
  apiKeyPattern,
  mintApiKey,
  mintClientCredentials,
  mintS3Credentials,
  parseApiKey,
  sameDigest,
  sha256Hex,
} from './api-key-format.js';
import { Secret } from './secret.js';

const known = `ptc_${'0'.repeat(12)}${'A'.repeat(32)}`;

describe('minting and parsing', () => {
  test.each(['ptc', 'acme_live', 'a_b_c', 'x'])(
    'a key with the prefix %s comes apart into what it was made of',
    (prefix) => {
      const { text, lookup, sha256 } = mintApiKey(prefix);
      expect(text.reveal()).toMatch(new RegExp(`^${prefix}_[0-9A-Za-z]{50}$`));
      expect(parseApiKey(text.reveal())).toEqual({ prefix, lookup, sha256 });
      expect(sha256).toBe(sha256Hex(text));
    },
  );

  test('the checksum is CRC-32 in base62, digits first, most significant first', () => {
    const sums = (text: string) => {
      let crc = ~0;
      for (const byte of Buffer.from(text)) {
        crc ^= byte;
        for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
      }
      let rest = BigInt(~crc >>> 0);
      let out = '';
      for (; out.length < 6; rest /= 62n) {
        out = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'.charAt(Number(rest % 62n)) + out;
      }
      return out;
    };
    expect(parseApiKey(known + sums(known))).toMatchObject({ prefix: 'ptc', lookup: '0'.repeat(12) });
  });

  test('the minted text is a Secret', () => {
    expect(JSON.stringify(mintApiKey('ptc'))).toContain('"text":"[secret]"');
    expect(mintApiKey('ptc').text).toBeInstanceOf(Secret);
  });

  test('a thousand keys are a thousand keys, and every character of the alphabet turns up about equally often', () => {
    const keys = Array.from({ length: 1000 }, () => mintApiKey('ptc').text.reveal());
    expect(new Set(keys).size).toBe(1000);
    const counts = new Map<string, number>();
    for (const character of keys.map((key) => key.slice(4, 48)).join(''))
      counts.set(character, (counts.get(character) ?? 0) + 1);
    expect(counts.size).toBe(62);
    // 44,000 draws over 62: 710 each, sigma 26. Folding bytes modulo 62 would give eight characters 859.
    for (const count of counts.values()) expect(Math.abs(count - 710)).toBeLessThan(6 * 26.5);
    const firstEight = [...'01234567'].reduce((sum, character) => sum + (counts.get(character) ?? 0), 0);
    expect(firstEight).toBeLessThan(8 * 710 + 6 * 71);
  });
});

describe('what is refused', () => {
  const key = mintApiKey('ptc').text.reveal();

  test('one changed character anywhere is noticed without asking anyone', () => {
    const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    fc.assert(
      fc.property(fc.nat(key.length - 1), fc.constantFrom(...alphabet, '_', '-', ' ', '\n'), (at, character) => {
        fc.pre(key[at] !== character);
        expect(parseApiKey(key.slice(0, at) + character + key.slice(at + 1))).toBeNull();
      }),
    );
  });

  test.each([
    ['nothing', ''],
    ['no prefix', key.slice(3)],
    ['no prefix and no underscore', key.slice(4)],
    ['one character short', key.slice(0, -1)],
    ['one character more', `${key}0`],
    ['white space around', ` ${key}`],
    ['a final newline', `${key}\n`],
    ['another case', key.toUpperCase()],
    ['a wide look-alike digit', `${key.slice(0, -1)}０`],
    ['a prefix that ends in _', `ptc_${key.slice(3)}`],
    ['a prefix beyond 32 characters', `${'x'.repeat(33)}${key.slice(3)}`],
    ['a JWT', 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln'],
    ['a megabyte', 'a'.repeat(1 << 20)],
  ])('%s', (_, text) => {
    expect(parseApiKey(text)).toBeNull();
  });

  test.each(['', '_', 'ptc_', '_ptc', 'a__b', 'p.c', 'ptc\n', 'é', 'x'.repeat(33)])(
    'no key is made with the prefix %j',
    (prefix) => {
      expect(() => mintApiKey(prefix)).toThrow(RangeError);
    },
  );
});

describe('the pattern for scanners', () => {
  test('finds keys inside other text, and parseApiKey confirms them', () => {
    const keys = [mintApiKey('ptc').text.reveal(), mintApiKey('acme_live').text.reveal()];
    const text = `KEY="${keys[0]}"; url=https://x/?k=${keys[1]}&b=1 MY_${keys[0]}x ptc_short`;
    const found = text.match(new RegExp(apiKeyPattern(['ptc', 'acme_live']), 'g')) ?? [];
    expect(found).toEqual([keys[0], keys[1], keys[0]]);
    expect(found.every((candidate) => parseApiKey(candidate) !== null)).toBe(true);
  });

  test('is the one that docs/secret-scanning.md publishes', () => {
    const page = readFileSync(new URL('../../../docs/secret-scanning.md', import.meta.url), 'utf8');
    const [, published] = /```regex\n(.+)\n```/.exec(page) ?? [];
    expect(published).toBe(apiKeyPattern(['ptc']));
    expect(page).toContain(`regex = '''${published}'''`);
    const key = mintApiKey('ptc').text.reveal();
    expect(`x${key}.`.match(new RegExp(published ?? '', 'g'))).toEqual([key]);
    expect(key.slice(0, -1)).not.toMatch(new RegExp(published ?? ''));
    expect(key.replace('ptc_', 'ptc-')).not.toMatch(new RegExp(published ?? ''));
  });

  test('takes no prefix that would change the pattern, and not an empty list', () => {
    expect(() => apiKeyPattern(['.*'])).toThrow(RangeError);
    expect(() => apiKeyPattern([])).toThrow(RangeError);
  });
});

test('client credentials are 22 letters and 48 letters and digits, with the digest of the secret', () => {
  const { clientId, clientSecret, sha256 } = mintClientCredentials();
  expect(clientId).toMatch(/^[A-Za-z]{22}$/);
  expect(clientSecret.reveal()).toMatch(/^[0-9A-Za-z]{48}$/);
  expect(sha256).toBe(sha256Hex(clientSecret.reveal()));
});

test('S3 credentials are AKIA and 16 upper-case hex digits, and 40 letters and digits of which none is more likely', () => {
  const many = Array.from({ length: 2000 }, () => mintS3Credentials());
  for (const { accessKeyId } of many) expect(accessKeyId).toMatch(/^AKIA[0-9A-F]{16}$/);
  expect(new Set(many.map(({ accessKeyId }) => accessKeyId)).size).toBe(many.length);
  const counts = new Map<string, number>();
  for (const { secretAccessKey } of many) {
    expect(secretAccessKey.reveal()).toMatch(/^[0-9A-Za-z]{40}$/);
    for (const letter of secretAccessKey.reveal()) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  }
  // Chi squared with 61 degrees of freedom is above 150 once in 10^9; folding bytes into 62 letters would make it more than 500.
  const expected = (many.length * 40) / 62;
  const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  expect(counts.size).toBe(62);
  expect(chiSquared).toBeLessThan(150);
});

describe('digests', () => {
  test('sha256Hex is SHA-256 of the UTF-8 bytes', () => {
    expect(sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(sha256Hex(Secret.of('é'))).toBe('4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c');
  });

  test('sameDigest is equality of non-empty texts, whatever their lengths', () => {
    expect(sameDigest(sha256Hex('a'), sha256Hex('a'))).toBe(true);
    expect(sameDigest(sha256Hex('a'), sha256Hex('b'))).toBe(false);
    expect(sameDigest(sha256Hex('a'), sha256Hex('a').slice(1))).toBe(false);
    expect(sameDigest('', '')).toBe(false);
    expect(sameDigest('é', 'e')).toBe(false);
  });
});
