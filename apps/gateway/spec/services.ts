import {
  ApiKey,
  type ApiKeyRecord,
  type Caller,
  ClientRegistry,
  Identity,
  newId,
  type Operation,
  Refusal,
  refuseFaults,
  type ResolvedKey,
} from '@portcullis/contracts';
import {
  generateSealingKey,
  generateSigningKey,
  mintApiKey,
  publicSealingJwk,
  RoleTokenKeys,
  seal,
  unseal,
} from '@portcullis/credentials';
import { type Ask } from '../src/judge/records.js';
import { signers } from './signers.js';

export const organization = newId('org', new Date());
export const person = newId('usr', new Date());
/** A key with every permission that its owner has, and one with none. */
export const held = mintApiKey('ptc');
export const bare = mintApiKey('ptc');
/** As `held`, but good from one network only. */
export const bound = mintApiKey('ptc');
/** As `held`, but good for three requests a minute. */
export const limited = mintApiKey('ptc');
/** Keys for object storage: with all of it, and with objects alone, in one bucket. */
export const storing = mintApiKey('ptc');
export const scoped = mintApiKey('ptc');
export const boundTo = '203.0.113.0/24';
/** The id of a key of another organization. */
export const foreignKey = newId('key', new Date());
export const permissions = ['apikeys:manage', 'apikeys:revoke', 'apikeys:view', 'counterparties:view', 'policy:view'];

export const storagePermissions = [
  'storage:buckets:manage',
  'storage:buckets:view',
  'storage:objects:manage',
  'storage:objects:view',
];

export const roleTokenKeys = RoleTokenKeys.parse('kX2vT9sQe7LwYb4NcR6mZp1HjD8fUgA3oViSxE5tBq0=');
export const installationId = 'ins_spec';
/** Whether a node password is configured; it is `hello`. */
export const node = { issuesRoleTokens: true };

/** What was asked last on a client's behalf. */
export const asked: { request?: unknown; caller?: Caller | undefined; token?: string } = {};

const identityKey = generateSealingKey();

/** Identity, api-key and the others as their contracts describe them, with what the specs need to be there. */
export const services: Ask = (operation, request, caller) => {
  const parsed = (operation as Operation).request.safeParse(request);
  if (!parsed.success) throw refuseFaults(parsed.error);
  if ((operation as Operation).for !== 'service') Object.assign(asked, { request: parsed.data, caller });
  const reply = replyOf(operation, parsed.data as never, caller);
  return (operation as Operation).reply.parse(reply) as never;
};

function replyOf(operation: Operation, request: Record<string, string>, caller?: Caller): unknown {
  const position = { history: 'spec', seq: 0 };
  const sealed = (text: string) => ({ sealed: seal(caller?.reply_key, text, operation.subject) });
  const opened = (field: string) =>
    unseal(identityKey, (request[field] as unknown as { sealed: string }).sealed, operation.subject);
  const pair = () => ({
    access_token: sealed('the access token'),
    refresh_token: sealed('the refresh token'),
    token_type: 'Bearer',
    expires_in: 3600,
    refresh_not_before: new Date().toISOString(),
  });
  const browserTokens = (refresh: string) => ({
    access_token: sealed('the access token'),
    refresh_token: sealed(refresh),
    token_type: 'Bearer',
    expires_in: 3600,
    refresh_expires_in: 7200,
  });
  switch (operation.subject) {
    case ApiKey.resolve.subject: {
      const found = [held, bare, bound, limited, storing, scoped].find(
        (key) => key.lookup === request['lookup'] || idOf(key) === request['id'],
      );
      if (!found)
        return {
          position,
          key:
            request['id'] === foreignKey ? { ...resolved(held, []), organization_id: newId('org', new Date()) } : null,
        };
      if (found === storing) return { position, key: resolved(found, storagePermissions) };
      if (found === scoped) {
        return { position, key: { ...resolved(found, ['storage:objects:view']), buckets: ['reports', 'not-made'] } };
      }
      return { position, key: resolved(found, found === bare ? [] : permissions) };
    }
    case ClientRegistry.resolve.subject:
      return { position, client: signers.resolve(request['client_id'] ?? request['id'] ?? '') };
    case ClientRegistry.claim.subject:
      return {
        claimed: (request['claims'] as unknown as { digest: string }[]).map(({ digest }) => signers.claim(digest)),
      };
    case ApiKey.foreignPrefixes.subject:
      return { position, prefixes: [] };
    case Identity.resolvePrincipal.subject:
      return {
        position,
        principal: {
          id: person,
          kind: 'user',
          status: 'active',
          password_number: 0,
          memberships: [
            { organization_id: organization, roles: [], permissions: [...permissions, ...storagePermissions] },
          ],
        },
      };
    case Identity.sealingKey.subject:
      return { key: publicSealingJwk(identityKey) };
    case Identity.keys.subject:
      return { access: [generateSigningKey().publicJwk], gateways: [generateSigningKey().publicJwk] };
    case Identity.login.subject:
      if (opened('password') !== 'hunter2') throw new Refusal('invalid_credentials', 'Wrong.');
      return pair();
    case Identity.openSession.subject:
      if (opened('password') !== 'hunter2') throw new Refusal('invalid_credentials', 'Wrong.');
      return browserTokens('first.refresh.token');
    case Identity.continueSession.subject: {
      const token = opened('refresh_token');
      Object.assign(asked, { token });
      if (token === 'identity.is.away') throw new Refusal('unavailable', 'Away.', { retryAfterSeconds: 1 });
      if (token.startsWith('over.')) {
        const failedCredential = { reason: token.slice(5), organization_id: organization, credential_id: 'tok_over' };
        throw new Refusal('invalid_token', 'The refresh token is not valid.', { failedCredential });
      }
      return browserTokens('next.refresh.token');
    }
    case Identity.endSession.subject:
      Object.assign(asked, { token: opened('refresh_token') });
      if (asked.token === 'never.confirmed.yet') throw new Refusal('enforcement_pending', 'Not yet confirmed.');
      return {
        enforcement: asked.token?.startsWith('over.')
          ? null
          : { enforcers: 2, acknowledged: 2, fenced: 0, elapsed_ms: 40 },
      };
    case Identity.resolveInstallation.subject:
      return {
        position,
        installation: {
          id: installationId,
          first_organization_id: organization,
          issues_role_tokens: node.issuesRoleTokens,
        },
      };
    case Identity.issueRoleToken.subject:
      if (opened('password') !== 'hello') throw new Refusal('invalid_credentials', 'The password is not valid.');
      if (request['wanted'] === null) throw new Refusal('invalid_request', 'The body must have a role and an expiry.');
      return roleToken(sealed('a role token'));
    case Identity.refreshRoleToken.subject:
      Object.assign(asked, { token: opened('token') });
      return roleToken(sealed('another role token'));
    case Identity.authenticate.subject:
      return pair();
    case ApiKey.list.subject:
      return { items: [record('key_1')], next_cursor: null };
    case ApiKey.create.subject:
      return {
        ...record('key_2'),
        name: request['name'],
        credentials: { bearer_token: sealed('ptc_the-secret') },
      };
    case ApiKey.revoke.subject:
      throw new Refusal('enforcement_pending', 'Not yet confirmed.', { retryAfterSeconds: 2 });
    case ApiKey.enable.subject:
      return { ...record('key_3'), enforcement: { enforcers: 2, acknowledged: 2, fenced: 0, elapsed_ms: 40 } };
    case ApiKey.disable.subject:
      return { ...record('key_3'), enforcement: { enforcers: 3, acknowledged: 1, fenced: 2, elapsed_ms: 2000 } };
    case ApiKey.read.subject:
      if (request['id'] === 'key_broken') throw new Error('hunter2 fell over');
      if (request['id'] === 'key_strange') throw new Refusal('unauthenticated', 'The caller could not be verified.');
      throw new Refusal('not_found', 'No such key.');
    default:
      throw new Refusal('unavailable', `Nobody answers ${operation.subject}.`);
  }
}

const roleToken = (key: object): object => ({
  key,
  token_id: 'tok_spec',
  role: 'consumer',
  expires_at: new Date().toISOString(),
});

const ids = new Map<unknown, string>();

export function idOf(key: typeof held): string {
  const id = ids.get(key) ?? newId('key', new Date());
  ids.set(key, id);
  return id;
}

function resolved(key: typeof held, given: string[]): ResolvedKey {
  const { sha256 } = key;
  return {
    id: idOf(key),
    organization_id: organization,
    owner: { kind: 'user', id: person },
    client_id: null,
    roles: [],
    permissions: given,
    buckets: key === storing ? 'all' : null,
    networks: key === bound ? [boundTo] : null,
    rate_limit: key === limited ? { requests: 3, per_seconds: 60 } : null,
    status: 'active',
    expires_at: null,
    secrets: [{ id: newId('sec', new Date()), form: 'bearer', generation: 1, sha256, expires_at: null }],
  };
}

function record(id: string): ApiKeyRecord {
  return {
    id,
    name: 'x',
    description: null,
    organization_id: organization,
    owner: { kind: 'user', id: person },
    forms: ['bearer'],
    key_prefix: 'ptc_abc',
    client_id: null,
    access_key_id: null,
    roles: [],
    permissions: [],
    buckets: null,
    networks: null,
    rate_limit: null,
    metadata: { sealed: 'not ours' },
    status: 'active',
    created_at: new Date().toISOString(),
    created_by: person,
    expires_at: null,
    revoked_at: null,
    revoked_by: null,
    enforced_at: null,
    last_used_at: null,
    last_used_ip: null,
    last_used_user_agent: null,
    secrets: [],
  };
}
