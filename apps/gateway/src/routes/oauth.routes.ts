import { Identity, Refusal } from '@portcullis/contracts';
import { decodeUnverifiedClaims, Secret } from '@portcullis/credentials';
import { z } from 'zod';
import { presented } from '../credential/presented.js';
import { assertionAlgorithms } from '../judge/client-assertions.js';
import { type Identity as Who } from '../judgement.js';
import { clientOf, clientParameters, type PresentedClient } from '../oauth/client-authentication.js';
import { asOAuthError, invalidClient, invalidRequest, invalidScope, OAuthError } from '../oauth/oauth-error.js';
import { renderReply } from '../render.js';
import { type Answer, type ControlCall, type ControlRoute, ownRoute, type RouteParts } from './route.js';

const tag = 'OAuth 2.0';
const open = { public: true } as const;

const TokenAnswer = z.object({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.number().int(),
  scope: z.string(),
  refresh_token: z.string().optional(),
});

/** RFC 7662 section 2.2. */
const Introspection = z.object({
  active: z.boolean(),
  scope: z.string().optional(),
  client_id: z.string().optional(),
  token_type: z.literal('Bearer').optional(),
  sub: z.string().optional(),
  iss: z.string().optional(),
  aud: z.string().optional(),
  exp: z.number().int().optional(),
  iat: z.number().int().optional(),
  nbf: z.number().int().optional(),
  jti: z.string().optional(),
  org: z.string().optional(),
  principal: z.object({ kind: z.string(), id: z.string() }).optional(),
});

const TokenForm = z.object({
  grant_type: z.enum(['client_credentials', 'refresh_token']),
  scope: z.string().optional(),
  refresh_token: z.string().optional(),
  ...clientParameters,
});
const GivenToken = z.object({ token: z.string(), token_type_hint: z.string().optional(), ...clientParameters });

export const oauthRoutes: readonly ControlRoute[] = [
  ownRoute({
    method: 'GET',
    path: '/.well-known/oauth-authorization-server',
    tag,
    summary: 'What an OAuth client must know (RFC 8414)',
    access: open,
    reply: z.record(z.string(), z.unknown()),
    answer: (_call, parts) =>
      Promise.resolve({
        status: 200,
        headers: { 'Cache-Control': 'public, max-age=300' },
        body: metadataOf(parts.publicUrl),
      }),
  }),
  ownRoute({
    method: 'POST',
    path: '/oauth/token',
    tag,
    summary: 'client_credentials by secret or private_key_jwt; refresh_token',
    access: open,
    form: TokenForm,
    reply: TokenAnswer,
    answer: (call, parts) => answering(call, (form) => token(call, parts, form)),
  }),
  ownRoute({
    method: 'POST',
    path: '/oauth/introspect',
    tag,
    summary: 'What a token is good for at this moment (RFC 7662)',
    access: open,
    form: GivenToken,
    reply: Introspection,
    answer: (call, parts) => answering(call, (form) => introspect(call, parts, form)),
  }),
  ownRoute({
    method: 'POST',
    path: '/oauth/revoke',
    tag,
    summary: 'Give a token back (RFC 7009); answers when every gateway refuses it and all that was issued with it',
    access: open,
    form: GivenToken,
    reply: z.object({}),
    answer: (call, parts) => answering(call, (form) => revoke(call, parts, form)),
  }),
];

function metadataOf(issuer: string): Record<string, unknown> {
  const methods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'];
  const endpoint = (name: string, path: string) => ({
    [`${name}_endpoint`]: `${issuer}${path}`,
    [`${name}_endpoint_auth_methods_supported`]: methods,
    [`${name}_endpoint_auth_signing_alg_values_supported`]: assertionAlgorithms,
  });
  return {
    issuer,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    ...endpoint('token', '/oauth/token'),
    ...endpoint('introspection', '/oauth/introspect'),
    ...endpoint('revocation', '/oauth/revoke'),
    grant_types_supported: ['client_credentials', 'refresh_token'],
    response_types_supported: [],
    service_documentation: `${issuer}/docs`,
  };
}

type Form = ReadonlyMap<string, string>;

async function answering(call: ControlCall, work: (form: Form) => Promise<Answer>): Promise<Answer> {
  try {
    // What stands in a URL is logged on the way.
    if (call.query !== null && call.query !== '')
      throw invalidRequest('Parameters go into the body, not into the URL.');
    return await work(await call.form());
  } catch (error) {
    if (error instanceof Refusal && error.failedCredential) call.failed(error);
    const { status, error: code, description, headers } = asOAuthError(error);
    return {
      status,
      headers: { Pragma: 'no-cache', ...headers },
      body: { error: code, error_description: description },
    };
  }
}

async function token(call: ControlCall, parts: RouteParts, form: Form): Promise<Answer> {
  const grant = form.get('grant_type');
  if (grant === undefined) throw invalidRequest('grant_type is missing.');
  const client = clientOf(call.arrival.rawHeaders, form);
  switch (grant) {
    case 'client_credentials':
      return 'assertion' in client
        ? grantToClient(call, parts, client, scopeOf(form))
        : grantBySecret(call, parts, client, scopeOf(form));
    case 'refresh_token':
      return refresh(call, parts, client, form);
    default:
      throw new OAuthError(400, 'unsupported_grant_type', 'The grant is client_credentials or refresh_token.');
  }
}

async function grantToClient(
  call: ControlCall,
  parts: RouteParts,
  client: PresentedClient,
  scope: readonly string[] | null,
): Promise<Answer> {
  const who = await identified(call, parts, client);
  const request = { scope, key_fingerprint: who.keyFingerprint ?? '' };
  const reply = await parts.ask(Identity.grantToClient, request, [], call.callerAs(who));
  return granted(Identity.grantToClient, reply, parts);
}

async function grantBySecret(
  call: ControlCall,
  parts: RouteParts,
  client: Extract<PresentedClient, { clientId: string }>,
  scope: readonly string[] | null,
): Promise<Answer> {
  const request = { client_id: client.clientId, secret_sha256: client.secretSha256, scope };
  const reply = await parts
    .ask(Identity.grantBySecret, request, [], call.caller({ idempotent: false }))
    .catch((error: unknown) => {
      throw refusedClient(call, client, error);
    });
  return granted(Identity.grantBySecret, reply, parts);
}

async function granted(
  { subject, reply: form }: typeof Identity.grantToClient | typeof Identity.grantBySecret,
  reply: unknown,
  parts: RouteParts,
): Promise<Answer> {
  const { permissions, ...token } = (await renderReply(form, reply, parts.unseal(subject))) as {
    access_token: string;
    token_type: 'Bearer';
    expires_in: number;
    permissions: string[];
  };
  return tokens({ ...token, scope: permissions.join(' ') });
}

async function refresh(call: ControlCall, parts: RouteParts, client: PresentedClient, form: Form): Promise<Answer> {
  const refreshToken = form.get('refresh_token');
  if (refreshToken === undefined) throw invalidRequest('refresh_token is missing.');
  if (form.has('scope'))
    throw new OAuthError(400, 'invalid_scope', 'A refreshed token has the scope that its key has.');
  const { principal } = await identified(call, parts, client);
  const request = { refresh_token: refreshToken, credential_id: principal.credential_id };
  const reply = await parts.ask(
    Identity.reauthenticate,
    request,
    ['refresh_token'],
    call.caller({ idempotent: false }),
  );
  const pair = (await renderReply(
    Identity.reauthenticate.reply,
    reply,
    parts.unseal(Identity.reauthenticate.subject),
  )) as {
    access_token: string;
    refresh_token: string;
    expires_in: number;
  };
  const { permissions } = decodeUnverifiedClaims(pair.access_token);
  return tokens({
    access_token: pair.access_token,
    token_type: 'Bearer',
    expires_in: pair.expires_in,
    refresh_token: pair.refresh_token,
    scope: Array.isArray(permissions) ? permissions.join(' ') : '',
  });
}

/** Whether, and for what, a token is good now, as this gateway would let it pass; of another organization's nothing is told. */
async function introspect(call: ControlCall, parts: RouteParts, form: Form): Promise<Answer> {
  const { principal: asking } = await identified(call, parts, clientOf(call.arrival.rawHeaders, form));
  const text = form.get('token');
  if (text === undefined) throw invalidRequest('token is missing.');
  const inactive = answered({ active: false });
  if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(text) || text.length > 8192) return inactive;
  const who = await parts.inspect(Secret.of(text));
  if (who.kind === 'refused' && who.refusal.code === 'unavailable') throw who.refusal;
  if (who.kind !== 'principal' || who.principal.organization_id !== asking.organization_id) return inactive;
  const { principal } = who;
  const isJwt = text.split('.').length === 3;
  const claims = isJwt ? decodeUnverifiedClaims(text) : {};
  const seconds = (name: string) => (typeof claims[name] === 'number' ? { [name]: claims[name] } : {});
  const words = (name: string) => (typeof claims[name] === 'string' ? { [name]: claims[name] } : {});
  return answered({
    active: true,
    scope: principal.permissions.join(' '),
    token_type: 'Bearer',
    sub: principal.id,
    ...(principal.expires_at === null ? {} : { exp: Math.floor(Date.parse(principal.expires_at) / 1000) }),
    ...words('client_id'),
    ...words('sub'),
    ...words('iss'),
    ...words('aud'),
    ...words('jti'),
    ...seconds('iat'),
    ...seconds('nbf'),
    org: principal.organization_id ?? undefined,
    principal: { kind: principal.kind, id: principal.id },
  });
}

async function revoke(call: ControlCall, parts: RouteParts, form: Form): Promise<Answer> {
  const who = await identified(call, parts, clientOf(call.arrival.rawHeaders, form));
  const text = form.get('token');
  if (text === undefined) throw invalidRequest('token is missing.');
  const done = answered({});
  if (text.split('.').length !== 3 || text.length > 8192) {
    const found = presented(['Authorization', `Bearer ${text}`], parts.apiKeyPrefixes);
    if (found.kind === 'api-key' || found.kind === 'role-token') {
      throw new OAuthError(
        400,
        'unsupported_token_type',
        'API keys and role tokens are revoked by their own operations.',
      );
    }
    return done;
  }
  const reply = await parts.ask(Identity.revokeToken, { token: text }, ['token'], call.callerAs(who));
  if (Identity.revokeToken.reply.parse(reply).outcome === 'of_another') {
    const { organization_id, credential_id } = who.principal;
    const failedCredential = { reason: 'token_of_another', organization_id, credential_id };
    call.failed(new Refusal('invalid_token', 'The token was issued to another client.', { failedCredential }));
    throw new OAuthError(400, 'invalid_grant', 'The token was issued to another client.');
  }
  return done;
}

type Identified = Extract<Who, { kind: 'principal' }>;

/** The client that it proves to be. What fails is written down like any credential that fails. */
async function identified(call: ControlCall, parts: RouteParts, client: PresentedClient): Promise<Identified> {
  const who = await parts.identifyClient(client, call);
  if (who.kind === 'principal') {
    call.admit(who);
    return who;
  }
  if (who.kind === 'refused' && who.refusal.code === 'unavailable') throw who.refusal;
  throw invalidClient(client.isBasic);
}

/** What identity said of a client and its secret. */
function refusedClient(call: ControlCall, { isBasic }: PresentedClient, error: unknown): unknown {
  const isClient =
    error instanceof Refusal && (error.code === 'invalid_credentials' || error.code === 'network_not_allowed');
  if (!isClient) return error;
  if (error.failedCredential) call.failed(error);
  return invalidClient(isBasic);
}

function scopeOf(form: Form): readonly string[] | null {
  const scope = form.get('scope');
  if (scope === undefined) return null;
  // RFC 6749 section 3.3.
  if (!/^[\x21\x23-\x5b\x5d-\x7e]{1,128}(?: [\x21\x23-\x5b\x5d-\x7e]{1,128}){0,255}$/.test(scope)) throw invalidScope();
  return scope.split(' ');
}

const tokens = (body: z.input<typeof TokenAnswer>): Answer => answered(body);

/** RFC 6749 section 5.1; `Cache-Control: no-store` is on every answer. */
const answered = (body: object): Answer => ({ status: 200, headers: { Pragma: 'no-cache' }, body });
