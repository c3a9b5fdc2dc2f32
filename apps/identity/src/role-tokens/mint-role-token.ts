import { Injectable } from '@nestjs/common';
import { type Excess } from '@portcullis/authz';
import { type Caller, type IssuedRoleToken, newId, Refusal, type TokenRole } from '@portcullis/contracts';
import { type RoleTokenClaims, type RoleTokenOwner, type Secret } from '@portcullis/credentials';
import { Database, type Transaction } from '@portcullis/persistence';
import { sealReply } from '../sealing-keys.js';
import { RoleTokenSettings } from './role-token-settings.js';
import { type Installation, RoleTokenStore } from './role-token.store.js';

export interface MintedRoleToken {
  claims: RoleTokenClaims;
  role: TokenRole;
  token: Secret;
}

/** Makes a role token, within the transaction of whatever it is made for. */
@Injectable()
export class MintRoleToken {
  constructor(
    private readonly database: Database,
    private readonly store: RoleTokenStore,
    private readonly settings: RoleTokenSettings,
  ) {}

  /** Refuses an expiry beyond what is configured, before anything else is asked. */
  checkExpiry(seconds: number): void {
    const { maxSeconds } = this.settings;
    if (seconds <= maxSeconds) return;
    const message = `must be 1 to ${maxSeconds} seconds`;
    throw new Refusal('invalid_request', `expiry: ${message}.`, { errors: [{ field: 'expiry', message }] });
  }

  /**
   * @param installation read in this very transaction: a token with an epoch that is over by the commit is refused everywhere
   * @param family of the token that is refreshed; without it a new one begins. Its end is the token's, if that comes first
   */
  async execute(
    tx: Transaction,
    installation: Installation,
    wanted: { role: TokenRole; expirySeconds: number; owner: RoleTokenOwner | null },
    family?: Pick<RoleTokenClaims, 'familyId' | 'familyEndsAt'>,
  ): Promise<MintedRoleToken> {
    const { keys, familySeconds } = this.settings;
    if (!keys) throw new Error('There is no key for role tokens');
    const now = this.database.now();
    const issuedAt = Math.floor(now.getTime() / 1000);
    const id = newId('tok', now);
    const { familyId, familyEndsAt } = family ?? { familyId: id, familyEndsAt: issuedAt + familySeconds };
    const claims: RoleTokenClaims = {
      id,
      installationId: installation.id,
      epoch: installation.epoch,
      role: wanted.role,
      familyId,
      owner: wanted.owner,
      issuedAt,
      expiresAt: Math.min(issuedAt + wanted.expirySeconds, familyEndsAt),
      familyEndsAt,
    };
    await this.store.remember(tx, id, { familyId, familyEndsAt: new Date(familyEndsAt * 1000) });
    return { claims, role: wanted.role, token: keys.seal(claims) };
  }
}

/** The answer, the token sealed to the gateway that asked. */
export function roleTokenReply(
  caller: Caller,
  { claims, role, token }: MintedRoleToken,
  subject: string,
): IssuedRoleToken {
  return {
    key: sealReply(caller, token, subject),
    token_id: claims.id,
    role,
    expires_at: timeOf(claims.expiresAt),
  };
}

/** What an event says of a token that was made. */
export const roleTokenDetails = ({ claims }: MintedRoleToken): Record<string, unknown> => ({
  role: claims.role,
  family: claims.familyId,
  expires_at: timeOf(claims.expiresAt),
});

/** Node passwords and role tokens are unknown here when none is configured: the routes are not there. */
export const noSuchThing = (): Refusal => new Refusal('not_found', 'There is no such thing here.');

export const exceedsGrant = (excess: readonly Excess[]): Refusal =>
  new Refusal('exceeds_grant', `That is more than you hold: ${excess.map(({ permission }) => permission).join(', ')}.`);

const timeOf = (seconds: number): string => new Date(seconds * 1000).toISOString();
