import { Injectable } from '@nestjs/common';
import {
  type ApiKey,
  type AuthenticatedCaller,
  eventOrigin,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { ApiKeyStore } from './api-key.store.js';
import { ConfirmRevocations } from './confirm-revocations.js';
import { RevocationStore } from './revocation.store.js';

/** Ends a key, and answers when no gateway accepts it any more. Revoking it again reports the first revocation. */
@Injectable()
export class RevokeKey {
  constructor(
    private readonly keys: ApiKeyStore,
    private readonly revocations: RevocationStore,
    private readonly confirmRevocations: ConfirmRevocations,
  ) {}

  async execute(
    caller: AuthenticatedCaller,
    { id }: RequestOf<typeof ApiKey.revoke>,
  ): Promise<ReplyOf<typeof ApiKey.revoke>> {
    const { organization_id: organizationId, id: by } = caller.principal;
    const origin = eventOrigin(caller);
    const revocation = await this.revocations.revoke(organizationId, id, by, {
      organization_id: organizationId,
      action: 'api-key.revoked',
      resource: { kind: 'api-key', id },
      ...origin,
    });
    if (!revocation) throw new Refusal('not_found', 'No such API key.');

    const { record, ...made } = revocation;
    const committed = { id, organizationId, ...made };
    const { receipt: enforcement, noted } = await this.confirmRevocations.confirm([committed], origin);
    const enforcedAt = noted.get(id)?.toISOString() ?? record.enforced_at;
    if (enforcedAt !== null) return { ...record, enforced_at: enforcedAt, enforcement };
    // Somebody else has noted it meanwhile.
    const later = await this.keys.read(organizationId, id);
    return { ...record, enforced_at: later?.enforced_at ?? null, enforcement };
  }
}
