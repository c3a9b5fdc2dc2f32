import { Injectable } from '@nestjs/common';
import {
  type AuthenticatedCaller,
  eventOrigin,
  Identity,
  Refusal,
  type ReplyOf,
  type RequestOf,
  roleTokensOfOthers,
} from '@portcullis/contracts';
import { TokenError } from '@portcullis/credentials';
import { Database, once, type Transaction } from '@portcullis/persistence';
import { ConfirmChange } from '../confirm-change.js';
import { SealingKeys } from '../sealing-keys.js';
import { blockMarginMilliseconds } from '../tokens/revoke-family.js';
import { noSuchThing } from './mint-role-token.js';
import { RoleTokenSettings } from './role-token-settings.js';
import { type KnownToken, type Revocation, RoleTokenStore } from './role-token.store.js';

type Request = RequestOf<typeof Identity.revokeRoleTokens>;

/** Of a token that is known by its id alone: no family may be configured to live longer (`config.ts`). */
const longestFamilyMilliseconds = 366 * 86_400_000;
/** By how much the clock of another installation may be ahead: later `iat`s are refused anyhow (`RoleTokenKeys.open`). */
const leewaySeconds = 60;

/**
 * Ends one token with all that was refreshed from it or beside it (whoever stole it may have refreshed it), or all of them.
 * Answers when every live enforcer of this installation refuses them; a repeat confirms the first revocation again.
 */
@Injectable()
export class RevokeRoleTokens {
  constructor(
    private readonly database: Database,
    private readonly sealingKeys: SealingKeys,
    private readonly store: RoleTokenStore,
    private readonly confirmChange: ConfirmChange,
    private readonly settings: RoleTokenSettings,
  ) {}

  async execute(request: Request, caller: AuthenticatedCaller): Promise<ReplyOf<typeof Identity.revokeRoleTokens>> {
    demandOne(request);
    const one = this.named(request);
    const hmacKey = await this.database.localKey('idempotency');
    const revoked = await this.database.transaction(async (tx) => {
      const { firstOrganizationId } = await this.store.installation(tx);
      // The same permission in another organization says nothing here: there are no role tokens in it.
      if (caller.principal.organization_id !== firstOrganizationId) throw noSuchThing();
      if (one) return this.revokeOne(tx, one, firstOrganizationId, caller);
      // A repeat must not end what was issued since.
      const now = this.database.now();
      const about = { caller, operation: Identity.revokeRoleTokens.subject, body: { all: true }, hmacKey, now };
      const { id } = await once(tx, about, () => this.revokeAll(tx, firstOrganizationId, caller));
      return this.recorded(tx, id);
    });
    return this.confirm(revoked, one?.id ?? null, caller.principal.organization_id);
  }

  /** The one token that is meant; undefined for all. */
  private named({ token, token_id: id }: Request): { id: string; known?: KnownToken } | undefined {
    if (id !== undefined) return { id };
    if (!token) return undefined;
    const text = this.sealingKeys.open(token, Identity.revokeRoleTokens.subject);
    try {
      const opened = this.settings.keys?.open(text, this.database.now());
      if (!opened) throw unknownToken('there is no key for role tokens');
      const { familyId, familyEndsAt } = opened;
      return { id: opened.id, known: { familyId, familyEndsAt: new Date(familyEndsAt * 1000) } };
    } catch (error) {
      throw error instanceof TokenError ? unknownToken(error) : error;
    }
  }

  private async revokeOne(
    tx: Transaction,
    { id, known }: { id: string; known?: KnownToken },
    organizationId: string,
    caller: AuthenticatedCaller,
  ): Promise<Revocation> {
    await this.store.lock(tx, id);
    const earlier = await this.store.revocation(tx, id);
    if (earlier) return earlier;
    const now = this.database.now();
    const token = known ?? (await this.store.find(tx, id));
    // Of one that was made elsewhere the family is not known by its id; the first of a family has the same.
    const familyId = token?.familyId ?? id;
    const endsAt = token?.familyEndsAt ?? new Date(now.getTime() + longestFamilyMilliseconds);
    await tx.owe({
      ...eventOrigin(caller),
      organization_id: organizationId,
      action: 'role-tokens.revoked',
      resource: { kind: 'role-token', id },
      details: { family: familyId },
    });
    const keepMs = Math.max(0, endsAt.getTime() - now.getTime()) + blockMarginMilliseconds;
    const seqs = [
      await tx.mark({ scope: 'token', id, effect: 'block', keepMs }),
      await tx.mark({ scope: 'family', id: familyId, effect: 'block', keepMs }),
    ];
    for (const each of new Set([id, familyId])) {
      await this.store.insertRevocation(tx, { id: each, revokedAt: now, revokedBy: caller.principal.id, seqs }, endsAt);
    }
    return this.recorded(tx, id);
  }

  private async revokeAll(
    tx: Transaction,
    organizationId: string,
    caller: AuthenticatedCaller,
  ): Promise<{ id: string }> {
    const now = this.database.now();
    const othersFrom = Math.floor(now.getTime() / 1000) + leewaySeconds + 1;
    const installation = await this.store.nextEpoch(tx, othersFrom);
    const id = `all:${installation.epoch}`;
    await tx.owe({
      ...eventOrigin(caller),
      organization_id: organizationId,
      action: 'role-tokens.revoked',
      resource: { kind: 'role-tokens', id: installation.id },
      details: { epoch: installation.epoch },
    });
    const seqs = [
      await tx.mark({ scope: 'role-tokens', id: installation.id, effect: 'epoch', epoch: installation.epoch }),
      await tx.mark({ scope: 'role-tokens', id: roleTokensOfOthers, effect: 'epoch', epoch: installation.othersFrom }),
    ];
    await this.store.insertRevocation(tx, { id, revokedAt: now, revokedBy: caller.principal.id, seqs }, null);
    return { id };
  }

  private async recorded(tx: Transaction, id: string): Promise<Revocation> {
    const revocation = await this.store.revocation(tx, id);
    if (!revocation) throw new Error(`no revocation ${id}`);
    return revocation;
  }

  private async confirm(
    { id, revokedAt, revokedBy, seqs }: Revocation,
    tokenId: string | null,
    organizationId: string,
  ): Promise<ReplyOf<typeof Identity.revokeRoleTokens>> {
    const enforcement = await this.confirmChange.confirm({
      seqs,
      keptAs: 'role-tokens',
      organizationId,
      resource: { kind: tokenId === null ? 'role-tokens' : 'role-token', id },
    });
    const { enforcedAt } = await this.database.transaction((tx) => this.recorded(tx, id));
    return {
      token_id: tokenId,
      revoked_at: revokedAt.toISOString(),
      revoked_by: revokedBy,
      enforced_at: enforcedAt?.toISOString() ?? null,
      enforcement,
    };
  }
}

function demandOne(request: Request): void {
  if ([request.token, request.token_id, request.all].filter((given) => given !== undefined).length === 1) return;
  const message = 'must be exactly one of token, token_id and all';
  throw new Refusal('invalid_request', `The body ${message}.`, { errors: [{ field: '(body)', message }] });
}

const unknownToken = (cause: unknown): Refusal =>
  new Refusal('unprocessable', 'That is no role token that is valid here: nothing was revoked.', { cause });
