/** Why a value has no canonical form. */
export type CanonicalJsonErrorCode =
  'not_json' | 'not_finite' | 'unsafe_integer' | 'lone_surrogate' | 'cycle' | 'too_deep';

/** Says what is wrong and where, never the value itself. */
export class CanonicalJsonError extends Error {
  override readonly name = 'CanonicalJsonError';

  /** @param path JSON pointer (RFC 6901) of the value or member at fault; '' is the whole value */
  constructor(
    readonly code: CanonicalJsonErrorCode,
    readonly path: string,
  ) {
    super(`${sentences[code]}${path === '' ? '' : ` at ${path}`}`);
  }
}

/** How many arrays and objects may lie inside one another. */
export const maxCanonicalDepth = 128;

/**
 * The canonical bytes of a JSON value (RFC 8785): members sorted by UTF-16 code units, numbers and strings as ECMAScript
 * writes them, no white space, UTF-8. Values that are equal as JSON have one text, so its hash may stand for the value.
 *
 * Refuses what is no JSON value (undefined also as a member, functions, symbols, bigints, holes in arrays, objects of a
 * class) and what two readers could read differently: lone surrogates, NaN and Infinity, and integers beyond 2^53 − 1
 * that ECMAScript writes out in digits. From 1e21 on it writes an exponent, which every reader takes for a double.
 *
 * Throws {@link CanonicalJsonError} and nothing else.
 */
export function canonicalJson(value: unknown): Buffer {
  return Buffer.from(canonicalText(value), 'utf8');
}

/** The text whose UTF-8 is {@link canonicalJson}. */
export function canonicalText(value: unknown): string {
  return write(value, [], []);
}

const sentences: Record<CanonicalJsonErrorCode, string> = {
  not_json: 'This is no JSON value',
  not_finite: 'A number is not finite',
  unsafe_integer: 'An integer beyond 2^53 - 1 must be written as a string',
  lone_surrogate: 'A string holds a lone surrogate',
  cycle: 'The value holds itself',
  too_deep: 'The value is nested too deeply',
};

type Path = (string | number)[];

/** `path` and `around` (the arrays and objects that `value` lies in) are as they were when this returns. */
function write(value: unknown, path: Path, around: object[]): string {
  switch (typeof value) {
    case 'string':
      return writeString(value, path);
    case 'number':
      return writeNumber(value, path);
    case 'boolean':
      return String(value);
    case 'object':
      return value === null ? 'null' : writeStructure(value, path, around);
    default:
      throw refused('not_json', path);
  }
}

/** With the `u` flag a proper pair is one code point, so this class matches lone halves only. */
const loneSurrogate = /[\uD800-\uDFFF]/u;

/** Printable ASCII without quote and backslash, as most strings are: written as it stands, in a third of the time. */
const plainText = /^[ !#-[\]-~]*$/;

// JSON.stringify escapes exactly what RFC 8785 section 3.2.2.2 asks for, but for lone halves.
function writeString(text: string, path: Path): string {
  if (plainText.test(text)) return `"${text}"`;
  if (loneSurrogate.test(text)) throw refused('lone_surrogate', path);
  return JSON.stringify(text);
}

/** ECMAScript's own form; `String(-0)` is `0`. */
function writeNumber(value: number, path: Path): string {
  if (!Number.isFinite(value)) throw refused('not_finite', path);
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21)
    throw refused('unsafe_integer', path);
  return String(value);
}

function writeStructure(value: object, path: Path, around: object[]): string {
  if (around.includes(value)) throw refused('cycle', path);
  if (around.length === maxCanonicalDepth) throw refused('too_deep', path);
  around.push(value);
  const text = Array.isArray(value) ? writeArray(value, path, around) : writeObject(value, path, around);
  around.pop();
  return text;
}

function writeArray(value: unknown[], path: Path, around: object[]): string {
  let text = '[';
  for (let index = 0; index < value.length; index++) {
    path.push(index);
    text += (index === 0 ? '' : ',') + write(value[index], path, around);
    path.pop();
  }
  return `${text}]`;
}

function writeObject(value: object, path: Path, around: object[]): string {
  // A class may hide its state from Object.keys: a Map would be `{}`. Asked so, a plain object of another realm is plain.
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) throw refused('not_json', path);
  if (Object.getOwnPropertySymbols(value).length > 0) throw refused('not_json', path);
  let text = '{';
  // Without a comparator, sort compares UTF-16 code units (ECMA-262 23.1.3.30.2).
  for (const name of Object.keys(value).sort()) {
    path.push(name);
    text += (text === '{' ? '' : ',') + writeString(name, path) + ':';
    text += write((value as Record<string, unknown>)[name], path, around);
    path.pop();
  }
  return `${text}}`;
}

function refused(code: CanonicalJsonErrorCode, path: Path): CanonicalJsonError {
  const pointer = path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  return new CanonicalJsonError(code, pointer.replace(/[\uD800-\uDFFF]/gu, '\uFFFD'));
}
