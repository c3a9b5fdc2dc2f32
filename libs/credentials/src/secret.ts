import { inspect } from 'node:util';

/**
 * A text that must not be seen. Printing, logging, JSON and string concatenation show `[secret]`;
 * `reveal()` is the one way out, so that a search for it lists every place where a secret leaves.
 */
export class Secret {
  // A real private field, not TypeScript's `private`: loggers and `Object.entries` walk the latter.
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  static of(text: string): Secret {
    return new Secret(text);
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
