import { type AccessBatch, type AccessRecord, maxAccessRecords, newId } from '@portcullis/contracts';
import { type Identity } from '../judgement.js';

/** A request that a credential of a key made, as it was answered. */
export interface Access {
  readonly requestId: string;
  /** When it began. */
  readonly timeMs: number;
  readonly method: string;
  /** Without query. */
  readonly path: string;
  readonly route: string | null;
  readonly status: number;
  readonly durationMs: number;
  readonly userAgent: string | undefined;
  readonly identity: KeyIdentity;
}

/** Who acts by a key, in whatever form of it. */
export type KeyIdentity = Extract<Identity, { kind: 'principal' }> & {
  readonly key: NonNullable<Extract<Identity, { kind: 'principal' }>['key']>;
};

export interface AccessLogOptions {
  /** Puts one batch on the stream, and rejects if that is not certain. */
  readonly publish: (batch: AccessBatch) => Promise<void>;
  readonly now: () => Date;
  readonly report: (line: string) => void;
  /** Records that wait while the stream is away. */
  readonly maxBuffered?: number;
}

const completePerSecond = 100;
const tickMilliseconds = 500;
const maxPathBytes = 512;
const maxAgentLength = 256;

/**
 * The requests that keys made, in batches on the stream ACCESS. Complete up to 100 a second of a key; of the rest of a second one is
 * written, with how many more there were. Nobody waits for the stream: records are buffered, and the newest dropped and counted when
 * the buffer is full. On the request path one object is made and kept; texts are made of it when its batch is due.
 */
export class AccessLog {
  readonly #options: AccessLogOptions;
  /** By key, the second that is being counted. */
  readonly #counts = new Map<string, Count>();
  #waiting: (Access | Summed)[] = [];
  /** A batch that the stream has not taken yet, as it will be published again: under the same id. */
  #unsent: AccessBatch | undefined;
  #dropped = 0;
  #publishing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AccessLogOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.tick(), tickMilliseconds);
  }

  /** Tries once more to publish everything. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    for (const count of this.#counts.values()) this.#close(count);
    this.#counts.clear();
    await this.#publishing;
    this.#kick();
    await this.#publishing;
  }

  /** Requests that are lost to a full buffer, since the start. For the metric. */
  get dropped(): number {
    return this.#dropped;
  }

  get buffered(): number {
    return this.#waiting.length + (this.#unsent?.records.length ?? 0);
  }

  answered(access: Access): void {
    const { id } = access.identity.key;
    const second = Math.floor((access.timeMs + access.durationMs) / 1_000);
    let count = this.#counts.get(id);
    if (!count) this.#counts.set(id, (count = { second, own: 0, over: undefined, omitted: 0 }));
    if (count.second !== second) {
      this.#close(count);
      count.second = second;
    }
    if (count.own < completePerSecond) {
      count.own += 1;
      this.#keep(access);
    } else if (count.over) count.omitted += 1;
    else count.over = access;
  }

  /** Closes seconds that are past, and publishes. Every half second. */
  tick(): void {
    const second = Math.floor(this.#options.now().getTime() / 1_000);
    for (const [id, count] of this.#counts) {
      if (count.second === second) continue;
      this.#close(count);
      this.#counts.delete(id);
    }
    this.#kick();
  }

  #close(count: Count): void {
    if (count.over) this.#keep(count.omitted === 0 ? count.over : { ...count.over, omitted: count.omitted });
    count.own = 0;
    count.over = undefined;
    count.omitted = 0;
  }

  #keep(access: Access | Summed): void {
    if (this.buffered >= (this.#options.maxBuffered ?? 20_000)) {
      if (this.#dropped === 0) this.#options.report('the buffer of requests is full: some will not be listed');
      this.#dropped += 1 + ('omitted' in access ? access.omitted : 0);
      return;
    }
    this.#waiting.push(access);
    if (this.#waiting.length === maxAccessRecords) this.#kick();
  }

  #kick(): void {
    this.#publishing ??= this.#publish().finally(() => (this.#publishing = undefined));
  }

  /** Until nothing waits or the stream does not take a batch. */
  async #publish(): Promise<void> {
    while (this.#unsent || this.#waiting.length > 0) {
      this.#unsent ??= {
        id: newId('req', this.#options.now()),
        records: this.#waiting.splice(0, maxAccessRecords).map(recordOf),
      };
      try {
        await this.#options.publish(this.#unsent);
      } catch {
        return;
      }
      this.#unsent = undefined;
    }
  }
}

type Summed = Access & { readonly omitted: number };

interface Count {
  second: number;
  own: number;
  /** The first beyond those that are written each. */
  over: Access | undefined;
  omitted: number;
}

function recordOf(access: Access | Summed): AccessRecord {
  const { identity } = access;
  const { principal } = identity;
  return {
    request_id: access.requestId,
    time_ms: Math.floor(access.timeMs),
    method: access.method.slice(0, 32),
    path: cut(access.path),
    route: access.route === null ? null : access.route.slice(0, 1_024),
    status: access.status,
    duration_ms: Math.round(access.durationMs),
    client_ip: identity.clientIp,
    user_agent: access.userAgent?.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, maxAgentLength) ?? null,
    api_key_id: identity.key.id,
    secret_id: identity.secretId ?? null,
    principal_kind: principal.kind,
    principal_id: principal.id,
    organization_id: identity.key.organization_id,
    ...('omitted' in access ? { omitted: access.omitted } : {}),
  };
}

/** To its first 512 bytes, with no character cut in two. */
function cut(path: string): string {
  if (Buffer.byteLength(path) <= maxPathBytes) return path;
  return Buffer.from(path)
    .subarray(0, maxPathBytes)
    .toString()
    .replace(/\ufffd+$/, '');
}
