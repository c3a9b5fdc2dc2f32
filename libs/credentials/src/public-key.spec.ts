import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { describeVectors } from '../spec/vectors.js';
import { publicKeyFromSpki, PublicKeyRefused, readPublicKey } from './public-key.js';

const pemOf = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }) as string;
const derOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });
const pemAround = (der: Buffer): string =>
  `-----BEGIN PUBLIC KEY-----\n${der.toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END PUBLIC KEY-----\n`;

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');

/** The sentence that a text is refused with. */
function refusal(text: string): string | undefined {
  try {
    readPublicKey(text);
    return undefined;
  } catch (error) {
    if (error instanceof PublicKeyRefused) return error.message;
    throw error;
  }
}

test.each([
  ['rsa', rsa, ['rsa-v1_5-sha256', 'rsa-pss-sha512']],
  ['ec-p256', ec, ['ecdsa-p256-sha256']],
  ['ed25519', ed, ['ed25519']],
] as const)('a key of the kind %s is read with its fingerprint and what it may verify by', (kind, pair, algorithms) => {
  const read = readPublicKey(pemOf(pair.publicKey));
  const spki = derOf(pair.publicKey);
  expect(read).toMatchObject({ algorithm: kind, algorithms, spki });
  expect(read.fingerprint).toBe(createHash('sha256').update(spki).digest('hex'));
  expect(read.key.equals(pair.publicKey)).toBe(true);
  expect(publicKeyFromSpki(read.spki)).toMatchObject({ algorithm: kind, fingerprint: read.fingerprint });
});

test.each<[string, (pem: string) => string]>([
  ['as openssl writes it', (pem) => pem],
  ['without the last line end', (pem) => pem.trimEnd()],
  ['with CRLF', (pem) => pem.replaceAll('\n', '\r\n')],
  ['with CR alone', (pem) => pem.replaceAll('\n', '\r')],
  ['with the two characters \\n, as from an environment variable', (pem) => pem.replaceAll('\n', '\\n')],
  ['with the four characters \\r\\n', (pem) => pem.replaceAll('\n', '\\r\\n')],
  ['on one line with spaces', (pem) => pem.replaceAll('\n', ' ')],
  ['on one line without any', (pem) => pem.replaceAll('\n', '')],
  ['with space around it', (pem) => `\n\n \t${pem}\n  \n`],
  ['indented', (pem) => pem.replaceAll('\n', '\n    ')],
  ['with empty lines inside', (pem) => pem.replaceAll('\n', '\n\n')],
])('a key %s is read', (_, change) => {
  for (const { publicKey } of [rsa, ec, ed]) {
    expect(readPublicKey(change(pemOf(publicKey))).spki).toEqual(derOf(publicKey));
  }
});

const pkcs8 = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
const privateKeys: [string, string][] = [
  ['PKCS#8', pkcs8],
  ['PKCS#1', rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }) as string],
  ['SEC 1', ec.privateKey.export({ type: 'sec1', format: 'pem' }) as string],
  ['Ed25519', ed.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string],
  [
    'encrypted',
    ec.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }) as string,
  ],
  ['on one line', pkcs8.replaceAll('\n', '\\n')],
  ['after a public one', pemOf(rsa.publicKey) + pkcs8],
  ['before a public one', pkcs8 + pemOf(rsa.publicKey)],
  ['cut short', pkcs8.slice(0, 400)],
  ['OpenSSH', '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n'],
  ['PuTTY', 'PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n'],
];

test.each(privateKeys)('a private key (%s) is refused as one, and no part of it is repeated', (_, text) => {
  const sentence = refusal(text);
  expect(sentence).toMatch(/^This is a private key\. It was not stored, but treat it as exposed/);
  const base64 = text.replaceAll(/-----[^-]*-----|\s|\\n/g, '');
  for (let at = 0; at + 12 <= base64.length; at++) expect(sentence).not.toContain(base64.slice(at, at + 12));
});

const spki = pemOf(ec.publicKey);

test.each<[string, string, RegExp]>([
  ['nothing', '  \n', /^There is no key here\./],
  ['a certificate', spki.replaceAll('PUBLIC KEY', 'CERTIFICATE'), /^This is a certificate; .* openssl x509/],
  ['a certificate request', spki.replaceAll('PUBLIC KEY', 'CERTIFICATE REQUEST'), /^This is a certificate request/],
  [
    'PKCS#1',
    rsa.publicKey.export({ type: 'pkcs1', format: 'pem' }) as string,
    /^This is an RSA public key in the older form PKCS#1; openssl rsa -RSAPublicKey_in/,
  ],
  ['an SSH key', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0= me@host', /^This is an SSH key; ssh-keygen/],
  ['an SSH key of the other kind', 'ecdsa-sha2-nistp256 AAAAE2VjZHNh me', /^This is an SSH key/],
  ['an SSH2 block', '---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----', /^This is an SSH key/],
  [
    'a PGP key',
    '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDME\n-----END PGP PUBLIC KEY BLOCK-----',
    /^This is a PGP key/,
  ],
  ['a block of another kind', spki.replaceAll('PUBLIC KEY', 'DH PARAMETERS'), /^This is another kind of PEM block/],
  ['a name that objects have', spki.replaceAll('PUBLIC KEY', 'constructor'), /^This is another kind of PEM block/],
  ['a JWK', JSON.stringify(ec.publicKey.export({ format: 'jwk' })), /^This is JSON, not PEM/],
  ['bare base64', derOf(ec.publicKey).toString('base64'), /^This is without the lines/],
  ['some words', 'my key', /^This is not PEM/],
  ['two keys', spki + spki, /^There are several PEM blocks here/],
  ['a key and a certificate', spki + spki.replaceAll('PUBLIC KEY', 'CERTIFICATE'), /^There are several PEM blocks/],
  ['text after the key', `${spki}ssh-rsa AAAA`, /text that does not belong to it/],
  ['text before the key', `key: ${spki}`, /text that does not belong to it/],
  ['a header inside', spki.replace('\n', '\nProc-Type: 4\n\n'), /text that does not belong to it/],
  ['no end', spki.split('-----END')[0] ?? '', /text that does not belong to it/],
  ['a key that is cut', spki.replace(/\n[^\n]{9}/, '\n'), /damaged/],
  ['a key with bytes behind it', pemAround(Buffer.concat([derOf(ec.publicKey), Buffer.of(0)])), /something follows it/],
  [
    'two keys in one block',
    pemAround(Buffer.concat([derOf(ed.publicKey), derOf(ec.publicKey)])),
    /something follows it/,
  ],
  ['a novel', 'x'.repeat(20_000), /^This is too long/],
])('%s is refused by a sentence that says what it is', (_, text, sentence) => {
  expect(refusal(text)).toMatch(sentence);
});

const keyOf = (type: 'rsa' | 'ec' | 'other', detail: number | string): string => {
  const make = {
    rsa: () => generateKeyPairSync('rsa', { modulusLength: detail as number }),
    ec: () => generateKeyPairSync('ec', { namedCurve: detail as string }),
    other: () => generateKeyPairSync(detail as 'ed448'),
  };
  return pemOf(make[type]().publicKey);
};

test.each<[string, () => string, RegExp]>([
  ['RSA of 1024 bits', () => keyOf('rsa', 1024), /^This is an RSA key of 1024 bits\. An RSA key has 2048 to 8192 bits/],
  ['RSA of 2040 bits', () => keyOf('rsa', 2040), /^This is an RSA key of 2040 bits/],
  [
    'RSA with the exponent 3',
    () => pemOf(generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).publicKey),
    /The RSA exponent is odd, 65537 or more/,
  ],
  ['RSA bound to PSS', () => pemOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey), /bound to PSS/],
  ['P-384', () => keyOf('ec', 'P-384'), /^This is an EC key on secp384r1\. Wanted is/],
  ['P-521', () => keyOf('ec', 'P-521'), /^This is an EC key on secp521r1/],
  ['secp256k1', () => keyOf('ec', 'secp256k1'), /^This is an EC key on secp256k1/],
  ['Ed448', () => keyOf('other', 'ed448'), /^This is a key of the type ed448/],
  ['X25519', () => keyOf('other', 'x25519'), /^This is a key of the type x25519/],
])('%s is refused by name', (_, pem, sentence) => {
  expect(refusal(pem())).toMatch(sentence);
});

/** RSA with this modulus and exponent, both big-endian. */
const rsaOf = (n: Buffer, e: Buffer): KeyObject =>
  createPublicKey({
    key: { kty: 'RSA', n: n.toString('base64url'), e: e.toString('base64url') },
    format: 'jwk',
  });

test('RSA with more than 8192 bits or an even exponent is refused', () => {
  const modulus = Buffer.alloc(1032, 0xff);
  expect(refusal(pemOf(rsaOf(modulus, Buffer.of(1, 0, 1))))).toMatch(/^This is an RSA key of 8256 bits/);
  expect(refusal(pemOf(rsaOf(modulus.subarray(0, 256), Buffer.of(1, 0, 2))))).toMatch(/exponent is odd/);
});

describeVectors('wycheproof', (vectors) => {
  test('a key of the Infineon series (ROCA) is refused', () => {
    const { testGroups } = vectors.json<{
      testGroups: { public?: { keys: Record<string, string>[] }; tests: { comment: string }[] }[];
    }>('json_web_key_test.json');
    const weak = testGroups.filter(({ tests }) => tests.some(({ comment }) => /roca|cve-2017-15361/i.test(comment)));
    const keys = weak.flatMap((group) => group.public?.keys ?? []).filter(({ kty }) => kty === 'RSA');
    expect(keys.length).toBeGreaterThan(0);
    for (const { n = '', e = '' } of keys) {
      const key = rsaOf(Buffer.from(n, 'base64url'), Buffer.from(e, 'base64url'));
      expect(refusal(pemOf(key))).toMatch(/generator whose keys can be factored/);
    }
  });
});

test('a point that is not on P-256 is refused, and so is the one at infinity', () => {
  const der = derOf(ec.publicKey);
  const off = Buffer.from(der);
  off[off.length - 1] = (off.at(-1) ?? 0) ^ 1;
  expect(refusal(pemAround(off))).toMatch(/^This public key is damaged/);
  const infinity = Buffer.concat([Buffer.of(0x30, 0x19), der.subarray(2, 23), Buffer.of(0x03, 0x02, 0x00, 0x00)]);
  expect(refusal(pemAround(infinity))).toMatch(/^This public key is damaged/);
});

test('a short point is the same key as the long one', () => {
  const der = derOf(ec.publicKey);
  const point = der.subarray(27, 59);
  const short = Buffer.concat([
    Buffer.of(0x30, 0x39),
    der.subarray(2, 23),
    Buffer.of(0x03, 0x22, 0x00, (der.at(-1) ?? 0) % 2 === 0 ? 2 : 3),
    point,
  ]);
  expect(readPublicKey(pemAround(short)).fingerprint).toBe(readPublicKey(spki).fingerprint);
});

test('an Ed25519 key under which anybody can sign is refused', () => {
  const field = 2n ** 255n - 19n;
  const top = 2n ** 255n;
  const points = [0n, 1n, field - 1n, field, field + 1n].flatMap((y) => [y, y + top]);
  const eighth = littleEndian(eighthHex);
  for (const y of [...points, eighth, eighth + top, field - eighth, field - eighth + top]) {
    const bytes = Buffer.from(y.toString(16).padStart(64, '0'), 'hex').reverse();
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') }, format: 'jwk' });
    expect(refusal(pemOf(key))).toMatch(/anybody could sign/);
  }
  // Why: without a private key, R the neutral point and S zero.
  const order8 = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(eighthHex, 'hex').toString('base64url') },
    format: 'jwk',
  });
  const forged = Buffer.alloc(64);
  forged[0] = 1;
  const messages = Array.from({ length: 128 }, (_, number) => Buffer.from(`message ${number}`));
  expect(messages.some((message) => verify(null, message, order8, forged))).toBe(true);
  expect(messages.some((message) => verify(null, message, ed.publicKey, forged))).toBe(false);
  expect(verify(null, messages[0] as Buffer, ed.publicKey, sign(null, messages[0] as Buffer, ed.privateKey))).toBe(
    true,
  );
});

const eighthHex = '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05';

function littleEndian(hex: string): bigint {
  return BigInt(`0x${Buffer.from(hex, 'hex').reverse().toString('hex')}`);
}
