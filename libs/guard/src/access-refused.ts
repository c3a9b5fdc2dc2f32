/** The codes of Portcullis' own API that a guard answers with. */
export type AccessRefusedCode =
  | 'invalid_request'
  | 'unauthenticated'
  | 'invalid_token'
  | 'forbidden'
  | 'organization_mismatch'
  | 'network_not_allowed'
  | 'unavailable';

/**
 * A request is refused. `status`, `headers` and `body` are the whole answer (RFC 6750 section 3, RFC 9457): 401 always with a
 * challenge, 403 with `insufficient_scope` where a permission lacks, 503 where it cannot be known. They say nothing of why a token
 * is no good; that is `cause`, for the log, and holds nothing of the token either.
 */
export class AccessRefused extends Error {
  override readonly name = 'AccessRefused';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly code: AccessRefusedCode,
    options: { readonly detail?: string; readonly lacking?: readonly string[]; readonly cause?: unknown } = {},
  ) {
    const { status, title, detail = title } = { ...known[code], ...(options.detail && { detail: options.detail }) };
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = status;
    const challenge = challengeOf(code, options.lacking);
    this.headers = {
      'Content-Type': 'application/problem+json; charset=utf-8',
      'Cache-Control': 'no-store',
      ...(challenge === undefined ? {} : { 'WWW-Authenticate': challenge }),
      ...(status === 503 ? { 'Retry-After': '1' } : {}),
    };
    this.problem = {
      type: 'about:blank',
      title,
      status,
      code,
      detail,
      ...(options.lacking === undefined ? {} : { required_permission: options.lacking.join(' ') }),
    };
  }

  /** The body as an object, for frameworks that write JSON themselves. */
  readonly problem: Readonly<Record<string, string | number>>;

  get body(): string {
    return JSON.stringify(this.problem);
  }
}

/** Whether `text` can stand in a challenge as a scope (RFC 6749 section 3.3). */
export const isScopeToken = (text: string): boolean => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(text);

const known: Readonly<Record<AccessRefusedCode, { status: number; title: string; detail?: string }>> = {
  invalid_request: { status: 400, title: 'The request is malformed' },
  unauthenticated: { status: 401, title: 'A credential is needed' },
  invalid_token: { status: 401, title: 'The credential is not valid' },
  forbidden: { status: 403, title: 'Not allowed' },
  organization_mismatch: { status: 403, title: 'Another organization' },
  network_not_allowed: { status: 403, title: 'Not from this network' },
  unavailable: { status: 503, title: 'The credential cannot be checked at this moment' },
};

const realm = 'Bearer realm="portcullis"';

function challengeOf(code: AccessRefusedCode, lacking: readonly string[] | undefined): string | undefined {
  switch (code) {
    case 'unauthenticated':
      return realm;
    case 'invalid_token':
      return `${realm}, error="invalid_token"`;
    case 'invalid_request':
      return `${realm}, error="invalid_request"`;
    case 'forbidden':
      return lacking && `${realm}, error="insufficient_scope", scope="${lacking.filter(isScopeToken).join(' ')}"`;
    default:
      return undefined;
  }
}
