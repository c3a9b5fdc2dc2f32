import { METHODS } from 'node:http';
import { Refusal } from '@portcullis/contracts';
import { type NetworkList } from '@portcullis/credentials';
import { normalisePath } from '@portcullis/policy';
import { headerValues } from '../header-values.js';
import { type Arrival } from '../judgement.js';

/** Where proxies ask. What follows it is the original path of a proxy that asks as Envoy does. */
export const decisionsPath = '/v1/decisions';
/** An operation of its own, and so no original path. */
const explainPath = `${decisionsPath}/explain`;

/** Whether a request asks for a decision on another one, by its request line alone. Nothing else under that path is served. */
export function asksForDecision(method: string, target: string): boolean {
  const path = target.split('?', 1)[0] ?? '';
  if (path === decisionsPath) return method === 'GET' || method === 'HEAD' || method === 'POST';
  return path.startsWith(`${decisionsPath}/`) && !(method === 'POST' && path === explainPath);
}

/**
 * The request that a proxy asks about, as if it had arrived here itself. Refuses what is not said exactly once, with
 * `forbidden`, and a path that means two things, with `invalid_request`. Two forms:
 * - `X-Forwarded-Method`, `X-Forwarded-Uri`, `X-Forwarded-Host` (nginx, Traefik, Caddy, HAProxy);
 * - the method of this request and the path after `/v1/decisions` (Envoy's `path_prefix`). Then the first two headers must be absent:
 *   they could only have come from the client.
 *
 * A peer that forwards for somebody and is no trusted proxy leaves the original client unknown, so that a credential which is
 * bound to networks is refused. Taking the proxy's own address for the client's would open such a credential to everybody behind it.
 */
export function forwardedRequest(asking: Arrival, trustedProxies: NetworkList): Arrival & { query: string | null } {
  const { method, target } = readRequestLine(asking);
  if (!methods.has(method)) throw unclear('X-Forwarded-Method is no HTTP method.');
  const normalised = normalisePath(target);
  if (!normalised.ok) throw new Refusal('invalid_request', `The path is not acceptable: ${normalised.reason}.`);
  const speaksForAnother = headerValues(asking.rawHeaders, 'x-forwarded-for').length > 0;
  const known = !speaksForAnother || trustedProxies.contains(asking.peer);
  return {
    ...asking,
    method,
    target,
    path: normalised.path,
    query: normalised.query,
    peer: known ? asking.peer : '',
  };
}

/**
 * What can only be judged by who sees the request itself: S3 signatures, which are checked on their own port, and the signature of
 * a request with a body, whose digest somebody has to compare.
 */
export function needsGateway({ method, rawHeaders, query }: Arrival & { query: string | null }): string | undefined {
  const s3 = headerValues(rawHeaders, 'authorization').some((value) => /^AWS4-/i.test(value));
  if (s3 || /(?:^|&)X-Amz-(?:Signature|Algorithm|Credential)=/i.test(query ?? '')) {
    return 'A request with an S3 signature can only be judged on the S3 port.';
  }
  const signed = ['signature', 'signature-input'].some((name) => headerValues(rawHeaders, name).length > 0);
  if (!signed || !mayHaveBody(method, rawHeaders)) return undefined;
  return 'A signed request with a body can only be judged by the gateway that reads the body.';
}

function readRequestLine({ method, target, rawHeaders }: Arrival): { method: string; target: string } {
  const methodsSaid = headerValues(rawHeaders, 'x-forwarded-method');
  const targetsSaid = headerValues(rawHeaders, 'x-forwarded-uri');
  if ((target.split('?', 1)[0] ?? '') !== decisionsPath) {
    if (methodsSaid.length + targetsSaid.length > 0) {
      throw unclear('The path says which request is meant, and X-Forwarded-Method or X-Forwarded-Uri says it again.');
    }
    return { method, target: target.slice(decisionsPath.length) };
  }
  const hostsSaid = headerValues(rawHeaders, 'x-forwarded-host');
  const [methodSaid, targetSaid, hostSaid] = [methodsSaid[0], targetsSaid[0], hostsSaid[0]];
  if (methodSaid === undefined || targetSaid === undefined || hostSaid === undefined) {
    throw unclear(
      'X-Forwarded-Method, X-Forwarded-Uri and X-Forwarded-Host say which request is meant. One is missing.',
    );
  }
  if (methodsSaid.length > 1 || targetsSaid.length > 1 || hostsSaid.length > 1) {
    throw unclear(
      'X-Forwarded-Method, X-Forwarded-Uri and X-Forwarded-Host must each be sent once. One was sent twice.',
    );
  }
  // No rule names a host; two of them in one field are two proxies, of which only one can be right.
  if (!/^[A-Za-z0-9._:[\]-]{1,255}$/.test(hostSaid)) throw unclear('X-Forwarded-Host is not one host.');
  return { method: methodSaid, target: targetSaid };
}

/** Proxies take `Content-Length` away with the body, or say 0 of their own: only a method that has none is without. */
function mayHaveBody(method: string, rawHeaders: readonly string[]): boolean {
  const framed = ['content-digest', 'transfer-encoding'].some((name) => headerValues(rawHeaders, name).length > 0);
  const long = headerValues(rawHeaders, 'content-length').some((length) => length !== '0');
  return framed || long || (method !== 'GET' && method !== 'HEAD');
}

const methods: ReadonlySet<string> = new Set(METHODS);

const unclear = (message: string): Refusal => new Refusal('forbidden', message);
