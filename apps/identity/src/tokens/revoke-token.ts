import { Injectable } from '@nestjs/common';
import { type AuthenticatedCaller, eventOrigin, Identity, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { inspectJwt, type Secret, TokenError, verifyJwt } from '@portcullis/credentials';
import { Database } from '@portcullis/persistence';
import { SealingKeys } from '../sealing-keys.js';
import { SigningKeys } from '../signing-keys/signing-keys.js';
import { FamilyStore } from './family.store.js';
import { RevokeFamily } from './revoke-family.js';
import { accessType, refreshType, TokenSettings } from './token-pair.js';

/**
 * Ends a family by one of its tokens, for whoever it was issued to (RFC 7009). An access token and its refresh token go together: whoever
 * gives one back means the grant. What is no token that could still be used is no fault; another's token stays as it is.
 */
@Injectable()
export class RevokeToken {
  constructor(
    private readonly database: Database,
    private readonly sealingKeys: SealingKeys,
    private readonly signingKeys: SigningKeys,
    private readonly settings: TokenSettings,
    private readonly families: FamilyStore,
    private readonly revokeFamily: RevokeFamily,
  ) {}

  async execute(
    request: RequestOf<typeof Identity.revokeToken>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof Identity.revokeToken>> {
    const familyId = await this.familyOf(this.sealingKeys.open(request.token, Identity.revokeToken.subject));
    if (familyId === undefined) return { outcome: 'unknown' };
    const { principal } = caller;
    const ended = await this.database.transaction(async (tx) => {
      const family = await this.families.lock(tx, familyId);
      if (!family) return 'unknown' as const;
      if (family.credentialId !== principal.credential_id) return 'of_another' as const;
      if (family.revokedSeq !== null) return { family, seq: family.revokedSeq };
      await tx.owe({
        ...eventOrigin(caller),
        organization_id: family.organizationId,
        action: 'family.revoked',
        resource: { kind: 'family', id: family.id },
        reason: 'revoked_by_client',
      });
      return { family, seq: await this.revokeFamily.mark(tx, family, principal.id) };
    });
    if (typeof ended === 'string') return { outcome: ended };
    await this.revokeFamily.confirm(ended.family, ended.seq);
    return { outcome: 'revoked' };
  }

  /** The family of a token that we signed. One that is over is as good as none: nobody can use it. */
  private async familyOf(token: Secret): Promise<string | undefined> {
    for (const [typ, audience] of [
      [accessType, this.settings.audience],
      [refreshType, this.settings.refreshAudience],
    ] as const) {
      try {
        const { header, unverifiedClaims } = inspectJwt(token.reveal(), { typ });
        const key = await this.signingKeys.find(header.kid);
        // A refresh token may be given back before it is valid.
        const { nbf } = unverifiedClaims;
        const now = Math.max(this.database.now().getTime(), typeof nbf === 'number' ? nbf * 1000 : 0);
        const claims = verifyJwt(token.reveal(), {
          typ,
          keys: () => key,
          issuer: this.settings.issuer,
          audience,
          now: new Date(now),
        });
        return typeof claims['sid'] === 'string' ? claims['sid'] : undefined;
      } catch (error) {
        if (!(error instanceof TokenError)) throw error;
      }
    }
    return undefined;
  }
}
