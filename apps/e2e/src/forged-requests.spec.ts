import { createHmac, createPublicKey, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { eventually } from '@portcullis/testing';
import { Backstage } from './backstage.js';
import { Client, type HttpAnswer } from './client.js';
import { type RawAnswer, sendRaw } from './raw.js';
import { filesWith } from './secret-sweep.js';
import { type Stack, startStack } from './stack.js';

type Expected = readonly [status: number, code: string];

const canary = 'canary-91c3e0';

/** One line a header; the key of the caller in the place of `KEY`. */
const guarded = ['GET /v1/counterparties HTTP/1.1', 'Host: gate.test', 'Authorization: Bearer KEY'];
const instead = (line: string) => [line, ...guarded.slice(1)];
const besides = (...lines: string[]) => [...guarded, ...lines];

describe('a request that is forged reaches no upstream', () => {
  let stack: Stack;
  let upstream: Server;
  const reached: { url: string; headers: IncomingHttpHeaders }[] = [];
  let anyone: Client;
  let admin: Client;
  let key: { id: string; credentials: { bearer_token: string; client_id: string; client_secret: string } };
  let pair: { access_token: string; refresh_token: string };

  beforeAll(async () => {
    upstream = createServer((request, response) => {
      reached.push({ url: request.url ?? '', headers: request.headers });
      request.resume();
      response.end('{}');
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    stack = await startStack({
      env: {
        PORTCULLIS_VARIABLE_EXAMPLE_UPSTREAM_URL: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
        PORTCULLIS_ACCESS_TOKEN_SECONDS: '4',
        PORTCULLIS_REFRESH_OVERLAP_SECONDS: '2',
      },
    });
    anyone = new Client(stack.url);
    const session = await anyone.post('/v1/login', { email: stack.email, password: stack.password });
    const made = await anyone.as(session.json.access_token as string).post('/v1/api-keys', {
      name: 'to forge with',
      forms: ['bearer', 'client_credentials'],
      permissions: ['apikeys:view', 'counterparties:view', 'travelrule:manage'],
    });
    key = made.json as typeof key;
    admin = anyone.as(key.credentials.bearer_token);
    pair = await newPair();
  }, 150_000);
  afterAll(async () => {
    upstream?.close();
    const code = await stack?.stop();
    stack?.remove();
    expect(code).toBe(0);
  }, 60_000);

  const newPair = async () => {
    const { client_id, client_secret } = key.credentials;
    return (await anyone.post('/v1/authenticate', { client_id, client_secret })).json as typeof pair;
  };
  const raw = (lines: readonly string[], body = '') =>
    sendRaw(stack.url, `${lines.join('\r\n').replaceAll('KEY', key.credentials.bearer_token)}\r\n\r\n${body}`);
  const expectRefused = (answer: HttpAnswer | RawAnswer, [status, code]: Expected) => {
    expect({ status: answer.status, ...answer.json }).toMatchObject({
      status,
      code,
      request_id: expect.any(String) as string,
    });
    expect(answer.text).not.toContain(canary);
    expect(answer.text).not.toContain(key.credentials.bearer_token);
    if (status === 401) expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="portcullis"/);
    expect(reached).toEqual([]);
  };
  afterEach(() => void reached.splice(0));

  test('as it should be it passes, in any case of the scheme and over HTTP/1.0 too', async () => {
    for (const lines of [
      guarded,
      guarded.map((line) => line.replace('Bearer', 'bEARER')),
      instead('GET /v1/counterparties HTTP/1.0'),
    ]) {
      const answer = await sendRaw(
        stack.url,
        `${lines.join('\r\n').replaceAll('KEY', key.credentials.bearer_token)}\r\n\r\n`,
      );
      expect(answer.status).toBe(200);
    }
    expect(reached.map(({ url }) => url)).toEqual(Array(3).fill('/v1/counterparties'));
  });

  test.each<[string, string[], Expected]>([
    ['two Authorization headers', besides(`Authorization: Bearer ${canary}`), [400, 'ambiguous_credentials']],
    ['two good Authorization headers', besides('Authorization: Bearer KEY'), [400, 'ambiguous_credentials']],
    [
      'two credentials in one header',
      [...guarded.slice(0, 2), 'Authorization: Bearer KEY, Bearer KEY'],
      [401, 'invalid_token'],
    ],
    [
      'a signature beside the key',
      besides('Signature-Input: sig=()', 'Signature: sig=:AA==:'),
      [400, 'ambiguous_credentials'],
    ],
    ['a tab after Bearer', [...guarded.slice(0, 2), 'Authorization: Bearer\tKEY'], [401, 'unauthenticated']],
    [
      'Basic with the key',
      [...guarded.slice(0, 2), `Authorization: Basic ${Buffer.from(`x:${canary}`).toString('base64')}`],
      [401, 'unauthenticated'],
    ],
    ['two Host headers', besides('Host: other.test'), [400, 'invalid_request']],
    ['no Host header', guarded.filter((line) => !line.startsWith('Host')), [400, 'invalid_request']],
    ['two X-Org-ID headers', besides('X-Org-ID: a', 'X-Org-ID: b'), [400, 'invalid_request']],
    ['two Content-Length headers', besides('Content-Length: 0', 'Content-Length: 1'), [400, 'invalid_request']],
    [
      'Content-Length and Transfer-Encoding',
      besides('Content-Length: 4', 'Transfer-Encoding: chunked'),
      [400, 'invalid_request'],
    ],
    ['Transfer-Encoding gzip, chunked', besides('Transfer-Encoding: gzip, chunked'), [400, 'invalid_request']],
    ['Transfer-Encoding xchunked', besides('Transfer-Encoding: xchunked'), [400, 'invalid_request']],
    ['an underscore in a header name', besides('X_Org_Id: org_1'), [400, 'invalid_request']],
    ['a blank before the colon', besides('X-Org-ID : org_1'), [400, 'invalid_request']],
    ['a folded header', besides('X-Note: a', ' b'), [400, 'invalid_request']],
    ['a NUL in a header', besides('X-Note: a\0b'), [400, 'invalid_request']],
    ['a bare LF', besides('X-Note: a\nX-Org-ID: b'), [400, 'invalid_request']],
    ['headers over 32 KiB', besides(`X-Note: ${canary.repeat(3_000)}`), [431, 'headers_too_large']],
    [
      'an over-long credential',
      [...guarded.slice(0, 2), `Authorization: Bearer ${canary.repeat(1_000)}`],
      [401, 'invalid_token'],
    ],
    ['Connection: authorization', besides('Connection: authorization'), [400, 'invalid_request']],
    ['Connection: close, x-forwarded-for', besides('Connection: close, X-Forwarded-For'), [400, 'invalid_request']],
    [
      'the absolute form of a target',
      instead('GET http://gate.test/v1/counterparties HTTP/1.1'),
      [400, 'invalid_request'],
    ],
    ['a target of another host', instead('GET http://evil.test/v1/counterparties HTTP/1.1'), [400, 'invalid_request']],
    ['// at the start', instead('GET //v1/counterparties HTTP/1.1'), [400, 'invalid_request']],
    ['// within', instead('GET /v1//counterparties HTTP/1.1'), [400, 'invalid_request']],
    ['/../', instead('GET /public/../v1/counterparties HTTP/1.1'), [400, 'invalid_request']],
    ['/./', instead('GET /v1/./counterparties HTTP/1.1'), [400, 'invalid_request']],
    ['an encoded slash', instead('GET /v1%2fcounterparties HTTP/1.1'), [400, 'invalid_request']],
    ['encoded dots', instead('GET /public/%2e%2e/v1/counterparties HTTP/1.1'), [400, 'invalid_request']],
    ['dots encoded twice', instead('GET /public/%252e%252e/v1/counterparties HTTP/1.1'), [400, 'invalid_request']],
    ['an encoded NUL', instead('GET /v1/counterparties%00 HTTP/1.1'), [400, 'invalid_request']],
    ['a semicolon', instead('GET /v1/counterparties;a=b HTTP/1.1'), [400, 'invalid_request']],
    ['a backslash', instead('GET /public\\..\\v1/counterparties HTTP/1.1'), [400, 'invalid_request']],
    ['a fragment', instead('GET /v1/counterparties#x HTTP/1.1'), [400, 'invalid_request']],
    ['raw UTF-8 in the target', instead('GET /v1/counterpartiesé HTTP/1.1'), [400, 'invalid_request']],
    [
      'a target over 8 KiB',
      instead(`GET /v1/counterparties?q=${'q'.repeat(8_192)} HTTP/1.1`),
      [400, 'invalid_request'],
    ],
    ['an asterisk for a target', instead('OPTIONS * HTTP/1.1'), [400, 'invalid_request']],
    ['another case of the path', instead('GET /V1/counterparties HTTP/1.1'), [404, 'not_found']],
    ['a method in lower case', instead('get /v1/counterparties HTTP/1.1'), [400, 'invalid_request']],
    ['a method that is none', instead('GETS /v1/counterparties HTTP/1.1'), [400, 'invalid_request']],
    ['no protocol version', instead('GET /v1/counterparties'), [400, 'invalid_request']],
    ['TRACE', instead('TRACE /v1/counterparties HTTP/1.1'), [405, 'method_not_allowed']],
    ['TRACE of a control route', instead('TRACE /v1/api-keys HTTP/1.1'), [405, 'method_not_allowed']],
    ['CONNECT', instead('CONNECT gate.test:443 HTTP/1.1'), [405, 'method_not_allowed']],
    ['PUT on a control route', instead('PUT /v1/api-keys HTTP/1.1'), [405, 'method_not_allowed']],
    ['a trailing slash on a control route', instead('GET /v1/api-keys/ HTTP/1.1'), [404, 'not_found']],
  ])('%s is refused', async (_, lines, expected) => expectRefused(await raw(lines), expected));

  test('a method that a header overrides stays the method that was sent, and no such header travels on', async () => {
    const names = ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'];
    const stays = await raw([
      `GET /v1/api-keys/${key.id} HTTP/1.1`,
      ...guarded.slice(1),
      ...names.map((name) => `${name}: DELETE`),
    ]);
    expect(stays).toMatchObject({ status: 200, json: { status: 'active' } });
    const forged = [
      'TE: gzip',
      'X-Original-URL: /v1/transactions',
      'X-Rewrite-URL: /x',
      'X-Portcullis-Identity: forged',
      'X-Forwarded-Host: evil.test',
      'Forwarded: for=1.2.3.4',
    ];
    expect((await raw(besides(...names.map((name) => `${name}: POST`), ...forged))).status).toBe(200);
    const { headers } = reached[0] ?? { headers: {} };
    for (const name of [
      ...names.map((one) => one.toLowerCase()),
      'x-original-url',
      'x-rewrite-url',
      'authorization',
      'te',
    ])
      expect(headers).not.toHaveProperty(name);
    expect(JSON.stringify(headers)).not.toMatch(/forged|evil\.test|1\.2\.3\.4/);
  });

  test('Expect: 100-continue without a credential is 401 at once; with one the body is asked for', async () => {
    const lines = [
      'POST /v1/transactions HTTP/1.1',
      'Host: gate.test',
      'Content-Type: application/json',
      'Content-Length: 2',
      'Expect: 100-continue',
    ];
    const refused = await raw(lines);
    expectRefused(refused, [401, 'unauthenticated']);
    expect(refused.bytes).not.toContain('100 Continue');
    const passed = await raw([...lines, 'Authorization: Bearer KEY'], '{}');
    expect(passed.bytes).toMatch(/^HTTP\/1\.1 100 Continue\r\n/);
    expect(passed.status).toBe(200);
  });

  test('a credential in the query is none', async () => {
    for (const name of ['access_token', 'token', 'api_key', 'authorization'])
      expectRefused(await anyone.get(`/v1/counterparties?${name}=${key.credentials.bearer_token}`), [
        401,
        'unauthenticated',
      ]);
    expectRefused(await anyone.get(`/v1/whoami?access_token=${pair.access_token}`), [401, 'unauthenticated']);
  });

  describe('a token', () => {
    const whoami = (token: string) => anyone.as(token).get('/v1/whoami');
    const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    let fresh: string;
    let header: Record<string, unknown>;
    let claims: Record<string, unknown>;
    let jwk: JsonWebKey;
    beforeAll(async () => {
      fresh = (await newPair()).access_token;
      expect((await whoami(fresh)).status).toBe(200);
      [header, claims] = fresh
        .split('.')
        .slice(0, 2)
        .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>) as [
        Record<string, unknown>,
        Record<string, unknown>,
      ];
      const { keys } = (await anyone.get('/.well-known/jwks.json')).json as { keys: JsonWebKey[] };
      jwk = keys.find((one) => one['kid'] === header['kid']) as JsonWebKey;
      claims = { ...claims, exp: Number(claims['iat']) + 3_600 };
    });

    test.each<[string, () => string]>([
      ['with alg none', () => `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`],
      [
        'with alg None and the old signature',
        () => `${encode({ ...header, alg: 'None' })}.${encode(claims)}.${fresh.split('.')[2]}`,
      ],
      [
        'with HS256 and the public key in PEM as secret',
        () =>
          hmac(header, claims, createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })),
      ],
      [
        'with HS256 and the public key in DER as secret',
        () =>
          hmac(header, claims, createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'der' })),
      ],
      ['with HS256 and the JWK as secret', () => hmac(header, claims, JSON.stringify(jwk))],
      ['with HS256 and an empty secret', () => hmac(header, claims, '')],
      [
        'with other claims under the old signature',
        () => `${encode(header)}.${encode({ ...claims, permissions: ['*'] })}.${fresh.split('.')[2]}`,
      ],
      ['signed by a key of one’s own under the kid of ours', () => es256(header, claims, own.privateKey)],
      ['with a kid that nobody knows', () => es256({ ...header, kid: 'unknown' }, claims, own.privateKey)],
      ['with a kid that is a path', () => es256({ ...header, kid: '../../../../dev/null' }, claims, own.privateKey)],
      ['without a kid', () => es256({ alg: 'ES256', typ: 'at+jwt' }, claims, own.privateKey)],
      [
        'that brings its own key',
        () => es256({ ...header, kid: 'own', jwk: own.publicKey.export({ format: 'jwk' }) }, claims, own.privateKey),
      ],
      [
        'that says where its key is',
        () => es256({ ...header, kid: 'own', jku: 'http://127.0.0.1:1/jwks.json' }, claims, own.privateKey),
      ],
      ['with crit', () => es256({ ...header, crit: ['exp'] }, claims, own.privateKey)],
      ['of another audience', () => es256(header, { ...claims, aud: 'upstream:example' }, own.privateKey)],
      ['of another issuer', () => es256(header, { ...claims, iss: 'https://elsewhere.example' }, own.privateKey)],
      [
        'with a signature of zeros',
        () => `${encode(header)}.${encode(claims)}.${Buffer.alloc(64).toString('base64url')}`,
      ],
      ['without a signature', () => fresh.split('.').slice(0, 2).join('.') + '.'],
      ['whose signature is written in another way', () => otherLastCharacter(fresh)],
      ['that is longer than any', () => `${fresh}${'A'.repeat(20_000)}`],
      ['that is no JSON', () => 'a.b.c'],
      ['of five parts', () => 'a.b.c.d.e'],
    ])('%s is 401', async (_, forge) => {
      const answer = await whoami(forge());
      expectRefused(answer, [401, answer.json.code === 'unauthenticated' ? 'unauthenticated' : 'invalid_token']);
    });

    test('for refreshing is no access token, nor is one for services or for upstreams', async () => {
      const { refresh_token } = await newPair();
      expectRefused(await whoami(refresh_token), [401, 'invalid_token']);

      const bus = await new Backstage(stack).bus('admin');
      const callers: string[] = [];
      bus.subscribe('api-key.list', {
        callback: (_, message) => void callers.push(message.headers?.get('Portcullis-Caller') ?? ''),
      });
      await bus.flush();
      expect((await admin.get('/v1/api-keys')).status).toBe(200);
      const caller = await eventually(() => callers[0]);
      await bus.close();
      expect(caller.split('.')).toHaveLength(3);
      expectRefused(await whoami(caller), [401, 'invalid_token']);

      expect((await admin.get('/v1/counterparties')).status).toBe(200);
      const identity = String(reached.splice(0)[0]?.headers['x-portcullis-identity']);
      expect(identity.split('.')).toHaveLength(3);
      expectRefused(await whoami(identity), [401, 'invalid_token']);
    });

    test('that has expired is 401 and says so, and its refresh token is worth a new one', async () => {
      const expired = await eventually(async () => {
        const answer = await whoami(pair.access_token);
        return answer.status === 401 && answer;
      });
      expectRefused(expired, [401, 'token_expired']);
      const second = await anyone.post('/v1/reauthenticate', { refresh_token: pair.refresh_token });
      expect(second.status).toBe(200);
      expect((await whoami(second.json.access_token as string)).status).toBe(200);
    });
  });

  test('nothing of it is in a log or on the terminal, nor is a credential', () => {
    const secrets = [
      canary,
      key.credentials.bearer_token,
      key.credentials.client_secret,
      pair.access_token,
      pair.refresh_token,
    ];
    expect(filesWith(stack.data, secrets)).toEqual([]);
    for (const secret of secrets) expect(stack.output()).not.toContain(secret);
  });
});

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function es256(header: object, claims: object, key: KeyObject): string {
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

function hmac(header: object, claims: object, secret: string | Buffer): string {
  const signed = `${encode({ ...header, alg: 'HS256' })}.${encode(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

/** 64 bytes leave four bits of the last character unused: another character there decodes to the same signature. */
function otherLastCharacter(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1) ?? '') ^ 1];
}
