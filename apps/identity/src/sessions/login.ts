import { Injectable } from '@nestjs/common';
import {
  type Caller,
  eventOrigin,
  Identity,
  newId,
  Refusal,
  type ReplyOf,
  type RequestOf,
} from '@portcullis/contracts';
import { hashPassword, needsRehash, type Secret } from '@portcullis/credentials';
import { Database } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { SealingKeys } from '../sealing-keys.js';
import { FamilyStore } from '../tokens/family.store.js';
import { holderOfSession } from '../tokens/holder.js';
import { IssuePair, type IssuedPair } from '../tokens/issue-pair.js';
import { sealBrowserTokens, sealPair } from '../tokens/seal-pair.js';
import { type User, UserStore } from '../users/user.store.js';
import { CheckPassword, type ForgetFailures } from './check-password.js';

/** A person's e-mail and password become a session. */
@Injectable()
export class Login {
  constructor(
    private readonly database: Database,
    private readonly sealingKeys: SealingKeys,
    private readonly checkPassword: CheckPassword,
    private readonly users: UserStore,
    private readonly families: FamilyStore,
    private readonly issuePair: IssuePair,
    private readonly policy: PolicyFile,
  ) {}

  async execute(request: RequestOf<typeof Identity.login>, caller: Caller): Promise<ReplyOf<typeof Identity.login>> {
    const { subject } = Identity.login;
    return sealPair(caller, await this.signIn(request, { subject, inBrowser: false }, caller), subject);
  }

  /** The same for a browser, which keeps the refresh token in a cookie. */
  async openSession(
    request: RequestOf<typeof Identity.openSession>,
    caller: Caller,
  ): Promise<ReplyOf<typeof Identity.openSession>> {
    const { subject } = Identity.openSession;
    return sealBrowserTokens(caller, await this.signIn(request, { subject, inBrowser: true }, caller), subject);
  }

  private signIn(
    request: RequestOf<typeof Identity.login>,
    { subject, inBrowser }: { subject: string; inBrowser: boolean },
    caller: Caller,
  ): Promise<IssuedPair> {
    const { email } = request;
    const password = this.sealingKeys.open(request.password, subject);
    return this.checkPassword.execute({ email, password, refusedAs: 'session.refused' }, caller, (user, forget) =>
      this.open(user, { password, inBrowser }, forget, caller),
    );
  }

  private async open(
    user: User,
    { password, inBrowser }: { password: Secret; inBrowser: boolean },
    forget: ForgetFailures,
    caller: Caller,
  ): Promise<IssuedPair> {
    const { passwordHash: from } = user;
    const rehash = from !== null && needsRehash(from) ? { from, to: await hashPassword(password) } : null;
    const signingKey = await this.issuePair.signingKey();
    return this.database.transaction(async (tx) => {
      // Whoever changes the password ends every session that there is; one that begins meanwhile must not escape that.
      if (!(await this.users.stillHas(tx, user, rehash === null ? 'share' : 'update'))) throw changedMeanwhile();
      const now = this.database.now();
      const family = { id: newId('tok', now), endsAt: this.issuePair.familyEnd(now), inBrowser };
      const holder = holderOfSession(this.policy.current.lattice, {
        familyId: family.id,
        userId: user.id,
        memberships: user.memberships,
      });
      await forget(tx);
      if (rehash !== null) await this.users.rehash(tx, user.id, rehash);
      await this.families.insert(
        tx,
        {
          ...family,
          kind: 'session',
          credentialId: user.id,
          principalKind: 'user',
          principalId: user.id,
          organizationId: holder.organizationId,
        },
        now,
      );
      const pair = await this.issuePair.execute(tx, signingKey, family, holder);
      if (!pair) throw new Error('A new session has no life');
      await tx.owe({
        ...eventOrigin(caller),
        organization_id: holder.organizationId,
        action: 'session.created',
        actor: { kind: 'user', id: user.id, credential_id: family.id },
        resource: { kind: 'session', id: family.id },
        details: { token: pair.accessJti },
      });
      return pair;
    });
  }
}

const changedMeanwhile = (): Refusal =>
  new Refusal('invalid_credentials', 'The e-mail address or the password is not valid.');
