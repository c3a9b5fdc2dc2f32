import { isUtf8 } from 'node:buffer';

/**
 * The parameters of a query as `@query-param` sees them (RFC 9421 section 2.2.8): names and values taken apart and
 * written anew by the rules of HTML forms, a space as `%20`. Null stands for a name that occurs more than once. A raw
 * query that is not ASCII or whose escapes are not UTF-8 has no such reading: then the whole is null.
 */
export function queryParameters(query: string): ReadonlyMap<string, string | null> | null {
  const parameters = new Map<string, string | null>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = rewritten(equals < 0 ? pair : pair.slice(0, equals));
    const value = rewritten(equals < 0 ? '' : pair.slice(equals + 1));
    // A form reader would put U+FFFD there, and requests that differ would have one signature.
    if (name === null || value === null) return null;
    parameters.set(name, parameters.has(name) ? null : value);
  }
  return parameters;
}

function rewritten(text: string): string | null {
  if (!/^[\x00-\x7f]*$/.test(text)) return null;
  const decoded = text
    .replaceAll('+', ' ')
    .replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  const bytes = Buffer.from(decoded, 'latin1');
  if (!isUtf8(bytes)) return null;
  return decoded.replaceAll(
    /[^A-Za-z0-9*._-]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
