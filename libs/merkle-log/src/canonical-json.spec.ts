import * as fc from 'fast-check';
import { describeVectors } from '../../credentials/spec/vectors.js';
import { canonicalJson, CanonicalJsonError, maxCanonicalDepth } from './canonical-json.js';

const text = (value: unknown) => canonicalJson(value).toString('utf8');

function codeOf(value: unknown): string {
  try {
    return `no error: ${text(value)}`;
  } catch (error) {
    if (error instanceof CanonicalJsonError) return `${error.code} at ${error.path}`;
    throw error;
  }
}

describeVectors('jcs', (vectors) => {
  test.each(vectors.names('input'))('%s has the bytes that RFC 8785 gives it', (name) => {
    const bytes = canonicalJson(vectors.json(`input/${name}`));
    expect(bytes.toString('hex')).toBe(vectors.text(`outhex/${name.replace('.json', '.txt')}`).replace(/\s/g, ''));
    expect(bytes.toString('utf8')).toBe(vectors.text(`output/${name}`));
  });
});

describe('one value has one text', () => {
  test('whatever the order of its members was', () => {
    const permuted = fc
      .dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ noUnicodeString: false, maxDepth: 3 }))
      .chain((value) =>
        fc.tuple(
          fc.constant(value),
          fc.shuffledSubarray(Object.entries(value), { minLength: Object.keys(value).length }),
        ),
      );
    fc.assert(
      fc.property(permuted, ([value, entries]) => {
        fc.pre(codeOf(value).startsWith('no error'));
        expect(text(Object.fromEntries(entries))).toBe(text(value));
      }),
    );
  });

  test('and its text means the value again', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        fc.pre(codeOf(value).startsWith('no error'));
        expect(text(JSON.parse(text(value)))).toBe(text(value));
      }),
    );
  });

  test.each([
    [-0, '0'],
    [1e21, '1e+21'],
    [1e-7, '1e-7'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    [{ '\ud83d\ude00': 1, '\ufb33': 2 }, '{"\ud83d\ude00":1,"\ufb33":2}'],
    [{ 10: 1, 9: 2 }, '{"10":1,"9":2}'],
    [JSON.parse('{"b":1,"__proto__":2}'), '{"__proto__":2,"b":1}'],
    [Object.assign(Object.create(null) as object, { a: [] }), '{"a":[]}'],
  ])('%j is %s', (value, expected) => {
    expect(text(value)).toBe(expected);
  });

  test('and every character is written as ECMAScript writes it, as RFC 8785 section 3.2.2.2 asks', () => {
    for (let code = 0; code < 0x10000; code++) {
      if (code >= 0xd800 && code < 0xe000) continue;
      const string = `a${String.fromCharCode(code)}`;
      if (text(string) !== JSON.stringify(string))
        throw new Error(`U+${code.toString(16)} is written as ${text(string)}`);
    }
  });

  test('the same object may stand in it twice', () => {
    const twice = { a: 1 };
    expect(text([twice, twice])).toBe('[{"a":1},{"a":1}]');
  });
});

describe('refused is', () => {
  const cycle: Record<string, unknown> = { inner: [] };
  (cycle['inner'] as unknown[]).push(cycle);
  const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);

  test.each([
    ['undefined', undefined, 'not_json at '],
    ['a member that is undefined', { a: { b: undefined } }, 'not_json at /a/b'],
    ['a hole in an array', [1, , 3], 'not_json at /1'],
    ['a function', { 'a/b': () => 1 }, 'not_json at /a~1b'],
    ['a symbol', [Symbol('x')], 'not_json at /0'],
    ['a member named by a symbol', { [Symbol('x')]: 1 }, 'not_json at '],
    ['a bigint', 1n, 'not_json at '],
    ['a Map', { m: new Map() }, 'not_json at /m'],
    ['a Date, which has a toJSON of its own', new Date(0), 'not_json at '],
    ['bytes', Buffer.from('x'), 'not_json at '],
    ['NaN', [NaN], 'not_finite at /0'],
    ['Infinity', -Infinity, 'not_finite at '],
    ['an integer that a double cannot hold for sure', 2 ** 53, 'unsafe_integer at '],
    ['a negative one', { n: -(2 ** 60) }, 'unsafe_integer at /n'],
    ['a lone surrogate', '\ud800x', 'lone_surrogate at '],
    ['a lone surrogate in a name', { '\udc00': 1 }, 'lone_surrogate at /\ufffd'],
    ['a value that holds itself', cycle, 'cycle at /inner/0'],
  ])('%s', (_, value, expected) => {
    expect(codeOf(value)).toBe(expected);
  });

  test('more nesting than the limit, before the stack ends', () => {
    expect(codeOf(deep(maxCanonicalDepth))).toMatch(/^no error/);
    expect(codeOf(deep(maxCanonicalDepth + 1))).toMatch(/^too_deep/);
  });

  test('without showing the value', () => {
    expect(() => canonicalJson({ password: 'hunter2\ud800' })).toThrow(/^(?!.*hunter2)/);
  });
});
