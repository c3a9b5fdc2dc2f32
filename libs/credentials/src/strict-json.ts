/** Why a text was refused. `syntax` covers everything outside RFC 8259, numbers too large for a double included. */
export type StrictJsonErrorCode =
  'invalid_utf8' | 'syntax' | 'duplicate_key' | 'too_deep' | 'forbidden_key' | 'nul' | 'too_large';

/** Says what is wrong and where, never the values that were read: those may be secrets. */
export class StrictJsonError extends Error {
  override readonly name = 'StrictJsonError';

  /** @param path JSON pointer (RFC 6901) of the value or member at fault; '' is the whole text */
  constructor(
    readonly code: StrictJsonErrorCode,
    readonly path: string,
  ) {
    super(`${sentences[code]}${path === '' ? '' : ` at ${path}`}`);
  }
}

export interface StrictJsonLimits {
  /** How many arrays and objects may lie inside one another; 32 unless set. */
  readonly maxDepth?: number;
  /** UTF-8 bytes; no limit unless set. */
  readonly maxBytes?: number;
}

/**
 * Reads one JSON text (RFC 8259, I-JSON RFC 7493) that any two parsers understand in the same way.
 *
 * Refuses, besides bad syntax: member names that occur twice in an object, the names `__proto__`, `constructor` and
 * `prototype`, NUL and lone surrogates in strings, invalid UTF-8, a byte order mark, numbers that overflow a double,
 * nesting beyond `maxDepth`, more than `maxBytes`. Throws {@link StrictJsonError} and nothing else.
 */
export function parseStrictJson(source: string | Uint8Array, limits: StrictJsonLimits = {}): unknown {
  const { maxDepth = 32, maxBytes = Infinity } = limits;
  const bytes = typeof source === 'string' ? Buffer.byteLength(source) : source.byteLength;
  if (bytes > maxBytes) throw new StrictJsonError('too_large', '');
  return new Reader(typeof source === 'string' ? wellFormed(source) : decodeUtf8(source), maxDepth).readAll();
}

const sentences: Record<StrictJsonErrorCode, string> = {
  invalid_utf8: 'The text is not valid UTF-8',
  syntax: 'The text is not valid JSON',
  duplicate_key: 'A member name occurs twice',
  too_deep: 'The text is nested too deeply',
  forbidden_key: 'A member name is not allowed',
  nul: 'A string holds NUL',
  too_large: 'The text is too large',
};

// `ignoreBOM` keeps the mark in the text, where it then is a syntax error; the default would drop it silently.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new StrictJsonError('invalid_utf8', '');
  }
}

/** With the `u` flag a proper pair is one code point, so this class matches lone halves only. */
const loneSurrogate = /\p{Surrogate}/u;

function wellFormed(text: string): string {
  if (loneSurrogate.test(text)) throw new StrictJsonError('invalid_utf8', '');
  return text;
}

const forbiddenKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
const numberText = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// The plain run of a string: no quote, backslash or control character (RFC 8259 section 7).
const plainText = /[^"\\\u0000-\u001f]*/y;
const hexDigits = /^[0-9a-fA-F]{4}$/;
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/**
 * A reader of our own rather than JSON.parse plus a scan for duplicates: two readings of one text are what this file
 * exists to prevent.
 */
class Reader {
  private at = 0;
  private readonly path: (string | number)[] = [];

  constructor(
    private readonly text: string,
    private readonly maxDepth: number,
  ) {}

  readAll(): unknown {
    const value = this.value(0);
    this.space();
    if (this.at !== this.text.length) this.fail('syntax');
    return value;
  }

  private value(depth: number): unknown {
    this.space();
    switch (this.text[this.at]) {
      case '{':
        return this.object(depth + 1);
      case '[':
        return this.array(depth + 1);
      case '"':
        return this.string();
      case 't':
        return this.word('true', true);
      case 'f':
        return this.word('false', false);
      case 'n':
        return this.word('null', null);
      default:
        return this.number();
    }
  }

  private object(depth: number): Record<string, unknown> {
    if (depth > this.maxDepth) this.fail('too_deep');
    const object: Record<string, unknown> = {};
    this.at++;
    this.space();
    if (this.take('}')) return object;
    do {
      this.space();
      const key = this.string();
      this.path.push(key);
      if (forbiddenKeys.has(key)) this.fail('forbidden_key');
      if (Object.hasOwn(object, key)) this.fail('duplicate_key');
      this.space();
      if (!this.take(':')) this.fail('syntax');
      object[key] = this.value(depth);
      this.path.pop();
      this.space();
    } while (this.take(','));
    if (!this.take('}')) this.fail('syntax');
    return object;
  }

  private array(depth: number): unknown[] {
    if (depth > this.maxDepth) this.fail('too_deep');
    const array: unknown[] = [];
    this.at++;
    this.space();
    if (this.take(']')) return array;
    do {
      this.path.push(array.length);
      array.push(this.value(depth));
      this.path.pop();
      this.space();
    } while (this.take(','));
    if (!this.take(']')) this.fail('syntax');
    return array;
  }

  private string(): string {
    if (!this.take('"')) this.fail('syntax');
    let result = this.match(plainText);
    let escaped = false;
    while (this.take('\\')) {
      escaped = true;
      result += this.escape() + this.match(plainText);
    }
    if (!this.take('"')) this.fail('syntax');
    // Halves can come from escapes alone: the text itself was checked as a whole.
    if (escaped && loneSurrogate.test(result)) this.fail('invalid_utf8');
    return result;
  }

  private escape(): string {
    const letter = this.text[this.at++] ?? '';
    if (letter !== 'u') return (Object.hasOwn(escapes, letter) ? escapes[letter] : undefined) ?? this.fail('syntax');
    const digits = this.text.slice(this.at, this.at + 4);
    if (!hexDigits.test(digits)) this.fail('syntax');
    this.at += 4;
    if (digits === '0000') this.fail('nul');
    return String.fromCharCode(parseInt(digits, 16));
  }

  private number(): number {
    const digits = this.match(numberText);
    if (digits === '') this.fail('syntax');
    const value = Number(digits);
    if (!Number.isFinite(value)) this.fail('syntax');
    return value;
  }

  private word<Value>(word: string, value: Value): Value {
    if (!this.text.startsWith(word, this.at)) this.fail('syntax');
    this.at += word.length;
    return value;
  }

  private space(): void {
    for (;;) {
      const character = this.text[this.at];
      if (character !== ' ' && character !== '\n' && character !== '\r' && character !== '\t') return;
      this.at++;
    }
  }

  private take(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const [found = ''] = pattern.exec(this.text) ?? [];
    this.at += found.length;
    return found;
  }

  private fail(code: StrictJsonErrorCode): never {
    const pointer = this.path.map((token) => `/${String(token).replaceAll('~', '~0').replaceAll('/', '~1')}`);
    throw new StrictJsonError(code, pointer.join(''));
  }
}
