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
import { hashPassword, needsRehash, PasswordQueueFull, type Secret, verifyPassword } from '@portcullis/credentials';
import { Database } from '@portcullis/persistence';
import { PolicyFile } from '@portcullis/policy';
import { SealingKeys } from '../sealing-keys.js';
import { FamilyStore } from '../tokens/family.store.js';
import { holderOfSession } from '../tokens/holder.js';
import { IssuePair, type IssuedPair } from '../tokens/issue-pair.js';
import { sealPair } from '../tokens/seal-pair.js';
import { type User, UserStore } from '../users/user.store.js';
import { SignInFailureStore, type SignInPlace, signInPlace } from './sign-in-failure.store.js';
import { Turns } from './turns.js';

/**
 * A person's e-mail and password become a session. An unknown e-mail and a wrong password are refused with the same words
 * after the same work. Too many failures from one place stop that place for a while, never the person elsewhere.
 */
@Injectable()
export class Login {
  private readonly turns = new Turns();

  constructor(
    private readonly database: Database,
    private readonly sealingKeys: SealingKeys,
    private readonly users: UserStore,
    private readonly failures: SignInFailureStore,
    private readonly families: FamilyStore,
    private readonly issuePair: IssuePair,
    private readonly policy: PolicyFile,
  ) {}

  async execute(request: RequestOf<typeof Identity.login>, caller: Caller): Promise<ReplyOf<typeof Identity.login>> {
    const password = await this.sealingKeys.open(request.password, Identity.login.subject);
    const place = signInPlace(request.email, caller.request.client_ip);
    // One at a time from one place: a volley sent at once would otherwise be let through before its first failure counts.
    const pair = await this.turns.take(place.address, () => this.signIn(request.email, password, place, caller));
    if (!pair) throw tooMany(1);
    return sealPair(caller, pair, Identity.login.subject);
  }

  private async signIn(email: string, password: Secret, place: SignInPlace, caller: Caller): Promise<IssuedPair> {
    const waitSeconds = await this.failures.waitSeconds(place);
    if (waitSeconds !== undefined) throw tooMany(waitSeconds);
    const user = await this.users.findByEmail(email);
    const matches = await verify(user, password);
    if (!user || !matches || user.status !== 'active') {
      await this.refuse(user, matches, place, caller);
      throw new Refusal('invalid_credentials', 'The e-mail address or the password is not valid.');
    }
    return this.open(user, password, place, caller);
  }

  private async refuse(user: User | undefined, matches: boolean, place: SignInPlace, caller: Caller): Promise<void> {
    await this.database.transaction(async (tx) => {
      await this.failures.add(tx, place);
      await tx.owe({
        ...eventOrigin(caller),
        organization_id: soleOrganization(user),
        action: 'session.refused',
        outcome: 'denied',
        // The e-mail of nobody is not kept: people type passwords into that field.
        resource: { kind: 'user', id: user?.id ?? null },
        reason: !user ? 'unknown_email' : matches ? `user_${user.status}` : 'wrong_password',
      });
    });
  }

  private async open(user: User, password: Secret, place: SignInPlace, caller: Caller): Promise<IssuedPair> {
    const { passwordHash: from } = user;
    const rehash = from !== null && needsRehash(from) ? { from, to: await hashPassword(password) } : null;
    const signingKey = await this.issuePair.signingKey();
    return this.database.transaction(async (tx) => {
      const now = this.database.now();
      const family = { id: newId('tok', now), endsAt: this.issuePair.familyEnd(now) };
      const holder = holderOfSession(this.policy.current.lattice, {
        familyId: family.id,
        userId: user.id,
        memberships: user.memberships,
      });
      await this.failures.forget(tx, place);
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

async function verify(user: User | undefined, password: Secret): Promise<boolean> {
  try {
    return await verifyPassword(user?.passwordHash ?? null, password);
  } catch (error) {
    if (!(error instanceof PasswordQueueFull)) throw error;
    throw new Refusal('unavailable', 'Too many people are signing in. Try again shortly.', {
      cause: error,
      retryAfterSeconds: 2,
    });
  }
}

/** Where the event of a refused sign-in is read: only where it is clear whose it is. */
function soleOrganization(user: User | undefined): string | null {
  const [only, ...others] = user?.memberships ?? [];
  return only && others.length === 0 ? only.organization_id : null;
}

const tooMany = (retryAfterSeconds: number): Refusal =>
  new Refusal('rate_limited', 'Too many sign-ins from your address. Wait, then try again.', {
    retryAfterSeconds,
  });
