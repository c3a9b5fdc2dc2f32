import { type ErrorCode, errorCodes, Refusal } from '@portcullis/contracts';
import { httpStatus } from './http-status.js';
import { problemOf, refusalOf } from './problem.js';

const context = { requestId: 'req_1', publicUrl: 'https://gate.example' };
const of = (code: ErrorCode, more = {}) => problemOf(new Refusal(code, 'Because.'), { ...context, ...more });

test.each([...errorCodes])('%s is a problem document with its own absolute type', (code) => {
  const { status, body } = of(code);
  expect(status).toBe(httpStatus[code]);
  expect(body).toMatchObject({
    type: `https://gate.example/docs#${code}`,
    status,
    code,
    detail: 'Because.',
    request_id: 'req_1',
  });
  expect(body.title).not.toBe('');
  expect(status).toBeGreaterThanOrEqual(400);
});

test.each([...errorCodes].filter((code) => httpStatus[code] === 401))('%s has a challenge', (code) => {
  const scheme = code === 'invalid_signature' ? 'Signature' : 'Bearer';
  expect(of(code).headers['WWW-Authenticate']?.startsWith(`${scheme} realm="portcullis"`)).toBe(true);
});

test.each([...errorCodes].filter((code) => [429, 503].includes(httpStatus[code])))(
  '%s says when to come back',
  (code) => {
    expect(Number(of(code).headers['Retry-After'])).toBeGreaterThan(0);
  },
);

test('nothing presented is challenged without an error, what is no good with one', () => {
  expect(of('unauthenticated').headers['WWW-Authenticate']).toBe('Bearer realm="portcullis"');
  expect(of('invalid_token').headers['WWW-Authenticate']).toContain('error="invalid_token"');
  expect(of('token_expired').headers['WWW-Authenticate']).toContain('error="invalid_token"');
});

test('a lacking permission is named in the challenge and in the body', () => {
  const { headers, body } = of('forbidden', { requiredPermission: 'users:view', decisionId: 'evt_1' });
  expect(headers['WWW-Authenticate']).toBe('Bearer realm="portcullis", error="insufficient_scope", scope="users:view"');
  expect(body).toMatchObject({ required_permission: 'users:view', decision_id: 'evt_1' });
});

test('a permission cannot break out of the challenge', () => {
  const { headers } = of('forbidden', { requiredPermission: 'a"\r\nSet-Cookie: b' });
  expect(headers['WWW-Authenticate']).toMatch(/scope="aSet-Cookie:b"$/);
});

test('Retry-After is what the refusal says', () => {
  const refusal = new Refusal('rate_limited', 'Slow down.', { retryAfterSeconds: 17 });
  expect(problemOf(refusal, context).headers['Retry-After']).toBe('17');
});

test.each<[string, unknown, ErrorCode]>([
  ['too much', { statusCode: 413 }, 'too_large'],
  ['a type', { statusCode: 415 }, 'unsupported_media_type'],
  ['any other fault of the request', { statusCode: 400 }, 'invalid_request'],
])('%s that the server refuses by itself is the client’s fault', (_, error, code) => {
  const surprises: unknown[] = [];
  expect(refusalOf(error, (surprise) => surprises.push(surprise)).code).toBe(code);
  expect(surprises).toEqual([]);
});

test.each([[new Error('password is hunter2')], [{ statusCode: 500, message: 'hunter2' }], [null], ['hunter2']])(
  'a surprise is reported here and says nothing outside',
  (error) => {
    const surprises: unknown[] = [];
    const refusal = refusalOf(error, (surprise) => surprises.push(surprise));
    expect(refusal.code).toBe('internal');
    expect(refusal.publicMessage).not.toContain('hunter2');
    expect(surprises).toEqual([error]);
  },
);
