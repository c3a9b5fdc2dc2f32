import { type EnforcementReceipt } from '@portcullis/contracts';
import { columns } from '../policy/print.js';

/** What others wrote, fit for a terminal: a control character in a name or a user agent could rewrite the screen. */
export function clean(text: string): string {
  return text.replaceAll(/[^\n\P{Cc}]|\p{Cf}/gu, '\u{fffd}');
}

/** A cell: lists with commas, an empty one or null as a dash, times to the minute. */
export function cell(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-';
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(cell).join(', ');
  if (typeof value === 'object') return clean(JSON.stringify(value)).replaceAll('\n', ' ');
  // eslint-disable-next-line @typescript-eslint/no-base-to-string -- a string, a number or a boolean
  const text = clean(String(value)).replaceAll('\n', ' ');
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text) ? `${text.slice(0, 16).replace('T', ' ')}Z` : text;
}

/** A table with a heading, or a sentence if there is nothing in it. */
export function listTable(heading: readonly string[], rows: readonly (readonly unknown[])[], none: string): string {
  return rows.length === 0 ? none : columns([heading, ...rows.map((row) => row.map(cell))]);
}

/** One record: a line a field. What is empty is left out, and so is what `skip` names. */
export function recordTable(record: object, skip: readonly string[] = []): string {
  const rows = Object.entries(record)
    .filter(([name, value]) => !skip.includes(name) && cell(value) !== '-' && cell(value) !== '{}')
    .map(([name, value]) => [
      name,
      Array.isArray(value) && typeof value[0] === 'object' ? `${value.length}` : cell(value),
    ]);
  return columns(rows);
}

/** How a change came into force, in one sentence. Null where nothing that is enforced has changed. */
export function receiptLine(receipt: EnforcementReceipt | null | undefined): string {
  if (!receipt) return 'Nothing that gateways judge by has changed.';
  const { enforcers, acknowledged, fenced, elapsed_ms } = receipt;
  const fencedOff = fenced > 0 ? `, ${fenced} fenced off` : '';
  const all = `${acknowledged} of ${enforcers} ${enforcers === 1 ? 'enforcer has' : 'enforcers have'} acknowledged`;
  return `In force everywhere: ${all}${fencedOff}, in ${Math.round(elapsed_ms)} ms.`;
}
