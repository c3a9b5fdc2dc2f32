import { Injectable } from '@nestjs/common';
import {
  type AuthenticatedCaller,
  eventOrigin,
  Identity,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { Database, type Transaction } from '@portcullis/persistence';
import { ConfirmChange } from '../confirm-change.js';
import { EnforcedStore } from '../enforced.store.js';
import { NoEscalation } from '../grants/no-escalation.js';
import { SealingKeys } from '../sealing-keys.js';
import { CheckPassword } from '../sessions/check-password.js';
import { FamilyStore } from '../tokens/family.store.js';
import { RevokeFamily } from '../tokens/revoke-family.js';
import { InvitationStore } from './invitation.store.js';
import { MemberStore } from './member.store.js';
import { demandGoodPassword, hashedPassword } from './password-rule.js';
import { noSuchUser } from './read-users.js';
import { type User, UserStore } from './user.store.js';

type Request = RequestOf<typeof Identity.changePassword>;
interface Ended {
  /** The markers of the sessions that are over. */
  sessions: readonly number[];
  /** Those, and the one from which on the person's record tells of the new password. */
  seqs: readonly number[];
}

const manage = 'users:manage';

/**
 * One's own password, for the current one; or another's, by whoever manages users here and holds all that the person holds
 * anywhere: who sets a password can act as that person. Every other session of the person and every role token that was got with
 * an earlier password is over when this answers.
 */
@Injectable()
export class ChangePassword {
  constructor(
    private readonly database: Database,
    private readonly sealingKeys: SealingKeys,
    private readonly users: UserStore,
    private readonly members: MemberStore,
    private readonly invitations: InvitationStore,
    private readonly checkPassword: CheckPassword,
    private readonly noEscalation: NoEscalation,
    private readonly families: FamilyStore,
    private readonly revokeFamily: RevokeFamily,
    private readonly confirmChange: ConfirmChange,
    private readonly enforced: EnforcedStore,
  ) {}

  async execute(request: Request, caller: AuthenticatedCaller): Promise<ReplyOf<typeof Identity.changePassword>> {
    const { principal } = caller;
    const isOwn = principal.kind === 'user' && principal.id === request.id;
    const user = await (isOwn ? this.users.find(request.id) : this.another(request.id, caller));
    if (!user) throw noSuchUser();
    const { subject } = Identity.changePassword;
    const password = this.sealingKeys.open(request.password, subject);
    demandGoodPassword(password, user.email);
    if (isOwn) await this.demandCurrent(user, request, caller);
    const passwordHash = await hashedPassword(password);
    const ended = await this.database.transaction((tx) => this.change(tx, user, passwordHash, isOwn, caller));
    const enforcement = await this.confirmChange.confirm({
      seqs: ended.seqs,
      keptAs: 'password',
      organizationId: principal.organization_id,
      resource: { kind: 'user', id: user.id },
    });
    // The sessions went with the password, and its event stands for theirs.
    await this.database.transaction((tx) => this.enforced.note(tx, 'family', ended.sessions, this.database.now()));
    return { id: user.id, sessions_ended: ended.sessions.length, enforcement };
  }

  /** Somebody of the organization of the request; the permission is asked for here, since one's own password needs none. */
  private async another(id: string, { principal }: AuthenticatedCaller): Promise<User | undefined> {
    // A session of several organizations that has named none: the type does not say so where no permission is declared.
    if ((principal.organization_id as string | null) === null) {
      throw new Refusal('organization_required', 'Say which organization this is for with the X-Org-ID header.');
    }
    if (!principal.permissions.includes(manage)) throw new Refusal('forbidden', `This needs the permission ${manage}.`);
    const member = await this.members.find(principal.organization_id, id);
    return !member || member.removedAt !== null ? undefined : this.users.find(id);
  }

  private async demandCurrent(user: User, { current_password: current }: Request, caller: AuthenticatedCaller) {
    if (!current) {
      throw new Refusal('invalid_request', 'Your own password needs the current one.', {
        errors: [{ field: 'current_password', message: 'is missing' }],
      });
    }
    const password = this.sealingKeys.open(current, Identity.changePassword.subject);
    // As a sign-in, with its limits: whoever has found an open session must not be able to guess on.
    await this.checkPassword.execute(
      { email: user.email, password, refusedAs: 'password.refused', refusal: 'The current password is not valid.' },
      caller,
      (_user, forget) => this.database.transaction(forget),
    );
  }

  private async change(
    tx: Transaction,
    checked: User,
    passwordHash: string,
    isOwn: boolean,
    caller: AuthenticatedCaller,
  ): Promise<Ended> {
    const { principal } = caller;
    const user = await this.users.lock(tx, checked.id);
    if (user?.status !== 'active') throw noSuchUser();
    if (isOwn && user.passwordNumber !== checked.passwordNumber) {
      throw new Refusal('conflict', 'The password was changed meanwhile. Sign in with the new one.');
    }
    if (!isOwn) {
      const member = await this.members.find(principal.organization_id, user.id, tx);
      if (!member || member.removedAt !== null) throw noSuchUser();
      await this.noEscalation.demandAccount(tx, caller, user.id);
    }
    const now = this.database.now();
    await this.users.setPassword(tx, user.id, passwordHash);
    await this.invitations.void(tx, user.id, null, now);
    const sessions = await this.families.lockSessions(tx, user.id, {
      but: isOwn ? principal.credential_id : null,
      now,
    });
    await tx.owe({
      ...eventOrigin(caller),
      organization_id: principal.organization_id,
      action: 'password.changed',
      resource: { kind: 'user', id: user.id },
      details: { own: isOwn, sessions: sessions.map(({ id }) => id) },
    });
    const ended: number[] = [];
    for (const family of sessions) ended.push(await this.revokeFamily.mark(tx, family, principal.id));
    const seqs = [...ended, await tx.mark({ scope: 'principal', id: user.id, effect: 'drop' })];
    await this.users.notePasswordChange(tx, user.id, principal.organization_id, seqs);
    return { sessions: ended, seqs };
  }
}
