import { type OutboxState } from '@portcullis/bus';
import {
  authorities,
  type Authority,
  type EnforcementReceipt,
  ErrorCode,
  type WebhookState,
} from '@portcullis/contracts';
import { type LeaseStatus } from '@portcullis/enforcement';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { webhookMetrics } from './webhook-metrics.js';

/** What is read at the moment of the scrape. */
export interface Watched {
  leases(): readonly LeaseStatus[];
  cached(): { records: number; negatives: number; streams: number };
  /** How long ago the oldest record of each table was kept that may still be used; null where there is none. */
  oldestMs(): { records: number | null; negatives: number | null };
  /** Events of the gateway that wait for the stream. */
  waitingEvents(): number;
  /** Of these, the ones on disk. */
  spilledEvents(): number;
  /** Events of the gateway that were lost to a full buffer. */
  lostEvents(): number;
  /** Requests whose record waits for the stream. */
  waitingRequests(): number;
  /** Requests that are not listed: the buffer was full. */
  lostRequests(): number;
  policyDigest(): string;
  busConnected(): boolean;
  /** How the audit log stands; null where nobody says so in time. */
  auditLog(): Promise<AuditLogState | null>;
  /** What each service owes it; without those that do not say so in time. */
  outboxes(): Promise<ReadonlyMap<string, OutboxState>>;
}

export interface AuditLogState {
  readonly size: number;
  readonly checked_at: string | null;
  readonly damaged_index: number | null;
  readonly rejected?: number | undefined;
  readonly retention?: { readonly dropped_below: number; readonly ran_at: string | null } | null | undefined;
  readonly webhooks?: WebhookState | undefined;
}

/** The process's metrics. Labels are closed sets: routes as the tables name them, never paths; codes, never texts. */
export class Metrics {
  readonly registry = new Registry();
  private readonly requests = new Counter({
    name: 'portcullis_http_requests_total',
    help: 'Requests answered, by the route that matched and the class of the status',
    labelNames: ['route', 'status'],
    registers: [this.registry],
  });
  private readonly durations = new Histogram({
    name: 'portcullis_http_request_duration_seconds',
    help: 'From the headers read to the answer sent',
    labelNames: ['route'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [this.registry],
  });
  private readonly refusals = new Counter({
    name: 'portcullis_refusals_total',
    help: 'Requests refused, by code',
    labelNames: ['code'],
    registers: [this.registry],
  });
  private readonly s3Refusals = new Counter({
    name: 'portcullis_s3_refusals_total',
    help: 'Requests refused at the S3 port, by the code of the answer',
    labelNames: ['code'],
    registers: [this.registry],
  });
  private readonly policyFaults = new Counter({
    name: 'portcullis_policy_refused_total',
    help: 'Edits of the policy that were not taken',
    registers: [this.registry],
  });

  private readonly acknowledgements = new Histogram({
    name: 'portcullis_enforcement_acknowledgement_seconds',
    help: 'From the arrival of a marker at this process until its acknowledgement was sent, what it closes closed',
    labelNames: ['authority'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 2.5, 5],
    registers: [this.registry],
  });
  private readonly heard = new Histogram({
    name: 'portcullis_enforcement_commit_to_acknowledgement_seconds',
    help: 'From the commit of each change until the service that made it heard this process acknowledge it, by the clock of that service',
    labelNames: ['authority'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [this.registry],
  });
  private readonly revocations = new Histogram({
    name: 'portcullis_revocation_duration_seconds',
    help: 'Of changes that are in force when they are answered: from the call to the service that makes one until its answer',
    labelNames: ['outcome'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15],
    registers: [this.registry],
  });
  private readonly enforcements = new Histogram({
    name: 'portcullis_revocation_enforcement_seconds',
    help: 'The part of the same from the commit until the last enforcer had acknowledged or was fenced, as the receipt has it',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [this.registry],
  });
  private readonly fenced = new Counter({
    name: 'portcullis_enforcers_fenced_total',
    help: 'Enforcers that did not acknowledge a change in time and were shut out, by the receipts that passed here',
    registers: [this.registry],
  });

  /** Of several processes that share a port, the sum of what they count, and of what holds or not the worst. */
  constructor(watched: Watched) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    auditGauge(registers, watched, 'portcullis_audit_log_size', 'Events in the audit log', ({ size }) => size);
    auditGauge(
      registers,
      watched,
      'portcullis_audit_log_checked_timestamp_seconds',
      'When all of the audit log had last been held against what was signed, in seconds since 1970',
      ({ checked_at }) => (checked_at === null ? null : new Date(checked_at).getTime() / 1000),
    );
    auditGauge(
      registers,
      watched,
      'portcullis_audit_log_damaged',
      '1 once the audit log was found not to be what was signed',
      ({ damaged_index }) => (damaged_index === null ? 0 : 1),
    );
    auditGauge(
      registers,
      watched,
      'portcullis_audit_rejected',
      'Messages that audit has put aside because they are no events of ours',
      ({ rejected }) => rejected ?? null,
    );
    auditGauge(
      registers,
      watched,
      'portcullis_audit_bodies_dropped_below',
      'The index of the audit log below which what events said was dropped, their retention term being over; absent without a term',
      ({ retention }) => retention?.dropped_below ?? null,
    );
    auditGauge(
      registers,
      watched,
      'portcullis_audit_retention_run_timestamp_seconds',
      'When it was last looked whether more events are past their retention term, in seconds since 1970; 0 if it never was',
      ({ retention }) => (retention ? new Date(retention.ran_at ?? 0).getTime() / 1000 : null),
    );
    for (const [name, help, read] of outboxMetrics) outboxGauge(registers, watched, { name, help, read });
    webhookMetrics(registers, async () => (await watched.auditLog())?.webhooks);
    // There from the start: what begins at its first event looks to Prometheus like nothing that has risen.
    for (const outcome of ['acknowledged', 'fenced', 'pending']) this.revocations.zero({ outcome });
    for (const authority of authorities) {
      this.acknowledgements.zero({ authority });
      this.heard.zero({ authority });
    }
    for (const code of ErrorCode.options) this.refusals.inc({ code }, 0);
    gauge(
      registers,
      'portcullis_enforcement_lease',
      'Whether answers from memory are allowed',
      ['authority'],
      (set) => {
        for (const { authority, lease } of watched.leases()) set({ authority }, lease ? 1 : 0);
      },
      'min',
    );
    gauge(
      registers,
      'portcullis_enforcement_lease_age_seconds',
      'Since the renewal was sent that the lease counts from; absent without a lease',
      ['authority'],
      (set) => {
        for (const { authority, leaseAgeMs } of watched.leases())
          if (leaseAgeMs !== null) set({ authority }, leaseAgeMs / 1000);
      },
      'max',
    );
    gauge(
      registers,
      'portcullis_enforcement_lease_length_seconds',
      'How long a lease lasts, as it was granted; absent without one',
      ['authority'],
      (set) => {
        for (const { authority, leaseMs } of watched.leases()) if (leaseMs !== null) set({ authority }, leaseMs / 1000);
      },
      'min',
    );
    gauge(
      registers,
      'portcullis_enforcement_markers_held',
      'Markers in memory: blocks and epochs that every decision is tested against, tags that are remembered against late answers',
      ['authority', 'kind'],
      (set) => {
        for (const { authority, held } of watched.leases()) {
          set({ authority, kind: 'block' }, held.blocks);
          set({ authority, kind: 'epoch' }, held.epochs);
          set({ authority, kind: 'remembered' }, held.remembered);
        }
      },
      'max', // each process holds the same
    );
    // The oldest alone: it bounds them all. Nothing that is answered from memory is further behind than this.
    gauge(
      registers,
      'portcullis_cache_oldest_seconds',
      'How long ago the oldest entry was kept that may still be used; absent where there is none',
      ['table'],
      (set) => {
        for (const [table, age] of Object.entries(watched.oldestMs())) if (age !== null) set({ table }, age / 1000);
      },
      'max',
    );
    gauge(registers, 'portcullis_cache_entries', 'Entries in memory', ['table'], (set) => {
      for (const [table, size] of Object.entries(watched.cached())) set({ table }, size);
    });
    gauge(registers, 'portcullis_events_waiting', 'Events of the gateway that wait for the stream', [], (set) =>
      set({}, watched.waitingEvents()),
    );
    gauge(registers, 'portcullis_events_spilled', 'Of these, events that are on disk', [], (set) =>
      set({}, watched.spilledEvents()),
    );
    gauge(
      registers,
      'portcullis_events_lost',
      'Events of the gateway lost since the start: the buffer was full',
      [],
      (set) => set({}, watched.lostEvents()),
    );
    gauge(registers, 'portcullis_requests_waiting', 'Records of requests that wait for the stream', [], (set) =>
      set({}, watched.waitingRequests()),
    );
    gauge(
      registers,
      'portcullis_requests_lost',
      'Requests that are in no list since the start: the buffer was full',
      [],
      (set) => set({}, watched.lostRequests()),
    );
    gauge(registers, 'portcullis_policy_info', 'Processes by the digest of the policy in force', ['digest'], (set) =>
      set({ digest: watched.policyDigest() }, 1),
    );
    gauge(
      registers,
      'portcullis_bus_connected',
      'Whether the message bus is there',
      [],
      (set) => set({}, watched.busConnected() ? 1 : 0),
      'min',
    );
  }

  answered(route: string, status: number, seconds: number): void {
    this.requests.inc({ route, status: `${Math.floor(status / 100)}xx` });
    this.durations.observe({ route }, seconds);
  }

  refused(code: string): void {
    this.refusals.inc({ code });
  }

  s3Refused(code: string): void {
    this.s3Refusals.inc({ code });
  }

  acknowledged(authority: Authority, milliseconds: number): void {
    this.acknowledgements.observe({ authority }, milliseconds / 1000);
  }

  heardAfter(authority: Authority, milliseconds: number): void {
    this.heard.observe({ authority }, milliseconds / 1000);
  }

  /** @param receipt null: it was answered that the enforcement is not confirmed yet */
  revoked(milliseconds: number, receipt: EnforcementReceipt | null): void {
    const outcome = receipt === null ? 'pending' : receipt.fenced > 0 ? 'fenced' : 'acknowledged';
    this.revocations.observe({ outcome }, milliseconds / 1000);
    if (receipt === null) return;
    this.enforcements.observe(receipt.elapsed_ms / 1000);
    this.fenced.inc(receipt.fenced);
  }

  policyRefused(): void {
    this.policyFaults.inc();
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }
}

const outboxMetrics: readonly (readonly [name: string, help: string, read: (state: OutboxState) => number])[] = [
  ['portcullis_outbox_events', 'Events that a service owes the audit log', ({ events }) => events],
  [
    'portcullis_outbox_oldest_seconds',
    'Since the oldest event happened that a service owes the audit log; 0 where it owes none',
    ({ oldest_seconds: oldest }) => oldest ?? 0,
  ],
  ['portcullis_outbox_bound', 'How many it may owe before changes are refused', ({ bound }) => bound],
];

/** Absent for a service that does not answer, and for all while NATS is away. All processes say the same. */
function outboxGauge(
  registers: Registry[],
  watched: Watched,
  { name, help, read }: { name: string; help: string; read: (state: OutboxState) => number },
): void {
  new Gauge({
    aggregator: 'max',
    name,
    help,
    labelNames: ['service'],
    registers,
    async collect() {
      const states = await watched.outboxes();
      this.reset();
      for (const [service, state] of states) this.set({ service }, read(state));
    },
  });
}

/** Absent while audit does not answer. All processes say the same. */
function auditGauge(
  registers: Registry[],
  watched: Watched,
  name: string,
  help: string,
  read: (state: AuditLogState) => number | null,
): void {
  new Gauge({
    aggregator: 'max',
    name,
    help,
    // A gauge without labels would show as 0 where nothing is known.
    labelNames: ['log'],
    registers,
    async collect() {
      const state = await watched.auditLog();
      const value = state && read(state);
      this.reset();
      if (value !== null) this.set({ log: 'audit' }, value);
    },
  });
}

function gauge(
  registers: Registry[],
  name: string,
  help: string,
  labelNames: string[],
  read: (set: (labels: Record<string, string>, value: number) => void) => void,
  aggregator: 'sum' | 'min' | 'max' = 'sum',
): void {
  new Gauge({
    aggregator,
    name,
    help,
    labelNames,
    registers,
    collect() {
      this.reset();
      read((labels, value) => this.set(labels, value));
    },
  });
}
