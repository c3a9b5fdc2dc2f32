import { generateSigningKey, signJwt } from '@portcullis/credentials';
import { forgedTokens, issuer } from '../spec/forged-tokens.js';
import { aRequest, bearing } from '../spec/requests.js';
import { AccessRefused } from './access-refused.js';
import { AccessTokenVerifier } from './access-token-verifier.js';
import { authorize } from './verified-principal.js';

const key = generateSigningKey();
const seconds = Math.floor(Date.now() / 1000);
const claims = {
  iss: issuer,
  aud: issuer,
  sub: 'ptc_client',
  client_id: 'ptc_client',
  org: 'org_1',
  cid: 'key_1',
  sid: 'tok_1',
  jti: 'tok_2',
  iat: seconds,
  nbf: seconds,
  exp: seconds + 60,
  permissions: ['counterparties:view'],
};
const signed = (change: Record<string, unknown> = {}) =>
  signJwt({ key: key.privateKey, kid: key.kid, typ: 'at+jwt', claims: { ...claims, ...change } });

const keys = { find: (kid: string) => Promise.resolve(kid === key.kid ? key.publicKey : undefined) };
const verifier = new AccessTokenVerifier({ issuer, keys });

const refusalOf = (work: Promise<unknown>): Promise<AccessRefused> =>
  work.then(
    () => Promise.reject(new Error('it was accepted')),
    (error: unknown) => (error instanceof AccessRefused ? error : Promise.reject(error as Error)),
  );

test('a token that Portcullis signed says what it says', async () => {
  expect(await verifier.authenticate(bearing(signed({ resources: { buckets: ['a'] } })))).toEqual({
    id: 'ptc_client',
    organizationId: 'org_1',
    credentialId: 'key_1',
    permissions: ['counterparties:view'],
    buckets: ['a'],
    expiresAt: new Date((seconds + 60) * 1000),
  });
});

test.each([...forgedTokens({ typ: 'at+jwt', claims }, key), ['no family', signed({ sid: undefined })]])(
  '%s is refused, and the answer does not say why',
  async (_name, token) => {
    const refused = await refusalOf(verifier.verify(token));
    expect(refused).toMatchObject({ status: 401, code: 'invalid_token' });
    expect(refused.headers['WWW-Authenticate']).toBe('Bearer realm="portcullis", error="invalid_token"');
    expect(refused.body).toBe(new AccessRefused('invalid_token').body);
  },
);

test('a token is over at its very second, and may begin five seconds late', async () => {
  const at = (milliseconds: number) =>
    new AccessTokenVerifier({ issuer, keys, now: () => new Date(seconds * 1000 + milliseconds) }).verify(signed());
  await expect(at(59_999)).resolves.toBeDefined();
  await expect(at(60_000)).rejects.toMatchObject({ status: 401 });
  await expect(at(-5_000)).resolves.toBeDefined();
  await expect(at(-6_000)).rejects.toMatchObject({ status: 401 });
});

test('a session in several organizations holds nothing here: its token has the permissions of all together', async () => {
  const principal = await verifier.verify(signed({ org: undefined }));
  expect(principal).toMatchObject({ organizationId: null, permissions: [] });
});

test('X-Org-ID, if sent, is the organization of the token', async () => {
  await expect(verifier.authenticate(bearing(signed(), 'X-Org-ID', 'org_1'))).resolves.toBeDefined();
  await expect(verifier.authenticate(bearing(signed(), 'X-Org-ID', 'org_2'))).rejects.toMatchObject({
    status: 403,
    code: 'organization_mismatch',
  });
});

test('when the keys are away the token is neither good nor bad: 503, with when to come again', async () => {
  const away = new AccessTokenVerifier({ issuer, keys: { find: () => Promise.reject(new Error('away')) } });
  const refused = await refusalOf(away.verify(signed()));
  expect(refused).toMatchObject({ status: 503, code: 'unavailable' });
  expect(refused.headers['Retry-After']).toBe('1');
});

describe('what is presented', () => {
  test.each([
    ['nothing', aRequest()],
    ['another scheme', aRequest('Authorization', `Basic ${Buffer.from('a:b').toString('base64')}`)],
    ['a token in a query is nothing', aRequest('X-Original-Url', `/?access_token=${signed()}`)],
  ])('%s: 401 with a bare challenge', async (_name, request) => {
    const refused = await refusalOf(verifier.authenticate(request));
    expect(refused).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect(refused.headers['WWW-Authenticate']).toBe('Bearer realm="portcullis"');
  });

  test.each([
    ['two credentials', aRequest('Authorization', `Bearer ${signed()}`, 'authorization', `Bearer ${signed()}`)],
    ['two organizations', bearing(signed(), 'X-Org-ID', 'org_1', 'x-org-id', 'org_1')],
    ['a header that other servers take for another', bearing(signed(), 'X_Org_Id', 'org_1')],
  ])('%s: 400', async (_name, request) => {
    await expect(verifier.authenticate(request)).rejects.toMatchObject({ status: 400, code: 'invalid_request' });
  });

  test.each(['Bearer', 'Bearer ', 'Bearer a b', 'Bearer\ta', 'Bearer ä'])('%j is no token', async (written) => {
    await expect(verifier.authenticate(aRequest('Authorization', written))).rejects.toMatchObject({ status: 401 });
  });

  test('the scheme may be written in any case', async () => {
    await expect(verifier.authenticate(aRequest('authorization', `bEARER ${signed()}`))).resolves.toBeDefined();
  });
});

test('a permission that lacks is 403 insufficient_scope, and names it', async () => {
  const permissions = ['counterparties:view', 'ledger:write'];
  const refused = await refusalOf(authorize(bearing(signed()), { by: verifier, permissions }));
  expect(refused).toMatchObject({ status: 403, code: 'forbidden' });
  expect(refused.headers['WWW-Authenticate']).toBe(
    'Bearer realm="portcullis", error="insufficient_scope", scope="ledger:write"',
  );
  expect(JSON.parse(refused.body)).toMatchObject({ status: 403, required_permission: 'ledger:write' });
  const one = await authorize(bearing(signed()), { by: verifier, permissions: ['counterparties:view'] });
  expect(one.credentialId).toBe('key_1');
});
