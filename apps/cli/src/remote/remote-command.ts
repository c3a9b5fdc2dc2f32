import { parseArgs, type ParseArgsConfig } from 'node:util';
import { exit, UsageFault, type Command, type Environment } from '../command.js';
import { type Output, outputOf, print } from '../policy/print.js';
import { connect, type Gateway } from './gateway.js';
import { clean } from './tables.js';

export type Options = NonNullable<ParseArgsConfig['options']>;

const placeOptions = {
  output: { type: 'string' },
  url: { type: 'string' },
  profile: { type: 'string' },
  organization: { type: 'string' },
  'insecure-http': { type: 'boolean' },
} as const satisfies Options;

export type Values<O extends Options> = ReturnType<typeof parseArgs<{ options: O & typeof placeOptions }>>['values'];

/** One call of a command, its line read. */
export interface Call<O extends Options = Record<never, never>> {
  readonly values: Values<O>;
  readonly positionals: readonly string[];
  readonly env: Environment;
  readonly output: Output;
  /** Refuses if nobody is signed in. */
  readonly gateway: () => Gateway;
  /** For programs the value, for people what `table` makes of it. */
  readonly print: (value: object, table: () => string) => void;
}

export interface RemoteCommand<O extends Options> {
  readonly summary: string;
  readonly help: string;
  readonly options?: O;
  /** The names of its arguments, for whoever forgets one. One in brackets may be left out. */
  readonly takes?: readonly string[];
  /** Exit code 0 unless it answers another. */
  run(call: Call<O>): Promise<number | void>;
}

/** A command that asks a gateway over its public API, as anyone could. */
export function remoteCommand<const O extends Options = Record<never, never>>(given: RemoteCommand<O>): Command {
  const { summary, help, takes = [], options } = given;
  return {
    summary,
    help: `${help}\n\n${commonHelp}`,
    async run(args, env) {
      const read = parseArgs({ args: [...args], allowPositionals: true, options: { ...placeOptions, ...options } });
      const values = read.values as Values<O>;
      const { positionals } = read;
      const needed = takes.filter((name) => !name.startsWith('['));
      const missing = needed[positionals.length];
      if (missing !== undefined) throw new UsageFault(`${missing} is missing.`);
      // Not repeated: it may be a secret that was meant for standard input.
      if (positionals.length > takes.length)
        throw new UsageFault(
          takes.length === 0 ? 'It takes no arguments.' : `It takes ${takes.join(' ')} and no more.`,
        );
      const place: Values<Record<never, never>> = read.values;
      const output = outputOf(place.output);
      const code = await given.run({
        values,
        positionals,
        env,
        output,
        gateway: () => connect(place, env, () => new Date()),
        print: (value, table) => print(output, value, table),
      });
      return code ?? exit.ok;
    },
  };
}

/** Reads a whole number of an option. */
export function wholeNumber(text: string, option: string, { min, max }: { min: number; max: number }): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (!(value >= min && value <= max)) throw new UsageFault(`${option} is a whole number, ${min} to ${max}.`);
  return value;
}

/** What was said several times, or with commas between. */
export function many(given: readonly string[] | undefined): string[] | undefined {
  return given?.flatMap((text) => text.split(',')).flatMap((text) => text.trim() || []);
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `30s`, `15m`, `24h`, `7d` in seconds; NaN for anything else. */
export function secondsOf(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  return Number(count) * (unitSeconds[unit ?? ''] ?? NaN);
}

/** A time: RFC 3339, or so long ago (`15m`, `24h`, `7d`). */
export function timeOf(text: string | undefined, option: string): string | undefined {
  if (text === undefined) return undefined;
  const ago = secondsOf(text);
  const time = Number.isNaN(ago) ? new Date(text) : new Date(Date.now() - ago * 1000);
  const isTime = !Number.isNaN(ago) || /^\d{4}-\d\d-\d\d(T.*(Z|[+-]\d\d:\d\d))?$/.test(text);
  if (!isTime || Number.isNaN(time.getTime()))
    throw new UsageFault(`${option} is a time, 2026-11-24T09:00:00Z, or so long ago: 15m, 24h, 7d.`);
  return time.toISOString();
}

/** An id, fit for a path. */
export function idOf(given: string | undefined, prefix: string): string {
  if (given === undefined || !new RegExp(`^${prefix}_[0-9A-Za-z]{1,64}$`).test(given))
    throw new UsageFault(`An id is ${prefix}_ and 26 letters and digits: the list shows them.`);
  return given;
}

/** What every list takes. */
export const listOptions = {
  limit: { type: 'string' },
  cursor: { type: 'string' },
  all: { type: 'boolean' },
} as const satisfies Options;

export const listHelp = `  --limit N        at most so many (50); more than a page is fetched page by page
  --all            all of them
  --cursor C       go on where an earlier list ended: its next_cursor`;

const mostItems = 100_000;

/** How much of a list is wanted. */
export function extentOf(values: Values<typeof listOptions>): { count: number | null; cursor?: string | undefined } {
  if (values.all === true && values.limit !== undefined) throw new UsageFault('--all or --limit, not both.');
  const count = values.all === true ? null : wholeNumber(values.limit ?? '50', '--limit', { min: 1, max: mostItems });
  return { count, cursor: values.cursor };
}

/** So that nobody takes a page for the whole. Standard error: it is in no pipe's way. */
export function sayIfMore(output: Output, next: string | null): void {
  if (output === 'table' && next !== null)
    process.stderr.write(`There are more: --all lists them, or --cursor ${clean(next)} goes on.\n`);
}

const commonHelp = `Every command that asks a gateway takes:
  --output table|json|yaml   json and yaml are the API's own fields; what went wrong is on standard error
  --profile NAME             who is signed in there (portcullis login --profile NAME); "default" unless given
  --organization org_…       sent as X-Org-ID, for a person who is in several
  --url URL                  where PORTCULLIS_TOKEN is sent, or where to sign in
  --insecure-http            clear text to another machine, which is refused otherwise
PORTCULLIS_TOKEN (an API key or another token) and PORTCULLIS_URL take the place of a login: for CI.
Exit 0: done. 1: refused, and why. 2: the command line is not understood.`;
