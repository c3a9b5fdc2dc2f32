import { Injectable } from '@nestjs/common';
import { type AuthenticatedCaller, eventOrigin, type Identity, Refusal, type ReplyOf } from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { FamilyStore } from '../tokens/family.store.js';
import { RevokeFamily } from '../tokens/revoke-family.js';

/** Ends the session that asks. Answers when every live enforcer refuses it; a repeat confirms the first logout again. */
@Injectable()
export class Logout {
  constructor(
    private readonly database: Database,
    private readonly families: FamilyStore,
    private readonly revokeFamily: RevokeFamily,
  ) {}

  async execute(caller: AuthenticatedCaller): Promise<ReplyOf<typeof Identity.logout>> {
    const { principal } = caller;
    const { family, seq } = await this.database.transaction(async (tx) => {
      const family = await this.families.lock(tx, principal.credential_id);
      if (family?.kind !== 'session' || family.principalId !== principal.id) {
        throw new Refusal('unprocessable', 'Only a login session can be logged out. Revoke a key instead.');
      }
      if (family.revokedSeq !== null) return { family, seq: family.revokedSeq };
      await tx.owe({
        ...eventOrigin(caller),
        organization_id: family.organizationId,
        action: 'session.ended',
        resource: { kind: 'session', id: family.id },
        reason: 'logout',
      });
      return { family, seq: await this.revokeFamily.mark(tx, family, principal.id) };
    });
    return { enforcement: await this.revokeFamily.confirm(family, seq) };
  }
}
