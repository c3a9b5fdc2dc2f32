import { mintApiKey, sha256Hex } from '@portcullis/credentials';
import { keysInText } from './keys-in-text.js';

const mint = (prefix = 'ptc') => mintApiKey(prefix).text.reveal();
const digestsIn = (text: string, foreign: string[] = []) =>
  keysInText(text, { ours: ['ptc', 'old_ptc'], foreign }).map(({ digests }) => digests);
const flat = (text: string, foreign: string[] = []) => digestsIn(text, foreign).flat();

test.each<[string, (key: string) => string]>([
  ['alone', (key) => key],
  ['in a header', (key) => `Authorization: Bearer ${key}\r\n`],
  ['in quotes', (key) => `{"key":"${key}"}`],
  ['at the end of a sentence', (key) => `It was ${key}.`],
  ['against other words', (key) => `token${key}token`],
  ['in a URL', (key) => `https://x:${key}@gate.test/a?b=${'c'.repeat(60)}`],
  ['in a diff', (key) => `+KEY=${key}\n-KEY=\n`],
  ['behind what looks like one', (key) => `ptc_${'a'.repeat(49)}${key}`],
  ['behind half of itself', (key) => `${key.slice(0, 30)}${key}`],
  ['twice', (key) => `${key} ${key}`],
])('a key %s is found, once', (_, around) => {
  for (const prefix of ['ptc', 'old_ptc']) {
    const key = mint(prefix);
    expect(digestsIn(around(key))).toEqual([[sha256Hex(key)]]);
  }
});

test('what is mistyped, cut, or of another prefix is none', () => {
  const key = mint();
  const other = key.at(20) === 'A' ? 'B' : 'A';
  for (const text of [
    key.slice(0, -1),
    `${key.slice(0, 20)}${other}${key.slice(21)}`,
    key.toUpperCase(),
    mint('other'),
    `ptc_${'a'.repeat(50)}`,
    key.slice(4),
    '',
  ]) {
    expect(flat(text)).toEqual([]);
  }
});

test('an imported key is found by what it begins with, wherever it may end', () => {
  const foreign = ['acme_live_', 'acme_', 'SG.xyz'];
  const wanted = (key: string, text: string) => expect(flat(text, foreign)).toContain(sha256Hex(key));
  wanted('acme_live_4f9c1d2e', 'acme_live_4f9c1d2e');
  wanted('acme_live_4f9c1d2e', 'KEY="acme_live_4f9c1d2e";');
  wanted('acme_live_4f9c1d2e', 'It was acme_live_4f9c1d2e.');
  wanted('acme_live_4f9c1d2e', 'https://x/acme_live_4f9c1d2e/next');
  wanted('acme_4f9c-1d2e-77', 'acme_4f9c-1d2e-77, acme_');
  wanted('SG.xyz.4f9c-1d2e==', 'Bearer SG.xyz.4f9c-1d2e== and so on');
  expect(flat('acme_ acme-live SG.xy', foreign)).toEqual([]);
  expect(flat('acme_live_4f9c1d2e', [])).toEqual([]);
});

test('a thousand candidates are enough', () => {
  const keys = Array.from({ length: 1001 }, () => mint());
  expect(digestsIn(keys.slice(1).join('\n'))).toHaveLength(1000);
  expect(() => digestsIn(keys.join('\n'))).toThrow('more than 1000');
  expect(digestsIn(Array.from({ length: 5000 }, () => keys[0]).join(' '))).toHaveLength(1);
});

test.each([
  ['settings', (id: string, secret: string) => `aws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`],
  [
    'JSON, the other way round',
    (id: string, secret: string) => JSON.stringify({ s: secret, region: 'us-east-1', k: id }),
  ],
  ['one string', (id: string, secret: string) => `${id}:${secret}`],
])('an S3 secret and its id in %s are one candidate', (_, text) => {
  const [id, secret] = ['AKIA0123456789ABCDEF', 'sEcrEt0123'.repeat(4)];
  const wanted = [{ accessKeyId: id, digests: [sha256Hex(secret)] }];
  expect(keysInText(text(id, secret), { ours: ['ptc'], foreign: [] })).toEqual(wanted);
});

test('an S3 secret without an id near it is none, nor an id without one; of many near it the nearest are tried', () => {
  const [id, secret] = ['AKIA0123456789ABCDEF', 'sEcrEt0123'.repeat(4)];
  const far = ' '.repeat(1000);
  for (const text of [
    secret,
    id,
    `${id}${far}${secret}`,
    `x${id} ${secret}`,
    `${id} ${secret}x`,
    `${id} ${secret.slice(1)}`,
  ]) {
    expect(flat(text)).toEqual([]);
  }
  const hashes = Array.from({ length: 20 }, (_, n) => String(n).padStart(40, '0'));
  expect(flat(`${hashes.join(' ')} ${id} ${secret} ${hashes.join(' ')}`)).toHaveLength(8);
  expect(flat(`${hashes.join(' ')} ${id} ${secret} ${hashes.join(' ')}`)).toContain(sha256Hex(secret));
});

test('a mebibyte of the worst text is read at once, however many prefixes there are', () => {
  const foreign = Array.from({ length: 2000 }, (_, n) => `aaaa${String(n).padStart(4 + (n % 9), '0')}`);
  const startedMs = performance.now();
  const ids = 'AKIA0123456789ABCDEF '.repeat(19_000);
  for (const text of [ids, 'ptc_'.repeat(262_144), `ptc_${'a'.repeat(1_048_000)}`, 'aaaa'.repeat(262_144)]) {
    expect(flat(text, foreign)).toEqual([]);
  }
  expect(digestsIn('a'.repeat(1_048_576), [...foreign, 'aaaa'])).toHaveLength(1);
  for (const text of ['aaaa.'.repeat(200_000), 'aaaa/'.repeat(200_000)]) {
    expect(() => digestsIn(text, [...foreign, 'aaaa'])).toThrow('more than 1000');
  }
  expect(() => digestsIn(ids.repeat(2))).toThrow('more than 1000');
  expect(performance.now() - startedMs).toBeLessThan(5_000);
});
