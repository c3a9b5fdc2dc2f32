import { Problem } from './problem';

/**
 * What was refused, by the field of a form that it is said beside: that of a part (`networks.0`) beside the whole. What no field here
 * is named after is left out, and is in the problem's detail.
 */
export function problemFields(error: unknown, names: readonly string[]): Record<string, string> {
  if (!(error instanceof Problem)) return {};
  const found: Record<string, string> = {};
  for (const [field, message] of Object.entries(error.fields)) {
    const name = names
      .filter((one) => field === one || field.startsWith(`${one}.`))
      .reduce((longest, one) => (one.length > longest.length ? one : longest), '');
    if (name !== '') found[name] ??= message;
  }
  return found;
}
