import { Injectable } from '@nestjs/common';
import { EnforcementAuthority } from '@portcullis/bus';
import {
  type Caller,
  eventOrigin,
  Identity,
  type OwedEvent,
  Refusal,
  type ReplyOf,
  type RequestOf,
  type ResolvedKey,
} from '@portcullis/contracts';
import { type Secret, type SigningKey } from '@portcullis/credentials';
import { Database, type Transaction } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { Owners } from '../owners.js';
import { SealingKeys } from '../sealing-keys.js';
import { type Family, FamilyStore, type UsedRefreshToken } from './family.store.js';
import { holderOfKey, holderOfSession } from './holder.js';
import { type IssuedPair, IssuePair } from './issue-pair.js';
import { KeyRecords } from './key-records.js';
import { invalidToken, type PresentedRefreshToken, ReadRefreshToken } from './read-refresh-token.js';
import { decideRefresh } from './refresh-decision.js';
import { blockMarginMilliseconds, RevokeFamily } from './revoke-family.js';
import { sealBrowserTokens, sealPair } from './seal-pair.js';
import { type Holder } from './token-pair.js';

/** Where a refresh token is presented. */
interface Where {
  /** The key or client that its presenter was found to be; null where nobody asks. */
  presentedBy: string | null;
  /** As a cookie. */
  inBrowser: boolean;
}

type Outcome =
  | { kind: 'issued'; pair: IssuedPair; replacedSeq?: number }
  | { kind: 'refused'; refusal: Refusal; revoked?: { family: Family; seq: number } };

/**
 * A refresh token becomes a new pair, with what its holder may do now: a key's tokens and a login session's alike. It is good
 * once; a second use ends the family everywhere before it is answered. What was refused for another reason can be tried again.
 */
@Injectable()
export class Reauthenticate {
  constructor(
    private readonly database: Database,
    private readonly sealingKeys: SealingKeys,
    private readonly readRefreshToken: ReadRefreshToken,
    private readonly keys: KeyRecords,
    private readonly owners: Owners,
    private readonly families: FamilyStore,
    private readonly issuePair: IssuePair,
    private readonly revokeFamily: RevokeFamily,
    private readonly authority: EnforcementAuthority,
    private readonly policy: PolicyFile,
  ) {}

  async execute(
    request: RequestOf<typeof Identity.reauthenticate>,
    caller: Caller,
  ): Promise<ReplyOf<typeof Identity.reauthenticate>> {
    const { subject } = Identity.reauthenticate;
    const token = this.sealingKeys.open(request.refresh_token, subject);
    const presentedBy = request.credential_id ?? null;
    return sealPair(caller, await this.refresh(token, { presentedBy, inBrowser: false }, caller), subject);
  }

  /** The same for the cookie of a browser's session. */
  async continueSession(
    request: RequestOf<typeof Identity.continueSession>,
    caller: Caller,
  ): Promise<ReplyOf<typeof Identity.continueSession>> {
    const { subject } = Identity.continueSession;
    const token = this.sealingKeys.open(request.refresh_token, subject);
    return sealBrowserTokens(
      caller,
      await this.refresh(token, { presentedBy: null, inBrowser: true }, caller),
      subject,
    );
  }

  private async refresh(token: Secret, where: Where, caller: Caller): Promise<IssuedPair> {
    const presented = await this.readRefreshToken.execute(token);
    const known = await this.families.find(presented.familyId);
    // Asked before anything is locked: the key's own service may be slow. If it is away, the token stays unused.
    const key = known?.kind === 'api-key' ? await this.keys.find(known.credentialId) : null;
    const signingKey = await this.issuePair.signingKey();
    const outcome = await this.database.transaction((tx) =>
      this.use(tx, { ...presented, ...where }, key, signingKey, caller),
    );
    if (outcome.kind === 'refused') {
      if (outcome.revoked) await this.revokeFamily.confirm(outcome.revoked.family, outcome.revoked.seq);
      throw outcome.refusal;
    }
    if (outcome.replacedSeq !== undefined) await this.authority.confirm([outcome.replacedSeq]);
    return outcome.pair;
  }

  private async use(
    tx: Transaction,
    presented: PresentedRefreshToken & Where,
    key: ResolvedKey | null,
    signingKey: SigningKey,
    caller: Caller,
  ): Promise<Outcome> {
    const now = this.database.now();
    const family = await this.families.lock(tx, presented.familyId);
    const used = family && (await this.families.refreshToken(tx, family, presented.jti));
    // Rows of tokens that are over are dropped after a while; the token itself still says so.
    if (!family || !used)
      return refused(now < presented.expiresAt ? invalidToken('unknown_token', family ?? null) : expired());
    // Before anything of it counts: whoever is another has found it, and its owner must not lose it by that.
    if (presented.presentedBy !== null && family.credentialId !== presented.presentedBy)
      return refused(invalidToken('of_another', family));
    if (family.inBrowser !== presented.inBrowser) return refused(invalidToken('misplaced', family));
    const decision = decideRefresh(used.state, now);
    switch (decision) {
      case 'renew':
      case 'replace': {
        const holder = await this.holderNow(tx, family, key);
        if (typeof holder === 'string') return refused(invalidToken(holder, family));
        return this.renew(tx, { family, holder, presented, used, signingKey, caller });
      }
      case 'reuse':
        return this.endFamily(tx, family, presented, caller);
      case 'revoked': {
        const pending = family.revokedSeq !== null && family.enforcedAt === null;
        return refused(invalidToken('revoked', family), pending ? { family, seq: family.revokedSeq ?? 0 } : undefined);
      }
      case 'replaced':
        return refused(invalidToken('replaced', family));
      case 'expired':
        return refused(expired());
      case 'not_yet_valid':
        return refused(
          new Refusal('token_not_yet_valid', 'The refresh token is not valid yet: see refresh_not_before.'),
        );
    }
  }

  /** Who holds the family's tokens now, or why nobody does. */
  private async holderNow(tx: Transaction, family: Family, key: ResolvedKey | null): Promise<Holder | string> {
    const owner = await this.owners.find(family.principalId, tx);
    if (owner?.status !== 'active') return 'owner_inactive';
    const { lattice } = this.policy.current;
    if (family.kind === 'session') {
      if (owner.memberships.length === 0) return 'no_membership';
      return holderOfSession(lattice, { familyId: family.id, userId: owner.id, memberships: owner.memberships });
    }
    if (family.kind === 'client') return 'no_refresh';
    const membership = owner.memberships.find((each) => each.organization_id === key?.organization_id);
    if (!key || key.client_id === null || key.id !== family.credentialId) return 'unknown_key';
    if (key.status !== 'active') return `key_${key.status}`;
    if (!isSecretLive(key, family.secretGeneration, this.database.now())) return 'secret_ended';
    if (!membership || key.owner.id !== owner.id) return 'owner_inactive';
    return holderOfKey(lattice, { ...key, client_id: key.client_id }, membership);
  }

  private async renew(
    tx: Transaction,
    given: {
      family: Family;
      holder: Holder;
      presented: PresentedRefreshToken;
      used: UsedRefreshToken;
      signingKey: SigningKey;
      caller: Caller;
    },
  ): Promise<Outcome> {
    const { family, holder, presented, used, caller } = given;
    const now = this.database.now();
    const pair = await this.issuePair.execute(tx, given.signingKey, family, holder);
    if (!pair) return refused(invalidToken('key_expired', family));
    await this.families.markUsed(tx, presented.jti, pair.refreshJti, now);
    if (family.kind === 'session') await this.families.setOrganization(tx, family.id, holder.organizationId);
    const lost = used.successor;
    await tx.owe(
      eventOf(family, presented, caller, {
        action: 'token.refreshed',
        resource: { kind: 'token', id: pair.accessJti },
        details: { family: family.id, permissions: holder.permissions, ...(lost ? { replaced: lost.accessJti } : {}) },
      }),
    );
    if (!lost) return { kind: 'issued', pair };
    await this.families.markReplaced(tx, lost.refreshJti, now);
    const replacedSeq = await tx.mark({
      scope: 'token',
      id: lost.accessJti,
      effect: 'block',
      keepMs: Math.max(0, lost.accessExpiresAt.getTime() - now.getTime()) + blockMarginMilliseconds,
    });
    return { kind: 'issued', pair, replacedSeq };
  }

  private async endFamily(
    tx: Transaction,
    family: Family,
    presented: PresentedRefreshToken,
    caller: Caller,
  ): Promise<Outcome> {
    // Whoever presents it may be the thief: the event names the family's owner, not an actor.
    const anonymous = { kind: 'anonymous', id: null, credential_id: family.credentialId } as const;
    await tx.owe(eventOf(family, presented, caller, { action: 'token.reused', outcome: 'denied', actor: anonymous }));
    await tx.owe(
      eventOf(family, presented, caller, {
        action: 'family.revoked',
        actor: { kind: 'system', id: null, credential_id: null },
        resource: { kind: 'family', id: family.id },
        reason: 'refresh_token_reused',
      }),
    );
    const seq = await this.revokeFamily.mark(tx, family, 'refresh_token_reused');
    return refused(invalidToken('reused', family), { family, seq });
  }
}

/** Whether a secret of the generation that the tokens were got with is good: whoever found a secret must not live on in its tokens. */
function isSecretLive({ secrets }: ResolvedKey, generation: number | null, now: Date): boolean {
  return (
    generation === null ||
    secrets.some(
      (secret) =>
        secret.form === 'client_credentials' &&
        secret.generation === generation &&
        (secret.expires_at === null || now < new Date(secret.expires_at)),
    )
  );
}

function eventOf(
  family: Family,
  presented: PresentedRefreshToken,
  caller: Caller,
  event: Pick<OwedEvent, 'action'> & Partial<OwedEvent>,
): OwedEvent {
  return {
    ...eventOrigin(caller),
    organization_id: family.organizationId,
    actor: {
      kind: family.principalKind,
      id: family.principalId,
      credential_id: family.kind === 'session' ? family.id : family.credentialId,
    },
    resource: { kind: 'token', id: presented.jti },
    details: { family: family.id },
    ...event,
  };
}

function refused(refusal: Refusal, revoked?: { family: Family; seq: number }): Outcome {
  return { kind: 'refused', refusal, ...(revoked ? { revoked } : {}) };
}

const expired = (): Refusal => new Refusal('token_expired', 'The refresh token has expired. Sign in again.');
