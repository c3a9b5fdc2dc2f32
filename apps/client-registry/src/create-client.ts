import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  type AuthenticatedCaller,
  ClientRegistry,
  eventOrigin,
  newId,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Database, once, type Transaction } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { ClientChangeStore } from './client-change.store.js';
import { demandMayGive, demandSensibleRoles, networksOf, publicKeyOf, warningsOf } from './client-rules.js';
import { type ClientKey, ClientStore, type NewClient } from './client.store.js';

type Reply = ReplyOf<typeof ClientRegistry.create>;

/** Registers a client by its public key, within what its maker holds now. The private key is nobody's but the client's. */
@Injectable()
export class CreateClient {
  constructor(
    private readonly database: Database,
    private readonly clients: ClientStore,
    private readonly changes: ClientChangeStore,
    private readonly policy: PolicyFile,
  ) {}

  async execute(caller: AuthenticatedCaller, request: RequestOf<typeof ClientRegistry.create>): Promise<Reply> {
    const { principal } = caller;
    const key = publicKeyOf(request.public_key);
    const networks = networksOf(request.networks);
    const roles = [...new Set(request.roles)];
    demandSensibleRoles(this.policy.current, roles);
    demandMayGive(this.policy.current.lattice, caller, { roles, networks });
    const now = this.database.now();
    const client: NewClient = {
      id: newId('cli', now),
      organizationId: principal.organization_id,
      clientId: randomUUID(),
      name: request.name,
      networks,
      roles,
      createdAt: now,
      createdBy: principal.id,
      disabledAt: request.enabled ? null : now,
      disabledBy: request.enabled ? null : principal.id,
    };
    const hmacKey = await this.database.localKey('idempotency');
    const about = { caller, operation: ClientRegistry.create.subject, body: request, hmacKey, now };
    return this.database.transaction((tx) => once(tx, about, () => this.register(tx, caller, client, key)));
  }

  private async register(
    tx: Transaction,
    caller: AuthenticatedCaller,
    client: NewClient,
    key: ClientKey,
  ): Promise<Reply> {
    const { id, organizationId, name, networks, roles } = client;
    const others = await this.clients.alsoWith(tx, organizationId, key.fingerprint, id);
    await this.clients.insert(tx, client, key);
    await tx.owe({
      ...eventOrigin(caller),
      organization_id: organizationId,
      action: 'client.created',
      resource: { kind: 'client', id },
      details: {
        name,
        client_id: client.clientId,
        networks,
        roles,
        enabled: client.disabledAt === null,
        public_key: { fingerprint: key.fingerprint, algorithm: key.algorithm },
      },
    });
    return { ...(await this.changes.read(tx, organizationId, id)), warnings: warningsOf(others) };
  }
}
