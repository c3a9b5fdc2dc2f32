import { Injectable } from '@nestjs/common';
import {
  type AuthenticatedCaller,
  type Caller,
  eventOrigin,
  Identity,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Database, type Transaction } from '@portcullis/persistence';
import { SealingKeys } from '../sealing-keys.js';
import { type Family, FamilyStore } from '../tokens/family.store.js';
import { type PresentedRefreshToken, ReadRefreshToken } from '../tokens/read-refresh-token.js';
import { RevokeFamily } from '../tokens/revoke-family.js';

/** Ends a session. Answers when every live enforcer refuses it; a repeat confirms the first logout again. */
@Injectable()
export class Logout {
  constructor(
    private readonly database: Database,
    private readonly sealingKeys: SealingKeys,
    private readonly readRefreshToken: ReadRefreshToken,
    private readonly families: FamilyStore,
    private readonly revokeFamily: RevokeFamily,
  ) {}

  /** The session that asks. */
  async execute(caller: AuthenticatedCaller): Promise<ReplyOf<typeof Identity.logout>> {
    const { principal } = caller;
    const { family, seq } = await this.database.transaction(async (tx) => {
      const family = await this.families.lock(tx, principal.credential_id);
      if (family?.kind !== 'session' || family.principalId !== principal.id) {
        throw new Refusal('unprocessable', 'Only a login session can be logged out. Revoke a key instead.');
      }
      return this.end(tx, family, caller);
    });
    return { enforcement: await this.revokeFamily.confirm(family, seq) };
  }

  /**
   * The session of a browser's cookie: its access token may be over, or was never had. One that has been used already is good for this;
   * whoever has it could end the session by using it.
   */
  async endSession(
    request: RequestOf<typeof Identity.endSession>,
    caller: Caller,
  ): Promise<ReplyOf<typeof Identity.endSession>> {
    const token = this.sealingKeys.open(request.refresh_token, Identity.endSession.subject);
    const presented = await this.readRefreshToken.execute(token).catch(nothingPresented);
    const now = this.database.now();
    if (!presented || now >= presented.expiresAt) return { enforcement: null };
    const ended = await this.database.transaction(async (tx) => {
      const family = await this.families.lock(tx, presented.familyId);
      return family?.inBrowser && now < family.endsAt ? this.end(tx, family, caller) : null;
    });
    return { enforcement: ended && (await this.revokeFamily.confirm(ended.family, ended.seq)) };
  }

  private async end(tx: Transaction, family: Family, caller: Caller): Promise<{ family: Family; seq: number }> {
    if (family.revokedSeq !== null) return { family, seq: family.revokedSeq };
    await tx.owe({
      ...eventOrigin(caller),
      organization_id: family.organizationId,
      action: 'session.ended',
      actor: { kind: family.principalKind, id: family.principalId, credential_id: family.id },
      resource: { kind: 'session', id: family.id },
      reason: 'logout',
    });
    return { family, seq: await this.revokeFamily.mark(tx, family, family.principalId) };
  }
}

function nothingPresented(error: unknown): PresentedRefreshToken | undefined {
  if (error instanceof Refusal && error.code === 'invalid_token') return undefined;
  throw error;
}
