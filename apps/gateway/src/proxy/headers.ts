import { Refusal } from '@portcullis/contracts';
import { setsSession, withoutSession } from '../console/session-cookie.js';
import { headerValues } from '../header-values.js';

/** What the gateway says of a request that it forwards. */
export interface ForwardedAs {
  readonly requestId: string;
  readonly clientIp: string;
  /** The gateway's own origin as configured: never taken from the Host header. */
  readonly publicUrl: URL;
  /** The identity token for the upstream; undefined on a public route without a credential. */
  readonly identity: string | undefined;
  /** What the client is told beside the upstream's answer, name, value, name, value. */
  readonly answerHeaders?: readonly string[] | undefined;
}

/**
 * The headers of a forwarded request, name, value, name, value: what the client sent, less what is between it and us
 * (hop-by-hop, RFC 9110 section 7.6.1), less its credential, the console's session whoever asked for credentials, less everything by which it could speak with our voice or
 * change what was decided on; then ours. Framing (`Content-Length` or chunked) is not in it and is the caller's.
 *
 * Refuses with `invalid_request` a `Connection` that names a header which must arrive: a hop that obeyed would strip it.
 * @param to.passAuthorization whether the client's own credential travels on
 */
export function requestHeaders(
  rawHeaders: readonly string[],
  as: ForwardedAs,
  to: { readonly passAuthorization: boolean },
): string[] {
  const named = connectionNames(headerValues(rawHeaders, 'connection'));
  const mustArrive = named.find((name) => isProtected(name));
  if (mustArrive !== undefined) {
    throw new Refusal(
      'invalid_request',
      'The header Connection names a header that is not between this client and the gateway.',
    );
  }
  const headers: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    const lower = name.toLowerCase();
    if (hopByHop.has(lower) || named.includes(lower) || removed.has(lower) || isOurs(lower)) continue;
    if (credentials.has(lower) && !to.passAuthorization) continue;
    const sent = rawHeaders[at + 1] ?? '';
    const value = lower === 'cookie' ? withoutSession(sent) : sent;
    if (value === '' && sent !== '') continue;
    headers.push(name, value);
  }
  headers.push(
    'X-Forwarded-For',
    as.clientIp,
    'X-Forwarded-Proto',
    as.publicUrl.protocol.slice(0, -1),
    'X-Forwarded-Host',
    as.publicUrl.host,
    'X-Request-Id',
    as.requestId,
  );
  if (as.identity !== undefined) headers.push('X-Portcullis-Identity', as.identity);
  return headers;
}

/**
 * The headers of an upstream's answer for the client, name, value, name, value: less hop-by-hop, less what only the gateway says.
 * Repeated ones stay apart. An answer to somebody in particular that may be stored says so in `Vary`: a store knows of
 * `Authorization`, but not that we accept signatures too.
 */
export function responseHeaders(
  rawHeaders: readonly string[],
  status: number,
  { requestId, identity, answerHeaders }: Pick<ForwardedAs, 'requestId' | 'identity' | 'answerHeaders'>,
): string[] {
  const named = connectionNames(headerValues(rawHeaders, 'connection'));
  const headers = ['X-Request-Id', requestId];
  let isStored = true;
  let saysTypeOptions = false;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    const value = rawHeaders[at + 1] ?? '';
    const lower = name.toLowerCase();
    if (hopByHop.has(lower) || named.includes(lower)) continue;
    if (lower === 'x-request-id' || lower.startsWith('x-portcullis-')) continue;
    // An upstream must not put a session of its choice into the browser that shares our origin with it.
    if (lower === 'set-cookie' && setsSession(value)) continue;
    // Some send one; Node would have no body to go with it.
    if (lower === 'content-length' && status === 204) continue;
    if (lower === 'cache-control' && /\bno-store\b/i.test(value)) isStored = false;
    if (lower === 'x-content-type-options') saysTypeOptions = true;
    headers.push(name, value);
  }
  if (!saysTypeOptions) headers.push('X-Content-Type-Options', 'nosniff');
  if (identity !== undefined && isStored) headers.push('Vary', 'Authorization, Signature');
  if (answerHeaders) headers.push(...answerHeaders);
  return headers;
}

/**
 * The trailer fields of an upstream's answer that may stand behind a body: none that frames, routes or authenticates (RFC 9110
 * section 6.5.1), and none of ours.
 */
export function trailerFields(texts: readonly string[]): [name: string, value: string][] {
  const fields: [string, string][] = [];
  for (let at = 0; at < texts.length; at += 2) {
    const lower = (texts[at] ?? '').toLowerCase();
    const belongsAhead = hopByHop.has(lower) || removed.has(lower) || credentials.has(lower) || isOurs(lower);
    if (!belongsAhead && !onlyAhead.has(lower)) fields.push([texts[at] ?? '', texts[at + 1] ?? '']);
  }
  return fields;
}

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

const credentials = new Set(['authorization', 'signature', 'signature-input']);

/** Made anew (Host, framing), already answered by Node (Expect), or able to change the method, target or client after the decision. */
const removed = new Set([
  'host',
  'content-length',
  'expect',
  'x-request-id',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-url',
  'x-rewrite-url',
  'forwarded',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'client-ip',
  'real-ip',
  'remote-user',
  'request-uri',
  'x-custom-ip-authorization',
  'x-forwarded',
  'x-host',
  'x-http-destinationurl',
  'x-http-host-override',
  'x-original-host',
  'x-original-remote-addr',
  'x-originating-ip',
  'x-override-url',
  'x-remote-addr',
  'x-remote-ip',
  'x-remote-user',
  'x-true-ip',
  // Read as HTTP_PROXY by what still speaks CGI.
  'proxy',
  'proxy-host',
  'proxy-url',
  'x-proxy-url',
]);

/** What a recipient acts on before the body, or with which it would change what it has acted on. */
const onlyAhead = new Set([
  'age',
  'cache-control',
  'content-encoding',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'expires',
  'location',
  'max-forwards',
  'retry-after',
  'set-cookie',
  'vary',
  'www-authenticate',
]);

/** Families of names by which services trust their gateway. */
const ours = ['x-portcullis-', 'x-forwarded-', 'x-auth-', 'x-internal-'];

const isOurs = (name: string): boolean => ours.some((family) => name.startsWith(family));

const isProtected = (name: string): boolean =>
  isOurs(name) || credentials.has(name) || ['host', 'content-length', 'x-request-id', 'x-org-id'].includes(name);

const connectionNames = (values: readonly string[]): string[] =>
  values.flatMap((value) => value.split(',')).map((name) => name.trim().toLowerCase());
