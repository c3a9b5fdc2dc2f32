import { Inject, Injectable } from '@nestjs/common';
import { type Grant, type Lattice } from '@portcullis/authz';
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
import { mintApiKey, mintClientCredentials, seal } from '@portcullis/credentials';
import { Database, once } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { canonicalNetworks, demandNetworksWithin, demandWithin, heldBy } from '@portcullis/granting';
import { ApiKeyStore, type NewSecret } from './api-key.store.js';
import { grantOf } from './grant-rules.js';
import { newKey } from './new-key.js';

/** The prefix of bearer keys that are made from now on. */
export const KEY_PREFIX = Symbol('KEY_PREFIX');

type Request = RequestOf<typeof ApiKey.create>;
type Reply = ReplyOf<typeof ApiKey.create>;

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
    demandWithin(grant, heldBy(lattice, caller), 'you');
    demandNetworksWithin(networks, caller.principal.networks);
    const owner = await this.ownerOf(caller, request, lattice, grant);

    const key = newKey(caller, request, { owner, networks, grant, lattice, now: this.database.now() });
    const hmacKey = await this.database.localKey('idempotency');
    const about = { caller, operation: ApiKey.create.subject, body: request, hmacKey, now: this.database.now() };
    return this.database.transaction((tx) =>
      once(tx, about, () => this.issue(tx, caller, request, key), withoutSecrets),
    );
  }

  private async issue(
    tx: Parameters<ApiKeyStore['insert']>[0],
    caller: AuthenticatedCaller,
    request: Request,
    key: ReturnType<typeof newKey>,
  ): Promise<Reply> {
    const now = key.createdAt;
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
        ...key,
        forms: request.forms,
        keyPrefix: bearer ? `${this.prefix}_${bearer.lookup}` : null,
        clientId: client?.clientId ?? null,
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
        ...(bearer ? { bearer_token: { sealed: sealed(bearer.text) } } : {}),
        ...(client ? { client_id: client.clientId, client_secret: { sealed: sealed(client.clientSecret) } } : {}),
      },
    };
  }

  /** The maker, unless a service account is named: then the key may hold no more than that account does. */
  async ownerOf(
    caller: AuthenticatedCaller,
    request: Pick<Request, 'service_account_id'>,
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

function refuseUnavailableForms(request: Request): void {
  if (request.forms.includes('s3')) {
    throw new Refusal('unprocessable', 'This installation has no object storage, so a key cannot have the s3 form.', {
      errors: [{ field: 'forms', message: 's3 needs an object store' }],
    });
  }
}

function withoutSecrets(reply: Reply): Reply {
  const { client_id } = reply.credentials;
  return { ...reply, credentials: { ...(client_id === undefined ? {} : { client_id }), secret_already_shown: true } };
}
