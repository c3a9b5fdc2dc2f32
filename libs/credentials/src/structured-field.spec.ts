import fc from 'fast-check';
import { describeVectors } from '../spec/vectors.js';
import {
  type BareItem,
  type InnerList,
  type Item,
  type Member,
  parseDictionary,
  parseItem,
  parseList,
  serialiseDictionary,
  serialiseList,
  serialiseMember,
  StructuredFieldError,
} from './structured-field.js';

interface Vector {
  name: string;
  raw?: string[];
  header_type: 'item' | 'list' | 'dictionary';
  expected?: unknown;
  must_fail?: boolean;
  canonical?: string[];
}

/** What RFC 9651 lets a parser refuse, and this one does. */
const refused: Record<string, string> = {
  'bad padding': 'base64 has one form here: two texts must not be one signature',
  'non-zero pad bits': 'the same',
};

const parsers = { item: parseItem, list: parseList, dictionary: parseDictionary };
const serialisers = {
  item: (value: unknown) => serialiseMember(value as Item),
  list: (value: unknown) => serialiseList(value as Member[]),
  dictionary: (value: unknown) => serialiseDictionary(value as ReadonlyMap<string, Member>),
};

const codeOf = (action: () => unknown): string | undefined => {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof StructuredFieldError) return error.code;
    throw error;
  }
};

// Values of ours as the vectors write them, and back.

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function toBase32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const letters = (bits.match(/.{1,5}/g) ?? []).map((five) => base32[parseInt(five.padEnd(5, '0'), 2)]).join('');
  return letters.padEnd(Math.ceil(letters.length / 8) * 8, '=');
}

function fromBase32(text: string): Buffer {
  const bits = [...text.replaceAll('=', '')]
    .map((letter) => base32.indexOf(letter).toString(2).padStart(5, '0'))
    .join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
}

const typeNames = { token: 'token', date: 'date', display: 'displaystring' } as const;

function shownBare(bare: BareItem): unknown {
  if (bare.type === 'bytes') return { __type: 'binary', value: toBase32(bare.value) };
  if (bare.type === 'token' || bare.type === 'date' || bare.type === 'display') {
    return { __type: typeNames[bare.type], value: bare.value };
  }
  return bare.value;
}

const shownParameters = (parameters: ReadonlyMap<string, BareItem>): unknown =>
  [...parameters].map(([key, bare]) => [key, shownBare(bare)]);

function shown(member: Member): unknown {
  const value = 'bare' in member ? shownBare(member.bare) : member.items.map(shown);
  return [value, shownParameters(member.parameters)];
}

function shownWhole(value: Item | readonly Member[] | ReadonlyMap<string, Member>): unknown {
  if (value instanceof Map)
    return [...(value as ReadonlyMap<string, Member>)].map(([key, member]) => [key, shown(member)]);
  return Array.isArray(value) ? (value as Member[]).map(shown) : shown(value as Item);
}

function readBare(value: unknown): BareItem {
  if (typeof value === 'string') return { type: 'string', value };
  if (typeof value === 'boolean') return { type: 'boolean', value };
  if (typeof value === 'number') return { type: Number.isInteger(value) ? 'integer' : 'decimal', value };
  const { __type, value: inner } = value as { __type: string; value: string | number };
  if (__type === 'date') return { type: 'date', value: Number(inner) };
  if (__type === 'binary') return { type: 'bytes', value: fromBase32(String(inner)) };
  return { type: __type === 'token' ? 'token' : 'display', value: String(inner) };
}

type Written = [unknown, [string, unknown][]];

function readMember([value, parameters]: Written): Member {
  const read = new Map(parameters.map(([key, bare]) => [key, readBare(bare)]));
  return Array.isArray(value)
    ? { items: (value as Written[]).map((item) => readMember(item) as Item), parameters: read }
    : { bare: readBare(value), parameters: read };
}

const readWhole = (type: Vector['header_type'], expected: unknown): unknown =>
  type === 'item'
    ? readMember(expected as Written)
    : type === 'list'
      ? (expected as Written[]).map(readMember)
      : new Map((expected as [string, Written][]).map(([key, member]) => [key, readMember(member)]));

describeVectors('structured-field-tests', (vectors) => {
  const files = vectors.names().filter((name) => name.endsWith('.json'));

  test('all files are read', () => expect(files).toHaveLength(19));

  test.each(files)('%s: what must fail fails; the rest is read as expected and written in its one form', (file) => {
    const met: string[] = [];
    for (const { name, raw = [], header_type: type, must_fail, expected, canonical } of vectors.json<Vector[]>(file)) {
      const parse = () => parsers[type](raw);
      if (must_fail || Object.hasOwn(refused, name)) {
        expect([name, codeOf(parse)]).toEqual([name, 'syntax']);
        if (!must_fail) met.push(name);
        continue;
      }
      const value = parse();
      expect([name, shownWhole(value)]).toEqual([name, expected]);
      expect([name, serialisers[type](value)]).toEqual([name, (canonical ?? raw).join(', ')]);
    }
    expect(met).toEqual(file === 'binary.json' ? Object.keys(refused) : []);
  });

  test.each(vectors.names('serialisation-tests'))('serialisation-tests/%s: what has no text is refused', (file) => {
    const tests = vectors.json<Vector[]>(`serialisation-tests/${file}`);
    expect(tests.length).toBeGreaterThan(0);
    for (const { name, header_type: type, must_fail, expected, canonical = [] } of tests) {
      const write = () => serialisers[type](readWhole(type, expected));
      if (must_fail) expect([name, codeOf(write)]).toEqual([name, 'value']);
      else expect([name, write()]).toEqual([name, canonical.join(', ')]);
    }
  });
});

test('a key that occurs twice wins by its last value, in its first place, unless duplicates are refused', () => {
  expect(serialiseDictionary(parseDictionary('a=1, b=2, a=3'))).toBe('a=3, b=2');
  expect(serialiseMember(parseItem('x;a=1;b;a=3'))).toBe('x;a=3;b');
  const rules = { duplicates: 'refuse' } as const;
  expect(codeOf(() => parseDictionary('a=1, b=2, a=1', rules))).toBe('duplicate');
  expect(codeOf(() => parseDictionary(['a=1', 'b=2', 'a=1'], rules))).toBe('duplicate');
  expect(codeOf(() => parseDictionary('a=1;x;x', rules))).toBe('duplicate');
  expect(codeOf(() => parseDictionary('a=("b";x=1;x=1)', rules))).toBe('duplicate');
  expect(codeOf(() => parseItem('x;a=1;a=1', rules))).toBe('duplicate');
  expect(codeOf(() => parseList('x;a=1;a=1', rules))).toBe('duplicate');
  expect(codeOf(() => parseDictionary('a=1;x, b=2;x', rules))).toBeUndefined();
});

test('a member tells its own text as it was received', () => {
  const members = parseDictionary(['a=( "x"  "y");p = 1'.replace(' = ', '='), 'b;q=1 ,  c="d"']);
  expect([...members].map(([key, { text }]) => [key, text])).toEqual([
    ['a', '( "x"  "y");p=1'],
    ['b', ';q=1'],
    ['c', '"d"'],
  ]);
});

test('a decimal is written with one to three digits after the point, rounded half to even', () => {
  const write = (value: number) => serialiseMember({ bare: { type: 'decimal', value }, parameters: new Map() });
  expect([1, -1, 0, 0.5, 1.25, 10.0625, 0.0625, -0.0625, 0.1875, 999_999_999_999.5].map(write)).toEqual([
    ...['1.0', '-1.0', '0.0', '0.5', '1.25'],
    ...['10.062', '0.062', '-0.062', '0.188', '999999999999.5'],
  ]);
  for (const value of [1e12, -1e12, NaN, Infinity]) expect(codeOf(() => write(value))).toBe('value');
});

test('whatever can be written is read back as it was', () => {
  const key = fc.stringMatching(/^[a-z*][a-z0-9_.*-]{0,8}$/);
  const bare: fc.Arbitrary<BareItem> = fc.oneof(
    fc.record({
      type: fc.constantFrom('integer' as const, 'date' as const),
      value: fc.integer({ min: -999_999_999_999_999, max: 999_999_999_999_999 }),
    }),
    fc.record({ type: fc.constant('decimal' as const), value: fc.integer({ min: -1e9, max: 1e9 }).map((n) => n / 8) }),
    fc.record({ type: fc.constant('string' as const), value: fc.stringMatching(/^[ -~]{0,20}$/) }),
    fc.record({ type: fc.constant('token' as const), value: fc.stringMatching(/^[A-Za-z*][A-Za-z0-9:/*~-]{0,9}$/) }),
    fc.record({ type: fc.constant('display' as const), value: fc.string({ unit: 'grapheme', maxLength: 12 }) }),
    fc.record({
      type: fc.constant('bytes' as const),
      value: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    }),
    fc.record({ type: fc.constant('boolean' as const), value: fc.boolean() }),
  );
  const parameters = fc.array(fc.tuple(key, bare), { maxLength: 3 }).map((entries) => new Map(entries));
  const item: fc.Arbitrary<Item> = fc.record({ bare, parameters });
  const innerList: fc.Arbitrary<InnerList> = fc.record({ items: fc.array(item, { maxLength: 3 }), parameters });
  const member = fc.oneof(item, innerList);
  fc.assert(
    fc.property(fc.array(fc.tuple(key, member), { maxLength: 4 }), (entries) => {
      const dictionary = new Map<string, Member>(entries);
      const text = serialiseDictionary(dictionary);
      const read = parseDictionary(text, { duplicates: 'refuse' });
      expect(serialiseDictionary(read)).toBe(text);
      expect(shownWhole(read)).toEqual(shownWhole(dictionary));
    }),
  );
});

test('text that nobody wrote for us is refused with an error of ours and in no time', () => {
  fc.assert(fc.property(fc.string({ maxLength: 60 }), (text) => void codeOf(() => parseDictionary(text))));
  const long = 16_384;
  for (const text of [
    `a="${'\\"'.repeat(long)}`,
    `a=${' '.repeat(long)}`,
    `a=:${'A'.repeat(long)}`,
    `a=(${' '.repeat(long)}`,
  ]) {
    expect(codeOf(() => parseDictionary(text))).toBe('syntax');
  }
});
