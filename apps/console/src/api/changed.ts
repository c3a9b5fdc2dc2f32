/**
 * The fields of `after` that say something else than before. A form sends these alone: one that was open for long undoes nothing that
 * somebody else has done meanwhile, such as disabling what is edited here.
 */
export function changed<T extends object>(before: { readonly [K in keyof T]: unknown }, after: T): Partial<T> {
  const entries = Object.entries(after) as [keyof T, unknown][];
  return Object.fromEntries(
    entries.filter(([name, value]) => JSON.stringify(before[name]) !== JSON.stringify(value)),
  ) as Partial<T>;
}
