import { Inject, Injectable } from '@nestjs/common';
import { type Grant, type Lattice, within } from '@portcullis/authz';
import { Bus } from '@portcullis/bus';
import {
  ApiKey,
  type AuthenticatedCaller,
  eventOrigin,
  Identity,
  type KeyOwner,
  newId,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { mintApiKey, mintClientCredentials, NetworkRefused, parseCidr, seal } from '@portcullis/credentials';
import { Database, once } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { ApiKeyStore, type NewSecret } from './api-key.store.js';
import { demandNetworksWithin } from './networks-within.js';

/** The prefix of bearer keys that are made from now on. */
export const KEY_PREFIX = Symbol('KEY_PREFIX');

type Request = RequestOf<typeof ApiKey.create>;
type Reply = ReplyOf<typeof ApiKey.create>;

const day = 86_400_000;
/** A token has to fit into a header. */
const mostBucketsInToken = 50;

/** Makes a key within what its maker and its owner hold now. The secrets are in this answer and nowhere else, ever. */
@Injectable()
export class IssueKey {
  constructor(
    private readonly database: Database,
    private readonly keys: ApiKeyStore,
    private readonly policy: PolicyFile,
    private readonly bus: Bus,
    @Inject(KEY_PREFIX) private readonly prefix: string,
  ) {}

  async execute(caller: AuthenticatedCaller, request: Request): Promise<Reply> {
    const networks = canonicalNetworks(request.networks);
    refuseUnavailableForms(request);
    const { lattice } = this.policy.current;
    const grant = grantOf(lattice, request);
    demandWithin(grant, makerGrant(lattice, caller), 'you');
    demandNetworksWithin(networks, caller.principal.networks);
    const owner = await this.ownerOf(caller, request, lattice, grant);

    const reachesBuckets = Object.keys(lattice.resources(grant)).length > 0;
    const hmacKey = await this.database.localKey('idempotency');
    const about = { caller, operation: ApiKey.create.subject, body: request, hmacKey, now: this.database.now() };
    return this.database.transaction((tx) =>
      once(tx, about, () => this.issue(tx, caller, request, { owner, networks, reachesBuckets }), withoutSecrets),
    );
  }

  private async issue(
    tx: Parameters<ApiKeyStore['insert']>[0],
    caller: AuthenticatedCaller,
    request: Request,
    { owner, networks, reachesBuckets }: { owner: KeyOwner; networks: string[] | null; reachesBuckets: boolean },
  ): Promise<Reply> {
    const now = this.database.now();
    const bearer = request.forms.includes('bearer') ? mintApiKey(this.prefix) : undefined;
    const client = request.forms.includes('client_credentials') ? mintClientCredentials() : undefined;
    const secrets: NewSecret[] = [
      ...(bearer
        ? [{ id: newId('sec', now), form: 'bearer' as const, lookup: bearer.lookup, sha256: bearer.sha256 }]
        : []),
      ...(client
        ? [{ id: newId('sec', now), form: 'client_credentials' as const, lookup: null, sha256: client.sha256 }]
        : []),
    ];
    const record = await this.keys.insert(
      tx,
      {
        id: newId('key', now),
        organizationId: caller.principal.organization_id,
        name: request.name,
        description: request.description,
        ownerKind: owner.kind,
        ownerId: owner.id,
        forms: request.forms,
        keyPrefix: bearer ? `${this.prefix}_${bearer.lookup}` : null,
        clientId: client?.clientId ?? null,
        roles: unique(request.roles),
        permissions: unique(request.permissions),
        buckets: request.buckets ?? (reachesBuckets ? 'all' : null),
        networks,
        rateLimit: request.rate_limit ?? null,
        metadata: request.metadata,
        createdAt: now,
        createdBy: caller.principal.id,
        expiresAt: request.expires_in_days === null ? null : new Date(now.getTime() + request.expires_in_days * day),
      },
      secrets,
    );
    await tx.owe({
      organization_id: record.organization_id,
      action: 'api-key.created',
      resource: { kind: 'api-key', id: record.id },
      ...eventOrigin(caller),
      details: {
        name: record.name,
        owner: record.owner,
        forms: record.forms,
        roles: record.roles,
        permissions: record.permissions,
        buckets: record.buckets,
        networks: record.networks,
        rate_limit: record.rate_limit,
        expires_at: record.expires_at,
      },
    });
    const sealed = (secret: { reveal(): string }) => seal(caller.reply_key, secret.reveal(), ApiKey.create.subject);
    return {
      ...record,
      credentials: {
        ...(bearer ? { bearer_token: { sealed: await sealed(bearer.text) } } : {}),
        ...(client ? { client_id: client.clientId, client_secret: { sealed: await sealed(client.clientSecret) } } : {}),
      },
    };
  }

  /** The maker, unless a service account is named: then the key may hold no more than that account does. */
  private async ownerOf(
    caller: AuthenticatedCaller,
    request: Request,
    lattice: Lattice,
    grant: Grant,
  ): Promise<KeyOwner> {
    const { principal } = caller;
    if (request.service_account_id === undefined) {
      if (principal.kind !== 'user' && principal.kind !== 'service_account') {
        throw new Refusal('forbidden', 'A key is owned by a person or a service account. Name a service account.');
      }
      return { kind: principal.kind, id: principal.id };
    }
    const found = await this.bus.call(Identity.resolvePrincipal, { id: request.service_account_id });
    const membership = found.principal?.memberships.find((one) => one.organization_id === principal.organization_id);
    if (found.principal?.kind !== 'service_account' || found.principal.status !== 'active' || !membership) {
      throw new Refusal('unprocessable', 'No such service account in this organization, or it is disabled.', {
        errors: [{ field: 'service_account_id', message: 'names no active service account of this organization' }],
      });
    }
    demandWithin(grant, lattice.grantKnown({ ...membership, buckets: 'all' }), 'the service account');
    return { kind: 'service_account', id: found.principal.id };
  }
}

/** What the maker holds now, as the gateway found it for this very request. */
function makerGrant(lattice: Lattice, { principal }: AuthenticatedCaller): Grant {
  return lattice.grantKnown({ permissions: principal.permissions, buckets: principal.resources.buckets ?? null });
}

function grantOf(lattice: Lattice, request: Request): Grant {
  const spec = { roles: request.roles, permissions: request.permissions, buckets: request.buckets ?? 'all' };
  const unknown = lattice.unknown(spec);
  const errors = [
    ...unknown.roles.map((name) => ({ field: 'roles', message: `${JSON.stringify(name)} is no role here` })),
    ...unknown.permissions.map((name) => ({
      field: 'permissions',
      message: `${JSON.stringify(name)} is no permission here`,
    })),
  ];
  if (errors.length > 0) {
    throw new Refusal('invalid_request', 'The request names roles or permissions that are not in the policy.', {
      errors,
    });
  }
  if (request.roles.length === 0 && request.permissions.length === 0) {
    throw new Refusal('unprocessable', 'A key needs at least one role or permission.', {
      errors: [{ field: 'roles', message: 'name a role, or a permission in permissions' }],
    });
  }
  if (Array.isArray(request.buckets) && request.roles.some((role) => role.startsWith('storage:admin-'))) {
    throw new Refusal('unprocessable', 'Storage administrator roles are always for all buckets.', {
      errors: [{ field: 'buckets', message: 'must be "all" with a storage:admin role' }],
    });
  }
  if (
    Array.isArray(request.buckets) &&
    request.buckets.length > mostBucketsInToken &&
    request.forms.includes('client_credentials')
  ) {
    throw new Refusal(
      'unprocessable',
      `A key with a client secret names at most ${mostBucketsInToken} buckets: they travel in its tokens.`,
      {
        errors: [
          { field: 'buckets', message: `must be at most ${mostBucketsInToken} with client_credentials, or "all"` },
        ],
      },
    );
  }
  return lattice.grant(spec);
}

function demandWithin(grant: Grant, limit: Grant, whose: string): void {
  const excess = within(grant, limit);
  if (excess.length === 0) return;
  const named = excess.map(({ permission, buckets }) =>
    buckets === undefined ? permission : `${permission} on ${buckets === 'all' ? 'all buckets' : buckets.join(', ')}`,
  );
  throw new Refusal(
    'exceeds_grant',
    `This exceeds what ${whose === 'you' ? 'you hold' : `${whose} holds`}: ${named.join(', ')}.`,
    {
      errors: excess.map(({ permission }) => ({
        field: 'permissions',
        message: `${permission} exceeds what ${whose} may hand out`,
      })),
    },
  );
}

function refuseUnavailableForms(request: Request): void {
  if (request.forms.includes('s3')) {
    throw new Refusal('unprocessable', 'This installation has no object storage, so a key cannot have the s3 form.', {
      errors: [{ field: 'forms', message: 's3 needs an object store' }],
    });
  }
}

function canonicalNetworks(networks: readonly string[] | undefined): string[] | null {
  if (networks === undefined) return null;
  return networks.map((text, index) => {
    try {
      return parseCidr(text).text;
    } catch (error) {
      if (!(error instanceof NetworkRefused)) throw error;
      throw new Refusal('invalid_request', error.message, {
        errors: [{ field: `networks.${index}`, message: error.message }],
      });
    }
  });
}

function withoutSecrets(reply: Reply): Reply {
  const { client_id } = reply.credentials;
  return { ...reply, credentials: { ...(client_id === undefined ? {} : { client_id }), secret_already_shown: true } };
}

const unique = (names: readonly string[]): string[] => [...new Set(names)];
