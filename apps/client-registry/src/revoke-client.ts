import { Injectable } from '@nestjs/common';
import {
  type AuthenticatedCaller,
  type ClientRegistry,
  eventOrigin,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { noSuchClient } from './change-client.js';
import { ClientChangeStore } from './client-change.store.js';
import { ClientStore } from './client.store.js';
import { ConfirmClientChange } from './confirm-client-change.js';

/** Ends a client, and answers when no gateway accepts it any more. Revoking it again reports the first revocation. */
@Injectable()
export class RevokeClient {
  constructor(
    private readonly database: Database,
    private readonly clients: ClientStore,
    private readonly changes: ClientChangeStore,
    private readonly confirmChange: ConfirmClientChange,
  ) {}

  async execute(
    caller: AuthenticatedCaller,
    { id }: RequestOf<typeof ClientRegistry.revoke>,
  ): Promise<ReplyOf<typeof ClientRegistry.revoke>> {
    const { organization_id: organizationId, id: by } = caller.principal;
    const seq = await this.database.transaction(async (tx) => {
      const client = await this.changes.lock(tx, organizationId, id);
      if (!client) throw noSuchClient();
      if (client.revokedSeq !== null) return client.revokedSeq;
      await tx.owe({
        ...eventOrigin(caller),
        organization_id: organizationId,
        action: 'client.revoked',
        resource: { kind: 'client', id },
      });
      return this.changes.revoke(tx, id, by);
    });
    const committed = { id, organizationId, seq, isRevocation: true, isEnd: true };
    const enforcement = await this.confirmChange.execute(committed, eventOrigin(caller));
    const record = await this.clients.read(organizationId, id);
    if (!record) throw noSuchClient();
    return { ...record, enforcement };
  }
}
