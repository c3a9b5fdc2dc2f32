import { addressGroup } from '@portcullis/credentials';
import { type AuditEvent, completeEvent, newId, type OwedEvent } from '@portcullis/contracts';
import { type Arrival, type Identity } from '../judgement.js';
import { type EventBuffer } from './event-buffer.js';

const ownPerSecond = 10;
/** From all whose credential is unknown: whoever has many addresses fills the record no faster. */
const ownOfStrangersPerSecond = 100;
const countingMilliseconds = 10_000;
const tickMilliseconds = 1_000;
const maxSources = 10_000;
const maxPathLength = 512;

/**
 * The gateway's own audit events: requests denied and credentials refused. One event each up to 10 a second from one source (a
 * credential; where it is unknown, an address, of IPv6 its /64, and a reason); beyond that they are counted in one event for 10 seconds,
 * written at their end. Sources without a known credential have 100 a second together; what is beyond that is counted as of nobody. So a
 * flood costs neither the stream nor the caller more than that, whatever it varies.
 */
export class DenialLog {
  readonly #sources = new Map<string, Source>();
  readonly #strangers = { secondMs: 0, own: 0 };
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly events: EventBuffer,
    private readonly now: () => Date,
  ) {}

  start(): void {
    this.#timer = setInterval(() => this.tick(), tickMilliseconds);
  }

  /** Writes what was counted so far and tries once more to publish everything. */
  async stop(): Promise<void> {
    for (const source of this.#sources.values()) this.#closeCounting(source);
    this.#sources.clear();
    await this.events.flush();
    clearInterval(this.#timer);
  }

  /**
   * An authenticated principal was denied.
   * @param reason a word: `missing_permission`, `no_route`, `organization_required`
   * @returns the decision id: the id of this denial's event, its own or the one that counts it
   */
  denied(
    arrival: Arrival,
    { principal, clientIp }: Extract<Identity, { kind: 'principal' }>,
    reason: string,
    requiredPermissions: readonly string[] = [],
  ): string {
    return this.#log(credentialSource(principal.credential_id, principal.organization_id), {
      organization_id: principal.organization_id,
      action: 'request.denied',
      outcome: 'denied',
      actor: { kind: principal.kind, id: principal.id, credential_id: principal.credential_id },
      resource: { kind: 'request', id: null },
      request_id: arrival.requestId,
      client_ip: clientIp,
      reason,
      details: { ...what(arrival), required_permissions: [...requiredPermissions] },
    });
  }

  /** A presented credential was refused. @returns the decision id; null where that says nothing about the credential */
  refusedCredential(arrival: Arrival, identity: Extract<Identity, { kind: 'refused' }>): string | null {
    const { refusal, reason, clientIp, organizationId, credentialId } = identity;
    if (refusal.code === 'unavailable' || refusal.code === 'invalid_request') return null;
    const source =
      credentialId === null
        ? addressSource(clientIp, reason, organizationId)
        : credentialSource(credentialId, organizationId);
    return this.#log(source, {
      organization_id: organizationId,
      action: 'credential.refused',
      outcome: 'denied',
      actor: { kind: 'anonymous', id: null, credential_id: credentialId },
      resource: { kind: 'credential', id: credentialId },
      request_id: arrival.requestId,
      client_ip: clientIp,
      reason,
      details: what(arrival),
    });
  }

  /** A request was denied without anybody's credential being looked at. @returns the decision id */
  unjudged(arrival: Arrival, clientIp: string, reason: string): string {
    return this.#log(addressSource(clientIp, reason, null), {
      organization_id: null,
      action: 'request.denied',
      outcome: 'denied',
      actor: { kind: 'anonymous', id: null, credential_id: null },
      resource: { kind: 'request', id: null },
      request_id: arrival.requestId,
      client_ip: clientIp,
      reason,
      details: what(arrival),
    });
  }

  /** Ends what has been counted for long enough, forgets quiet sources, publishes. Every second. */
  tick(): void {
    const nowMs = this.now().getTime();
    for (const [name, source] of this.#sources) {
      if (source.counting && nowMs >= source.counting.untilMs) this.#closeCounting(source);
      if (!source.counting && nowMs - source.secondMs >= 1_000) this.#sources.delete(name);
    }
    this.events.tick();
  }

  #log(given: SourceName, owed: OwedEvent): string {
    const now = this.now();
    const nowMs = now.getTime();
    renew(this.#strangers, nowMs);
    const { source, isOfMany } = this.#source(given, owed, nowMs);
    if (source.counting && nowMs >= source.counting.untilMs) this.#closeCounting(source);
    renew(source, nowMs);
    const complete = (): AuditEvent => completeEvent(owed, { id: newId('evt', now), time: now, service: 'gateway' });
    if (source.own < ownPerSecond && !isOfMany) {
      source.own += 1;
      if (!given.isKnown) this.#strangers.own += 1;
      const event = complete();
      this.events.keep(event);
      return event.id;
    }
    // The first of those counted stands for them all: who, from where, what for.
    source.counting ??= {
      event: isOfMany ? ofMany(complete()) : complete(),
      count: 0,
      untilMs: nowMs + countingMilliseconds,
    };
    source.counting.count += 1;
    return source.counting.event.id;
  }

  /** A flood from ever new sources is one source more, and no memory. Organizations stay apart: each reads its own events. */
  #source(
    { name, isKnown }: SourceName,
    { organization_id: organizationId, action }: OwedEvent,
    nowMs: number,
  ): { source: Source; isOfMany: boolean } {
    const isOfMany =
      (!isKnown && this.#strangers.own >= ownOfStrangersPerSecond) ||
      (!this.#sources.has(name) && this.#sources.size >= maxSources);
    const shared = isOfMany ? `many ${action} ${organizationId}` : name;
    let source = this.#sources.get(shared);
    if (!source) {
      source = { secondMs: nowMs, own: 0, counting: undefined };
      this.#sources.set(shared, source);
    }
    return { source, isOfMany };
  }

  #closeCounting(source: Source): void {
    if (!source.counting) return;
    this.events.keep({ ...source.counting.event, count: source.counting.count });
    source.counting = undefined;
  }
}

/** What is counted together, and whether it is by a credential that is known. */
interface SourceName {
  readonly name: string;
  readonly isKnown: boolean;
}

const credentialSource = (credentialId: string, organizationId: string | null): SourceName => ({
  name: `credential ${credentialId} ${organizationId}`,
  isKnown: true,
});
const addressSource = (clientIp: string, reason: string, organizationId: string | null): SourceName => ({
  name: `address ${addressGroup(clientIp)} ${reason} ${organizationId}`,
  isKnown: false,
});

/** Begins another second, also where the clock was set back. */
function renew(counted: { secondMs: number; own: number }, nowMs: number): void {
  if (nowMs - counted.secondMs < 1_000 && nowMs >= counted.secondMs) return;
  counted.secondMs = nowMs;
  counted.own = 0;
}

/** Of many sources: what is said of one of them would be taken for all. */
const ofMany = (event: AuditEvent): AuditEvent => ({
  ...event,
  actor: { kind: 'anonymous', id: null, credential_id: null },
  resource: { kind: event.resource.kind, id: null },
  request_id: null,
  client_ip: null,
  reason: 'many_sources',
  details: {},
});

interface Source {
  secondMs: number;
  own: number;
  counting: { event: AuditEvent; count: number; untilMs: number } | undefined;
}

/** No query: credentials and personal data end up there. */
const what = ({ method, path }: Arrival): Record<string, unknown> => ({ method, path: path.slice(0, maxPathLength) });
