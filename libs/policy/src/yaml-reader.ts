import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument, type Document } from 'yaml';

/** One thing wrong with a policy. Lines count from 1; 0 is the file as a whole. */
export interface PolicyFault {
  file: string;
  line: number;
  message: string;
}

export interface Located<T> {
  value: T;
  line: number;
}

/** A YAML node, or the null that the parser leaves where nothing is written, with the place of its key. */
export interface YamlNode {
  node: unknown;
  at: number;
}

const MOST_SOURCE_CHARACTERS = 1024 * 1024;

/** Takes YAML apart and notes what is not as it should be; what it cannot read it leaves out. */
export class Reader {
  readonly faults: PolicyFault[] = [];
  readonly #source: { file: string; text: string };
  readonly #variables: Readonly<Record<string, string>>;
  readonly #lines = new LineCounter();
  #document: Document | undefined;

  constructor(source: { file: string; text: string }, variables: Readonly<Record<string, string>>) {
    this.#source = source;
    this.#variables = variables;
  }

  /** The document, unless it is no YAML: then its structure is not looked at. */
  root(): YamlNode | undefined {
    const { text, file } = this.#source;
    if (text.length > MOST_SOURCE_CHARACTERS) {
      this.faults.push({ file, line: 0, message: `the file is longer than ${MOST_SOURCE_CHARACTERS} characters` });
      return undefined;
    }
    try {
      const document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, version: '1.2' });
      const told = new Set<string>();
      for (const { pos, message } of [...document.errors, ...document.warnings]) {
        const line = this.#lines.linePos(pos[0]).line;
        if (!told.has(`${line} ${message}`)) this.faults.push({ file, line, message });
        told.add(`${line} ${message}`);
      }
      // A key given twice leaves the rest readable; after any other error the structure would be a guess.
      if (document.errors.some(({ code }) => code !== 'DUPLICATE_KEY')) return undefined;
      this.#document = document;
      return { node: document.contents, at: 0 };
    } catch (error) {
      // The parser recurses; a file nested thousands deep ends here and not in a crash.
      this.faults.push({ file, line: 0, message: `cannot be read as YAML: ${(error as Error).message}` });
      return undefined;
    }
  }

  fault(node: YamlNode | undefined, message: string): void {
    this.faults.push({ file: this.#source.file, line: this.line(node), message });
  }

  line(node: YamlNode | undefined): number {
    return this.#lines.linePos(node?.at ?? 0).line;
  }

  /** A map with some of the named keys. */
  fields(node: YamlNode, what: string, keys: readonly string[]): Map<string, YamlNode> {
    const found = new Map<string, YamlNode>();
    for (const [key, value] of this.entries(node, what)) {
      if (keys.includes(key)) found.set(key, value);
      else this.fault(value, `${what} has no key "${key}"; it can have ${keys.join(', ')}`);
    }
    return found;
  }

  entries(node: YamlNode | undefined, what: string): [string, YamlNode][] {
    const map = this.#resolve(node);
    if (node === undefined || isEmpty(map)) return [];
    if (!isMap(map)) {
      this.fault(node, `"${what}" must be a map`);
      return [];
    }
    const entries: [string, YamlNode][] = [];
    for (const { key, value } of map.items) {
      const at = placeOf(key) ?? node.at;
      if (isScalar(key) && typeof key.value === 'string') entries.push([key.value, { node: value, at }]);
      else this.fault({ node: key, at }, `a key of "${what}" is no text`);
    }
    return entries;
  }

  items(node: YamlNode | undefined, what: string): YamlNode[] {
    const list = this.#resolve(node);
    if (node === undefined || isEmpty(list)) return [];
    if (isSeq(list)) return list.items.map((item) => ({ node: item, at: placeOf(item) ?? node.at }));
    this.fault(node, `"${what}" must be a list`);
    return [];
  }

  strings(node: YamlNode | undefined, what: string): Located<string>[] {
    return this.items(node, what).flatMap((item) => {
      const value = this.string(item, what);
      return value === undefined ? [] : [{ value, line: this.line(item) }];
    });
  }

  string(node: YamlNode | undefined, what: string): string | undefined {
    const value = this.value(node);
    if (typeof value === 'string' && value !== '') return value;
    if (node !== undefined) this.fault(node, `"${what}" must be text`);
    return undefined;
  }

  /** Text with its variables filled in. */
  filled(node: YamlNode | undefined, what: string): string | undefined {
    return this.string(node, what)?.replace(
      /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
      (_, name: string, otherwise: string | undefined) => {
        const given = Object.hasOwn(this.#variables, name) ? this.#variables[name] : undefined;
        const value = given === '' ? (otherwise ?? given) : (given ?? otherwise);
        if (value === undefined) this.fault(node, `variable ${name} is not set and has no default`);
        return value ?? 'http://unset.invalid';
      },
    );
  }

  /** A whole number from 1 to `most`. */
  whole(node: YamlNode | undefined, what: string, most: number): number | undefined {
    const value = this.value(node);
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return value;
    if (node !== undefined) this.fault(node, `"${what}" must be a whole number from 1 to ${most}`);
    return undefined;
  }

  flag(node: YamlNode | undefined, what: string): boolean {
    const value = this.value(node);
    if (typeof value === 'boolean') return value;
    if (node !== undefined) this.fault(node, `"${what}" must be true or false`);
    return false;
  }

  oneOf<T extends string>(node: YamlNode | undefined, what: string, options: readonly T[]): T | undefined {
    const value = this.value(node);
    const option = options.find((known) => known === value);
    if (node !== undefined && option === undefined) this.fault(node, `"${what}" must be ${options.join(' or ')}`);
    return option;
  }

  /** A scalar's value; undefined for anything else. */
  value(node: YamlNode | undefined): unknown {
    const scalar = this.#resolve(node);
    return isScalar(scalar) ? scalar.value : undefined;
  }

  #resolve(node: YamlNode | undefined): unknown {
    const at = node?.node;
    return isAlias(at) && this.#document ? at.resolve(this.#document) : at;
  }
}

function isEmpty(node: unknown): boolean {
  return node === null || node === undefined || (isScalar(node) && node.value === null);
}

function placeOf(node: unknown): number | undefined {
  return (node as { range?: readonly number[] } | null)?.range?.[0];
}
