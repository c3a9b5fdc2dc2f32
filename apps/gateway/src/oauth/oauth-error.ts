import { Refusal } from '@portcullis/contracts';

/** A refusal in the form that OAuth has for it (RFC 6749 section 5.2). None repeats what was sent. */
export class OAuthError extends Error {
  constructor(
    readonly status: number,
    readonly error: string,
    readonly description: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(description);
  }
}

export const invalidRequest = (description: string): OAuthError => new OAuthError(400, 'invalid_request', description);
export const invalidScope = (): OAuthError =>
  new OAuthError(400, 'invalid_scope', 'The scope names what there is not, or nothing that this client holds.');

/** Unknown client and wrong secret in the same words; the challenge is of the scheme that the client used (RFC 6749 section 5.2). */
export const invalidClient = (isBasic: boolean): OAuthError =>
  new OAuthError(401, 'invalid_client', 'The client could not be authenticated.', {
    'WWW-Authenticate': isBasic ? 'Basic realm="portcullis"' : 'Bearer realm="portcullis"',
  });

/** Any refusal as OAuth's, where OAuth has words for it. Throws the rest as it came. */
export function asOAuthError(error: unknown): OAuthError {
  if (error instanceof OAuthError) return error;
  if (!(error instanceof Refusal)) throw error;
  switch (error.code) {
    case 'invalid_token':
    case 'token_expired':
    case 'token_not_yet_valid':
      return new OAuthError(400, 'invalid_grant', error.publicMessage);
    case 'unprocessable':
      return invalidScope();
    case 'invalid_request':
    case 'unsupported_media_type':
      return invalidRequest(error.publicMessage);
    case 'too_large':
      return new OAuthError(413, 'invalid_request', error.publicMessage);
    case 'unavailable':
    case 'enforcement_pending':
    case 'audit_unavailable':
    case 'rate_limited':
      return new OAuthError(error.code === 'rate_limited' ? 429 : 503, 'temporarily_unavailable', error.publicMessage, {
        'Retry-After': String(error.retryAfterSeconds ?? 1),
      });
    default:
      throw error;
  }
}
