import { aGateway } from '../../spec/gateway.js';
import { type Got, send as sendTo, type Sent, talk } from '../../spec/http-client.js';
import { asked, held, installationId, node, organization, roleTokenKeys } from '../../spec/services.js';

let gateway: Awaited<ReturnType<typeof aGateway>>;
beforeAll(async () => (gateway = await aGateway()));
afterAll(() => gateway.close());
beforeEach(() => {
  gateway.seen.reported.length = 0;
  delete asked.request;
});

const send = (method: string, path: string, sent: Omit<Sent, 'port'> = {}): Promise<Got> =>
  sendTo(method, path, { ...sent, port: gateway.port });

const basic = (text: string): Record<string, string> => ({
  Authorization: `Basic ${Buffer.from(text).toString('base64')}`,
});
const wanted = '{"role":"consumer","expiry":60}';

const nowSeconds = Math.floor(Date.now() / 1000);
const token = roleTokenKeys
  .seal({
    id: 'tok_spec',
    installationId,
    epoch: 1,
    role: 'creator',
    familyId: 'tok_spec',
    owner: null,
    issuedAt: nowSeconds,
    expiresAt: nowSeconds + 3600,
    familyEndsAt: nowSeconds + 3600,
  })
  .reveal();
const bearer = { Authorization: `Bearer ${token}` };

describe('POST /auth', () => {
  test('the document’s example: the password goes sealed, the token comes back plain, and no cache keeps it', async () => {
    const got = await send('POST', '/auth', { headers: { Authorization: 'Basic OmhlbGxv' }, body: wanted });
    expect(got.status).toBe(201);
    expect(got.json).toMatchObject({ key: 'a role token', token_id: 'tok_spec', role: 'consumer' });
    expect(got.headers['cache-control']).toBe('no-store');
    expect(asked.request).toMatchObject({ email: null, wanted: { role: 'consumer', expiry: 60 } });
    expect(JSON.stringify(asked.request)).not.toContain('hello');
  });

  test.each([
    ['the password begins after the first colon', ':hello', null],
    ['what stands before it is a person', 'ada@example.com:hello', 'ada@example.com'],
  ])('%s', async (_, text, email) => {
    expect((await send('POST', '/auth', { headers: basic(text), body: wanted })).status).toBe(201);
    expect(asked.request).toMatchObject({ email });
  });

  test.each<[string, Record<string, string>]>([
    ['no credential', {}],
    ['a wrong password', basic(':wrong')],
    ['a password with a colon of its own, which is another', basic('::hello')],
    ['no colon', basic('hello')],
    ['no base64', { Authorization: 'Basic %%%' }],
    ['base64 without its padding', { Authorization: 'Basic Omhlbw' }],
    ['base64 with stray bits', { Authorization: 'Basic OmhlbGx=' }],
    ['bytes that are no UTF-8', { Authorization: `Basic ${Buffer.from([0x3a, 0xff]).toString('base64')}` }],
    ['nothing after Basic', { Authorization: 'Basic' }],
    ['a password of two thousand letters', basic(`:${'x'.repeat(2000)}`)],
    ['a bearer token', bearer],
    ['another scheme', { Authorization: 'Digest x' }],
  ])('%s is 401 and asks for Basic', async (_, headers) => {
    const got = await send('POST', '/auth', { headers, body: wanted });
    expect(got.status).toBe(401);
    expect(got.headers['www-authenticate']).toBe('Basic realm="Restricted"');
    expect(gateway.seen.reported).toEqual([]);
  });

  test('two credentials are 400', async () => {
    const headers = { Authorization: ['Basic OmhlbGxv', 'Basic OmhlbGxv'] };
    expect((await send('POST', '/auth', { headers, body: wanted })).json).toMatchObject({
      code: 'ambiguous_credentials',
    });
  });

  test.each<[string, string | undefined, string]>([
    ['no body', undefined, 'role'],
    ['no expiry', '{"role":"consumer"}', 'expiry'],
    ['an expiry of nothing', '{"role":"consumer","expiry":0}', 'expiry'],
    ['an expiry before now', '{"role":"consumer","expiry":-1}', 'expiry'],
    ['a fraction', '{"role":"consumer","expiry":60.5}', 'expiry'],
    ['a text', '{"role":"consumer","expiry":"60"}', 'expiry'],
    ['null', '{"role":"consumer","expiry":null}', 'expiry'],
    ['more than a number holds', '{"role":"consumer","expiry":1e999}', 'expiry'],
    ['an unknown role', '{"role":"root","expiry":60}', 'role'],
    ['a role of the control plane', '{"role":"owner","expiry":60}', 'role'],
    ['a role in capitals', '{"role":"Consumer","expiry":60}', 'role'],
    ['a field that nobody named', '{"role":"consumer","expiry":60,"Role":"maintainer"}', 'Role'],
    ['a field twice', '{"role":"consumer","role":"maintainer","expiry":60}', 'role'],
    ['no JSON', 'hello', '(body)'],
    ['something after it', `${wanted}x`, '(body)'],
  ])('%s is 400 that names the field, to whoever knows the password', async (_, body, field) => {
    const sent = body === undefined ? {} : { body };
    const got = await send('POST', '/auth', { headers: basic(':hello'), ...sent });
    expect(got.status).toBe(400);
    expect(got.json?.code).toBe('invalid_request');
    expect(got.json?.errors?.map((fault) => fault.field)).toContain(field);
    expect((await send('POST', '/auth', { headers: basic(':wrong'), ...sent })).status).toBe(401);
  });

  test.each([
    ['right', ':hello'],
    ['wrong', ':wrong'],
  ])('513 bytes are 413 before the %s password is looked at, announced or not', async (_, text) => {
    const body = wanted.padEnd(513);
    expect((await send('POST', '/auth', { headers: basic(text), body: wanted.padEnd(512) })).status).not.toBe(413);
    delete asked.request;
    expect((await send('POST', '/auth', { headers: basic(text), body })).status).toBe(413);
    const chunked = await talk(
      gateway.port,
      `POST /auth HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic(text)['Authorization']}\r\nConnection: close\r\n` +
        `Transfer-Encoding: chunked\r\n\r\n201\r\n${body}\r\n0\r\n\r\n`,
    );
    expect(chunked).toMatch(/^HTTP\/1.1 413 /);
    expect(asked.request).toBeUndefined();
  });

  test.each([
    ['application/json', 201],
    ['application/json; charset=utf-8', 201],
    ['application/x-www-form-urlencoded', 201],
    ['text/plain', 415],
    ['multipart/form-data', 415],
  ])('%s is %i', async (type, status) => {
    const headers = { ...basic(':hello'), 'Content-Type': type };
    expect((await send('POST', '/auth', { headers, body: wanted })).status).toBe(status);
  });

  test('no content type is taken for JSON, here and at /refresh and nowhere else', async () => {
    const bare = (path: string, authorization: string): Promise<string> =>
      talk(
        gateway.port,
        `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nConnection: close\r\n` +
          `Content-Length: ${wanted.length}\r\n\r\n${wanted}`,
      );
    expect(await bare('/auth', 'Basic OmhlbGxv')).toMatch(/^HTTP\/1.1 201 /);
    expect(await bare('/refresh', `Bearer ${token}`)).toMatch(/^HTTP\/1.1 201 /);
    expect(await bare('/v1/login', 'Basic OmhlbGxv')).toMatch(/^HTTP\/1.1 415 /);
  });

  test.each(['GET', 'PUT', 'DELETE'])('%s is 405 and says POST', async (method) => {
    const got = await send(method, '/auth');
    expect(got.status).toBe(405);
    expect(got.headers.allow).toBe('POST');
  });
});

describe('POST /refresh', () => {
  test('the token goes sealed, with the node as caller', async () => {
    const got = await send('POST', '/refresh', { headers: bearer, body: '{"expiry":60}' });
    expect(got.status).toBe(201);
    expect(got.json).toMatchObject({ key: 'another role token' });
    expect(asked.token).toBe(token);
    expect(JSON.stringify(asked.request)).not.toContain(token);
    expect(asked.caller?.principal).toMatchObject({
      kind: 'node',
      credential_id: 'tok_spec',
      organization_id: organization,
    });
  });

  test.each<[string, Omit<Sent, 'port'>, number, RegExp]>([
    ['no credential', {}, 401, /^Bearer realm="portcullis"$/],
    ['Basic, with a word what it is good for', { headers: basic(':hello') }, 401, /^Bearer/],
    ['an API key', { key: held }, 401, /invalid_token/],
    ['junk', { headers: { Authorization: 'Bearer AAAA' } }, 401, /invalid_token/],
    ['a token with a part too many', { headers: { Authorization: `${bearer.Authorization}.x` } }, 401, /invalid_token/],
  ])('%s is refused', async (_, sent, status, challenge) => {
    const got = await send('POST', '/refresh', { ...sent, body: wanted });
    expect(got.status).toBe(status);
    expect(got.headers['www-authenticate']).toMatch(challenge);
    expect(asked.request).toBeUndefined();
  });

  test.each(['{}', '{"role":"consumer"}', '{"expiry":0}', '{"expiry":60,"role":"root"}'])('%s is 400', async (body) => {
    expect((await send('POST', '/refresh', { headers: bearer, body })).status).toBe(400);
    expect(asked.request).toBeUndefined();
  });
});

test('a role token shows itself at whoami, and revoking needs its permission', async () => {
  const whoami = await send('GET', '/v1/whoami', { headers: bearer });
  expect(whoami.json).toMatchObject({ kind: 'node', credential_id: 'tok_spec', roles: ['creator'] });
  const denied = await send('POST', '/v1/role-tokens/revoke', { headers: bearer, body: '{"all":true}' });
  expect(denied.json).toMatchObject({ code: 'forbidden', required_permission: 'roletokens:revoke' });
});

test('without a node password /auth and /refresh are not there, whoever asks', async () => {
  node.issuesRoleTokens = false;
  const without = await aGateway();
  try {
    for (const path of ['/auth', '/refresh'])
      for (const headers of [{}, basic(':hello'), bearer]) {
        const got = await sendTo('POST', path, { port: without.port, headers, body: wanted });
        expect(got.json).toMatchObject({ code: 'not_found' });
      }
  } finally {
    node.issuesRoleTokens = true;
    await without.close();
  }
});
