/**
 * A list of texts with those that are being typed beside it, none of them twice.
 * @returns `value`: all of them; `added`: those that are there by the typing alone, and go when it goes on otherwise
 */
export function withTyped(settled: readonly string[], typed: readonly string[]): { value: string[]; added: string[] } {
  const added = [...new Set(typed)].filter((one) => !settled.includes(one));
  return { value: [...settled, ...added], added };
}
