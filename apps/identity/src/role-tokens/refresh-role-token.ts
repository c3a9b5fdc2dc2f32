import { Injectable } from '@nestjs/common';
import { type Excess, within } from '@portcullis/authz';
import {
  type AuthenticatedCaller,
  eventOrigin,
  Identity,
  Refusal,
  type ReplyOf,
  type RequestOf,
  TokenRole,
} from '@portcullis/contracts';
import { type OpenedRoleToken, type Secret, TokenError } from '@portcullis/credentials';
import { Database, type Transaction } from '@portcullis/persistence';
import { PolicyFile, roleTokenGrant } from '@portcullis/policy';
import { SealingKeys } from '../sealing-keys.js';
import { grantOf } from '../tokens/holder.js';
import { UserStore } from '../users/user.store.js';
import {
  exceedsGrant,
  type MintedRoleToken,
  MintRoleToken,
  noSuchThing,
  roleTokenDetails,
  roleTokenReply,
} from './mint-role-token.js';
import { RoleTokenSettings } from './role-token-settings.js';
import { type Installation, RoleTokenStore } from './role-token.store.js';

type Wanted = RequestOf<typeof Identity.refreshRoleToken>['wanted'];
type Outcome = { minted: MintedRoleToken } | { excess: readonly Excess[] } | { invalid: string };

/**
 * A role token becomes another one of its family: of the same role or one below it, never above, and never beyond the end of the
 * family. It stays valid itself. What the gateway has judged is judged again in the transaction that makes the new one, so that a
 * revocation which comes in between is not outlived by a refresh.
 */
@Injectable()
export class RefreshRoleToken {
  constructor(
    private readonly database: Database,
    private readonly sealingKeys: SealingKeys,
    private readonly store: RoleTokenStore,
    private readonly users: UserStore,
    private readonly mint: MintRoleToken,
    private readonly policy: PolicyFile,
    private readonly settings: RoleTokenSettings,
  ) {}

  async execute(
    request: RequestOf<typeof Identity.refreshRoleToken>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof Identity.refreshRoleToken>> {
    if (!this.settings.nodePassword) throw noSuchThing();
    const presented = this.read(this.sealingKeys.open(request.token, Identity.refreshRoleToken.subject));
    if (caller.principal.credential_id !== presented.id) throw invalidToken('the caller is another');
    this.mint.checkExpiry(request.wanted.expiry);
    const outcome = await this.database.transaction(async (tx) => {
      const installation = await this.store.installation(tx);
      const outcome = await this.refresh(tx, installation, presented, request.wanted);
      await this.writeDown(tx, installation, presented, outcome, caller);
      return outcome;
    });
    if ('invalid' in outcome) throw invalidToken(outcome.invalid);
    if ('excess' in outcome) throw exceedsGrant(outcome.excess);
    return roleTokenReply(caller, outcome.minted, Identity.refreshRoleToken.subject);
  }

  private read(token: Secret): OpenedRoleToken & { role: TokenRole } {
    try {
      const opened = this.settings.keys?.open(token, this.database.now());
      const role = TokenRole.safeParse(opened?.role);
      if (!opened || !role.success) throw invalidToken('no role of ours');
      return { ...opened, role: role.data };
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      throw error.code === 'expired' ? new Refusal('token_expired', 'The token has expired.') : invalidToken(error);
    }
  }

  private async refresh(
    tx: Transaction,
    installation: Installation,
    presented: OpenedRoleToken & { role: TokenRole },
    wanted: Wanted,
  ): Promise<Outcome> {
    const { id, familyId, owner: presentedOwner } = presented;
    const isOurs = presented.installationId === installation.id;
    if (isOurs ? presented.epoch < installation.epoch : presented.issuedAt < installation.othersFrom) {
      return { invalid: 'all were revoked' };
    }
    // A revocation by the token's id alone learns its family from here, and waits here until the new token is known.
    await this.store.lock(tx, id);
    if (await this.store.isRevoked(tx, [id, familyId])) return { invalid: 'revoked' };
    await this.store.remember(tx, id, { familyId, familyEndsAt: new Date(presented.familyEndsAt * 1000) });

    const { lattice } = this.policy.current;
    const role = wanted.role ?? presented.role;
    const grant = roleTokenGrant(lattice, role);
    const excess = within(grant, roleTokenGrant(lattice, presented.role));
    if (excess.length > 0) return { excess };
    if (presentedOwner !== null) {
      // A person whom this installation does not know holds nothing in it.
      const owner = isOurs ? await this.users.find(presentedOwner.id, tx) : undefined;
      const membership = owner?.memberships.find((each) => each.organization_id === installation.firstOrganizationId);
      if (owner?.status !== 'active' || !membership) return { invalid: 'owner_inactive' };
      if (owner.passwordNumber !== presentedOwner.passwordNumber) return { invalid: 'password_changed' };
      const beyondOwner = within(grant, grantOf(lattice, membership));
      if (beyondOwner.length > 0) return { excess: beyondOwner };
    }
    const minted = await this.mint.execute(
      tx,
      installation,
      { role, expirySeconds: wanted.expiry, owner: presentedOwner },
      presented,
    );
    return { minted };
  }

  private async writeDown(
    tx: Transaction,
    { firstOrganizationId }: Installation,
    presented: OpenedRoleToken,
    outcome: Outcome,
    caller: AuthenticatedCaller,
  ): Promise<void> {
    const about = { ...eventOrigin(caller), organization_id: firstOrganizationId };
    if ('minted' in outcome) {
      const { minted } = outcome;
      await tx.owe({
        ...about,
        action: 'role-token.refreshed',
        resource: { kind: 'role-token', id: minted.claims.id },
        details: { ...roleTokenDetails(minted), from: presented.id, from_role: presented.role },
      });
    } else {
      await tx.owe({
        ...about,
        action: 'role-token.refused',
        outcome: 'denied',
        resource: { kind: 'role-token', id: presented.id },
        reason: 'excess' in outcome ? 'exceeds_grant' : outcome.invalid.replaceAll(' ', '_'),
      });
    }
  }
}

const invalidToken = (cause: unknown): Refusal => new Refusal('invalid_token', 'The token is not valid.', { cause });
