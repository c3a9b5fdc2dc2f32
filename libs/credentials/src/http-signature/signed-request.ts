import { SignatureError } from './signature-error.js';

/** A request as its signature sees it. {@link signedRequest} makes one. */
export interface SignedRequest extends Origin {
  /** As sent: methods are case-sensitive. */
  readonly method: string;
  /** As sent, nothing decoded, beginning with a slash; the public URL's own path comes before it. */
  readonly path: string;
  /** As sent, without its question mark; null if there was none. */
  readonly query: string | null;
  /** Name, value, name, value, in the order received, as Node's `rawHeaders`. */
  readonly rawHeaders: readonly string[];
  /** In the same form; only the `tr` parameter reads them. */
  readonly rawTrailers: readonly string[];
}

/** Where clients reach us. It comes from configuration, never from Host or X-Forwarded-Host. */
export interface Origin {
  readonly scheme: string;
  /** Lower case, without the scheme's default port. */
  readonly authority: string;
  /** What a proxy strips before the request gets to us; '' if nothing. */
  readonly pathPrefix: string;
}

/** Of an http or https URL; throws a RangeError for anything else. */
export function originOf(publicUrl: string): Origin {
  const url = URL.canParse(publicUrl) ? new URL(publicUrl) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') throw new RangeError('A public URL is http or https.');
  const pathPrefix = url.pathname.endsWith('/') ? url.pathname.slice(0, -1) : url.pathname;
  return { scheme: url.protocol.slice(0, -1), authority: url.host, pathPrefix };
}

export interface ReceivedRequest {
  readonly method: string;
  /** The request line's, in origin form, as Node's `url`. */
  readonly target: string;
  readonly rawHeaders: readonly string[];
  readonly rawTrailers?: readonly string[];
}

/** Throws {@link SignatureError} `malformed` for a target that is not in origin form (RFC 9112 section 3.2.1). */
export function signedRequest(
  origin: Origin,
  { method, target, rawHeaders, rawTrailers = [] }: ReceivedRequest,
): SignedRequest {
  if (!target.startsWith('/') || target.includes('#')) {
    throw new SignatureError('malformed', '@request-target', 'The request target is not a path with a query.');
  }
  const mark = target.indexOf('?');
  return {
    ...origin,
    method,
    path: origin.pathPrefix + (mark < 0 ? target : target.slice(0, mark)),
    query: mark < 0 ? null : target.slice(mark + 1),
    rawHeaders,
    rawTrailers,
  };
}

/** The values of the field lines with this lower-case name, in the order received. */
export function fieldLines(raw: readonly string[], name: string): string[] {
  const lines: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    if (raw[at]?.toLowerCase() === name) lines.push(raw[at + 1] ?? '');
  }
  return lines;
}
