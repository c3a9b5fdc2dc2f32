import { authorities, type Authority } from '@portcullis/contracts';
import { type AuthorityReply, Enforcer, type Instant, type Outgoing } from '@portcullis/enforcement';
import { type Subscription } from '@nats-io/transport-node';
import { type Bus } from './bus.js';
import { ExchangeReply, Markers } from './enforcement-messages.js';
import {
  appliedSubject,
  type EnforcerKind,
  enforcerKindOf,
  exchangeSubject,
  markerSubject,
} from './enforcement-subjects.js';
import { listen } from './listen.js';

export interface EnforcerLinkOptions {
  /** New at each start of the process. A guard's begins with `guard_`. */
  id: string;
  /** Those whose markers can match what this process accepts; all of them unless set. */
  authorities?: readonly Authority[];
  /** How far clocks may go wrong within one lease. */
  driftMs?: number;
  maxEntries?: number;
  maxNegativeEntries?: number;
}

const tickMilliseconds = 100;
const exchangeMilliseconds = 2_000;

/** The enforcer's half of enforcement, carried over NATS. What it holds may be answered from memory while leases last. */
export class EnforcerLink<Entry> {
  readonly enforcer: Enforcer<Entry>;
  private readonly kind: EnforcerKind;
  private readonly authorities: readonly Authority[];
  private timer: NodeJS.Timeout | undefined;
  private readonly subscriptions: Subscription[] = [];

  constructor(
    private readonly bus: Bus,
    options: EnforcerLinkOptions,
  ) {
    this.kind = enforcerKindOf(bus.service);
    this.authorities = options.authorities ?? authorities;
    this.enforcer = new Enforcer({
      id: options.id,
      authorities: this.authorities,
      driftMs: options.driftMs ?? 250,
      maxEntries: options.maxEntries ?? 100_000,
      maxNegativeEntries: options.maxNegativeEntries ?? 10_000,
    });
  }

  /** Both clocks, freshly read. */
  now(): Instant {
    return { monotonicMs: performance.now(), wallMs: Date.now() };
  }

  start(): void {
    for (const authority of this.authorities) {
      this.subscriptions.push(
        listen(this.bus.connection, markerSubject(authority), {}, (message) =>
          this.send(this.enforcer.onMarkers(authority, Markers.parse(message.json()), this.now())),
        ),
      );
    }
    this.timer = setInterval(() => this.send(this.enforcer.due(this.now())), tickMilliseconds);
    this.send(this.enforcer.due(this.now()));
  }

  /** Refuses everything from here on, and tells the authorities that they need not wait for this process. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    await Promise.all(this.enforcer.stop(this.now()).map((outgoing) => this.exchange(outgoing)));
  }

  private send(outgoing: readonly Outgoing[]): void {
    for (const one of outgoing) {
      if (one.message.kind === 'ack') {
        this.bus.connection.publish(appliedSubject(one.authority as Authority, this.kind), JSON.stringify(one.message));
      } else {
        void this.exchange(one);
      }
    }
  }

  /** A lost exchange needs no handling: the next one is due within a second, and the lease runs out meanwhile. */
  private async exchange(outgoing: Outgoing): Promise<void> {
    if (!this.bus.connected) return;
    let reply: AuthorityReply;
    try {
      const message = await this.bus.connection.request(
        exchangeSubject(outgoing.authority as Authority, this.kind),
        JSON.stringify(outgoing.message),
        { timeout: exchangeMilliseconds },
      );
      reply = ExchangeReply.parse(message.json());
    } catch {
      return;
    }
    this.send(this.enforcer.onReply(outgoing, reply, this.now()));
  }
}
