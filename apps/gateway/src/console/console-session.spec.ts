import { eventually } from '@portcullis/testing';
import { aGateway, publicUrl } from '../../spec/gateway.js';
import { type Got, send as sendTo, type Sent } from '../../spec/http-client.js';
import { asked, held } from '../../spec/services.js';

let gateway: Awaited<ReturnType<typeof aGateway>>;
beforeAll(async () => (gateway = await aGateway({ routes: ['{ match: "GET /**", public: true, upstream: books }'] })));
beforeEach(() => {
  Object.assign(gateway.seen, { upstream: undefined });
  gateway.seen.events.length = 0;
  delete asked.token;
});
afterAll(() => gateway.close());

const name = '__Secure-portcullis-session';
const ours = { 'X-Requested-With': 'portcullis-console' };
const cookie = (token: string) => ({ Cookie: `theme=dark; ${name}=${token}; last=1` });
const right = JSON.stringify({ email: 'ada@example.com', password: 'hunter2' });
const attributes = 'HttpOnly; Secure; SameSite=Strict; Path=/console/session';
const cleared = [`${name}=; ${attributes}; Max-Age=0`];

const send = (method: string, path: string, sent: Omit<Sent, 'port'> = {}): Promise<Got> =>
  sendTo(method, path, { ...sent, port: gateway.port });
const signIn = (headers: Record<string, string> = {}, body = right) =>
  send('POST', '/console/session', { body, headers: { ...ours, ...headers } });
const refresh = (headers: Sent['headers'] = {}) =>
  send('POST', '/console/session/refresh', { headers: { ...ours, ...headers } });
const end = (headers: Sent['headers'] = {}) => send('DELETE', '/console/session', { headers: { ...ours, ...headers } });

describe('a sign-in from the console', () => {
  test('answers the access token; the refresh token is in the cookie and nowhere else', async () => {
    const got = await signIn();
    expect(got).toMatchObject({ status: 200, headers: { 'cache-control': 'no-store' } });
    expect(got.json).toEqual({ access_token: 'the access token', token_type: 'Bearer', expires_in: 3600 });
    expect(got.headers['set-cookie']).toEqual([`${name}=first.refresh.token; ${attributes}; Max-Age=7200`]);
  });

  test('that is refused sets no cookie', async () => {
    const got = await signIn({}, JSON.stringify({ email: 'ada@example.com', password: 'wrong' }));
    expect([got.status, got.json?.code, got.headers['set-cookie']]).toEqual([401, 'invalid_credentials', undefined]);
    expect((await signIn({}, '{"email":"a"}')).json?.errors).toMatchObject([{ field: 'password' }]);
    expect((await signIn({}, right.replace('}', ',"remember":true}'))).status).toBe(400);
    expect((await signIn({ 'Content-Type': 'text/plain' })).status).toBe(415);
  });
});

describe('a refresh', () => {
  test('goes by the cookie alone and answers with another cookie', async () => {
    const got = await refresh(cookie('first.refresh.token'));
    expect(asked.token).toBe('first.refresh.token');
    expect(got.json).toEqual({ access_token: 'the access token', token_type: 'Bearer', expires_in: 3600 });
    expect(got.headers['set-cookie']).toEqual([`${name}=next.refresh.token; ${attributes}; Max-Age=7200`]);
  });

  test.each([
    ['no cookie', {}, 'unauthenticated'],
    ['an empty one', cookie(''), 'unauthenticated'],
    ['what cannot be a token', cookie('a"b'), 'unauthenticated'],
    ['one that is too long', cookie('x'.repeat(4097)), 'unauthenticated'],
    ['a session that is over', cookie('over.revoked'), 'invalid_token'],
  ])('with %s is 401 with a challenge, and clears the cookie', async (_, headers, code) => {
    const got = await refresh(headers);
    expect([got.status, got.json?.code, got.headers['set-cookie']]).toEqual([401, code, cleared]);
    expect(got.headers['www-authenticate']).toMatch(/^Bearer /);
  });

  test('of what another page has just replaced leaves that page’s cookie alone', async () => {
    const got = await refresh(cookie('over.replaced'));
    expect([got.status, got.headers['set-cookie']]).toEqual([401, undefined]);
  });

  test('while identity is away keeps the cookie', async () => {
    const got = await refresh(cookie('identity.is.away'));
    expect([got.status, got.headers['set-cookie']]).toEqual([503, undefined]);
  });

  test('with two sessions is refused: one of them was put there', async () => {
    const planted = { Cookie: `${name}=first.refresh.token; ${name}=of.somebody.else` };
    const got = await refresh(planted);
    expect([got.status, got.json?.code, asked.token]).toEqual([400, 'ambiguous_credentials', undefined]);
  });

  test('that is refused is written down as whose it was', async () => {
    await refresh(cookie('over.reused'));
    expect(gateway.seen.events).toMatchObject([
      { action: 'credential.refused', reason: 'reused', resource: { id: 'tok_over' } },
    ]);
  });
});

describe('the end of a session', () => {
  test('answers with the receipt and clears the cookie', async () => {
    const got = await end(cookie('first.refresh.token'));
    expect([asked.token, got.status, got.headers['set-cookie']]).toEqual(['first.refresh.token', 200, cleared]);
    expect(got.json).toMatchObject({ enforcement: { enforcers: 2, acknowledged: 2 } });
  });

  test.each([
    ['without a cookie', {}],
    ['of a session that is over', cookie('over.revoked')],
  ])('%s is fine, with no receipt', async (_, headers) => {
    const got = await end(headers);
    expect([got.status, got.json, got.headers['set-cookie']]).toEqual([200, { enforcement: null }, cleared]);
  });

  test('that is not yet confirmed keeps the cookie, so that a repeat can ask again', async () => {
    const got = await end(cookie('never.confirmed.yet'));
    expect([got.status, got.json?.code, got.headers['set-cookie']]).toEqual([503, 'enforcement_pending', undefined]);
  });
});

describe.each<[string, (headers: Record<string, string>) => Promise<Got>]>([
  ['a sign-in', signIn],
  ['a refresh', (headers) => refresh({ ...cookie('first.refresh.token'), ...headers })],
  ['an end', (headers) => end({ ...cookie('first.refresh.token'), ...headers })],
])('%s', (_, ask) => {
  test.each<[string, Record<string, string>]>([
    ['without the header', { 'X-Requested-With': '' }],
    ['with another header', { 'X-Requested-With': 'XMLHttpRequest' }],
    ['of another site', { 'Sec-Fetch-Site': 'cross-site' }],
    ['of a neighbouring host', { 'Sec-Fetch-Site': 'same-site' }],
    ['that was typed', { 'Sec-Fetch-Site': 'none' }],
    ['of another origin', { Origin: 'https://evil.example' }],
    ['of an origin that hides', { Origin: 'null' }],
    ['of a name that only begins like ours', { Origin: `${publicUrl}.evil.example` }],
  ])('%s is 403, says why, and reaches nobody', async (_name, headers) => {
    const got = await ask(headers);
    expect([got.status, got.json?.code, asked.token]).toEqual([403, 'forbidden', undefined]);
    expect(got.headers['set-cookie']).toBeUndefined();
  });

  test.each<[string, () => Record<string, string>]>([
    ['from the public URL', () => ({ Origin: publicUrl, 'Sec-Fetch-Site': 'same-origin' })],
    ['from the host that it is for', () => ({ Origin: `http://localhost:${gateway.port}` })],
    ['behind a proxy that ends TLS', () => ({ Origin: 'https://other.example', Host: 'other.example' })],
    ['of a client that says neither', () => ({})],
  ])('%s passes', async (_name, headers) => {
    expect((await ask(headers())).status).toBe(200);
  });
});

test('a foreign page that comes with the cookie is written down, without the cookie', async () => {
  // Those before it may have used up what is written down one by one in this second.
  await eventually(async () => {
    await refresh({ ...cookie('first.refresh.token'), Origin: 'https://evil.example' });
    return gateway.seen.events.length > 0;
  });
  expect(gateway.seen.events[0]).toMatchObject({ action: 'credential.refused', reason: 'foreign_page' });
  expect(JSON.stringify(gateway.seen)).not.toContain('first.refresh.token');
});

test('nowhere else is the cookie a credential', async () => {
  expect((await send('GET', '/v1/whoami', { headers: { ...ours, ...cookie('first.refresh.token') } })).status).toBe(
    401,
  );
  const logout = await send('POST', '/v1/logout', {
    body: '{}',
    headers: { ...ours, ...cookie('first.refresh.token') },
  });
  expect(logout.status).toBe(401);
  expect(asked.token).toBeUndefined();
});

test('an upstream sees the other cookies, and the session never', async () => {
  await send('GET', '/public/x', { headers: cookie('first.refresh.token') });
  expect(gateway.seen.upstream?.headers.cookie).toBe('theme=dark; last=1');
  await send('GET', '/v1/counterparties', { key: held, headers: { Cookie: `${name}=first.refresh.token` } });
  expect(gateway.seen.upstream?.headers).not.toHaveProperty('cookie');
});

test('GET below the session is the operator’s, as at any path with other methods', async () => {
  expect((await send('GET', '/console/session')).status).toBe(207);
  const put = await send('PUT', '/console/session', { body: '{}' });
  expect([put.status, put.headers.allow]).toEqual([405, 'POST, DELETE']);
});
