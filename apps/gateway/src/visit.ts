import { type IncomingMessage, type ServerResponse } from 'node:http';
import { newId, Refusal } from '@portcullis/contracts';
import { type Policy, type Route } from '@portcullis/policy';
import { type KeyIdentity } from './events/access-log.js';
import { headerValues } from './header-values.js';
import { hasBody } from './json-body.js';
import { type Arrival } from './judgement.js';

/** A request and its answer, from the first look to the last byte. */
export interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** The matched route, for metrics: a closed set, unlike paths. */
  label: string;
  /** The rule that it was matched with, or that there was none; of which policy. */
  matched: { readonly policy: Policy; readonly route: Route | undefined } | undefined;
  /** Whoever was found to ask by a key, and for what. */
  made: { readonly arrival: Arrival; readonly identity: KeyIdentity } | undefined;
  /** The rule or route that was decided by. */
  route: string | null;
  /** What every answer to it says, name, value, name, value. */
  answerHeaders: readonly string[] | undefined;
}

export const aVisit = (
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
  label: string,
): Visit => ({
  request,
  response,
  requestId,
  label,
  matched: undefined,
  made: undefined,
  route: null,
  answerHeaders: undefined,
});

/** What a policy has for a visit. It is looked for once, and anew only under another policy. */
export function matchUnder(
  policy: Policy,
  visit: Visit,
  { method, path }: Pick<Arrival, 'method' | 'path'>,
): NonNullable<Visit['matched']> {
  if (visit.matched?.policy !== policy) visit.matched = { policy, route: policy.routes.match(method, path) };
  return visit.matched;
}

/** Keeps the caller's `X-Request-Id` if it is one value of 1 to 128 printable characters; else makes one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = headerValues(request.rawHeaders, 'x-request-id');
  const [only = ''] = given;
  return given.length === 1 && /^[\x21-\x7e](?:[\x20-\x7e]{0,126}[\x21-\x7e])?$/.test(only)
    ? only
    : newId('req', new Date());
}

/** What Node accepts and not everybody behind us reads as we do. */
export function demandCommonHttp({ headers, httpVersion, httpVersionMajor }: IncomingMessage): void {
  // Node reads a request line without a version as HTTP/0.9, headers and all; RFC 9112 section 3 has no such request.
  if (httpVersionMajor !== 1) throw new Refusal('invalid_request', 'The protocol is HTTP/1.1.');
  const isOld = httpVersion === '1.0';
  if (headers.host === undefined && !isOld) throw new Refusal('invalid_request', 'The header Host is missing.');
  if (headers['transfer-encoding'] !== undefined && isOld) {
    throw new Refusal('invalid_request', 'HTTP/1.0 has no Transfer-Encoding.');
  }
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue') {
    throw new Refusal('invalid_request', 'The only expectation is "100-continue".');
  }
}

export function userAgentOf(request: IncomingMessage): string | null {
  const [agent] = headerValues(request.rawHeaders, 'user-agent');
  return agent === undefined ? null : agent.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 512);
}

export function idempotencyKeyOf(request: IncomingMessage): string | null {
  const keys = headerValues(request.rawHeaders, 'idempotency-key');
  if (keys.length === 0) return null;
  const [key = ''] = keys;
  if (keys.length === 1 && /^[\x20-\x7e]{1,255}$/.test(key)) return key;
  const message = 'must be one header of 1 to 255 printable characters';
  throw new Refusal('invalid_request', `Idempotency-Key: ${message}.`, {
    errors: [{ field: 'Idempotency-Key', message }],
  });
}

/** A client of HTTP/1.0 knows of no such answer (RFC 9110 section 10.1.1). */
export function awaitsContinue(request: IncomingMessage): boolean {
  const { headers, httpVersion } = request;
  return (
    headers.expect?.toLowerCase() === '100-continue' &&
    httpVersion === '1.1' &&
    hasBody(request) &&
    !continued.has(request)
  );
}

/** The body may come now: the credential was accepted and the headers are in order. */
export function proceed({ request, response }: Visit): void {
  if (!awaitsContinue(request)) return;
  continued.add(request);
  response.writeContinue();
}

const continued = new WeakSet<IncomingMessage>();

/** A program on this machine, and not a proxy here that speaks for somebody elsewhere. */
export function isLocal({ peer, rawHeaders }: Arrival): boolean {
  const local = /^(?:127\.|::1$|::ffff:127\.)/.test(peer);
  return (
    local &&
    !['x-forwarded-for', 'forwarded', 'via', 'x-real-ip'].some((name) => headerValues(rawHeaders, name).length > 0)
  );
}

/** Name, value, name, value as an object. */
export function namedOf(headers: readonly string[] = []): Record<string, string> {
  const named: Record<string, string> = {};
  for (let at = 0; at < headers.length; at += 2) named[headers[at] ?? ''] = headers[at + 1] ?? '';
  return named;
}
