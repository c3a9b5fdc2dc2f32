import { timingSafeEqual } from 'node:crypto';
import { type Secret } from '../secret.js';
import {
  type Claimed,
  claimedInHeader,
  claimedInQuery,
  type Form,
  isPresigned,
  refuseOtherMethods,
} from './claimed.js';
import { canonicalRequest, emptySha256, hmac, linesOf, signingKeyBytes, stringToSign } from './canonical-request.js';
import { hasBody, readPayload, type S3Payload } from './payload.js';
import { S3Fault } from './s3-fault.js';
import { s3QueryOf } from './target.js';

/** A request before its body, as Node read it. */
export interface S3RequestHead {
  readonly method: string;
  /** The request line's, as Node's `url`. */
  readonly target: string;
  /** Name, value, name, value, in the order received. */
  readonly rawHeaders: readonly string[];
}

export interface ReadS3Signature {
  readonly now: Date;
  /** The one region that a signature's scope may name. */
  readonly region: string;
  /** Whether a body may be protected by its transport alone: true under TLS. */
  readonly allowUnsignedPayload: boolean;
}

/** A well-formed signature inside its time. Nothing of the request may be believed before `verify` said true. */
export interface S3Signature {
  readonly form: Form;
  readonly accessKeyId: string;
  /** YYYYMMDD: the day whose signing key verifies this. */
  readonly scopeDate: string;
  readonly signedAt: Date;
  /** When a presigned URL ends; null for a signature in the header. */
  readonly expiresAt: Date | null;
  readonly payload: S3Payload;
  /** Lower-case hex. */
  readonly signature: string;
  /** Lower case, sorted. What is not among them may have been added by anybody. */
  readonly signedHeaders: readonly string[];
  /** YYYYMMDD/region/s3/aws4_request */
  readonly scope: string;
  /** X-Amz-Date as sent. */
  readonly timestamp: string;
  /** Compares in constant time. @param signingKey of `scopeDate` and the region: see `s3SigningKey` */
  verify(signingKey: Secret | Buffer): boolean;
}

/** How far a signature's time may be from ours, in seconds. */
export const s3SkewSeconds = 900;

/**
 * The signature of an S3 request, from its Authorization header or a presigned query; null for an anonymous request. All but
 * the signature itself is checked here: form, clock, scope, query and which headers are covered.
 *
 * Throws {@link S3Fault}; SigV2, SigV4A and form uploads (POST policy) are NotImplemented by name.
 */
export function readS3Signature(head: S3RequestHead, options: ReadS3Signature): S3Signature | null {
  const { method, target, rawHeaders } = head;
  const query = s3QueryOf(target);
  const authorization = linesOf(rawHeaders, 'authorization');
  refuseOtherMethods(head, query, authorization);
  const presigned = isPresigned(query);
  if (presigned && authorization.length > 0) {
    throw new S3Fault(
      'InvalidArgument',
      'two_signatures',
      'Only one of the Authorization header and a presigned query may be given.',
    );
  }
  if (!presigned && authorization.length === 0) return null;

  refuseSessionTokens(query, rawHeaders);
  const claimed = presigned ? claimedInQuery(query) : claimedInHeader(authorization, rawHeaders);
  checkScope(claimed, options.region);
  const expiresAt = checkClock(claimed, options.now);
  checkSignedHeaders(claimed, rawHeaders);
  const declared = declaredPayload(head, claimed, query);
  const payload = readPayload(declared, rawHeaders, options);

  const { form, accessKeyId, scopeDate, scope, signedAt, timestamp, signature, signedHeaders } = claimed;
  const canonical = canonicalRequest({
    method,
    target,
    query: query.filter(([name]) => name !== 'X-Amz-Signature' || !presigned),
    rawHeaders,
    signedHeaders,
    payload: declared,
  });
  const text = stringToSign(timestamp, scope, canonical);
  return {
    form,
    accessKeyId,
    scopeDate,
    signedAt,
    expiresAt,
    payload,
    signature,
    signedHeaders,
    scope,
    timestamp,
    verify: (signingKey) => sameSignature(hmac(signingKeyBytes(signingKey), text), signature),
  };
}

/** In constant time. @param signature 64 hex digits */
export function sameSignature(expected: Buffer, signature: string): boolean {
  const given = Buffer.from(signature, 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function refuseSessionTokens(query: readonly (readonly [string, string])[], rawHeaders: readonly string[]): void {
  const inQuery = query.some(([name]) => name.toLowerCase() === 'x-amz-security-token');
  if (!inQuery && linesOf(rawHeaders, 'x-amz-security-token').length === 0) return;
  throw new S3Fault(
    'InvalidToken',
    'session_token',
    'There are no session tokens here: sign with the access key and secret alone, without AWS_SESSION_TOKEN.',
  );
}

function checkScope(claimed: Claimed, region: string): void {
  const { scopeDate, timestamp } = claimed;
  if (claimed.scopeRegion !== region) {
    throw malformed(
      claimed,
      'wrong_region',
      `The region of the signature is wrong; expecting '${region}'. Set it in the client.`,
      { Region: region },
    );
  }
  if (claimed.scopeService !== 's3') {
    throw malformed(claimed, 'wrong_service', "The service of the signature is wrong; expecting 's3'.");
  }
  if (claimed.scopeEnd !== 'aws4_request') {
    throw malformed(claimed, 'wrong_scope', "The credential's scope ends in 'aws4_request'.");
  }
  if (scopeDate !== timestamp.slice(0, 8)) {
    throw malformed(claimed, 'wrong_scope_date', "The credential's date is the day of X-Amz-Date, in UTC.");
  }
}

/** @returns when a presigned URL ends */
function checkClock({ form, signedAt, expiresSeconds }: Claimed, now: Date): Date | null {
  const ageSeconds = (now.getTime() - signedAt.getTime()) / 1000;
  if (form === 'header') {
    if (Math.abs(ageSeconds) <= s3SkewSeconds) return null;
    throw new S3Fault(
      'RequestTimeTooSkewed',
      ageSeconds > 0 ? 'too_old' : 'not_yet_valid',
      `X-Amz-Date is more than ${s3SkewSeconds / 60} minutes from our time. Set the clock of your machine.`,
      { ServerTime: now.toISOString(), MaxAllowedSkewMilliseconds: String(s3SkewSeconds * 1000) },
    );
  }
  if (ageSeconds < -s3SkewSeconds) {
    throw new S3Fault(
      'AccessDenied',
      'not_yet_valid',
      'This presigned URL is not valid yet. Check the clock of who made it.',
    );
  }
  if (ageSeconds > expiresSeconds) {
    throw new S3Fault('AccessDenied', 'expired', 'Request has expired. Ask for a new presigned URL.', {
      ServerTime: now.toISOString(),
    });
  }
  return new Date(signedAt.getTime() + expiresSeconds * 1000);
}

/** Of these a second line would be read differently by somebody. */
const single = new Set([
  'host',
  'content-md5',
  'content-length',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-copy-source',
  'x-amz-decoded-content-length',
]);

function checkSignedHeaders(claimed: Claimed, rawHeaders: readonly string[]): void {
  const { signedHeaders } = claimed;
  const signed = new Set(signedHeaders);
  const sorted = signedHeaders.every((name, at) => at === 0 || (signedHeaders[at - 1] ?? '') < name);
  if (!sorted || !signedHeaders.every((name) => /^[a-z0-9!#$%&'*+\-.^_`|~]+$/.test(name))) {
    throw malformed(
      claimed,
      'signed_headers_form',
      'SignedHeaders are in lower case, sorted, each once, with ";" between.',
    );
  }
  if (!signed.has('host')) throw malformed(claimed, 'host_not_signed', 'SignedHeaders must hold "host".');
  const sent = new Set<string>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    if (sent.has(name) && single.has(name)) {
      throw new S3Fault('InvalidRequest', 'repeated_header', `The header ${name} may be given only once.`);
    }
    sent.add(name);
  }
  // Never from the query: a parameter of that name is signed as one, and means another thing (MinIO falls back to it).
  const missing = signedHeaders.find((name) => !sent.has(name));
  if (missing !== undefined) {
    throw new S3Fault(
      'SignatureDoesNotMatch',
      'signed_header_missing',
      `SignedHeaders names "${missing.slice(0, 100)}", which did not arrive. Send it, or look for a proxy that removes it.`,
    );
  }
  const unsigned = [...sent].filter((name) => mustBeSigned(name, claimed.form) && !signed.has(name));
  if (unsigned.length === 0) return;
  throw new S3Fault(
    'AccessDenied',
    'header_not_signed',
    'There were headers present in the request which were not signed. Sign every x-amz-* header and Content-MD5.',
    { HeadersNotSigned: unsigned.join(', ').slice(0, 1000) },
  );
}

/** Who holds a presigned URL may add a Content-MD5: it can only refuse the body. An x-amz-copy-source would change what is done. */
function mustBeSigned(name: string, form: Form): boolean {
  return name.startsWith('x-amz-') || (name === 'content-md5' && form === 'header');
}

/** The last line of the canonical request. */
function declaredPayload(
  { rawHeaders }: S3RequestHead,
  { form }: Claimed,
  query: readonly (readonly [string, string])[],
): string {
  const [inHeader] = linesOf(rawHeaders, 'x-amz-content-sha256');
  if (form === 'header') {
    if (inHeader !== undefined) return inHeader.trim();
    // curl's --aws-sigv4 leaves the header out and signs the body's hash, which for no body is known before the first byte.
    if (!hasBody(rawHeaders)) return emptySha256;
    throw new S3Fault(
      'InvalidRequest',
      'content_sha256_missing',
      "Missing required header for this request: x-amz-content-sha256. Send and sign it with the body's SHA-256 in hex (curl: -H).",
    );
  }
  const inQuery = query.filter(([name]) => name === 'X-Amz-Content-Sha256').map(([, value]) => value);
  const all = new Set([...inQuery, ...(inHeader === undefined ? [] : [inHeader.trim()])]);
  if (inQuery.length > 1 || all.size > 1) {
    throw new S3Fault('InvalidRequest', 'repeated_header', 'X-Amz-Content-Sha256 may be given only once.');
  }
  return [...all][0] ?? 'UNSIGNED-PAYLOAD';
}

function malformed(
  { form }: Claimed,
  reason: string,
  message: string,
  elements: Readonly<Record<string, string>> = {},
): S3Fault {
  const code = form === 'header' ? 'AuthorizationHeaderMalformed' : 'AuthorizationQueryParametersError';
  return new S3Fault(code, reason, message, elements);
}
