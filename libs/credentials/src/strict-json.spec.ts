import * as fc from 'fast-check';
import { describeVectors } from '../spec/vectors.js';
import { parseStrictJson, StrictJsonError, type StrictJsonErrorCode, type StrictJsonLimits } from './strict-json.js';

function refusal(source: string | Uint8Array, limits?: StrictJsonLimits): { code: StrictJsonErrorCode; path: string } {
  try {
    parseStrictJson(source, limits);
  } catch (error) {
    if (error instanceof StrictJsonError) return { code: error.code, path: error.path };
    throw error;
  }
  throw new Error(`accepted: ${String(source)}`);
}

describe('what is accepted', () => {
  test('every JSON value reads as JSON.parse reads it, from text and from bytes', () => {
    const clean = fc
      .jsonValue({ maxDepth: 6, stringUnit: 'grapheme' })
      .map((value) => JSON.stringify(value))
      .filter((text) => !/\\u0000|"(?:__proto__|constructor|prototype)"/.test(text));
    fc.assert(
      fc.property(clean, fc.constantFrom(0, 2), (text, indent) => {
        const spaced = JSON.stringify(JSON.parse(text), null, indent);
        expect(parseStrictJson(spaced)).toEqual(JSON.parse(spaced));
        expect(parseStrictJson(Buffer.from(spaced))).toEqual(JSON.parse(spaced));
      }),
    );
  });

  test('escapes, surrogate pairs, white space and the numbers at the edges', () => {
    expect(
      parseStrictJson('\t{"a\\/\\"\\\\\\b\\f\\n\\r\\t\\u00e9":["\\ud83d\\ude00", -0, 1E-2, 0.5e+1, -10]}\r\n '),
    ).toEqual({
      'a/"\\\b\f\n\r\té': ['😀', -0, 0.01, 5, -10],
    });
    expect(parseStrictJson('5e-324')).toBe(5e-324);
  });

  test('names that Object.prototype has are ordinary names, the three dangerous ones apart', () => {
    expect(parseStrictJson('{"toString":1,"hasOwnProperty":2,"valueOf":3}')).toEqual({
      toString: 1,
      hasOwnProperty: 2,
      valueOf: 3,
    });
  });

  test('nesting up to the limit, bytes up to the limit', () => {
    expect(parseStrictJson('['.repeat(32) + ']'.repeat(32))).toBeDefined();
    expect(parseStrictJson('"é"', { maxBytes: 4 })).toBe('é');
  });
});

describe('what is refused', () => {
  test.each<[string, StrictJsonErrorCode, string]>([
    ['{"a":1,"a":1}', 'duplicate_key', '/a'],
    ['{"a":1,"\\u0061":2}', 'duplicate_key', '/a'],
    ['{"x":[0,{"b/~":1,"b/~":2}]}', 'duplicate_key', '/x/1/b~1~0'],
    ['{"a":{"a":{"":1,"":2}}}', 'duplicate_key', '/a/a/'],
    ['{"__proto__":{"admin":true}}', 'forbidden_key', '/__proto__'],
    ['{"\\u005f_proto__":1}', 'forbidden_key', '/__proto__'],
    ['[{"constructor":1}]', 'forbidden_key', '/0/constructor'],
    ['{"prototype":1}', 'forbidden_key', '/prototype'],
    ['{"a":"x\\u0000y"}', 'nul', '/a'],
    ['{"x\\u0000":1}', 'nul', ''],
    ['["\\ud800"]', 'invalid_utf8', '/0'],
    ['["\\ude00\\ud83d"]', 'invalid_utf8', '/0'],
    ['"\ud800"', 'invalid_utf8', ''],
    ['\ufeff{}', 'syntax', ''],
    ['', 'syntax', ''],
    [' ', 'syntax', ''],
    ['{} {}', 'syntax', ''],
    ['{"a":1,}', 'syntax', ''],
    ['{"a" 1}', 'syntax', '/a'],
    ['[1,,2]', 'syntax', '/1'],
    ["{'a':1}", 'syntax', ''],
    ['{a:1}', 'syntax', ''],
    ['[01]', 'syntax', ''],
    ['[+1]', 'syntax', '/0'],
    ['[.5]', 'syntax', '/0'],
    ['[1.]', 'syntax', ''],
    ['[0x1]', 'syntax', ''],
    ['[NaN]', 'syntax', '/0'],
    ['[Infinity]', 'syntax', '/0'],
    ['{"exp":1e999}', 'syntax', '/exp'],
    ['"a\nb"', 'syntax', ''],
    ['"\\x41"', 'syntax', ''],
    ['"\\u12g4"', 'syntax', ''],
    ['"\\toString"x', 'syntax', ''],
    ['"open', 'syntax', ''],
    ['"open\\', 'syntax', ''],
    ['[1', 'syntax', ''],
    ['tru', 'syntax', ''],
    ['/* c */ 1', 'syntax', ''],
    ['\u00a01', 'syntax', ''],
  ])('%j is refused as %s at %j', (text, code, path) => {
    expect(refusal(text)).toEqual({ code, path });
  });

  test('bytes that are not UTF-8: overlong, cut off, encoded surrogates, Latin-1, UTF-16', () => {
    for (const bytes of ['22c0af22', '22e28222', '22eda08022', '22e922', 'fffe7b007d00']) {
      expect(refusal(Buffer.from(bytes, 'hex')).code).toBe('invalid_utf8');
    }
    expect(refusal(Buffer.from('efbbbf7b7d', 'hex')).code).toBe('syntax');
  });

  test('nesting beyond the limit, however deep, without a stack overflow', () => {
    expect(refusal('['.repeat(33) + ']'.repeat(33))).toMatchObject({ code: 'too_deep' });
    expect(refusal('{"a":'.repeat(100_000))).toMatchObject({ code: 'too_deep' });
    expect(refusal('[[]]', { maxDepth: 1 })).toEqual({ code: 'too_deep', path: '/0' });
  });

  test('more bytes than allowed, counted in UTF-8, before anything is read', () => {
    expect(refusal('"é"', { maxBytes: 3 }).code).toBe('too_large');
    expect(refusal(Buffer.from('not json'), { maxBytes: 3 }).code).toBe('too_large');
  });

  test('a refusal never repeats a value', () => {
    expect(() => parseStrictJson('{"password":"hunter2" "x"}')).toThrow(/^(?!.*hunter2)/);
  });
});

describeVectors('json-test-suite', (vectors) => {
  const files = vectors.names('test_parsing');
  const read = (name: string) => vectors.bytes(`test_parsing/${name}`);
  /** Valid JSON that we refuse by rule; anything else that is refused is a fault. */
  const refusedByRule: Record<string, StrictJsonErrorCode> = {
    'y_object_duplicated_key.json': 'duplicate_key',
    'y_object_duplicated_key_and_value.json': 'duplicate_key',
    'y_object_escaped_null_in_key.json': 'nul',
    'y_string_null_escape.json': 'nul',
  };

  test('the suite is whole', () => {
    expect(files.filter((name) => name.startsWith('y_'))).toHaveLength(95);
    expect(files.filter((name) => name.startsWith('n_'))).toHaveLength(188);
  });

  test.each(files.filter((name) => name.startsWith('y_') && !(name in refusedByRule)))('%s is accepted', (name) => {
    expect(parseStrictJson(read(name))).toEqual(JSON.parse(read(name).toString()));
  });

  test.each(Object.entries(refusedByRule))('%s is valid JSON that we refuse as %s', (name, code) => {
    expect(refusal(read(name)).code).toBe(code);
  });

  test.each(files.filter((name) => name.startsWith('n_')))('%s is refused', (name) => {
    expect(() => parseStrictJson(read(name))).toThrow(StrictJsonError);
  });

  test('where the standard leaves it open, these and only these are accepted', () => {
    const accepted = files
      .filter((name) => name.startsWith('i_'))
      .filter((name) => {
        try {
          parseStrictJson(read(name));
          return true;
        } catch (error) {
          expect(error).toBeInstanceOf(StrictJsonError);
          return false;
        }
      });
    // Numbers that lose precision are still numbers; what must keep more than 53 bits is a string.
    expect(accepted).toEqual([
      'i_number_double_huge_neg_exp.json',
      'i_number_real_underflow.json',
      'i_number_too_big_neg_int.json',
      'i_number_too_big_pos_int.json',
      'i_number_very_big_negative_int.json',
    ]);
  });
});
