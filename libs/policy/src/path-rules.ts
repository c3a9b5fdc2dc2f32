/** The longest request target that is looked at, path and query, in bytes. */
export const MAX_TARGET_BYTES = 8192;

export type NormalisedPath =
  | {
      ok: true;
      /** To match and to forward: needlessly escaped characters written out, the other escapes in upper case. */
      path: string;
      /** What follows the first `?`, as it was sent; null without one. */
      query: string | null;
    }
  | { ok: false; reason: string };

const TARGET = /^[\x21-\x7e]*$/;
const PATH = /^(?:[A-Za-z0-9\-._~!$&'()*+,=:@/]|%[0-9A-Fa-f]{2})*$/;
const UNRESERVED = /^[A-Za-z0-9\-_~]$/;

/**
 * Reads the request target of an HTTP request line into a path that means one thing to everybody, or says why it does
 * not (a 400). Refused: another form than `/path?query`, encoded slashes, backslashes and dots, `//`, `.` and `..`
 * segments, `;` written either way, control characters, escapes that are none or no UTF-8, double escapes, over
 * `MAX_TARGET_BYTES`.
 *
 * The rest is safe to match by decoded segment, since no decoding of a segment can yield another segment. The WHATWG
 * URL parser is not used anywhere: it resolves `%2e%2e` and takes `//evil/x` for a host.
 */
export function normalisePath(rawTarget: string): NormalisedPath {
  if (rawTarget.length > MAX_TARGET_BYTES) return refuse(`the target is longer than ${MAX_TARGET_BYTES} bytes`);
  if (!rawTarget.startsWith('/')) return refuse('the target does not start with "/"');
  if (!TARGET.test(rawTarget)) return refuse('a space, control or non-ASCII character');
  if (rawTarget.includes('#')) return refuse('"#" in the target');
  if (rawTarget.includes('\\')) return refuse('"\\" in the target');

  const mark = rawTarget.indexOf('?');
  const raw = mark < 0 ? rawTarget : rawTarget.slice(0, mark);
  const query = mark < 0 ? null : rawTarget.slice(mark + 1);
  if (raw.includes(';')) return refuse('";" in the path');
  if (!PATH.test(raw)) return refuse('a character or an escape that a path cannot have');

  const path = raw.includes('%') ? unescapeUnreserved(raw) : raw;
  if (path.includes('//')) return refuse('an empty segment ("//")');
  if (/(?:^|\/)\.\.?(?:\/|$)/.test(path)) return refuse('a "." or ".." segment');
  if (!path.includes('%')) return { ok: true, path, query };

  if (/%(?:2F|5C|2E|3B)/.test(path)) return refuse('an encoded "/", "\\", "." or ";"');
  if (/%25[0-9A-Fa-f]{2}/.test(path)) return refuse('a double escape');
  const decoded = decode(path);
  if (decoded === undefined) return refuse('an escape that is no UTF-8');
  if (/[\x00-\x1f\x7f-\x9f]/.test(decoded)) return refuse('an encoded control character');
  return { ok: true, path, query };
}

/** The segments of a normalised path, decoded. `/` has none; a trailing slash is an empty last segment. */
export function pathSegments(path: string): string[] {
  const segments = path === '/' ? [] : path.slice(1).split('/');
  return path.includes('%') ? segments.map((segment) => decode(segment) ?? segment) : segments;
}

function unescapeUnreserved(path: string): string {
  return path.replace(/%[0-9A-Fa-f]{2}/g, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return UNRESERVED.test(character) ? character : escape.toUpperCase();
  });
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function refuse(reason: string): NormalisedPath {
  return { ok: false, reason };
}
