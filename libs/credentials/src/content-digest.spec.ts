import { describeVectors } from '../spec/vectors.js';
import { ContentDigest, ContentDigestError } from './content-digest.js';

const body = '{"hello": "world"}\n';
const sha256 = 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:';
const sha512 = 'sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:';
const other = 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:';

/** What a message with this field and this content is. */
function verdict(field: string | string[], content: string): 'matches' | 'differs' | 'no digest' | 'refused' {
  try {
    const digest = ContentDigest.read(field);
    if (digest === null) return 'no digest';
    return digest.checker().update(content).matches() ? 'matches' : 'differs';
  } catch (error) {
    if (error instanceof ContentDigestError) return 'refused';
    throw error;
  }
}

describeVectors('rfc9530', (vectors) => {
  interface Vectors {
    values: { body: string; 'sha-256': string; 'sha-512': string }[];
    contentDigest: { field: string; body: string; ok: boolean | string; why?: string }[];
  }
  const { values, contentDigest } = vectors.json<Vectors>('vectors.json');

  test('every digest is ours too', () => {
    expect(values).toHaveLength(4);
    for (const value of values) {
      expect(String(ContentDigest.of(value.body, ['sha-256', 'sha-512']))).toBe(
        `sha-256=:${value['sha-256']}:, sha-512=:${value['sha-512']}:`,
      );
    }
  });

  test('every verdict is ours too; of an algorithm that occurs twice the strict one', () => {
    expect(contentDigest.map((vector) => verdict(vector.field, vector.body))).toEqual([
      ...['matches', 'matches', 'matches'],
      ...['differs', 'differs'],
      'no digest',
      ...['refused', 'refused', 'refused'],
    ]);
    expect(contentDigest.map(({ ok }) => ok)).toEqual([
      ...[true, true, true, false, false, false, false, false],
      'last wins per RFC 9651; a strict verifier rejects duplicates',
    ]);
  });
});

test.each<[string, string | string[], ReturnType<typeof verdict>]>([
  ['digests on two lines count together', [sha256, sha512], 'matches'],
  ['one digest that differs is enough', [sha512, other], 'differs'],
  ['unknown and unsafe algorithms beside a good one are passed over', `md5=:AAAA:, ${sha256}, future=::`, 'matches'],
  ['sha-1 alone is no digest', 'sha=:Kq5sNclPz7QV2+lfQIuc6R7oRu0=:', 'no digest'],
  ['an empty field is no digest', '', 'no digest'],
  ['a digest that is cut is refused', 'sha-256=:RK/0qy18MlBSVnWgjwz6lQ==:', 'refused'],
  ['a sha-512 digest under the name sha-256 is refused', sha512.replace('sha-512', 'sha-256'), 'refused'],
  ['an empty digest is refused', 'sha-256=::', 'refused'],
  ['a name in capitals is refused', sha256.replace('sha', 'SHA'), 'refused'],
  ['the form of RFC 3230 is refused', 'sha-256=RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=', 'refused'],
  ['a string in quotes is refused', 'sha-256="RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg="', 'refused'],
  ['hex is refused', `sha-256=:${'ab'.repeat(32)}:`, 'refused'],
  ['base64url is refused', sha256.replace('/', '_'), 'refused'],
  ['base64 without padding is refused', sha256.replace(/=:$/, ':'), 'refused'],
  ['other final bits are refused', sha256.replace('Dg=', 'Dh='), 'refused'],
  ['a list in brackets is refused', `sha-256=(${sha256.slice(8)})`, 'refused'],
  ['parameters are refused', `${sha256};q=1`, 'refused'],
  ['the same digest twice is refused', `${sha256}, ${sha256}`, 'refused'],
  ['the same digest on two lines is refused', [sha256, sha256], 'refused'],
  ['an unknown algorithm with no bytes is refused', `${sha256}, future`, 'refused'],
  ['a comma at the end is refused', `${sha256},`, 'refused'],
])('%s', (_, field, expected) => expect(verdict(field, body)).toBe(expected));

test('content in pieces has the digest of the whole', () => {
  const digest = ContentDigest.of(body, ['sha-512', 'sha-256']);
  const checker = digest.checker();
  for (const byte of Buffer.from(body)) checker.update(Buffer.of(byte));
  expect(checker.matches()).toBe(true);
  expect(digest.checker().update(body.slice(1)).matches()).toBe(false);
  expect(digest.checker().matches()).toBe(false);
});

test('no content has a digest as well', () => {
  expect(verdict(String(ContentDigest.of('')), '')).toBe('matches');
  expect(ContentDigest.of('').checker().matches()).toBe(true);
});

test.each(['sha-256=:c2VjcmV0:', 'secret', 'sha-256="secret"', 'SECRET=:AA==:'])(
  'an error holds nothing of %s',
  (field) => {
    expect(() => ContentDigest.read(field)).toThrow(/^(?!.*(?:secret|c2VjcmV0))/i);
  },
);
