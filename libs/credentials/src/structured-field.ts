import { decodeBase64 } from './base64url.js';

/** RFC 9651 section 3.3. Integers, Decimals and Dates are numbers; a Date is in seconds since 1970. */
export type BareItem =
  | { readonly type: 'integer' | 'decimal' | 'date'; readonly value: number }
  | { readonly type: 'string' | 'token' | 'display'; readonly value: string }
  | { readonly type: 'bytes'; readonly value: Buffer }
  | { readonly type: 'boolean'; readonly value: boolean };

/** In the order received. */
export type Parameters = ReadonlyMap<string, BareItem>;

export interface Item {
  readonly bare: BareItem;
  readonly parameters: Parameters;
}

export interface InnerList {
  readonly items: readonly Item[];
  readonly parameters: Parameters;
}

/** What a list or a dictionary is made of. */
export type Member = Item | InnerList;

/** A member as it was read: `text` is its value in the very characters received, parameters included. */
export type ReceivedMember = Member & { readonly text: string };

/** A text is no structured field, a value cannot be written as one, or a key occurs twice where it may not. */
export class StructuredFieldError extends Error {
  override readonly name = 'StructuredFieldError';

  constructor(
    readonly code: 'syntax' | 'duplicate' | 'value',
    message: string,
  ) {
    super(message);
  }
}

export interface StructuredFieldRules {
  /**
   * What becomes of a key that occurs twice in a dictionary or among parameters: the last one wins (RFC 9651), or the
   * field is refused with the code `duplicate`, since another reader may keep the first. `last` unless set.
   */
  readonly duplicates?: 'last' | 'refuse';
}

/** The lines of a field in the order received; they are joined with a comma (RFC 9651 section 4.2). */
export type FieldLines = string | readonly string[];

/** Throws {@link StructuredFieldError}, as the other parsers do. Byte Sequences are read in their one base64 form only. */
export function parseItem(lines: FieldLines, rules: StructuredFieldRules = {}): Item {
  return new Parser(lines, rules).whole((parser) => parser.item());
}

export function parseList(lines: FieldLines, rules: StructuredFieldRules = {}): readonly ReceivedMember[] {
  return new Parser(lines, rules).whole((parser) => parser.list());
}

/** In the order of each key's first occurrence. */
export function parseDictionary(
  lines: FieldLines,
  rules: StructuredFieldRules = {},
): ReadonlyMap<string, ReceivedMember> {
  return new Parser(lines, rules).whole((parser) => parser.dictionary());
}

/** RFC 9651 section 4.1: the one text of a value. Throws {@link StructuredFieldError} `value`, as its siblings do. */
export function serialiseMember(member: Member): string {
  if ('bare' in member) return serialiseBare(member.bare) + serialiseParameters(member.parameters);
  return `(${member.items.map(serialiseMember).join(' ')})${serialiseParameters(member.parameters)}`;
}

/** '' for an empty list: such a field is left out. */
export function serialiseList(list: readonly Member[]): string {
  return list.map(serialiseMember).join(', ');
}

export function serialiseDictionary(dictionary: ReadonlyMap<string, Member>): string {
  return [...dictionary]
    .map(([key, member]) => {
      if ('bare' in member && isTrue(member.bare)) return checkedKey(key) + serialiseParameters(member.parameters);
      return `${checkedKey(key)}=${serialiseMember(member)}`;
    })
    .join(', ');
}

export function serialiseBare(bare: BareItem): string {
  switch (bare.type) {
    case 'integer':
      return wholeNumber(bare.value);
    case 'date':
      return `@${wholeNumber(bare.value)}`;
    case 'decimal':
      return decimal(bare.value);
    case 'string':
      if (!printableText.test(bare.value)) throw unwritable('A String holds printable ASCII only.');
      return `"${bare.value.replaceAll(/["\\]/g, '\\$&')}"`;
    case 'token':
      if (!tokenText.test(bare.value)) throw unwritable('A Token has other characters.');
      return bare.value;
    case 'bytes':
      return `:${bare.value.toString('base64')}:`;
    case 'boolean':
      return bare.value ? '?1' : '?0';
    case 'display':
      return displayString(bare.value);
  }
}

const keyText = /[a-z*][a-z0-9_.*-]*/y;
const wholeKeyText = /^[a-z*][a-z0-9_.*-]*$/;
const digitsText = /-?([0-9]+)(?:(\.)([0-9]*))?/y;
const stringText = /"([\x20\x21\x23-\x5b\x5d-\x7e]*(?:\\["\\][\x20\x21\x23-\x5b\x5d-\x7e]*)*)"/y;
const printableText = /^[\x20-\x7e]*$/;
const tokenRun = /[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*/y;
const tokenText = /^[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*$/;
const bytesText = /:([A-Za-z0-9+/=]*):/y;
const displayText = /%"([\x20\x21\x23\x24\x26-\x7e]*(?:%[0-9a-f]{2}[\x20\x21\x23\x24\x26-\x7e]*)*)"/y;
const noParameters: Parameters = new Map();

/** RFC 9651 section 4.2, by the algorithms there. */
class Parser {
  private at = 0;
  private readonly text: string;
  private readonly refusesDuplicates: boolean;

  constructor(lines: FieldLines, { duplicates = 'last' }: StructuredFieldRules) {
    this.text = typeof lines === 'string' ? lines : lines.join(', ');
    this.refusesDuplicates = duplicates === 'refuse';
  }

  whole<Value>(read: (parser: this) => Value): Value {
    this.spaces();
    const value = read(this);
    this.spaces();
    if (this.at !== this.text.length) this.fail();
    return value;
  }

  list(): ReceivedMember[] {
    const members: ReceivedMember[] = [];
    if (this.at === this.text.length) return members;
    do members.push(this.received(() => this.member()));
    while (this.comma());
    return members;
  }

  dictionary(): Map<string, ReceivedMember> {
    const members = new Map<string, ReceivedMember>();
    if (this.at === this.text.length) return members;
    do {
      const key = this.newKey(members);
      const member = this.take('=')
        ? this.received(() => this.member())
        : this.received(() => ({ bare: { type: 'boolean', value: true }, parameters: this.parameters() }));
      members.set(key, member);
    } while (this.comma());
    return members;
  }

  item(): Item {
    return { bare: this.bare(), parameters: this.parameters() };
  }

  private member(): Member {
    if (!this.take('(')) return this.item();
    const items: Item[] = [];
    for (;;) {
      this.spaces();
      if (this.take(')')) return { items, parameters: this.parameters() };
      items.push(this.item());
      const next = this.text[this.at];
      if (next !== ' ' && next !== ')') this.fail();
    }
  }

  private received(read: () => Member): ReceivedMember {
    const start = this.at;
    const member = read();
    return { ...member, text: this.text.slice(start, this.at) };
  }

  private parameters(): Parameters {
    if (this.text[this.at] !== ';') return noParameters;
    const parameters = new Map<string, BareItem>();
    while (this.take(';')) {
      this.spaces();
      const key = this.newKey(parameters);
      parameters.set(key, this.take('=') ? this.bare() : { type: 'boolean', value: true });
    }
    return parameters;
  }

  private bare(): BareItem {
    const next = this.text[this.at] ?? '';
    switch (next) {
      case '"': {
        const [, inner = ''] = this.match(stringText);
        return { type: 'string', value: inner.replaceAll(/\\(.)/g, '$1') };
      }
      case ':': {
        const [, base64 = ''] = this.match(bytesText);
        // Other spellings of the same bytes may be refused (section 4.2.7), and two texts for one signature should be.
        return { type: 'bytes', value: decodeBase64(base64) ?? this.fail() };
      }
      case '?': {
        const value = this.text[this.at + 1];
        if (value !== '0' && value !== '1') this.fail();
        this.at += 2;
        return { type: 'boolean', value: value === '1' };
      }
      case '@': {
        this.at++;
        const { type, value } = this.number();
        return type === 'integer' ? { type: 'date', value } : this.fail();
      }
      case '%':
        return { type: 'display', value: this.display() };
      default:
        if (/[A-Za-z*]/.test(next)) return { type: 'token', value: this.match(tokenRun)[0] };
        return this.number();
    }
  }

  private number(): { readonly type: 'integer' | 'decimal'; readonly value: number } {
    const [digits, whole = '', point, fraction = ''] = this.match(digitsText);
    // Adding zero makes -0 into 0, which is how it is written.
    const value = Number(digits) + 0;
    if (point === undefined) return whole.length <= 15 ? { type: 'integer', value } : this.fail();
    if (whole.length > 12 || fraction.length < 1 || fraction.length > 3) this.fail();
    return { type: 'decimal', value };
  }

  private display(): string {
    const [, inner = ''] = this.match(displayText);
    const bytes = Buffer.from(
      inner.replaceAll(/%(..)/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
      'latin1',
    );
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      return this.fail();
    }
  }

  private newKey(taken: ReadonlyMap<string, unknown>): string {
    const [key] = this.match(keyText);
    if (this.refusesDuplicates && taken.has(key)) {
      throw new StructuredFieldError('duplicate', `The key "${key}" occurs twice.`);
    }
    return key;
  }

  /** Past the comma to the next member; false at the end. A comma that nothing follows is an error. */
  private comma(): boolean {
    this.spaces('\t');
    if (this.at === this.text.length) return false;
    if (!this.take(',')) this.fail();
    this.spaces('\t');
    if (this.at === this.text.length) this.fail();
    return true;
  }

  private spaces(other = ' '): void {
    for (let next = this.text[this.at]; next === ' ' || next === other; next = this.text[this.at]) this.at++;
  }

  private take(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private match(pattern: RegExp): RegExpExecArray {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text) ?? this.fail();
    this.at += found[0].length;
    return found;
  }

  private fail(): never {
    throw new StructuredFieldError('syntax', `The field is malformed at character ${this.at + 1}.`);
  }
}

function serialiseParameters(parameters: Parameters): string {
  let text = '';
  for (const [key, bare] of parameters) {
    text += isTrue(bare) ? `;${checkedKey(key)}` : `;${checkedKey(key)}=${serialiseBare(bare)}`;
  }
  return text;
}

function isTrue(bare: BareItem): boolean {
  return bare.type === 'boolean' && bare.value;
}

function checkedKey(key: string): string {
  if (!wholeKeyText.test(key)) throw unwritable('A key has other characters.');
  return key;
}

function wholeNumber(value: number): string {
  if (!Number.isInteger(value) || Math.abs(value) > 999_999_999_999_999) {
    throw unwritable('An Integer or a Date is whole and has at most 15 digits.');
  }
  return String(value + 0);
}

/** Three digits after the point at most, rounded half to even. */
function decimal(value: number): string {
  const scaled = value * 1000;
  const up = Math.round(scaled);
  const thousandths = Math.abs(scaled % 1) === 0.5 && up % 2 !== 0 ? up - 1 : up;
  // Written so that NaN is refused.
  if (!(Math.abs(thousandths) < 1e15)) throw unwritable('A Decimal has at most 12 digits before the point.');
  const digits = String(Math.abs(thousandths)).padStart(4, '0');
  const fraction = digits.slice(-3).replace(/0{1,2}$/, '');
  return `${thousandths < 0 ? '-' : ''}${digits.slice(0, -3)}.${fraction}`;
}

function displayString(value: string): string {
  if (/\p{Surrogate}/u.test(value)) throw unwritable('A Display String is Unicode text.');
  const encoded = Buffer.from(value)
    .toString('latin1')
    .replaceAll(/[^\x20\x21\x23\x24\x26-\x7e]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return `%"${encoded}"`;
}

function unwritable(message: string): StructuredFieldError {
  return new StructuredFieldError('value', message);
}
