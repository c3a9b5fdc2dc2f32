import { AccessRefused } from './access-refused.js';

/** What is looked at of a request. A `node:http` IncomingMessage is one; Express' requests are, Fastify's have one in `raw`. */
export interface IncomingRequest {
  /** Names and values in turn, as they came: the cooked `headers` hide the second of two. */
  readonly rawHeaders: readonly string[];
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/**
 * The only value of a header; undefined if it was not sent. Throws AccessRefused 400 if it was sent twice, or under a name that other
 * servers take for it (`X_Org_Id`).
 * @param name in lower case
 */
export function headerOf(request: IncomingRequest, name: string): string | undefined {
  const [value, ...others] = valuesOf(request, name);
  const isMisspelt = request.rawHeaders.some(
    (sent, at) => at % 2 === 0 && sent.includes('_') && sent.toLowerCase().replaceAll('_', '-') === name,
  );
  if (others.length === 0 && !isMisspelt) return value;
  throw new AccessRefused('invalid_request', { detail: `The header ${name} was sent twice or misspelt.` });
}

/** All lines of a header, in their order. */
export function valuesOf({ rawHeaders }: IncomingRequest, name: string): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
}

/**
 * The token of `Authorization: Bearer` (RFC 6750 section 2.1), and of nowhere else. Throws AccessRefused: 401 without a code where
 * no bearer credential was presented, `invalid_token` where it is none.
 */
export function bearerToken(request: IncomingRequest): string {
  const written = headerOf(request, 'authorization');
  const [, scheme = '', rest = ''] = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+)(?: +(.*))?$/s.exec(written ?? '') ?? [];
  if (scheme.toLowerCase() !== 'bearer') throw new AccessRefused('unauthenticated');
  if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(rest)) throw new AccessRefused('invalid_token');
  return rest;
}

/** `X-Org-ID`: for which organization the request is meant. */
export const organizationOf = (request: IncomingRequest): string | undefined => headerOf(request, 'x-org-id');
