import { Injectable } from '@nestjs/common';
import { type Caller, eventOrigin, Identity, Refusal, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { Database } from '@portcullis/persistence';
import { SealingKeys } from '../sealing-keys.js';
import { type Invitation, InvitationStore } from './invitation.store.js';
import { demandGoodPassword, hashedPassword } from './password-rule.js';
import { UserStore } from './user.store.js';

/** Whoever has the link sets the person's first password. The link is good once, and any other that is open ends with it. */
@Injectable()
export class AcceptInvitation {
  constructor(
    private readonly database: Database,
    private readonly sealingKeys: SealingKeys,
    private readonly invitations: InvitationStore,
    private readonly users: UserStore,
  ) {}

  async execute(
    request: RequestOf<typeof Identity.acceptInvitation>,
    caller: Caller,
  ): Promise<ReplyOf<typeof Identity.acceptInvitation>> {
    const { subject } = Identity.acceptInvitation;
    const token = this.sealingKeys.open(request.token, subject);
    const password = this.sealingKeys.open(request.password, subject);
    // Before the work of hashing, which only a good link is worth.
    const found = openOf(await this.invitations.find(token));
    demandGoodPassword(password, found.email);
    const passwordHash = await hashedPassword(password);
    return this.database.transaction(async (tx) => {
      const { id, userId, organizationId, email } = openOf(await this.invitations.lock(tx, token));
      const user = await this.users.lock(tx, userId);
      if (user?.status !== 'active' || user.passwordHash !== null) throw notValid('has_password', organizationId);
      const now = this.database.now();
      await this.users.setPassword(tx, userId, passwordHash);
      await this.invitations.accept(tx, id, now);
      await this.invitations.void(tx, userId, null, now);
      await tx.owe({
        ...eventOrigin(caller),
        organization_id: organizationId,
        action: 'invitation.accepted',
        actor: { kind: 'user', id: userId, credential_id: null },
        resource: { kind: 'user', id: userId },
        details: {},
      });
      return { id: userId, email, organization_id: organizationId };
    });
  }
}

function openOf(invitation: Invitation | undefined): Invitation {
  if (!invitation) throw notValid('unknown_invitation', null);
  if (invitation.over !== null) throw notValid(`invitation_${invitation.over}`, invitation.organizationId);
  return invitation;
}

/** One answer for every reason; the reason is for the record, which the gateway keeps within its limits. */
const notValid = (reason: string, organization_id: string | null): Refusal =>
  new Refusal('invalid_token', 'This invitation is not valid, or not any more. Ask for a new one.', {
    failedCredential: { reason, organization_id, credential_id: null },
  });
