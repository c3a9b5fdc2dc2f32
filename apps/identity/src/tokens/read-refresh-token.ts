import { type KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Refusal } from '@portcullis/contracts';
import { inspectJwt, type Secret, TokenError, verifyJwt } from '@portcullis/credentials';
import { SigningKeys } from '../signing-keys/signing-keys.js';
import { type Family } from './family.store.js';
import { refreshType, TokenSettings } from './token-pair.js';

/** What a refresh token of ours says. */
export interface PresentedRefreshToken {
  familyId: string;
  jti: string;
  expiresAt: Date;
}

/**
 * Takes a refresh token of ours for what it says, whenever it is presented: whether its time has come is decided by the
 * store's row, under the family's lock. Everything else, an access token included, is refused with `invalid_token`.
 */
@Injectable()
export class ReadRefreshToken {
  constructor(
    private readonly signingKeys: SigningKeys,
    private readonly settings: TokenSettings,
  ) {}

  async execute(token: Secret): Promise<PresentedRefreshToken> {
    try {
      return await this.read(token.reveal());
    } catch (error) {
      throw error instanceof TokenError ? invalidToken(error.code, null) : error;
    }
  }

  private async read(token: string): Promise<PresentedRefreshToken> {
    const { header, unverifiedClaims } = inspectJwt(token, { typ: refreshType });
    const key: KeyObject | undefined = await this.signingKeys.find(header.kid);
    // Verified as of its own first instant. A made-up one changes nothing: the signature is tested first.
    const { nbf } = unverifiedClaims;
    const claims = verifyJwt(token, {
      typ: refreshType,
      keys: () => key,
      issuer: this.settings.issuer,
      audience: this.settings.refreshAudience,
      now: new Date(typeof nbf === 'number' ? nbf * 1000 : NaN),
    });
    const { sid, jti, exp } = claims;
    if (typeof sid !== 'string' || jti === undefined)
      throw new TokenError('invalid_claims', 'The token names no family.');
    return { familyId: sid, jti, expiresAt: new Date(exp * 1000) };
  }
}

/** One sentence for every reason but a token's time. The reason, and whose token it was, are for the record. */
export const invalidToken = (reason: string, family: Family | null): Refusal =>
  new Refusal('invalid_token', 'The refresh token is not valid. Sign in again.', {
    failedCredential: {
      reason,
      organization_id: family?.organizationId ?? null,
      credential_id: family && (family.kind === 'session' ? family.id : family.credentialId),
    },
  });
