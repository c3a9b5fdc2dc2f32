import { authorities, type Authority } from '@portcullis/contracts';
import { type AuthorityReply, Enforcer, type Instant, type Outgoing } from '@portcullis/enforcement';
import { createInbox, type Subscription } from '@nats-io/transport-node';
import { AcknowledgementTimes } from './acknowledgement-times.js';
import { type Bus } from './bus.js';
import { ExchangeReply, Markers, Waited } from './enforcement-messages.js';
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
  /** Is told of every broadcast marker how long it took from its arrival until its acknowledgement was handed to the connection. */
  acknowledged?: (authority: Authority, milliseconds: number) => void;
  /**
   * Is told for every change that waited for this process how long after its commit it was heard that it obeys: by the clock of the
   * replica that waited, since clocks of two machines are not compared.
   */
  heard?: (authority: Authority, milliseconds: number) => void;
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
  private readonly times: ReadonlyMap<Authority, AcknowledgementTimes>;
  private readonly inbox: string;

  constructor(
    private readonly bus: Bus,
    private readonly options: EnforcerLinkOptions,
  ) {
    this.inbox = createInbox(`_INBOX.${bus.service}`);
    this.kind = enforcerKindOf(bus.service);
    this.authorities = options.authorities ?? authorities;
    const { acknowledged = () => undefined } = options;
    this.times = new Map(
      this.authorities.map((authority) => [authority, new AcknowledgementTimes((ms) => acknowledged(authority, ms))]),
    );
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
    const { heard } = this.options;
    for (const authority of this.authorities) {
      if (heard) {
        this.subscriptions.push(
          listen(this.bus.connection, `${this.inbox}.${authority}`, {}, (message) => {
            for (const milliseconds of Waited.parse(message.json())) heard(authority, milliseconds);
          }),
        );
      }
      this.subscriptions.push(
        listen(this.bus.connection, markerSubject(authority), {}, (message) => {
          const arrivedMs = performance.now();
          const notice = Markers.parse(message.json());
          this.times.get(authority)?.arrived(
            notice.markers.map(({ seq }) => seq),
            arrivedMs,
          );
          this.send(this.enforcer.onMarkers(authority, notice, this.now()));
        }),
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
        const reply = this.options.heard ? { reply: `${this.inbox}.${one.authority}` } : {};
        const subject = appliedSubject(one.authority as Authority, this.kind);
        this.bus.connection.publish(subject, JSON.stringify(one.message), reply);
      } else {
        void this.exchange(one);
      }
    }
    const nowMs = performance.now();
    for (const { authority, appliedThrough } of this.enforcer.status(this.now())) {
      const mine = outgoing.filter((one) => one.authority === authority);
      this.times.get(authority as Authority)?.sent(mine, appliedThrough, nowMs);
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
