import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What is read at the moment of the scrape. */
export interface Watched {
  leases(): readonly { authority: string; lease: boolean }[];
  cached(): { records: number; negatives: number; streams: number };
  /** Denial events that wait for the stream. */
  waitingEvents(): number;
  /** Denials whose event was lost to a full buffer. */
  lostEvents(): number;
  /** Requests whose record waits for the stream. */
  waitingRequests(): number;
  /** Requests that are not listed: the buffer was full. */
  lostRequests(): number;
  policyDigest(): string;
  busConnected(): boolean;
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
  private readonly policyFaults = new Counter({
    name: 'portcullis_policy_refused_total',
    help: 'Edits of the policy that were not taken',
    registers: [this.registry],
  });

  /** Of several processes that share a port, the sum of what they count, and of what holds or not the worst. */
  constructor(watched: Watched) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
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
    gauge(registers, 'portcullis_cache_entries', 'Entries in memory', ['table'], (set) => {
      for (const [table, size] of Object.entries(watched.cached())) set({ table }, size);
    });
    gauge(registers, 'portcullis_events_waiting', 'Denial events that wait for the stream', [], (set) =>
      set({}, watched.waitingEvents()),
    );
    gauge(
      registers,
      'portcullis_events_lost',
      'Denials whose event was lost since the start: the buffer was full',
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

  policyRefused(): void {
    this.policyFaults.inc();
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }
}

function gauge(
  registers: Registry[],
  name: string,
  help: string,
  labelNames: string[],
  read: (set: (labels: Record<string, string>, value: number) => void) => void,
  aggregator: 'sum' | 'min' = 'sum',
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
