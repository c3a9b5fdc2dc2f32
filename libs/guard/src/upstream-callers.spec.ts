import { generateSigningKey, signJwt } from '@portcullis/credentials';
import { forgedTokens, issuer } from '../spec/forged-tokens.js';
import { aRequest, bearing } from '../spec/requests.js';
import { UpstreamCallers, verifyUpstreamIdentity } from './upstream-callers.js';

const key = generateSigningKey();
const audience = 'upstream:compliance';
const typ = 'portcullis-identity+jwt';
const seconds = Math.floor(Date.now() / 1000);
const claims = {
  iss: issuer,
  aud: audience,
  sub: 'sa_1',
  org: 'org_1',
  cid: 'key_1',
  permissions: ['counterparties:view'],
  act: { sub: 'key_1' },
  jti: 'x',
  iat: seconds,
  nbf: seconds,
  exp: seconds + 60,
};
const signed = (change: Record<string, unknown> = {}) =>
  signJwt({ key: key.privateKey, kid: key.kid, typ, claims: { ...claims, ...change } });

const keys = { find: (kid: string) => Promise.resolve(kid === key.kid ? key.publicKey : undefined) };
const callers = new UpstreamCallers({ issuer, audience, keys });

test('what the gateway says of the caller is the principal', async () => {
  expect(await callers.authenticate(aRequest('X-Portcullis-Identity', signed()))).toEqual({
    id: 'sa_1',
    organizationId: 'org_1',
    credentialId: 'key_1',
    permissions: ['counterparties:view'],
    buckets: [],
    expiresAt: new Date((seconds + 60) * 1000),
  });
});

test.each([
  ...forgedTokens({ typ, claims }, key),
  ['a life of more than a minute', signed({ exp: seconds + 61 })],
  ['a life of which nobody says when it began', signed({ iat: undefined })],
  ['another upstream’s', signed({ aud: 'upstream:other' })],
])('%s is refused', async (_name, token) => {
  await expect(verifyUpstreamIdentity(token, { issuer, audience, keys })).rejects.toMatchObject({
    status: 401,
    code: 'invalid_token',
  });
});

test('whoever comes past the gateway is nobody, with an access token too', async () => {
  await expect(callers.authenticate(aRequest())).rejects.toMatchObject({ status: 401, code: 'unauthenticated' });
  await expect(callers.authenticate(bearing(signed()))).rejects.toMatchObject({ status: 401 });
});

test('two identities, or one under a name that passes for the header, are 400', async () => {
  const twice = aRequest('X-Portcullis-Identity', signed(), 'x-portcullis-identity', signed({ sub: 'usr_root' }));
  await expect(callers.authenticate(twice)).rejects.toMatchObject({ status: 400 });
  const misspelt = aRequest('X_Portcullis_Identity', signed());
  await expect(callers.authenticate(misspelt)).rejects.toMatchObject({ status: 400 });
});
