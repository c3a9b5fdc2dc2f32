import { Injectable } from '@nestjs/common';
import { type Action, type Caller, eventOrigin, Refusal } from '@portcullis/contracts';
import { PasswordQueueFull, type Secret, verifyPassword } from '@portcullis/credentials';
import { Database, type Transaction } from '@portcullis/persistence';
import { type User, UserStore } from '../users/user.store.js';
import { SignInFailureStore, type SignInPlace, signInPlace } from './sign-in-failure.store.js';
import { Turns } from './turns.js';

export interface PasswordCheck {
  email: string;
  password: Secret;
  refusedAs: Action;
  /** Other words for the refusal, where it is known who asks. */
  refusal?: string;
}

/** Forgets, in the transaction of what follows, how often the person failed from that place. */
export type ForgetFailures = (tx: Transaction) => Promise<void>;

/**
 * Is it that person's password? An unknown e-mail and a wrong password are refused with the same words after the same work. Too
 * many failures from one place stop that place for a while, never the person elsewhere.
 */
@Injectable()
export class CheckPassword {
  private readonly turns = new Turns();

  constructor(
    private readonly database: Database,
    private readonly users: UserStore,
    private readonly failures: SignInFailureStore,
  ) {}

  /** Does `granted` for the person, in the same turn, and answers what it answers. */
  async execute<T>(
    { email, password, refusedAs, refusal }: PasswordCheck,
    caller: Caller,
    granted: (user: User, forget: ForgetFailures) => Promise<T>,
  ): Promise<T> {
    const place = signInPlace(email, caller.request.client_ip);
    // One at a time from one place: a volley sent at once would otherwise be let through before its first failure counts.
    const done = await this.turns.take(place.address, async () => {
      const waitSeconds = await this.failures.waitSeconds(place);
      if (waitSeconds !== undefined) throw tooMany(waitSeconds);
      const user = await this.users.findByEmail(email);
      const matches = await verify(user, password);
      if (!user || !matches || user.status !== 'active' || user.memberships.length === 0) {
        await this.refuse(user, matches, place, refusedAs, caller);
        throw new Refusal('invalid_credentials', refusal ?? 'The e-mail address or the password is not valid.');
      }
      return { result: await granted(user, (tx) => this.failures.forget(tx, place)) };
    });
    if (!done) throw tooMany(1);
    return done.result;
  }

  private async refuse(
    user: User | undefined,
    matches: boolean,
    place: SignInPlace,
    action: Action,
    caller: Caller,
  ): Promise<void> {
    await this.database.transaction(async (tx) => {
      const locked = await this.failures.add(tx, place);
      await tx.owe({
        ...eventOrigin(caller),
        organization_id: soleOrganization(user),
        action,
        outcome: 'denied',
        // The e-mail of nobody is not kept: people type passwords into that field.
        resource: { kind: 'user', id: user?.id ?? null },
        reason: reasonOf(user, matches),
      });
      if (locked === null) return;
      tx.takesAway();
      await tx.owe({
        ...eventOrigin(caller),
        organization_id: locked === 'pair' ? soleOrganization(user) : null,
        action: 'session.locked',
        outcome: 'denied',
        resource: { kind: 'user', id: locked === 'pair' ? (user?.id ?? null) : null },
        reason: locked === 'pair' ? 'too_many_for_user' : 'too_many_for_address',
        details: { place: place.address },
      });
    });
  }
}

function reasonOf(user: User | undefined, matches: boolean): string {
  if (!user) return 'unknown_email';
  if (!matches) return 'wrong_password';
  return user.status === 'active' ? 'no_membership' : `user_${user.status}`;
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
