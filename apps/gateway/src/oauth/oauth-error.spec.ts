import { type ErrorCode, Refusal } from '@portcullis/contracts';
import { asOAuthError, OAuthError } from './oauth-error.js';

describe('a refusal in the form that OAuth has for it', () => {
  test.each<[ErrorCode, number, string]>([
    ['invalid_token', 400, 'invalid_grant'],
    ['token_expired', 400, 'invalid_grant'],
    ['token_not_yet_valid', 400, 'invalid_grant'],
    ['unprocessable', 400, 'invalid_scope'],
    ['invalid_request', 400, 'invalid_request'],
    ['unsupported_media_type', 400, 'invalid_request'],
    ['too_large', 413, 'invalid_request'],
    ['unavailable', 503, 'temporarily_unavailable'],
    ['enforcement_pending', 503, 'temporarily_unavailable'],
    ['audit_unavailable', 503, 'temporarily_unavailable'],
    ['rate_limited', 429, 'temporarily_unavailable'],
  ])('%s is %d %s', (code, status, error) => {
    expect(asOAuthError(new Refusal(code, 'Why.'))).toMatchObject({ status, error });
  });

  test('whoever may come back hears when', () => {
    const headersOf = (refusal: Refusal) => asOAuthError(refusal).headers;
    expect(headersOf(new Refusal('rate_limited', 'Why.', { retryAfterSeconds: 7 }))).toEqual({ 'Retry-After': '7' });
    expect(headersOf(new Refusal('unavailable', 'Why.'))).toEqual({ 'Retry-After': '1' });
    expect(headersOf(new Refusal('too_large', 'Why.'))).toEqual({});
  });

  test('a scope that is none says nothing of what the service said', () => {
    expect(asOAuthError(new Refusal('unprocessable', 'Role x lacks y.')).description).not.toContain('Role x');
  });

  test('what it has no words for goes on as it came, and is a problem document', () => {
    const surprise = new TypeError('x is not a function');
    const denied = new Refusal('forbidden', 'No.');
    expect(() => asOAuthError(surprise)).toThrow(surprise);
    expect(() => asOAuthError(denied)).toThrow(denied);
    const own = new OAuthError(400, 'unsupported_grant_type', 'Why.');
    expect(asOAuthError(own)).toBe(own);
  });
});
