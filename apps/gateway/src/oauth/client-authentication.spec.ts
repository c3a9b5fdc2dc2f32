import { sha256Hex } from '@portcullis/credentials';
import { clientOf } from './client-authentication.js';
import { type OAuthError } from './oauth-error.js';

const basic = (text: string): string[] => ['Authorization', `Basic ${Buffer.from(text).toString('base64')}`];
const form = (parameters: Record<string, string> = {}): ReadonlyMap<string, string> =>
  new Map(Object.entries(parameters));
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const assertionOf = (claims: object): string => `${part({ alg: 'ES256' })}.${part(claims)}.c2ln`;
const jwtBearer = { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' };

function refusalOf(rawHeaders: readonly string[], parameters: Record<string, string> = {}): OAuthError {
  try {
    clientOf(rawHeaders, form(parameters));
  } catch (error) {
    return error as OAuthError;
  }
  throw new Error('it was taken');
}

describe('how a client says who it is', () => {
  test('by Basic, whose halves are written as a form has them', () => {
    const secretSha256 = sha256Hex('s+c:r ét');
    expect(clientOf(basic('a%3Ab:s%2Bc:r+%C3%A9t'), form())).toEqual({ clientId: 'a:b', secretSha256, isBasic: true });
    expect(clientOf(basic('me:secret'), form({ client_id: 'me' }))).toMatchObject({ clientId: 'me' });
  });

  test('by a secret in the body, of which the digest is kept', () => {
    const taken = clientOf([], form({ client_id: 'me', client_secret: 'secret' }));
    expect(taken).toEqual({ clientId: 'me', secretSha256: sha256Hex('secret'), isBasic: false });
  });

  test('by an assertion, whose secret is not printed', () => {
    const assertion = assertionOf({ sub: 'me' });
    const taken = clientOf([], form({ ...jwtBearer, client_assertion: assertion, client_id: 'me' }));
    expect('assertion' in taken && taken.assertion.reveal()).toBe(assertion);
    expect(JSON.stringify(taken)).not.toContain(assertion);
  });

  const secret = { client_id: 'me', client_secret: 'secret' };
  const asserted = { ...jwtBearer, client_assertion: assertionOf({ sub: 'me' }) };
  test.each([
    ['Basic and a secret', basic('me:secret'), secret],
    ['Basic and an assertion', basic('me:secret'), asserted],
    ['a secret and an assertion', [], { ...secret, ...asserted }],
    ['a bearer credential and a secret', ['Authorization', 'Bearer x'], secret],
    ['Basic and half of an assertion', basic('me:secret'), jwtBearer],
  ])('in two ways is refused: %s', (_ways, rawHeaders, parameters) => {
    expect(refusalOf(rawHeaders, parameters)).toMatchObject({ status: 400, error: 'invalid_request' });
  });

  test.each([
    [
      'of another type',
      { ...asserted, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' },
    ],
    ['without its type', { client_assertion: assertionOf({ sub: 'me' }) }],
    ['that is missing', jwtBearer],
  ])('an assertion %s is refused', (_what, parameters) => {
    expect(refusalOf([], parameters)).toMatchObject({ status: 400, error: 'invalid_request' });
  });

  const asBearer = { 'WWW-Authenticate': 'Bearer realm="portcullis"' };
  const asBasic = { 'WWW-Authenticate': 'Basic realm="portcullis"' };
  test.each([
    ['nothing', [], {}, asBearer],
    ['an id alone', [], { client_id: 'me' }, asBearer],
    ['a secret alone', [], { client_secret: 'secret' }, asBearer],
    ['a bearer credential', ['Authorization', 'Bearer x'], {}, asBearer],
    ['another id than the assertion’s', [], { ...asserted, client_id: 'you' }, asBearer],
    ['an assertion that is none', [], { ...jwtBearer, client_assertion: 'x', client_id: 'me' }, asBearer],
    ['Basic with another id in the form', basic('me:secret'), { client_id: 'you' }, asBasic],
    ['Basic without a colon', basic('me'), {}, asBasic],
    ['Basic without an id', basic(':secret'), {}, asBasic],
    ['Basic with an escape that is none', basic('me:%zz'), {}, asBasic],
    ['Basic with bytes that are no form', basic('mé:secret'), {}, asBasic],
  ])('%s is nobody, in the same words, with the challenge of its scheme', (_what, rawHeaders, parameters, headers) => {
    const { status, error, description, headers: said } = refusalOf(rawHeaders, parameters);
    expect({ status, error, description }).toEqual({
      status: 401,
      error: 'invalid_client',
      description: 'The client could not be authenticated.',
    });
    expect(said).toEqual(headers);
  });
});
