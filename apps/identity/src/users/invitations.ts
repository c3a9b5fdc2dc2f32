import { Injectable } from '@nestjs/common';
import { type Caller, type ReplyOf, type Identity } from '@portcullis/contracts';
import { Secret } from '@portcullis/credentials';
import { type Transaction } from '@portcullis/persistence';
import { OrganizationStore } from '../organizations/organization.store.js';
import { sealReply } from '../sealing-keys.js';
import { TokenSettings } from '../tokens/token-pair.js';
import { InvitationMail } from './invitation-mail.js';
import { InvitationStore } from './invitation.store.js';

/** A link that was just made. It is shown, or mailed, and then nobody has it but whoever received it. */
export interface MadeInvitation {
  /** Null in an answer that is given again: it was shown before. */
  url: Secret | null;
  expiresAt: string;
  /** To the address alone: whoever invites may not act as this person, who belongs to others too. */
  mailOnly: boolean;
}

type Shown = Pick<
  ReplyOf<typeof Identity.createUser>,
  'invitation_url' | 'invitation_expires_at' | 'invitation_mail' | 'secret_already_shown'
>;

@Injectable()
export class Invitations {
  constructor(
    private readonly store: InvitationStore,
    private readonly organizations: OrganizationStore,
    private readonly mail: InvitationMail,
    private readonly settings: TokenSettings,
  ) {}

  get areMailed(): boolean {
    return this.mail.isConfigured;
  }

  async make(
    tx: Transaction,
    invited: { userId: string; organizationId: string; mailOnly: boolean },
    now: Date,
  ): Promise<MadeInvitation> {
    const { token, expiresAt } = await this.store.insert(tx, invited, now);
    // In the fragment: a browser sends it to nobody, so that no log and no referrer has it.
    const url = Secret.of(`${this.settings.issuer}/v1/invitations/accept#token=${token.reveal()}`);
    return { url, expiresAt: expiresAt.toISOString(), mailOnly: invited.mailOnly };
  }

  /** Mails it, where mail is sent, and says what the answer shows of it. */
  async deliver(
    invitation: MadeInvitation | null,
    to: { email: string; organizationId: string },
    caller: Caller,
    subject: string,
  ): Promise<Shown> {
    if (invitation === null) return { invitation_mail: null };
    const { url, expiresAt: invitation_expires_at } = invitation;
    if (url === null) return { invitation_expires_at, invitation_mail: null, secret_already_shown: true };
    const organization = await this.organizations.find(to.organizationId);
    const invitation_mail = await this.mail.send({
      to: to.email,
      organization: organization?.name ?? '',
      url,
      expiresAt: invitation.expiresAt,
    });
    if (invitation.mailOnly) return { invitation_mail };
    return { invitation_url: sealReply(caller, url, subject), invitation_expires_at, invitation_mail };
  }
}
