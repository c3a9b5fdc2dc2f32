import { Problem } from './problem';

/** What was refused, by field: what is wrong with a part (`networks.0`) is said of the whole too, which may be the only one that a form has. */
export function problemFields(error: unknown): Record<string, string> {
  if (!(error instanceof Problem)) return {};
  const found: Record<string, string> = { ...error.fields };
  for (const [field, message] of Object.entries(error.fields)) {
    const parts = field.split('.');
    for (let length = 1; length < parts.length; length++) found[parts.slice(0, length).join('.')] ??= message;
  }
  return found;
}
