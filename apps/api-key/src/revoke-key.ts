import { Injectable } from '@nestjs/common';
import {
  type ApiKey,
  type AuthenticatedCaller,
  eventOrigin,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { ApiKeyStore } from './api-key.store.js';
import { ConfirmRevocations } from './confirm-revocations.js';

/** Ends a key, and answers when no gateway accepts it any more. Revoking it again reports the first revocation. */
@Injectable()
export class RevokeKey {
  constructor(
    private readonly database: Database,
    private readonly keys: ApiKeyStore,
    private readonly confirmRevocations: ConfirmRevocations,
  ) {}

  async execute(
    caller: AuthenticatedCaller,
    { id }: RequestOf<typeof ApiKey.revoke>,
  ): Promise<ReplyOf<typeof ApiKey.revoke>> {
    const { organization_id } = caller.principal;
    const resource = { kind: 'api-key', id };
    const revocation = await this.database.transaction(async (tx) => {
      const revoked = await this.keys.revoke(tx, organization_id, id, caller.principal.id);
      if (revoked?.first)
        await tx.owe({ organization_id, action: 'api-key.revoked', resource, ...eventOrigin(caller) });
      return revoked;
    });
    if (!revocation) throw new Refusal('not_found', 'No such API key.');

    const committed = { id, organizationId: organization_id, ...revocation };
    const enforcement = await this.confirmRevocations.execute([committed], eventOrigin(caller));
    const record = await this.keys.read(organization_id, id);
    if (!record) throw new Error(`key ${id} vanished while it was revoked`);
    return { ...record, enforcement };
  }
}
