/**
 * Every value of a header, in the order received: nothing is joined, split or dropped, as Node's `headers` does.
 * @param rawHeaders name, value, name, value
 * @param name in lower case
 */
export function headerValues(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() === name) values.push(rawHeaders[at + 1] ?? '');
  }
  return values;
}
