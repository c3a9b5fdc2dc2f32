import { stringify } from 'yaml';
import { UsageFault } from '../command.js';

export type Output = 'table' | 'json' | 'yaml';

/** Reads `--output`. */
export function outputOf(text: string | undefined): Output {
  if (text === undefined || text === 'table' || text === 'json' || text === 'yaml') return text ?? 'table';
  throw new UsageFault('--output is table, json or yaml.');
}

/** A value for programs, or for people as `table` writes it. */
export function print(output: Output, value: object, table: () => string): void {
  const text =
    output === 'json' ? JSON.stringify(value, null, 2) : output === 'yaml' ? stringify(value).trimEnd() : table();
  process.stdout.write(`${text}\n`);
}

/** Columns as wide as their widest cell; the last one is as long as it is. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows
    .map((row) => row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join('  '))
    .join('\n');
}
