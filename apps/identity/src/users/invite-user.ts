import { Injectable } from '@nestjs/common';
import {
  type AuthenticatedCaller,
  eventOrigin,
  Identity,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Database, once, type Transaction } from '@portcullis/persistence';
import { NoEscalation } from '../grants/no-escalation.js';
import { InvitationStore } from './invitation.store.js';
import { Invitations, type MadeInvitation } from './invitations.js';
import { type Member, MemberStore, userRecord } from './member.store.js';
import { noSuchUser } from './read-users.js';
import { UserStore } from './user.store.js';

interface Invited {
  member: Member;
  invitation: MadeInvitation;
}

/** A fresh link for somebody who has no password yet: the old ones are void. */
@Injectable()
export class InviteUser {
  constructor(
    private readonly database: Database,
    private readonly users: UserStore,
    private readonly members: MemberStore,
    private readonly store: InvitationStore,
    private readonly noEscalation: NoEscalation,
    private readonly invitations: Invitations,
  ) {}

  async execute(
    request: RequestOf<typeof Identity.inviteUser>,
    caller: AuthenticatedCaller,
  ): Promise<ReplyOf<typeof Identity.inviteUser>> {
    const { subject } = Identity.inviteUser;
    const hmacKey = await this.database.localKey('idempotency');
    const about = { caller, operation: subject, body: request, hmacKey, now: this.database.now() };
    const { record, invitation } = await this.database.transaction((tx) =>
      once(
        tx,
        about,
        async () => {
          const { member, invitation } = await this.invite(tx, request.id, caller);
          return { record: userRecord(member), invitation };
        },
        (reply) => ({ ...reply, invitation: { ...reply.invitation, url: null } }),
      ),
    );
    const to = { email: record.email, organizationId: record.organization_id };
    return { ...record, ...(await this.invitations.deliver(invitation, to, caller, subject)) };
  }

  private async invite(tx: Transaction, id: string, caller: AuthenticatedCaller): Promise<Invited> {
    const { organization_id: organizationId } = caller.principal;
    const user = await this.users.lock(tx, id);
    const member = await this.members.find(organizationId, id, tx);
    if (!user || !member || member.removedAt !== null) throw noSuchUser();
    if (user.passwordHash !== null) throw new Refusal('conflict', 'This user has a password and needs no invitation.');
    // Whoever has the link is this person, in every organization.
    await this.noEscalation.demandAccount(tx, caller, id);
    const now = this.database.now();
    await this.store.void(tx, id, null, now);
    const invitation = await this.invitations.make(tx, { userId: id, organizationId, mailOnly: false }, now);
    await tx.owe({
      ...eventOrigin(caller),
      organization_id: organizationId,
      action: 'invitation.created',
      resource: { kind: 'user', id },
      details: { expires_at: invitation.expiresAt },
    });
    return { member, invitation };
  }
}
