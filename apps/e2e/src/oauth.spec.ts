import { generateKeyPairSync, type KeyObject, randomUUID, sign, webcrypto } from 'node:crypto';
import * as oauth from 'openid-client';
import { administrator, Client, type HttpAnswer } from './client.js';
import { noteSecrets } from './secret-sweep.js';
import { type Stack, startStack } from './stack.js';

type Algorithm = 'Ed25519' | 'ES256' | 'RS256';
const keyParams = {
  Ed25519: { name: 'Ed25519' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
} as const;

/** OAuth 2.0 as a client library that we did not write speaks it, on one stack of two gateways. */
describe('OAuth', () => {
  let stack: Stack;
  let admin: Client;
  let key: { id: string; client_id: string; client_secret: string };

  beforeAll(async () => {
    stack = await startStack({ env: { PORTCULLIS_GATEWAYS: '2' } });
    admin = await administrator(stack);
    const made = await admin.post('/v1/api-keys', {
      name: 'oauth',
      forms: ['client_credentials'],
      permissions: ['counterparties:view', 'travelrule:view'],
    });
    key = { id: made.json.id as string, ...(made.json.credentials as { client_id: string; client_secret: string }) };
  }, 180_000);
  afterAll(async () => {
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
  }, 60_000);

  const insecure = { execute: [oauth.allowInsecureRequests], algorithm: 'oauth2' as const };
  const discover = (clientId: string, auth: oauth.ClientAuth) =>
    oauth.discovery(new URL(stack.url), clientId, undefined, auth, insecure);
  const status = async (token: string, path = '/v1/counterparties', url = stack.url): Promise<number> =>
    (await new Client(url, token).get(path)).status;
  const form = (path: string, parameters: Record<string, string> | string, headers: Record<string, string> = {}) =>
    new Client(stack.url).send('POST', path, String(new URLSearchParams(parameters)), {
      'Content-Type': 'application/x-www-form-urlencoded',
      ...headers,
    });
  const secret = () => ({ client_id: key.client_id, client_secret: key.client_secret });

  async function machine(algorithm: Algorithm): Promise<{ id: string; clientId: string; key: webcrypto.CryptoKey }> {
    const { publicKey, privateKey } =
      algorithm === 'RS256'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : algorithm === 'ES256'
          ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
          : generateKeyPairSync('ed25519');
    const made = await admin.post('/v1/clients', {
      name: algorithm,
      public_key: publicKey.export({ type: 'spki', format: 'pem' }),
      roles: ['observer'],
    });
    expect(made.status).toBe(201);
    const der = privateKey.export({ type: 'pkcs8', format: 'der' });
    const imported = await webcrypto.subtle.importKey('pkcs8', der, keyParams[algorithm], false, ['sign']);
    return { id: made.json.id as string, clientId: made.json.client_id as string, key: imported };
  }

  test.each([
    ['client_secret_basic', () => oauth.ClientSecretBasic(key.client_secret)],
    ['client_secret_post', () => oauth.ClientSecretPost(key.client_secret)],
  ])('by %s: discovery, a token of a scope, introspection, revocation', async (_method, auth) => {
    const config = await discover(key.client_id, auth());
    const granted = await oauth.clientCredentialsGrant(config, { scope: 'counterparties:view' });
    noteSecrets(granted);
    expect(granted).toMatchObject({ token_type: 'bearer', expires_in: 3600, scope: 'counterparties:view' });
    expect(granted.refresh_token).toBeUndefined();
    expect([await status(granted.access_token), await status(granted.access_token, '/v1/transactions/1')]).toEqual([
      200, 403,
    ]);
    expect(await oauth.tokenIntrospection(config, granted.access_token)).toMatchObject({
      active: true,
      client_id: key.client_id,
      scope: 'counterparties:view',
      iss: stack.url,
    });
    await oauth.tokenRevocation(config, granted.access_token);
    for (const url of stack.urls) expect(await status(granted.access_token, undefined, url)).toBe(401);
    expect(await oauth.tokenIntrospection(config, granted.access_token)).toEqual({ active: false });
  });

  test.each(['Ed25519', 'ES256', 'RS256'] as const)(
    'a registered client gets tokens by private_key_jwt with %s',
    async (algorithm) => {
      const client = await machine(algorithm);
      const config = await discover(client.clientId, oauth.PrivateKeyJwt(client.key));
      const granted = await oauth.clientCredentialsGrant(config);
      noteSecrets(granted);
      const who = (await new Client(stack.url, granted.access_token).get('/v1/whoami')).json as Record<string, unknown>;
      expect(who).toMatchObject({ kind: 'client', id: client.id, client_id: client.clientId, roles: ['observer'] });
      expect(await status(granted.access_token)).toBe(200);
      expect(await oauth.tokenIntrospection(config, granted.access_token)).toMatchObject({
        active: true,
        sub: client.clientId,
      });

      // The token holds no more than the client does: what is done to the client is done to it.
      const disabled = await admin.post(`/v1/clients/${client.id}/disable`, {});
      expect(disabled.json.enforcement).toMatchObject({ enforcers: 2, acknowledged: 2 });
      for (const url of stack.urls) expect(await status(granted.access_token, undefined, url)).toBe(401);
      await expect(oauth.clientCredentialsGrant(config)).rejects.toMatchObject({ status: 401 });
      await admin.post(`/v1/clients/${client.id}/enable`, {});
      expect(await status(granted.access_token)).toBe(200);
      await oauth.tokenRevocation(config, granted.access_token);
      expect(await status(granted.access_token)).toBe(401);
    },
  );

  test('a refresh token is for the client that it was issued to', async () => {
    const pair = (await new Client(stack.url).post('/v1/authenticate', secret())).json as Record<string, string>;
    const early = await form('/oauth/token', {
      ...secret(),
      grant_type: 'refresh_token',
      refresh_token: pair['refresh_token']!,
    });
    expect(early).toMatchObject({ status: 400, json: { error: 'invalid_grant' } });
    const other = (
      await admin.post('/v1/api-keys', {
        name: 'x',
        forms: ['client_credentials'],
        permissions: ['counterparties:view'],
      })
    ).json.credentials as Record<string, string>;
    const foreign = { client_id: other['client_id']!, client_secret: other['client_secret']! };
    const refused = await form('/oauth/token', {
      ...foreign,
      grant_type: 'refresh_token',
      refresh_token: pair['refresh_token']!,
    });
    expect(refused).toMatchObject({ status: 400, json: { error: 'invalid_grant' } });
    // Another's token is refused and stays alive; one's own ends with everything that was issued with it.
    expect(await form('/oauth/revoke', { ...foreign, token: pair['access_token']! })).toMatchObject({
      status: 400,
      json: { error: 'invalid_grant' },
    });
    expect(await status(pair['access_token']!)).toBe(200);
    expect((await form('/oauth/revoke', { ...secret(), token: pair['refresh_token']! })).status).toBe(200);
    expect(await status(pair['access_token']!)).toBe(401);
  });

  test('of another organization nothing is told', async () => {
    const first = (await admin.get('/v1/whoami')).json.organization_id as string;
    const { id } = (await admin.post('/v1/organizations', { name: 'Other' }, { 'X-Org-ID': first })).json as {
      id: string;
    };
    const made = await admin.post(
      '/v1/api-keys',
      { name: 'other', forms: ['client_credentials'], permissions: ['counterparties:view'] },
      { 'X-Org-ID': id },
    );
    const theirs = made.json.credentials as { client_id: string; client_secret: string };
    const { access_token: token } = (await form('/oauth/token', { ...secret(), grant_type: 'client_credentials' }))
      .json as {
      access_token: string;
    };
    expect((await form('/oauth/introspect', { ...secret(), token })).json).toMatchObject({ active: true });
    expect((await form('/oauth/introspect', { ...theirs, token })).json).toEqual({ active: false });
    admin = await administrator(stack);
  });

  describe('an assertion', () => {
    let client: { clientId: string; key: KeyObject };
    beforeAll(async () => {
      const { publicKey, privateKey } = generateKeyPairSync('ed25519');
      const first = { 'X-Org-ID': ((await admin.get('/v1/organizations')).json.items as { id: string }[]).at(-1)!.id };
      const made = await admin.post(
        '/v1/clients',
        { name: 'assertions', public_key: publicKey.export({ type: 'spki', format: 'pem' }), roles: ['observer'] },
        first,
      );
      client = { clientId: made.json.client_id as string, key: privateKey };
    });

    const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');
    const now = () => Math.floor(Date.now() / 1000);
    const good = () => ({
      iss: client.clientId,
      sub: client.clientId,
      aud: stack.url,
      exp: now() + 60,
      jti: randomUUID(),
    });
    const assertion = (claims: object, header: object = { alg: 'EdDSA' }): string => {
      const input = `${encode(header)}.${encode(claims)}`;
      return `${input}.${sign(null, Buffer.from(input), client.key).toString('base64url')}`;
    };
    const ask = (text: string, more: Record<string, string> = {}): Promise<HttpAnswer> =>
      form('/oauth/token', {
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: text,
        ...more,
      });

    test('is good once, on all gateways', async () => {
      const text = assertion(good());
      const answers = await Promise.all(Array.from({ length: 6 }, () => ask(text)));
      expect(answers.map((answer) => answer.status).sort()).toEqual([200, 401, 401, 401, 401, 401]);
    });

    const usual = { alg: 'EdDSA' };
    const faults: readonly (readonly [string, () => object, object])[] = [
      ['for another audience', () => ({ ...good(), aud: 'https://elsewhere.example' }), usual],
      ['for the token endpoint', () => ({ ...good(), aud: `${stack.url}/oauth/token` }), usual],
      ['for two audiences', () => ({ ...good(), aud: [stack.url, 'https://elsewhere.example'] }), usual],
      ['that is over', () => ({ ...good(), exp: now() - 60 }), usual],
      ['that ends too late', () => ({ ...good(), exp: now() + 3600 }), usual],
      ['without an end', () => ({ ...good(), exp: undefined }), usual],
      ['without a jti', () => ({ ...good(), jti: undefined }), usual],
      ['of another subject', () => ({ ...good(), sub: 'somebody' }), usual],
      ['of nobody', () => ({ ...good(), iss: randomUUID(), sub: 'x' }), usual],
      ['of the type of an access token', good, { alg: 'EdDSA', typ: 'at+jwt' }],
      ['without an algorithm', good, { alg: 'none' }],
      ['by HMAC', good, { alg: 'HS256' }],
    ];
    test.each(faults)('%s is refused', async (_what, claims, header) => {
      expect(await ask(assertion(claims(), header))).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
    });

    test('is no access token, and an access token is no assertion', async () => {
      expect(await status(assertion(good()))).toBe(401);
      const { access_token: token } = (await ask(assertion(good()))).json as { access_token: string };
      expect(await ask(token)).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
    });

    test('beside another way to say who one is is refused', async () => {
      expect(await ask(assertion(good()), { client_id: client.clientId, client_secret: 'x' })).toMatchObject({
        status: 400,
        json: { error: 'invalid_request' },
      });
      expect(await ask(assertion(good()), { client_id: 'another' })).toMatchObject({ status: 401 });
      expect((await ask(assertion(good()), { client_id: client.clientId })).status).toBe(200);
    });
  });

  const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` });
  test.each([
    ['no grant', {}, 400, 'invalid_request'],
    ['another grant', { grant_type: 'password' }, 400, 'unsupported_grant_type'],
    ['an unknown scope', { grant_type: 'client_credentials', scope: 'nothing:here' }, 400, 'invalid_scope'],
    ['a scope that is not held', { grant_type: 'client_credentials', scope: 'users:manage' }, 400, 'invalid_scope'],
    ['a scope that is none', { grant_type: 'client_credentials', scope: '"' }, 400, 'invalid_scope'],
    ['a wrong secret', { grant_type: 'client_credentials', client_secret: 'x' }, 401, 'invalid_client'],
    ['an unknown client', { grant_type: 'client_credentials', client_id: 'A'.repeat(22) }, 401, 'invalid_client'],
    ['no client', { grant_type: 'client_credentials', client_secret: '' }, 401, 'invalid_client'],
    ['no refresh token', { grant_type: 'refresh_token' }, 400, 'invalid_request'],
  ])('%s is said in the words of RFC 6749', async (_what, parameters, expected, error) => {
    const answer = await form('/oauth/token', { ...secret(), ...parameters });
    expect(answer).toMatchObject({ status: expected, json: { error } });
    expect(answer.json.error_description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
    expect(answer.headers['cache-control']).toBe('no-store');
    if (expected === 401) expect(answer.headers['www-authenticate']).toBeDefined();
  });

  test('the form is a form, each parameter once, and nothing stands in the URL', async () => {
    const twice = `grant_type=client_credentials&grant_type=client_credentials&client_id=${key.client_id}`;
    for (const answer of [
      await form('/oauth/token', twice),
      await form('/oauth/token?client_id=x', { ...secret(), grant_type: 'client_credentials' }),
      await new Client(stack.url).post('/oauth/token', { ...secret(), grant_type: 'client_credentials' }),
      await form('/oauth/token', { ...secret(), grant_type: 'client_credentials' }, basic('a:b')),
    ]) {
      expect(answer).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
    }
    expect((await new Client(stack.url).get('/oauth/token')).status).toBe(405);
    const wrong = await form('/oauth/token', { grant_type: 'client_credentials' }, basic(`${key.client_id}:x`));
    expect(wrong.status).toBe(401);
    expect(wrong.headers['www-authenticate']).toMatch(/^Basic /);
  });

  test('the metadata names what there is', async () => {
    const metadata = await new Client(stack.url).get('/.well-known/oauth-authorization-server');
    expect(metadata.json).toMatchObject({
      issuer: stack.url,
      token_endpoint: `${stack.url}/oauth/token`,
      introspection_endpoint: `${stack.url}/oauth/introspect`,
      revocation_endpoint: `${stack.url}/oauth/revoke`,
      jwks_uri: `${stack.url}/.well-known/jwks.json`,
      grant_types_supported: ['client_credentials', 'refresh_token'],
      response_types_supported: [],
    });
    expect(metadata.json.token_endpoint_auth_signing_alg_values_supported).not.toContain('none');
  });
});
