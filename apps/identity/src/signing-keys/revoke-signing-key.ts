import { Injectable } from '@nestjs/common';
import {
  type AuthenticatedCaller,
  eventOrigin,
  type Identity,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { ConfirmChange } from '../confirm-change.js';
import { OrganizationStore } from '../organizations/organization.store.js';
import { noSuchSigningKey } from './read-signing-keys.js';
import { SigningKeyStore, toSigningKeyRecord } from './signing-key.store.js';
import { SigningKeys } from './signing-keys.js';

/**
 * Ends a signing key that may be known to somebody else: every session and token pair that it signed is over, and whatever is
 * signed with it from now on is worth nothing. Its private half is destroyed and it is published no more. Answers when every live
 * enforcer refuses it; a repeat confirms the first revocation again.
 */
@Injectable()
export class RevokeSigningKey {
  constructor(
    private readonly database: Database,
    private readonly organizations: OrganizationStore,
    private readonly store: SigningKeyStore,
    private readonly signingKeys: SigningKeys,
    private readonly confirmChange: ConfirmChange,
  ) {}

  async execute(
    { kid }: RequestOf<typeof Identity.revokeSigningKey>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof Identity.revokeSigningKey>> {
    const { organization_id: organizationId, id: by } = caller.principal;
    if (organizationId !== (await this.organizations.firstId())) throw noSuchSigningKey();
    const now = this.database.now();
    const seq = await this.store.exclusively(async (tx) => {
      const key = await this.store.find(kid, tx);
      if (!key) throw noSuchSigningKey();
      if (key.seq !== null) return key.seq;
      if (key.retiredAt !== null) {
        throw new Refusal('conflict', 'The key is retired: nothing that it signed is valid any more.');
      }
      await tx.owe({
        ...eventOrigin(caller),
        organization_id: organizationId,
        action: 'signing-key.revoked',
        resource: { kind: 'signing-key', id: kid },
      });
      // For ever, and not only as long as its tokens live: whoever holds the key signs any time of expiry with it.
      const marker = await tx.mark({ scope: 'signing-key', id: kid, effect: 'block' });
      await this.store.revoke(tx, kid, { by, seq: marker, now });
      return marker;
    });
    await this.signingKeys.rotate();
    const enforcement = await this.confirmChange.confirm({
      seqs: [seq],
      keptAs: 'signing-key',
      organizationId,
      resource: { kind: 'signing-key', id: kid },
    });
    const revoked = await this.store.find(kid);
    if (!revoked) throw noSuchSigningKey();
    return { ...toSigningKeyRecord(revoked, { signing: undefined, now }), enforcement };
  }
}
