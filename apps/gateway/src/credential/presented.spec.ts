import { mintApiKey } from '@portcullis/credentials';
import { presented } from './presented.js';

const minted = mintApiKey('ptc');
const key = minted.text.reveal();
const jwt = 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln';
const jwe = 'a.b.c.d.e';
const read = (...rawHeaders: string[]) => presented(['Host', 'gate.test', ...rawHeaders], ['ptc', 'acme_ci']);
const authorization = (value: string) => read('Authorization', value);

test.each([
  ['nothing', [], 'none'],
  ['an API key', ['Authorization', `Bearer ${key}`], 'api-key'],
  ['an API key, scheme in capitals', ['AUTHORIZATION', `BEARER ${key}`], 'api-key'],
  ['an API key after several spaces', ['authorization', `bearer   ${key}`], 'api-key'],
  [
    'an API key whose prefix has an underscore',
    ['Authorization', `Bearer ${mintApiKey('acme_ci').text.reveal()}`],
    'api-key',
  ],
  ['an access token', ['Authorization', `Bearer ${jwt}`], 'access-token'],
  ['a role token', ['Authorization', `Bearer ${jwe}`], 'role-token'],
  ['Basic', ['Authorization', 'Basic OnB3'], 'basic'],
  ['a signed request', ['Signature-Input', 'a=()', 'Signature', 'a=:AA==:'], 'signature'],
  [
    'two labels of signature on several lines',
    ['Signature-Input', 'a=()', 'Signature-Input', 'b=()', 'Signature', 'a=:AA==:'],
    'signature',
  ],
  ['chunks', ['Transfer-Encoding', 'Chunked'], 'none'],
  ['a proxy credential, which is not for us', ['Proxy-Authorization', `Bearer ${key}`], 'none'],
])('%s is recognised', (_what, headers, kind) => {
  expect(read(...headers)).toMatchObject({ kind, organizationId: null });
});

test('an API key is taken apart, and its text is not kept', () => {
  const found = authorization(`Bearer ${key}`);
  expect(found).toMatchObject({
    kind: 'api-key',
    key: { prefix: 'ptc', lookup: minted.lookup, sha256: minted.sha256 },
  });
  expect(JSON.stringify([found, authorization(`Bearer ${jwt}`)])).not.toMatch(new RegExp(`${key}|${jwt}`));
});

test('the organization comes as it was sent', () => {
  expect(read('X-Org-ID', 'org_1', 'Authorization', `Bearer ${key}`)).toMatchObject({ organizationId: 'org_1' });
});

test.each([
  ['two Authorization headers', ['Authorization', `Bearer ${key}`, 'Authorization', `Bearer ${key}`]],
  ['two in different case', ['Authorization', `Bearer ${key}`, 'authorization', 'Basic OnB3']],
  ['a key and a signature', ['Authorization', `Bearer ${key}`, 'Signature-Input', 'a=()', 'Signature', 'a=:AA==:']],
  ['a key and half a signature', ['Authorization', `Bearer ${key}`, 'Signature', 'a=:AA==:']],
  ['an empty Authorization beside another', ['Authorization', '', 'Authorization', `Bearer ${key}`]],
])('%s are ambiguous', (_what, headers) => {
  expect(read(...headers)).toMatchObject({ kind: 'refused', refusal: { code: 'ambiguous_credentials' } });
});

const flipped = key.slice(0, -1) + (key.endsWith('0') ? '1' : '0');

test.each([
  ['a wrong checksum', `Bearer ${flipped}`, 'malformed'],
  ['a prefix that is not ours', `Bearer ${mintApiKey('other').text.reveal()}`, 'foreign_prefix'],
  ['one character too many', `Bearer ${key}0`, 'malformed'],
  ['two dot-parts', 'Bearer a.b', 'malformed'],
  ['four dot-parts', 'Bearer a.b.c.d', 'malformed'],
  ['six dot-parts', 'Bearer a.b.c.d.e.f', 'malformed'],
  ['nothing after the scheme', 'Bearer', 'malformed'],
  ['only a space after the scheme', 'Bearer ', 'malformed'],
  ['two tokens', `Bearer ${key} ${key}`, 'malformed'],
  ['a comma and another scheme', `Bearer ${key}, Basic OnB3`, 'malformed'],
  ['a character that no token has', `Bearer ${key}"`, 'malformed'],
  ['a non-ASCII character', `Bearer ${key}\u00e9`, 'malformed'],
  ['"=" inside', 'Bearer a=b.c.d', 'malformed'],
  ['Basic without anything', 'Basic', 'malformed'],
])('a credential with %s is not valid, and the answer does not say why', (_what, value, reason) => {
  expect(authorization(value)).toMatchObject({
    kind: 'refused',
    refusal: { code: 'invalid_token', publicMessage: 'The credential is not valid.' },
    reason,
  });
});

test.each([
  ['no scheme', key],
  ['an empty header', ''],
  ['a tab in place of the space', `Bearer\t${key}`],
  ['a scheme of somebody else', `Token ${key}`],
  ['DPoP, which is not built', `DPoP ${jwt}`],
  ['Digest', 'Digest username="a"'],
  ['an S3 signature on this port', 'AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/s3/aws4_request, Signature=00'],
])('an Authorization header with %s does not authenticate', (_what, value) => {
  expect(authorization(value)).toMatchObject({ kind: 'refused', refusal: { code: 'unauthenticated' } });
});

test.each(['Signature', 'Signature-Input'])('%s alone is no signature', (name) => {
  expect(read(name, 'a=()')).toMatchObject({ kind: 'refused', refusal: { code: 'invalid_signature' } });
});

test.each([
  'Host',
  'Content-Type',
  'Content-Length',
  'Cookie',
  'DPoP',
  'X-Org-ID',
  'Idempotency-Key',
  'X-Amz-Date',
  'Date',
])('%s sent twice is refused, equal or not', (name) => {
  const found = presented([name, 'a', 'Accept', '*/*', name.toLowerCase(), 'a'], ['ptc']);
  expect(found).toMatchObject({ kind: 'refused', refusal: { code: 'invalid_request' } });
});

test.each([
  ['X_Org_ID', 'org_1'],
  ['X_Forwarded_For', '10.0.0.1'],
  ['Content_Length', '3'],
  ['Transfer-Encoding', 'gzip, chunked'],
  ['Transfer-Encoding', 'identity'],
  ['Transfer-Encoding', 'chunked, chunked'],
  ['Transfer-Encoding', ''],
])('%s: %s is refused', (name, value) => {
  expect(read(name, value)).toMatchObject({ kind: 'refused', refusal: { code: 'invalid_request' } });
});

test('headers that may be repeated may be', () => {
  expect(read('Accept', 'a', 'Accept', 'b', 'Via', '1.1 x', 'Via', '1.1 y')).toMatchObject({ kind: 'none' });
});

test.each(['gate.example', 'gate.example:8443', '127.0.0.1:80', '[::1]:8080', 'api_1'])('a host may be %s', (host) => {
  expect(presented(['Host', host], ['ptc'])).toMatchObject({ kind: 'none' });
});

test.each([
  '',
  ' ',
  '*',
  'a b',
  'user@gate.example',
  'gate.example/x',
  'gate.example:',
  'gate.example:x',
  '::1',
  'a,b',
  'caf\u00e9',
])('a host may not be %j', (host) => {
  expect(presented(['Host', host], ['ptc'])).toMatchObject({ kind: 'refused', reason: 'host' });
});
