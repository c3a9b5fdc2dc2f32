import { Injectable } from '@nestjs/common';
import {
  type AuthenticatedCaller,
  eventOrigin,
  type Identity,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Database, type Transaction } from '@portcullis/persistence';
import { ConfirmChange } from '../confirm-change.js';
import { NoEscalation } from '../grants/no-escalation.js';
import { KeyDebts } from '../key-debts/key-debts.js';
import { InvitationStore } from './invitation.store.js';
import { LockMember } from './lock-member.js';
import { type Member, MemberStore } from './member.store.js';
import { noSuchUser } from './read-users.js';
import { demandOwnerStays } from './update-user.js';
import { UserStore } from './user.store.js';

/**
 * Ends somebody's membership in the caller's organization, and with the last one the person. By the time that this answers no
 * enforcer accepts them here, keys included; that their keys are revoked in their records too may take longer.
 */
@Injectable()
export class RemoveUser {
  constructor(
    private readonly database: Database,
    private readonly lockMember: LockMember,
    private readonly users: UserStore,
    private readonly members: MemberStore,
    private readonly invitations: InvitationStore,
    private readonly noEscalation: NoEscalation,
    private readonly keyDebts: KeyDebts,
    private readonly confirmChange: ConfirmChange,
  ) {}

  async execute(
    { id }: RequestOf<typeof Identity.removeUser>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof Identity.removeUser>> {
    const { organization_id: organizationId } = caller.principal;
    const member = await this.members.find(organizationId, id);
    if (!member) throw noSuchUser();
    // Asked before anything is locked: the service of keys may be slow, or away.
    const keys = member.removedAt === null ? await this.keyDebts.liveKeys(id, organizationId) : null;
    const seq = await this.database.transaction((tx) => this.remove(tx, id, keys, caller));
    this.keyDebts.kick();
    const enforcement = await this.confirmChange.confirm({
      seqs: [seq],
      organizationId,
      resource: { kind: 'user', id },
      keptAs: 'membership',
    });
    const removed = await this.members.find(organizationId, id);
    if (!removed?.removedAt || removed.removedBy === null) throw noSuchUser();
    return {
      id,
      organization_id: organizationId,
      status: 'removed',
      removed_at: removed.removedAt.toISOString(),
      removed_by: removed.removedBy,
      enforced_at: removed.enforcedAt?.toISOString() ?? null,
      enforcement,
    };
  }

  private async remove(
    tx: Transaction,
    id: string,
    keys: readonly string[] | null,
    caller: AuthenticatedCaller,
  ): Promise<number> {
    const { organization_id: organizationId, id: by } = caller.principal;
    const member = await this.lockMember.execute(tx, organizationId, id);
    if (!member) throw noSuchUser();
    if (member.removedAt !== null) return seqOf(member);
    this.noEscalation.demandWithin(caller, member);
    await demandOwnerStays(tx, this.members, member);
    const now = this.database.now();
    await this.members.remove(tx, member, { at: now, by });
    await this.invitations.void(tx, id, organizationId, now);
    const isLast = (await this.members.membershipsOf(tx, id)).length === 0;
    if (isLast) await this.users.erase(tx, id);
    await this.keyDebts.owe(tx, { ownerId: id, organizationId, revokedBy: by, because: 'user.removed' });
    await tx.owe({
      ...eventOrigin(caller),
      organization_id: organizationId,
      action: 'user.removed',
      resource: { kind: 'user', id },
      details: { roles: member.roles, permissions: member.permissions, person_deleted: isLast, keys },
    });
    const seq = await tx.mark({ scope: 'principal', id, effect: 'drop' });
    await this.members.setSeq(tx, member, seq);
    return seq;
  }
}

function seqOf({ seq, userId }: Member): number {
  if (seq === null) throw new Error(`${userId} was removed without a marker`);
  return seq;
}
