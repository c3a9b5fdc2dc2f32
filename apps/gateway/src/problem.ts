import { type ErrorCode, type FieldFault, Refusal } from '@portcullis/contracts';
import { httpStatus, problemTitle } from './http-status.js';

/** The body of every refusal, RFC 9457. `code` is for programs, `detail` for people; neither repeats what was sent. */
export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  request_id: string;
  errors?: readonly FieldFault[];
  required_permission?: string;
  decision_id?: string;
}

export interface Problem {
  status: number;
  headers: Record<string, string>;
  body: ProblemBody;
}

export interface ProblemContext {
  requestId: string;
  /** Problem types are made of it; never of the Host header. */
  publicUrl: string;
  /** The permission whose lack refused the request. */
  requiredPermission?: string | undefined;
  /** The answer is to a proxy that asks about a request: it knows 200, 401, 403 and 503, and takes anything else for a failure. */
  isDecision?: boolean;
  /** Leads to the audit event of the denial. */
  decisionId?: string | undefined;
  /** Of a 401, where it is not the usual one. */
  challenge?: string | undefined;
}

export const problemType = 'application/problem+json; charset=utf-8';

/**
 * A refusal as an HTTP answer. 401 always has a challenge: a bare one when nothing was presented, `invalid_token` when what was
 * presented is no good; 403 for a lacking permission says which (RFC 6750 section 3). 429 and 503 always have `Retry-After`.
 */
export function problemOf(refusal: Refusal, context: ProblemContext): Problem {
  const status = context.isDecision ? decisionStatus(refusal.code) : httpStatus[refusal.code];
  const ownChallenge = status === 401 ? context.challenge : undefined;
  const challenge = ownChallenge ?? challengeOf(refusal, status, context.requiredPermission);
  const retryAfterSeconds =
    refusal.retryAfterSeconds ?? (httpStatus[refusal.code] === 429 || status === 503 ? 1 : undefined);
  return {
    status,
    headers: {
      'Content-Type': problemType,
      'Cache-Control': 'no-store',
      ...(challenge === undefined ? {} : { 'WWW-Authenticate': challenge }),
      ...(retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) }),
    },
    body: {
      type: `${context.publicUrl}/docs#${refusal.code}`,
      title: problemTitle[refusal.code],
      status,
      code: refusal.code,
      detail: refusal.publicMessage,
      request_id: context.requestId,
      ...(refusal.errors ? { errors: refusal.errors } : {}),
      ...(context.requiredPermission === undefined ? {} : { required_permission: context.requiredPermission }),
      ...(context.decisionId === undefined ? {} : { decision_id: context.decisionId }),
    },
  };
}

/**
 * What was thrown, as a refusal. Fastify's own errors of the 400s are the client's; anything else is ours, is told to `surprise`
 * and says nothing to the client.
 */
export function refusalOf(error: unknown, surprise: (error: unknown) => void): Refusal {
  if (error instanceof Refusal) return error;
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (status === 413) return new Refusal('too_large', 'The body is larger than this route takes.');
  if (status === 415)
    return new Refusal('unsupported_media_type', 'The content type is not one that this route takes.');
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new Refusal('invalid_request', 'The request could not be read.');
  }
  surprise(error);
  return new Refusal('internal', 'Something went wrong here. It has been logged.');
}

/** The status of a refusal for a proxy that asks: whatever is the client's fault is 403, whatever is ours 503. */
export function decisionStatus(code: ErrorCode): number {
  const status = httpStatus[code];
  if (status === 401) return 401;
  return status >= 500 ? 503 : 403;
}

const realm = 'Bearer realm="portcullis"';

function challengeOf(refusal: Refusal, status: number, permission: string | undefined): string | undefined {
  if (status === 401) {
    if (refusal.code === 'invalid_signature') return 'Signature realm="portcullis"';
    // At a login there is no bearer credential that could be called invalid.
    const bare = refusal.code === 'unauthenticated' || refusal.code === 'invalid_credentials';
    return bare ? realm : `${realm}, error="invalid_token", error_description="${problemTitle[refusal.code]}"`;
  }
  if (refusal.code === 'forbidden' && permission !== undefined) {
    return `${realm}, error="insufficient_scope", scope="${permission.replaceAll(/[^\x21\x23-\x5b\x5d-\x7e]/g, '')}"`;
  }
  return undefined;
}
