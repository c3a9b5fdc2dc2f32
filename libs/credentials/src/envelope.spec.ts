import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describeVectors } from '../spec/vectors.js';
import { EnvelopeRefused, KeyEncryption } from './envelope.js';
import { KeyListRefused } from './key-list.js';

const aKey = () => randomBytes(32).toString('base64');
const first = aKey();
const second = aKey();
const encryption = KeyEncryption.parse(first);
const context = 's3-secret:AKIA0123456789ABCDEF:org_1';
const secret = Buffer.from('wJalrXUtnFEMI/K7MDENG');

function codeOf(action: () => unknown): EnvelopeRefused['code'] | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof EnvelopeRefused) return error.code;
    throw error;
  }
}

describe('an envelope', () => {
  test('opens to what was put in, for any bytes and any context', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.string({ unit: 'binary' }).filter((text) => !/\p{Surrogate}/u.test(text)),
        (bytes, where) => {
          expect(encryption.decrypt(encryption.encrypt(bytes, where), where).equals(bytes)).toBe(true);
        },
      ),
    );
  });

  test('is never the same twice and shows nothing of its content', () => {
    const made = Array.from({ length: 200 }, () => encryption.encrypt(secret, context));
    expect(new Set(made.map((text) => text.split('.')[2]?.slice(0, 16))).size).toBe(200);
    expect(made[0]).toMatch(/^v1\.[A-Za-z0-9_-]{11}\.[A-Za-z0-9_-]+$/);
  });

  test('opens for its own context only', () => {
    const text = encryption.encrypt(secret, context);
    for (const other of [
      '',
      `${context} `,
      context.slice(1),
      context.replace('org_1', 'org_2'),
      context.toUpperCase(),
    ]) {
      expect(codeOf(() => encryption.decrypt(text, other))).toBe('not_authentic');
    }
  });

  test('with any one character changed stays shut', () => {
    const text = encryption.encrypt(secret, context);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom(...'AZaz09-_.= +'), (at, character) => {
        fc.pre(text[at] !== character);
        expect(
          codeOf(() => encryption.decrypt(text.slice(0, at) + character + text.slice(at + 1), context)),
        ).toBeDefined();
      }),
    );
  });

  test('cut short stays shut, down to a tag of four bytes', () => {
    const [version, kid, encoded = ''] = encryption.encrypt(secret, context).split('.');
    const bytes = Buffer.from(encoded, 'base64url');
    for (let length = 0; length < bytes.length; length++) {
      const text = `${version}.${kid}.${bytes.subarray(0, length).toString('base64url')}`;
      expect(codeOf(() => encryption.decrypt(text, context))).toBe(length < 28 ? 'malformed' : 'not_authentic');
    }
  });

  test.each(['', 'v1', 'v1..', 'v2.AAAAAAAAAAA.AAAA', 'plaintext', 'v1.kid.AAAA.x'])('%j is malformed', (text) => {
    expect(codeOf(() => encryption.decrypt(text, context))).toBe('malformed');
    expect(codeOf(() => encryption.isCurrent(text))).toBe('malformed');
  });

  test('moved under another kid stays shut', () => {
    const both = KeyEncryption.parse(`${first},${second}`);
    const kidOf = (text: string) => text.split('.')[1] ?? '';
    const text = encryption.encrypt(secret, context);
    const moved = text.replace(kidOf(text), kidOf(KeyEncryption.parse(second).encrypt(secret, context)));
    expect(codeOf(() => both.decrypt(moved, context))).toBe('not_authentic');
  });
});

describe('rotation', () => {
  test('a new first key encrypts, the old one still opens, and what is old can be told', () => {
    const old = encryption.encrypt(secret, context);
    const rotated = KeyEncryption.parse(` ${second} , ${first}\n`);
    expect(rotated.decrypt(old, context)).toEqual(secret);
    expect(rotated.isCurrent(old)).toBe(false);
    const fresh = rotated.encrypt(secret, context);
    expect(rotated.isCurrent(fresh)).toBe(true);
    expect(KeyEncryption.parse(second).decrypt(fresh, context)).toEqual(secret);
  });

  test('wraps anew what is under an older key, for the same context, and leaves alone what is under the first', () => {
    const rotated = KeyEncryption.parse(`${second},${first}`);
    const old = encryption.encrypt(secret, context);
    const fresh = rotated.rewrap(old, context) ?? '';
    expect(KeyEncryption.parse(second).decrypt(fresh, context)).toEqual(secret);
    expect([old, fresh].map((text) => text.split('.')[1] === rotated.currentKid)).toEqual([false, true]);
    expect(rotated.rewrap(fresh, context)).toBeNull();
    expect(codeOf(() => rotated.rewrap(old, 'another'))).toBe('not_authentic');
  });

  test('a key that has left the list opens nothing', () => {
    expect(codeOf(() => KeyEncryption.parse(second).decrypt(encryption.encrypt(secret, context), context))).toBe(
      'unknown_key',
    );
  });
});

describe('derived keys', () => {
  test('are 32 bytes, the same on every replica, different for every purpose and every secret', () => {
    const derived = [
      encryption.derive('sealing'),
      encryption.derive('cursors'),
      KeyEncryption.parse(second).derive('sealing'),
    ];
    expect(derived.map((key) => key.length)).toEqual([32, 32, 32]);
    expect(new Set(derived.map((key) => key.toString('hex'))).size).toBe(3);
    expect(KeyEncryption.parse(`${first},${second}`).derive('sealing')).toEqual(encryption.derive('sealing'));
    expect(KeyEncryption.parse(`${second},${first}`).deriveAll('sealing')).toEqual([derived[2], derived[0]]);
  });

  test('are never the encryption key, whatever the purpose is called', () => {
    const text = encryption.encrypt(secret, context);
    const [, kid, encoded = ''] = text.split('.');
    const bytes = Buffer.from(encoded, 'base64url');
    for (const info of ['envelope', '', 'derive:envelope', 'v1 envelope']) {
      const decipher = createDecipheriv('aes-256-gcm', encryption.derive(info), bytes.subarray(0, 12), {
        authTagLength: 16,
      });
      decipher.setAAD(Buffer.from(`v1.${kid}.${context}`)).setAuthTag(bytes.subarray(-16));
      decipher.update(bytes.subarray(12, -16));
      expect(() => decipher.final()).toThrow();
    }
  });
});

describe('a key list', () => {
  test.each([
    ['32 random bytes in base64', randomBytes(32).toString('base64')],
    ['in base64url', randomBytes(32).toString('base64url')],
    ['in hex', randomBytes(32).toString('hex')],
    ['40 characters of everything', 'q7#Lz!m2@Vx9$Rt4%Yb6^Nc8&Wd1*Kf3(Hg5)Js0'],
  ])('takes %s', (_, text) => {
    expect(codeOf(() => KeyEncryption.parse(text))).toBeUndefined();
  });

  test.each([
    ['nothing', '', 'Entry 1 of the key list is empty'],
    ['a trailing comma', `${first},`, 'Entry 2 of the key list is empty'],
    ['16 bytes in hex', randomBytes(16).toString('hex'), 'too short'],
    ['31 bytes in hex', randomBytes(31).toString('hex'), 'too short'],
    ['24 bytes in base64', randomBytes(24).toString('base64'), 'too short'],
    ['31 bytes in base64, padded to look longer', `${randomBytes(31).toString('base64')}====`, 'too short'],
    ['39 characters of everything', 'q7#Lz!m2@Vx9$Rt4%Yb6^Nc8&Wd1*Kf3(Hg5)Js', 'too short'],
    ['one character many times', 'x'.repeat(64), 'repeats itself'],
    ['a short text many times', 'f3A9cQ7LzB1x'.repeat(6), 'repeats itself'],
    ['counting', '0123456789abcdef'.repeat(4), 'repeats itself'],
    ['zeros in base64', Buffer.alloc(32).toString('base64'), 'repeats itself'],
    ['a placeholder', 'please-change-me-before-you-go-to-production-1234', 'is known'],
    ['a second entry that is short', `${first},short`, 'Entry 2'],
    ['the same one twice', `${first},${first}`, 'twice'],
  ])('refuses %s', (_, list, sentence) => {
    expect(() => KeyEncryption.parse(list)).toThrow(KeyListRefused);
    expect(() => KeyEncryption.parse(list)).toThrow(sentence);
  });

  test('refuses without repeating a secret', () => {
    expect(() => KeyEncryption.parse('hunter2')).toThrow(/^(?!.*hunter2).*openssl rand -base64 32$/);
  });

  test('never refuses a random one', () => {
    for (let round = 0; round < 2000; round++) {
      KeyEncryption.parse(`${randomBytes(32).toString('hex')},${aKey()}`);
    }
  });
});

describeVectors('jwt-weak-secrets', (vectors) => {
  test('every leaked secret of the list is refused', () => {
    const refused = (line: string) => {
      try {
        KeyEncryption.parse(line);
        return false;
      } catch (error) {
        return error instanceof KeyListRefused;
      }
    };
    const lines = vectors.text('jwt.secrets.list').split('\n');
    expect(lines.length).toBeGreaterThan(100_000);
    expect(lines.filter((line) => !refused(line))).toEqual([]);
  });
});

describeVectors('wycheproof', (vectors) => {
  interface Groups<Test> {
    testGroups: {
      ivSize: number;
      keySize: number;
      tagSize: number;
      tests: (Test & { tcId: number; result: string })[];
    }[];
  }
  const hex = (text: string) => Buffer.from(text, 'hex');

  test('AES-256-GCM as used here agrees with every verdict on 96-bit IVs and 128-bit tags', () => {
    const { testGroups } =
      vectors.json<Groups<{ key: string; iv: string; aad: string; msg: string; ct: string; tag: string }>>(
        'aes_gcm_test.json',
      );
    const groups = testGroups.filter(
      ({ ivSize, keySize, tagSize }) => ivSize === 96 && keySize === 256 && tagSize === 128,
    );
    let count = 0;
    for (const { key, iv, aad, msg, ct, tag, result } of groups.flatMap((group) => group.tests)) {
      const decipher = createDecipheriv('aes-256-gcm', hex(key), hex(iv), { authTagLength: 16 });
      decipher.setAAD(hex(aad)).setAuthTag(hex(tag));
      const open = () => Buffer.concat([decipher.update(hex(ct)), decipher.final()]).toString('hex');
      if (result === 'valid') {
        expect(open()).toBe(msg);
        const cipher = createCipheriv('aes-256-gcm', hex(key), hex(iv), { authTagLength: 16 }).setAAD(hex(aad));
        expect(Buffer.concat([cipher.update(hex(msg)), cipher.final(), cipher.getAuthTag()]).toString('hex')).toBe(
          ct + tag,
        );
      } else {
        expect(open).toThrow();
      }
      count++;
    }
    expect(count).toBeGreaterThan(50);
  });

  test('HKDF-SHA256 agrees with every valid vector', () => {
    const { testGroups } =
      vectors.json<Groups<{ ikm: string; salt: string; info: string; size: number; okm: string }>>(
        'hkdf_sha256_test.json',
      );
    for (const { ikm, salt, info, size, okm, result } of testGroups.flatMap((group) => group.tests)) {
      if (result === 'valid')
        expect(Buffer.from(hkdfSync('sha256', hex(ikm), hex(salt), hex(info), size)).toString('hex')).toBe(okm);
    }
  });
});
