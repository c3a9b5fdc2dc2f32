import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@portcullis/testing';
import { administrator, Client, type HttpAnswer } from './client.js';
import { type Stack, startStack } from './stack.js';

const cookieName = '__Secure-portcullis-session';

/**
 * The session of the console as a browser has it, on two gateways: signed in, loaded again, used by two pages at once, attacked from another
 * site, stolen, ended. The sweep for secrets comes with the end of the stack, and looks for every cookie.
 */
describe('a session of the console', () => {
  const dist = mkdtempSync(join(tmpdir(), 'portcullis-console-'));
  let stack: Stack;
  let admin: Client;

  beforeAll(async () => {
    mkdirSync(join(dist, 'assets'));
    writeFileSync(join(dist, 'index.html'), '<!doctype html><title>Portcullis</title>');
    writeFileSync(join(dist, 'assets/index-AbCdEfGh.js'), 'export {};');
    stack = await startStack({ env: { PORTCULLIS_GATEWAYS: '2', PORTCULLIS_CONSOLE: dist } });
    admin = await administrator(stack);
  }, 180_000);
  afterAll(async () => {
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
    rmSync(dist, { recursive: true });
  }, 60_000);

  /** As a page of the first gateway asks, or of another origin. */
  const page = (origin = stack.url) => ({ Origin: origin, 'X-Requested-With': 'portcullis-console' });
  const ask = (
    method: string,
    path: string,
    {
      cookie,
      url = stack.url,
      headers = page(url),
    }: { cookie?: string; url?: string; headers?: Record<string, string> },
  ): Promise<HttpAnswer> =>
    new Client(url).send(method, path, undefined, {
      ...headers,
      ...(cookie === undefined ? {} : { Cookie: `${cookieName}=${cookie}` }),
    });
  const refresh = (cookie: string, how: Omit<Parameters<typeof ask>[2], 'cookie'> = {}) =>
    ask('POST', '/console/session/refresh', { cookie, ...how });
  const signOut = (cookie: string) => ask('DELETE', '/console/session', { cookie });

  /** What the browser keeps of an answer; undefined: it has nothing to keep, empty: it drops what it had. */
  function cookieOf({ headers }: HttpAnswer): string | undefined {
    const [set] = (headers['set-cookie'] ?? []) as string[];
    return set?.slice(set.indexOf('=') + 1).split(';', 1)[0];
  }

  async function signIn(): Promise<{ cookie: string; token: string }> {
    const answer = await new Client(stack.url).post(
      '/console/session',
      { email: stack.email, password: stack.password },
      page(),
    );
    expect(answer.status).toBe(200);
    return opened(answer);
  }

  const opened = (answer: HttpAnswer) => ({
    cookie: cookieOf(answer) ?? '',
    token: answer.json.access_token as string,
  });
  const everywhere = (token: string): Promise<number[]> =>
    Promise.all(stack.urls.map(async (url) => (await new Client(url, token).get('/v1/whoami')).status));
  const sessionOf = async (token: string): Promise<string> =>
    (await new Client(stack.url, token).get('/v1/whoami')).json.credential_id as string;
  const actions = async (resource: string): Promise<string[]> =>
    ((await admin.get(`/v1/audit/events?limit=100&q=${resource}`)).json.items as { action: string }[]).map(
      ({ action }) => action,
    );

  test('the console is served by every gateway, without inline script, and any place in it is its page', async () => {
    for (const url of stack.urls) {
      const answer = await new Client(url).get('/console/clients/cli_01J9Z3');
      expect([answer.status, answer.text]).toEqual([200, '<!doctype html><title>Portcullis</title>']);
      expect(answer.headers['content-security-policy']).toMatch(/^default-src 'self'; script-src 'self'; /);
      expect((await new Client(url).get('/console/assets/index-AbCdEfGh.js')).status).toBe(200);
    }
  });

  test('a sign-in gives the page an access token, and the browser a cookie that no script reads', async () => {
    const answer = await new Client(stack.url).post(
      '/console/session',
      { email: stack.email, password: stack.password },
      page(),
    );
    expect(Object.keys(answer.json as object)).toEqual(['access_token', 'token_type', 'expires_in']);
    expect(answer.headers['set-cookie']).toEqual([
      expect.stringMatching(
        /^__Secure-portcullis-session=\S+; HttpOnly; Secure; SameSite=Strict; Path=\/console\/session; Max-Age=7200$/,
      ),
    ]);
    const { cookie, token } = opened(answer);
    expect(await everywhere(token)).toEqual([200, 200]);
    await signOut(cookie);
  });

  test('a page that is loaded again goes on at once, at any gateway', async () => {
    const first = await signIn();
    const again = opened(await refresh(first.cookie, { url: stack.urls[1]! }));
    expect(again.cookie).not.toBe(first.cookie);
    expect(await everywhere(again.token)).toEqual([200, 200]);
    expect(await sessionOf(again.token)).toBe(await sessionOf(first.token));
    const later = opened(await refresh(again.cookie));
    await signOut(later.cookie);
  });

  test('two pages that refresh at the same time both go on', async () => {
    const { cookie } = await signIn();
    const answers = await Promise.all(stack.urls.map((url) => refresh(cookie, { url })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const pages = await Promise.all(
      answers
        .map(opened)
        .map(async (tokens) => ({ ...tokens, alive: (await everywhere(tokens.token)).every((s) => s === 200) })),
    );
    const [winner] = pages.filter(({ alive }) => alive);
    const [loser] = pages.filter(({ alive }) => !alive);
    expect([winner, loser]).not.toContain(undefined);
    // The slower page's cookie replaced the other's. Who still has that one is told so, and the browser keeps what it has.
    const late = await refresh(loser!.cookie);
    expect([late.status, cookieOf(late)]).toEqual([401, undefined]);
    const next = opened(await refresh(winner!.cookie));
    expect(await everywhere(next.token)).toEqual([200, 200]);
    await signOut(next.cookie);
  });

  test.each<[string, () => Record<string, string>]>([
    ['a form of another site', () => ({ Origin: 'https://evil.example', 'Content-Type': 'text/plain' })],
    ['a script of another site', () => ({ ...page('https://evil.example'), 'Sec-Fetch-Site': 'cross-site' })],
    ['a script of a neighbouring host', () => ({ ...page(), 'Sec-Fetch-Site': 'same-site' })],
    ['a page in a sandbox', () => page('null')],
    ['a page of ours that does not say so', () => ({ Origin: stack.url })],
  ])('%s can neither use the session nor end it', async (_, headers) => {
    const { cookie, token } = await signIn();
    for (const [method, path] of [
      ['POST', '/console/session/refresh'],
      ['DELETE', '/console/session'],
    ] as const) {
      const answer = await ask(method, path, { cookie, headers: headers() });
      expect([answer.status, answer.json.code, cookieOf(answer)]).toEqual([403, 'forbidden', undefined]);
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    }
    expect(await everywhere(token)).toEqual([200, 200]);
    expect((await signOut(cookie)).status).toBe(200);
  });

  test('no preflight of another origin is granted', async () => {
    const answer = await ask('OPTIONS', '/console/session/refresh', {
      headers: {
        Origin: 'https://evil.example',
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'x-requested-with',
      },
    });
    expect(answer.status).toBe(405);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
  });

  test('the cookie opens nothing else, and its token is no refresh token of a client', async () => {
    const { cookie } = await signIn();
    for (const path of ['/v1/whoami', '/v1/api-keys', '/v1/counterparties'])
      expect((await ask('GET', path, { cookie })).status).toBe(401);
    const client = await new Client(stack.url).post('/v1/reauthenticate', { refresh_token: cookie });
    expect(client).toMatchObject({ status: 401, json: { code: 'invalid_token' } });
    await signOut(cookie);
  });

  test('a cookie that was stolen and is used beside its owner’s ends the session everywhere', async () => {
    const stolen = await signIn();
    const session = await sessionOf(stolen.token);
    const owner = opened(await refresh(opened(await refresh(stolen.cookie)).cookie));
    expect(await everywhere(owner.token)).toEqual([200, 200]);

    const thief = await refresh(stolen.cookie);
    expect([thief.status, cookieOf(thief)]).toEqual([401, '']);
    expect([await everywhere(stolen.token), await everywhere(owner.token)]).toEqual([
      [401, 401],
      [401, 401],
    ]);
    const next = await refresh(owner.cookie);
    expect([next.status, cookieOf(next)]).toEqual([401, '']);
    await eventually(async () => (await actions(session)).includes('family.revoked'), 20_000);
  });

  test('a sign-out is over everywhere when it is answered, and may be repeated', async () => {
    const { cookie, token } = await signIn();
    const session = await sessionOf(token);
    const answer = await signOut(cookie);
    expect(answer).toMatchObject({ status: 200, json: { enforcement: { enforcers: 2, acknowledged: 2, fenced: 0 } } });
    expect(cookieOf(answer)).toBe('');
    expect(await everywhere(token)).toEqual([401, 401]);
    expect((await refresh(cookie)).status).toBe(401);
    expect((await signOut(cookie)).status).toBe(200);
    expect(await ask('DELETE', '/console/session', {})).toMatchObject({ status: 200, json: { enforcement: null } });
    const written = await eventually(async () => {
      const found = await actions(session);
      return found.includes('session.ended') && found;
    }, 20_000);
    expect(written.filter((action) => action === 'session.ended')).toHaveLength(1);
  });
});
