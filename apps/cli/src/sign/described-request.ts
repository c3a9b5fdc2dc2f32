import { UsageFault } from '../command.js';
import { bytesOf } from '../remote/input.js';
import { type Options, type Values } from '../remote/remote-command.js';

/** What of a command line tells of a request beside its method and its URL. */
export const requestOptions = {
  header: { type: 'string', multiple: true },
  data: { type: 'string' },
} as const satisfies Options;

export const requestHelp = `  --header 'Name: value'     several: the option again
  --data BODY | @FILE | @-   the body; a file's bytes; standard input's`;

/** A body, and where it stands, so that it need not be copied. */
export interface Body {
  readonly bytes: Buffer;
  /** Null for what the command line or standard input said. */
  readonly file: string | null;
}

/** Undefined if there is none. */
export async function bodyOf({ data }: Values<typeof requestOptions>): Promise<Body | undefined> {
  if (data === undefined) return undefined;
  if (!data.startsWith('@')) return { bytes: Buffer.from(data), file: null };
  const path = data.slice(1);
  if (path === '') throw new UsageFault('--data @FILE names a file: after the @.');
  return { bytes: await bytesOf(path, 'The body'), file: path === '-' ? null : path };
}

/** Name and value of each, in the order said. Refuses what could stand in no header; a value is not repeated, it may be a secret. */
export function headersOf(lines: readonly string[]): [string, string][] {
  return lines.map((line) => {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/s.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new UsageFault("A header is 'Name: value'.");
    if (!/^[\t\x20-\x7e]*$/.test(value)) throw new UsageFault(`${name} has a character that no header may have.`);
    return [name, value];
  });
}

/** As the request line has it: capitals are not made of small letters, since methods have both. */
export function methodOf(given: string | undefined): string {
  if (given === undefined || !/^[A-Z][A-Z-]{0,31}$/.test(given))
    throw new UsageFault('A method is written in capitals: GET.');
  return given;
}
