import { setMaxListeners } from 'node:events';
import { type Companion, Recurring } from '@portcullis/bus';
import { type AttemptOutcome } from '@portcullis/contracts';
import { EnvelopeRefused, type KeyEncryption, Secret } from '@portcullis/credentials';
import { type Database } from '@portcullis/persistence';
import { type LogStore } from '../log/log.store.js';
import { type ClaimedDelivery, DeliveryStore } from './delivery.store.js';
import { type Destinations } from './destinations.js';
import { failingAttempts, failingDays, heldSeconds, secondsUntilNext } from './retry-schedule.js';
import { type Attempt, send } from './send.js';
import { bodyOf, signatureHeaders } from './standard-webhook.js';

const everyMilliseconds = 500;
const tidyMilliseconds = 3_600_000;
/** Of one attempt, with the name's resolution. */
const timeoutMilliseconds = 15_000;
/** Longer than an attempt may take: only who died does not finish within it. */
const leaseMilliseconds = 45_000;
const maxUnderWay = 64;
/** Of the record, for one webhook in one turn: one that has much to catch up with keeps no other waiting. */
const maxStretches = 10;
const deadLetterDays = 30;
const dayMilliseconds = 86_400_000;

export interface DeliverOptions {
  readonly destinations: Destinations;
  readonly encryption: KeyEncryption;
  readonly report: (line: string) => void;
  /** Shorter only in specs. */
  readonly timeoutMilliseconds?: number;
}

/**
 * Sends each webhook the events of its organization, from its own place in the record, until the receiver has taken them: at least once,
 * in no promised order. Any replica may send any event, one at a time has it.
 */
export class DeliverWebhooks implements Companion {
  private readonly store: DeliveryStore;
  private readonly turns: Recurring;
  private readonly underWay = new Set<Promise<void>>();
  private readonly stopping = new AbortController();
  private readonly attempts = new Map<AttemptOutcome, number>();
  private tidiedAt = -Infinity;

  constructor(
    private readonly database: Database,
    private readonly log: LogStore,
    private readonly options: DeliverOptions,
  ) {
    this.store = new DeliveryStore(database);
    // Each delivery under way listens.
    setMaxListeners(0, this.stopping.signal);
    this.turns = new Recurring(() => this.turn(), {
      everyMilliseconds,
      mayRun: () => true,
      failed: (error) => options.report(`webhooks: will try again: ${String(error)}`),
    });
  }

  start(): void {
    this.turns.start();
  }

  /** What is under way is given back, so that another process sends it. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.turns.stop();
    await Promise.all(this.underWay);
    await this.writeAttempts();
  }

  private async turn(): Promise<void> {
    if (performance.now() - this.tidiedAt > tidyMilliseconds) await this.tidy();
    await this.writeAttempts();
    const { size } = await this.log.head();
    for (const id of await this.store.behind(size)) {
      let hasMore = true;
      for (let stretch = 0; stretch < maxStretches && hasMore && !this.stopping.signal.aborted; stretch++) {
        hasMore = await this.store.find(id, size, this.database.now());
      }
      if (hasMore) this.turns.kick();
    }
    const free = maxUnderWay - this.underWay.size;
    if (free <= 0 || this.stopping.signal.aborted) return;
    const now = this.database.now();
    for (const claimed of await this.store.claim(now, new Date(now.getTime() + leaseMilliseconds), free)) {
      const delivery: Promise<void> = this.deliver(claimed)
        .catch((error: unknown) => this.options.report(`webhooks: ${claimed.webhookId}: ${String(error)}`))
        .finally(() => {
          this.underWay.delete(delivery);
          this.turns.kick();
        });
      this.underWay.add(delivery);
    }
  }

  private async deliver(claimed: ClaimedDelivery): Promise<void> {
    const now = this.database.now();
    const { event, secrets } = await this.store.content(claimed, now);
    if (!event) return this.store.forget(claimed);
    const message = { id: claimed.eventId, timestamp: Math.floor(now.getTime() / 1000), body: bodyOf(event) };
    const opened = secrets.map(({ id, envelope }) =>
      Secret.of(this.options.encryption.decrypt(envelope, secretContext(id, claimed.webhookId)).toString()),
    );
    const attempt = await send(
      claimed.url,
      { headers: signatureHeaders(message, opened), body: message.body },
      {
        destinations: this.options.destinations,
        timeoutMilliseconds: this.options.timeoutMilliseconds ?? timeoutMilliseconds,
        stopping: this.stopping.signal,
        now: this.database.now,
      },
    );
    if (attempt.outcome === 'stopped') return this.store.release(claimed);
    if (attempt.outcome === 'delivered') {
      this.count('delivered');
      return this.store.delivered(claimed, this.database.now());
    }
    await this.failed(claimed, attempt);
  }

  private count(outcome: AttemptOutcome): void {
    this.attempts.set(outcome, (this.attempts.get(outcome) ?? 0) + 1);
  }

  /** For metrics. */
  private async writeAttempts(): Promise<void> {
    if (this.attempts.size === 0) return;
    const counted = new Map(this.attempts);
    this.attempts.clear();
    await this.store.count(counted);
  }

  private async failed(claimed: ClaimedDelivery, attempt: Exclude<Attempt, { outcome: 'delivered' | 'stopped' }>) {
    const now = this.database.now();
    const after = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);
    const isGone = attempt.outcome === 'gone';
    const retryAfter = isGone ? null : attempt.retryAfterSeconds;
    const wait = secondsUntilNext(claimed.attempts, retryAfter);
    this.count(isGone ? 'gone' : wait === null ? 'given_up' : 'failed');
    await this.database.transaction(async (tx) => {
      const failingSince = await this.store.failed(tx, claimed, {
        reason: isGone ? 'status_410' : attempt.reason,
        now,
        // What a receiver that is gone did not take waits for the day when the webhook is enabled again.
        dueAt: isGone ? now : wait === null ? null : after(wait),
        heldUntil: retryAfter === null ? null : after(heldSeconds(retryAfter)),
      });
      if (!failingSince) return;
      const failedFor = now.getTime() - failingSince.getTime();
      const isFailing = failedFor > failingDays * dayMilliseconds && claimed.attempts >= failingAttempts;
      if (!isGone && !isFailing) return;
      const reason = isGone ? 'gone' : 'failing';
      await this.store.disable(tx, claimed.webhookId, reason);
      await tx.owe({
        organization_id: claimed.organizationId,
        action: 'webhook.disabled',
        outcome: 'failure',
        reason,
        resource: { kind: 'webhook', id: claimed.webhookId },
        details: { failing_since: failingSince.toISOString() },
      });
    });
  }

  /** Also wraps secrets anew whose key-encryption key is about to go. */
  private async tidy(): Promise<void> {
    const { encryption } = this.options;
    const now = this.database.now();
    await this.store.tidy(now, new Date(now.getTime() - deadLetterDays * dayMilliseconds));
    for (const { id, webhookId, envelope } of await this.store.staleSecrets(encryption.currentKid)) {
      try {
        const wrapped = encryption.rewrap(envelope, secretContext(id, webhookId));
        if (wrapped !== null) await this.store.rewrap(id, envelope, wrapped);
      } catch (error) {
        // One that does not open keeps no other webhook from being sent.
        if (!(error instanceof EnvelopeRefused)) throw error;
        this.options.report(`webhooks: a secret of ${webhookId} cannot be opened: ${error.message} Rotate it.`);
      }
    }
    this.tidiedAt = performance.now();
  }
}

/** What a secret's envelope is bound to: moved to another row it does not open. */
export const secretContext = (id: string, webhookId: string): string => `webhook-secret:${id}:${webhookId}`;
