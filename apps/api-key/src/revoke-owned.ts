import { Injectable } from '@nestjs/common';
import { type Actor, type ApiKey, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { Database, type Transaction } from '@portcullis/persistence';
import { ConfirmRevocations } from './confirm-revocations.js';
import { type OwnedKey, OwnedKeyStore } from './owned-key.store.js';

type Request = RequestOf<typeof ApiKey.revokeOwned>;

/**
 * Ends the keys of an owner who is gone. Identity has stopped them at every enforcer before it asks; this makes the records say so.
 * A repeat finds none that live, and confirms what an earlier call could not.
 */
@Injectable()
export class RevokeOwned {
  constructor(
    private readonly database: Database,
    private readonly keys: OwnedKeyStore,
    private readonly confirmRevocations: ConfirmRevocations,
  ) {}

  async list({
    owner_id: ownerId,
    organization_id: organizationId,
  }: RequestOf<typeof ApiKey.listOwned>): Promise<ReplyOf<typeof ApiKey.listOwned>> {
    return { keys: await this.keys.live(ownerId, organizationId) };
  }

  async execute(request: Request): Promise<ReplyOf<typeof ApiKey.revokeOwned>> {
    const revoked = await this.database.transaction((tx) => this.revoke(tx, request));
    const pending = await this.keys.unconfirmed(request.owner_id, request.organization_id);
    if (pending.length > 0) await this.confirmRevocations.execute(pending);
    return { keys: revoked.map(({ id }) => id) };
  }

  private async revoke(tx: Transaction, request: Request): Promise<OwnedKey[]> {
    const { revoked_by: by, because } = request;
    const keys = await this.keys.lockLive(tx, {
      ownerId: request.owner_id,
      organizationId: request.organization_id,
      madeBefore: new Date(request.made_before),
    });
    const common = { actor: actorOf(by), reason: because };
    const organizations = [...new Set(keys.map((key) => key.organizationId))];
    await tx.oweAll([
      ...keys.map(({ id, organizationId }) => ({
        ...common,
        organization_id: organizationId,
        action: 'api-key.revoked' as const,
        resource: { kind: 'api-key', id },
      })),
      ...organizations.map((organizationId) => ({
        ...common,
        organization_id: organizationId,
        action: 'owner-keys.revoked' as const,
        resource: { kind: request.owner_id.startsWith('sa_') ? 'service-account' : 'user', id: request.owner_id },
        details: { keys: keys.filter((key) => key.organizationId === organizationId).map(({ id }) => id) },
      })),
    ]);
    // Markers last: from the first one on no other revocation of this service goes on.
    for (const { id } of keys) {
      const seq = await tx.mark({ scope: 'credential', id, effect: 'drop' });
      await this.keys.markRevoked(tx, id, { by, seq });
    }
    return keys;
  }
}

/** Whoever ended the owner, by the kind that the id names. */
function actorOf(id: string): Actor {
  const kind = id.startsWith('usr_') ? 'user' : id.startsWith('sa_') ? 'service_account' : 'system';
  return { kind, id, credential_id: null };
}
