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

    // The record is read while the enforcers are waited for: nothing of it changes any more but when it was confirmed.
    const [{ receipt, noted }, record] = await Promise.all([
      this.confirmRevocations.confirm([{ id, organizationId, ...revocation }], origin),
      this.keys.read(organizationId, id),
    ]);
    const enforcedAt = noted.get(id)?.toISOString() ?? record?.enforced_at;
    // Somebody else has noted it meanwhile.
    const shown = enforcedAt
      ? record && { ...record, enforced_at: enforcedAt }
      : await this.keys.read(organizationId, id);
    if (!shown) throw new Error(`key ${id} vanished while it was revoked`);
    return { ...shown, enforcement: receipt };
  }
}
