import { Identity, Refusal } from '@portcullis/contracts';
import { decodeBase64, decodeUnverifiedClaims, Secret, sha256Hex } from '@portcullis/credentials';
import { z } from 'zod';
import { presented } from '../credential/presented.js';
import { decodeForm } from '../form-body.js';
import { assertionAlgorithms } from '../judge/client-assertions.js';
import { type Identity as Who } from '../judgement.js';
import { renderReply } from '../render.js';
import { type Answer, type ControlCall, type ControlRoute, ownRoute, type RouteParts } from './route.js';

const tag = 'OAuth 2.0';
const open = { public: true } as const;
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

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

/** How a client says who it is, where it does not by `Authorization: Basic`. */
const clientParameters = {
  client_id: z.string().optional(),
  client_secret: z.string().optional(),
  client_assertion_type: z.literal(assertionType).optional(),
  client_assertion: z.string().optional(),
};
const TokenForm = z.object({
  grant_type: z.enum(['client_credentials', 'refresh_token']),
  scope: z.string().optional(),
  refresh_token: z.string().optional(),
  ...clientParameters,
});
const GivenToken = z.object({ token: z.string(), token_type_hint: z.string().optional(), ...clientParameters });

/** RFC 6749 section 5.2. Every answer here is of its form, and none repeats what was sent. */
class OAuthError extends Error {
  constructor(
    readonly status: number,
    readonly error: string,
    readonly description: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(description);
  }
}

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
    if (call.query !== null && call.query !== '') throw invalid('Parameters go into the body, not into the URL.');
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
  if (grant === undefined) throw invalid('grant_type is missing.');
  const client = clientOf(call, form);
  switch (grant) {
    case 'client_credentials':
      return grantAccess(call, parts, client, scopeOf(form));
    case 'refresh_token':
      return refresh(call, parts, client, form);
    default:
      throw new OAuthError(400, 'unsupported_grant_type', 'The grant is client_credentials or refresh_token.');
  }
}

async function grantAccess(
  call: ControlCall,
  parts: RouteParts,
  client: PresentedClient,
  scope: readonly string[] | null,
): Promise<Answer> {
  const [operation, reply] =
    'assertion' in client
      ? ([Identity.grantToClient, await grantToClient(call, parts, client, scope)] as const)
      : ([
          Identity.grantBySecret,
          await parts
            .ask(
              Identity.grantBySecret,
              { client_id: client.clientId, secret_sha256: client.secretSha256, scope },
              [],
              call.caller({ idempotent: false }),
            )
            .catch((error: unknown) => {
              throw refusedClient(call, client, error);
            }),
        ] as const);
  const { permissions, ...granted } = (await renderReply(operation.reply, reply, parts.unseal(operation.subject))) as {
    access_token: string;
    token_type: 'Bearer';
    expires_in: number;
    permissions: string[];
  };
  return tokens({ ...granted, scope: permissions.join(' ') });
}

async function grantToClient(
  call: ControlCall,
  parts: RouteParts,
  client: PresentedClient,
  scope: readonly string[] | null,
): Promise<unknown> {
  const who = await identified(call, parts, client);
  const request = { scope, key_fingerprint: who.keyFingerprint ?? '' };
  return parts.ask(Identity.grantToClient, request, [], call.callerAs(who));
}

async function refresh(call: ControlCall, parts: RouteParts, client: PresentedClient, form: Form): Promise<Answer> {
  const refreshToken = form.get('refresh_token');
  if (refreshToken === undefined) throw invalid('refresh_token is missing.');
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
  const { principal: asking } = await identified(call, parts, clientOf(call, form));
  const text = form.get('token');
  if (text === undefined) throw invalid('token is missing.');
  const inactive = { status: 200, headers: { Pragma: 'no-cache' }, body: { active: false } };
  if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(text) || text.length > 8192) return inactive;
  const who = await parts.inspect(Secret.of(text));
  if (who.kind === 'refused' && who.refusal.code === 'unavailable') throw who.refusal;
  if (who.kind !== 'principal' || who.principal.organization_id !== asking.organization_id) return inactive;
  const { principal } = who;
  const isJwt = text.split('.').length === 3;
  const claims = isJwt ? decodeUnverifiedClaims(text) : {};
  const seconds = (name: string) => (typeof claims[name] === 'number' ? { [name]: claims[name] } : {});
  const words = (name: string) => (typeof claims[name] === 'string' ? { [name]: claims[name] } : {});
  return {
    status: 200,
    headers: { Pragma: 'no-cache' },
    body: {
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
    },
  };
}

async function revoke(call: ControlCall, parts: RouteParts, form: Form): Promise<Answer> {
  const who = await identified(call, parts, clientOf(call, form));
  const text = form.get('token');
  if (text === undefined) throw invalid('token is missing.');
  const done = { status: 200, headers: { Pragma: 'no-cache' }, body: {} };
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

type PresentedClient =
  | { readonly clientId: string; readonly secretSha256: string; readonly isBasic: boolean }
  | { readonly assertion: Secret; readonly isBasic: false };
type Identified = Extract<Who, { kind: 'principal' }>;

/** How the client authenticates itself: in one way, and not in two (RFC 6749 section 2.3). */
function clientOf({ arrival }: ControlCall, form: Form): PresentedClient {
  const header = presented(arrival.rawHeaders, []);
  const hasHeader = header.kind !== 'none';
  const [id, secret] = [form.get('client_id'), form.get('client_secret')];
  const [type, assertion] = [form.get('client_assertion_type'), form.get('client_assertion')];
  const ways = [hasHeader, secret !== undefined, type !== undefined || assertion !== undefined];
  if (ways.filter(Boolean).length > 1) throw invalid('A client authenticates itself in one way.');
  if (hasHeader && header.kind !== 'basic') throw invalidClient(false);
  if (header.kind === 'basic') return basicOf(header.encoded, id);
  if (assertion !== undefined || type !== undefined) {
    if (type !== assertionType || assertion === undefined) {
      throw invalid(`A client_assertion is of the type ${assertionType}.`);
    }
    const { sub } = unverified(assertion);
    if (id !== undefined && id !== sub) throw invalidClient(false);
    return { assertion: Secret.of(assertion), isBasic: false };
  }
  if (id === undefined || secret === undefined) throw invalidClient(false);
  return { clientId: id, secretSha256: sha256Hex(secret), isBasic: false };
}

/** RFC 6749 section 2.3.1: both halves are written as a form has them, before base64. */
function basicOf(encoded: Secret, idInForm: string | undefined): PresentedClient {
  const bytes = decodeBase64(encoded.reveal());
  const text = bytes && Buffer.from(bytes).toString('latin1');
  const colon = text?.indexOf(':') ?? -1;
  const id = colon < 0 ? null : decodeForm(text?.slice(0, colon) ?? '');
  const secret = colon < 0 ? null : decodeForm(text?.slice(colon + 1) ?? '');
  if (id === null || secret === null || id === '' || (idInForm !== undefined && idInForm !== id))
    throw invalidClient(true);
  return { clientId: id, secretSha256: sha256Hex(secret), isBasic: true };
}

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

const tokens = (body: z.input<typeof TokenAnswer>): Answer => ({
  status: 200,
  headers: { Pragma: 'no-cache' },
  body,
});

function unverified(assertion: string): Readonly<Record<string, unknown>> {
  return decodeUnverifiedClaims(assertion);
}

const invalid = (description: string): OAuthError => new OAuthError(400, 'invalid_request', description);
const invalidScope = (): OAuthError =>
  new OAuthError(400, 'invalid_scope', 'The scope names what there is not, or nothing that this client holds.');

/** Unknown client and wrong secret in the same words; the challenge is of the scheme that the client used (RFC 6749 section 5.2). */
const invalidClient = (isBasic: boolean): OAuthError =>
  new OAuthError(401, 'invalid_client', 'The client could not be authenticated.', {
    'WWW-Authenticate': isBasic ? 'Basic realm="portcullis"' : 'Bearer realm="portcullis"',
  });

function asOAuthError(error: unknown): OAuthError {
  if (error instanceof OAuthError) return error;
  if (!(error instanceof Refusal)) throw error;
  switch (error.code) {
    case 'invalid_token':
    case 'token_expired':
    case 'token_not_yet_valid':
      return new OAuthError(400, 'invalid_grant', error.publicMessage);
    case 'unprocessable':
      return invalidScope();
    case 'invalid_request':
    case 'unsupported_media_type':
      return invalid(error.publicMessage);
    case 'too_large':
      return new OAuthError(413, 'invalid_request', error.publicMessage);
    case 'unavailable':
    case 'enforcement_pending':
    case 'audit_unavailable':
    case 'rate_limited':
      return new OAuthError(error.code === 'rate_limited' ? 429 : 503, 'temporarily_unavailable', error.publicMessage, {
        'Retry-After': String(error.retryAfterSeconds ?? 1),
      });
    default:
      throw error;
  }
}
