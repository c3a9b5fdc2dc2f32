import { Inject, Injectable } from '@nestjs/common';
import { type Grant, type Lattice } from '@portcullis/authz';
import { Bus } from '@portcullis/bus';
import {
  ApiKey,
  type AuthenticatedCaller,
  eventOrigin,
  Identity,
  type KeyOwner,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Database, once } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { canonicalNetworks, demandNetworksWithin, demandWithin, heldBy } from '@portcullis/granting';
import { ApiKeyStore } from './api-key.store.js';
import { grantOf } from './grant-rules.js';
import { MintSecrets, withoutSecrets } from './mint-secrets.js';
import { newKey } from './new-key.js';
import { demandS3Form } from './s3/s3-form.js';
import { S3_SETTINGS, type S3Settings } from './s3/s3-settings.js';

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
    private readonly mintSecrets: MintSecrets,
    @Inject(S3_SETTINGS) private readonly s3: S3Settings,
  ) {}

  async execute(caller: AuthenticatedCaller, request: Request): Promise<Reply> {
    const networks = canonicalNetworks(request.networks);
    const { lattice } = this.policy.current;
    const grant = grantOf(lattice, request);
    demandS3Form(this.s3, request, { lattice, grant });
    demandWithin(grant, heldBy(lattice, caller), 'you');
    demandNetworksWithin(networks, caller.principal.networks);
    const owner = await this.ownerOf(caller, request, lattice, grant);

    const key = newKey(caller, request, { owner, networks, grant, lattice, now: this.database.now() });
    const hmacKey = await this.database.localKey('idempotency');
    const about = { caller, operation: ApiKey.create.subject, body: request, hmacKey, now: this.database.now() };
    return this.database.transaction((tx) =>
      once(
        tx,
        about,
        () => this.issue(tx, caller, request, key),
        (reply) => ({ ...reply, credentials: withoutSecrets(reply.credentials) }),
      ),
    );
  }

  private async issue(
    tx: Parameters<ApiKeyStore['insert']>[0],
    caller: AuthenticatedCaller,
    request: Request,
    key: ReturnType<typeof newKey>,
  ): Promise<Reply> {
    const { id, organizationId, createdAt: now } = key;
    const { forms } = request;
    const minted = this.mintSecrets.execute(caller, ApiKey.create, { id, organizationId, clientId: null, forms, now });
    const { rows, credentials, ...columns } = minted;
    const record = await this.keys.insert(tx, { ...key, forms, ...columns }, rows);
    await tx.owe({
      organization_id: record.organization_id,
      action: 'api-key.created',
      resource: { kind: 'api-key', id: record.id },
      ...eventOrigin(caller),
      details: {
        name: record.name,
        owner: record.owner,
        forms: record.forms,
        access_key_id: record.access_key_id,
        roles: record.roles,
        permissions: record.permissions,
        buckets: record.buckets,
        networks: record.networks,
        rate_limit: record.rate_limit,
        expires_at: record.expires_at,
      },
    });
    return { ...record, credentials };
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
