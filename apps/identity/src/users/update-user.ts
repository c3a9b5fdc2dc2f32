import { Injectable } from '@nestjs/common';
import {
  type AuthenticatedCaller,
  eventOrigin,
  type Identity,
  type OwedEvent,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Database, type Transaction } from '@portcullis/persistence';
import { ConfirmChange } from '../confirm-change.js';
import { type Given, NoEscalation } from '../grants/no-escalation.js';
import { demandSomething, uniqueGrant } from './create-user.js';
import { LockMember } from './lock-member.js';
import { type Member, MemberStore, userRecord } from './member.store.js';
import { noSuchUser } from './read-users.js';
import { UserStore } from './user.store.js';

type Request = RequestOf<typeof Identity.updateUser>;

/**
 * Changes what somebody is in the caller's organization, and their name. Answers when every live enforcer goes by it. To disable
 * somebody here leaves them as they are in other organizations.
 */
@Injectable()
export class UpdateUser {
  constructor(
    private readonly database: Database,
    private readonly lockMember: LockMember,
    private readonly users: UserStore,
    private readonly members: MemberStore,
    private readonly noEscalation: NoEscalation,
    private readonly confirmChange: ConfirmChange,
  ) {}

  async execute(request: Request, caller: AuthenticatedCaller): Promise<ReplyOf<typeof Identity.updateUser>> {
    const { id, ...changes } = request;
    if (Object.values(changes).every((value) => value === undefined)) {
      throw new Refusal('invalid_request', 'The body names nothing to change.', {
        errors: [{ field: '(body)', message: 'must have one of name, roles, permissions and status' }],
      });
    }
    this.noEscalation.demandKnown({ roles: request.roles ?? [], permissions: request.permissions ?? [] });
    const { member, seqs } = await this.database.transaction((tx) => this.change(tx, request, caller));
    const enforcement = await this.confirmChange.execute({
      seqs,
      organizationId: member.organizationId,
      resource: { kind: 'user', id },
      keptAs: 'membership',
    });
    const current = await this.members.find(member.organizationId, id);
    return { ...userRecord(current ?? member), enforcement };
  }

  private async change(tx: Transaction, request: Request, caller: AuthenticatedCaller) {
    const { organization_id: organizationId } = caller.principal;
    const member = await this.lockMember.execute(tx, organizationId, request.id);
    if (!member || member.removedAt !== null) throw noSuchUser();
    const before: Given = member;
    const after = uniqueGrant({
      roles: request.roles ?? member.roles,
      permissions: request.permissions ?? member.permissions,
    });
    const disabled = request.status === undefined ? member.disabledAt !== null : request.status === 'disabled';
    const turns = disabled !== (member.disabledAt !== null);
    const regrants = JSON.stringify(after) !== JSON.stringify({ roles: before.roles, permissions: before.permissions });

    const renames = request.name !== undefined && request.name !== member.name;
    if (renames) await this.rename(tx, member, request.name ?? null, caller);
    const pending = member.seq === null ? [] : [member.seq];
    if (!turns && !regrants) return { member, seqs: pending };

    if (regrants) demandSomething(after);
    this.noEscalation.demandWithin(caller, before);
    this.noEscalation.demandWithin(caller, after);
    if (disabled || !after.roles.includes('owner')) await demandOwnerStays(tx, this.members, member);
    const now = this.database.now();
    if (regrants) {
      await this.members.setGrant(tx, member, after);
      await this.owe(tx, 'user.updated', member, caller, { before: grantOf(before), after });
    }
    if (turns) {
      await this.members.setDisabled(tx, member, disabled ? { at: now, by: caller.principal.id } : null);
      await this.owe(tx, disabled ? 'user.disabled' : 'user.enabled', member, caller, {});
    }
    const seq = await tx.mark({ scope: 'principal', id: member.userId, effect: 'drop' });
    const narrows = (turns && disabled) || this.noEscalation.narrows(before, after);
    const gives = renames || (turns && !disabled) || this.noEscalation.narrows(after, before);
    if (narrows && !gives) tx.takesAway();
    if (narrows) await this.members.setSeq(tx, member, seq);
    return { member, seqs: [...pending, seq] };
  }

  /** The name is the person's everywhere. */
  private async rename(tx: Transaction, member: Member, name: string | null, caller: AuthenticatedCaller) {
    const { principal } = caller;
    const isOwn = principal.kind === 'user' && principal.id === member.userId;
    if (!isOwn) await this.noEscalation.demandAccount(tx, caller, member.userId);
    await this.users.rename(tx, member.userId, name);
    await this.owe(tx, 'user.updated', member, caller, { name });
  }

  private async owe(
    tx: Transaction,
    action: OwedEvent['action'],
    { organizationId, userId }: Member,
    caller: AuthenticatedCaller,
    details: Record<string, unknown>,
  ): Promise<void> {
    await tx.owe({
      ...eventOrigin(caller),
      organization_id: organizationId,
      action,
      resource: { kind: 'user', id: userId },
      details,
    });
  }
}

/** For somebody who is to be an owner no longer, in an organization that is locked: two who go at once cannot both be the last but one. */
export async function demandOwnerStays(tx: Transaction, members: MemberStore, member: Member): Promise<void> {
  const counts = member.roles.includes('owner') && member.disabledAt === null && member.hasPassword;
  if (!counts || (await members.hasOtherOwner(tx, member.organizationId, member.userId))) return;
  throw new Refusal(
    'conflict',
    'This is the last owner of the organization who can sign in. Make somebody else an owner first.',
  );
}

const grantOf = ({ roles, permissions }: Given): Given => ({ roles, permissions });
