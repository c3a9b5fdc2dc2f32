import { Injectable } from '@nestjs/common';
import {
  type AuthenticatedCaller,
  eventOrigin,
  Identity,
  newId,
  Refusal,
  type ReplyOf,
  type RequestOf,
  type UserRecord,
} from '@portcullis/contracts';
import { Database, once, type Transaction } from '@portcullis/persistence';
import { ConfirmChange } from '../confirm-change.js';
import { type Given, NoEscalation } from '../grants/no-escalation.js';
import { noSuchOrganization } from '../organizations/read-organizations.js';
import { OrganizationStore } from '../organizations/organization.store.js';
import { SealingKeys } from '../sealing-keys.js';
import { Invitations, type MadeInvitation } from './invitations.js';
import { type Member, MemberStore, userRecord } from './member.store.js';
import { demandGoodPassword, hashedPassword } from './password-rule.js';
import { type User, UserStore } from './user.store.js';

type Request = RequestOf<typeof Identity.createUser>;

interface Created {
  record: UserRecord;
  known: boolean;
  seqs: number[];
  invitation: MadeInvitation | null;
}

/**
 * Makes somebody a member of the caller's organization: a new person, with a password or with a link by which they set one; or
 * somebody whose address is known, who then belongs here too and stays who they are.
 */
@Injectable()
export class CreateUser {
  constructor(
    private readonly database: Database,
    private readonly sealingKeys: SealingKeys,
    private readonly organizations: OrganizationStore,
    private readonly users: UserStore,
    private readonly members: MemberStore,
    private readonly noEscalation: NoEscalation,
    private readonly invitations: Invitations,
    private readonly confirmChange: ConfirmChange,
  ) {}

  async execute(request: Request, caller: AuthenticatedCaller): Promise<ReplyOf<typeof Identity.createUser>> {
    const { subject } = Identity.createUser;
    const given = uniqueGrant(request);
    demandSomething(given);
    this.noEscalation.demandKnown(given);
    this.noEscalation.demandWithin(caller, given);
    const passwordHash = await this.passwordHash(request);
    const about = {
      caller,
      operation: subject,
      // Without the password: in the same database as its key, an HMAC of it could be guessed at.
      body: { ...request, password: request.password !== undefined },
      hmacKey: await this.database.localKey('idempotency'),
      now: this.database.now(),
    };
    const created = await this.database.transaction((tx) =>
      once<Created>(tx, about, () => this.create(tx, request, given, passwordHash, caller), withoutLink),
    );
    const { record, known } = created;
    const enforcement = await this.confirmChange.execute({
      seqs: created.seqs,
      organizationId: record.organization_id,
      resource: { kind: 'user', id: record.id },
      keptAs: null,
    });
    const to = { email: record.email, organizationId: record.organization_id };
    return {
      ...record,
      known,
      enforcement,
      ...(await this.invitations.deliver(created.invitation, to, caller, subject)),
    };
  }

  private async passwordHash({ password, email }: Request): Promise<string | null> {
    if (!password) return null;
    const secret = this.sealingKeys.open(password, Identity.createUser.subject);
    demandGoodPassword(secret, email);
    return hashedPassword(secret);
  }

  private async create(
    tx: Transaction,
    request: Request,
    given: Given,
    passwordHash: string | null,
    caller: AuthenticatedCaller,
  ): Promise<Created> {
    const { organization_id: organizationId } = caller.principal;
    const now = this.database.now();
    // Before the person, as wherever both are locked.
    if (!(await this.organizations.lock(tx, organizationId))) throw noSuchOrganization();
    const known = await this.users.lockByEmail(tx, request.email);
    if (known) await this.demandNoMember(tx, organizationId, known.id);
    const userId = known?.id ?? newId('usr', now);
    if (!known) {
      const { email, name } = request;
      await this.users.insert(tx, { id: userId, email, name, passwordHash, createdAt: now });
    }
    await this.members.join(tx, { userId, organizationId, ...given, at: now, by: caller.principal.id });
    const invitation = await this.invite(tx, { userId, organizationId }, known, passwordHash, now);
    await tx.owe({
      ...eventOrigin(caller),
      organization_id: organizationId,
      action: known ? 'user.joined' : 'user.created',
      resource: { kind: 'user', id: userId },
      details: { ...given, invited: invitation !== null },
    });
    const member = await this.member(tx, organizationId, userId);
    // Gateways know somebody who was here before as a member of fewer organizations.
    const seqs = known ? [await tx.mark({ scope: 'principal', id: userId, effect: 'drop' })] : [];
    return { record: userRecord(member), known: known !== undefined, seqs, invitation };
  }

  /**
   * Whoever has the link can act as the person. So for somebody who was invited elsewhere and has not come yet, it goes to their
   * address alone, or not at all: the link of the other organization is good for all.
   */
  private async invite(
    tx: Transaction,
    invited: { userId: string; organizationId: string },
    known: User | undefined,
    passwordHash: string | null,
    now: Date,
  ): Promise<MadeInvitation | null> {
    if (known ? known.passwordHash !== null || !this.invitations.areMailed : passwordHash !== null) return null;
    return this.invitations.make(tx, { ...invited, mailOnly: known !== undefined }, now);
  }

  private async demandNoMember(tx: Transaction, organizationId: string, userId: string): Promise<void> {
    const member = await this.members.find(organizationId, userId, tx);
    if (!member || member.removedAt !== null) return;
    throw new Refusal('conflict', 'A user with this e-mail address is here already.', {
      errors: [{ field: 'email', message: 'belongs to a user of this organization' }],
    });
  }

  private async member(tx: Transaction, organizationId: string, userId: string): Promise<Member> {
    const member = await this.members.find(organizationId, userId, tx);
    if (!member) throw new Error(`${userId} is no member of ${organizationId} after joining it`);
    return member;
  }
}

/** Each name once. */
export const uniqueGrant = ({ roles, permissions }: Given): Given => ({
  roles: [...new Set(roles)],
  permissions: [...new Set(permissions)],
});

export function demandSomething({ roles, permissions }: Given): void {
  if (roles.length > 0 || permissions.length > 0) return;
  throw new Refusal('unprocessable', 'A member needs at least one role or permission.', {
    errors: [{ field: 'roles', message: 'name a role, or a permission in permissions' }],
  });
}

const withoutLink = (created: Created): Created => ({
  ...created,
  invitation: created.invitation && { ...created.invitation, url: null },
});
