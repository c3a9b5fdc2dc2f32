import { Injectable } from '@nestjs/common';
import { type Caller, eventOrigin, Refusal } from '@portcullis/contracts';
import { addressGroup, PasswordQueueFull, type Secret } from '@portcullis/credentials';
import { Database } from '@portcullis/persistence';
import { mostFailures, NodePasswordFailureStore } from './node-password-failure.store.js';
import { RoleTokenSettings } from './role-token-settings.js';
import { RoleTokenStore } from './role-token.store.js';

/**
 * Is it the node password? A place that was wrong ten times within a minute is refused before bcrypt runs; so is, with
 * `unavailable`, whoever comes while the queue is full.
 */
@Injectable()
export class CheckNodePassword {
  /** How many from a place are being checked. What was let in before counts as wrong until it is known. */
  private readonly underWay = new Map<string, number>();

  constructor(
    private readonly database: Database,
    private readonly failures: NodePasswordFailureStore,
    private readonly store: RoleTokenStore,
    private readonly settings: RoleTokenSettings,
  ) {}

  /** Refuses with `invalid_credentials`, `rate_limited` or `unavailable`. */
  async execute(password: Secret, caller: Caller): Promise<void> {
    const place = addressGroup(caller.request.client_ip);
    const before = this.underWay.get(place) ?? 0;
    this.underWay.set(place, before + 1);
    try {
      const { count, oldestOverInSeconds } = await this.failures.recent(place);
      if (count >= mostFailures) throw tooMany(oldestOverInSeconds);
      // A volley sent at once gets no more tries than one after the other. In each process, that is: n replicas, n volleys.
      if (count + before >= mostFailures) throw busy();
      if (!(await this.matches(password))) await this.refuse(place, caller);
    } finally {
      const left = (this.underWay.get(place) ?? 1) - 1;
      if (left > 0) this.underWay.set(place, left);
      else this.underWay.delete(place);
    }
  }

  private async matches(password: Secret): Promise<boolean> {
    try {
      return (await this.settings.nodePassword?.matches(password)) ?? false;
    } catch (error) {
      throw error instanceof PasswordQueueFull ? busy(error) : error;
    }
  }

  private async refuse(place: string, caller: Caller): Promise<never> {
    await this.database.transaction(async (tx) => {
      const { firstOrganizationId } = await this.store.installation(tx);
      await this.failures.add(tx, place);
      await tx.owe({
        ...eventOrigin(caller),
        organization_id: firstOrganizationId,
        action: 'role-token.refused',
        outcome: 'denied',
        resource: { kind: 'role-token', id: null },
        reason: 'wrong_password',
      });
    });
    throw new Refusal('invalid_credentials', 'The password is not valid.');
  }
}

const tooMany = (retryAfterSeconds: number): Refusal =>
  new Refusal('rate_limited', 'Too many wrong passwords from your address. Wait, then try again.', {
    retryAfterSeconds,
  });

const busy = (cause?: unknown): Refusal =>
  new Refusal('unavailable', 'Too many passwords are being checked. Try again shortly.', {
    cause,
    retryAfterSeconds: 1,
  });
