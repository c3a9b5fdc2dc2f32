import { type Authority, type Position } from '@portcullis/contracts';
import { type Enforcer, type Instant, type Tag } from '@portcullis/enforcement';
import { type Bus } from './bus.js';

/** How an authority is asked: `call` of the process's connection. */
export type Ask = Bus['call'];

/** One question to one authority, and how its answer is kept. */
export interface Lookup<R> {
  readonly name: string;
  readonly authority: Authority;
  /** Every authority whose markers can match the answer. */
  readonly under: readonly Authority[];
  tags(record: R): Tag[];
  /** Of the answer that there is no such thing. */
  readonly tagsOfNone?: readonly Tag[];
  ask(ask: Ask): Promise<{ position: Position; record: R | null }>;
}

/** A decision cannot be finished: a record is not in memory, something has to be asked first, or a marker stands against it. */
export type Stop =
  | { readonly stop: 'needs'; readonly lookup: Lookup<never> }
  | { readonly stop: 'waits'; readonly work: () => Promise<void> }
  | { readonly stop: 'blocked'; readonly tag: Tag }
  | { readonly stop: 'unavailable'; readonly why: string };

/** How long a record is kept at most. Revocations come by marker and do not wait for this; what widens a grant may. */
const keepMs = 30_000;
/** Of a key that does not exist. Its lookup part is random, so none is ever made under it. */
const keepUnknownMs = 10_000;

/** Reads records for one request at a time: from memory under leases, else from their authority. */
export class Records<Entry> {
  /** Questions under way that may be shared: their answers reach others only through the enforcer's own checks. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(
    private readonly enforcer: Enforcer<Entry | null>,
    private readonly ask: Ask,
    private readonly now: () => Instant,
  ) {}

  forRequest(): RequestRecords<Entry> {
    return new RequestRecords(this.enforcer, (lookup, answers) => this.#fetch(lookup, answers), this.now);
  }

  async #fetch<R extends Entry>(lookup: Lookup<R>, answers: Answers<Entry>): Promise<void> {
    const { name, under } = lookup;
    const shared = this.#underWay.get(name);
    if (shared && !answers.joined.has(name)) {
      answers.joined.add(name);
      await shared.catch(() => undefined);
      return;
    }
    const asking = this.#ask(lookup, answers);
    // Without a lease an answer serves only the request that asked after it had arrived.
    const now = this.now();
    if (!shared && under.every((authority) => this.enforcer.holdsLease(authority, now))) {
      this.#underWay.set(name, asking);
      const forget = () => this.#underWay.delete(name);
      asking.then(forget, forget);
    }
    await asking;
  }

  async #ask<R extends Entry>(lookup: Lookup<R>, answers: Answers<Entry>): Promise<void> {
    const { name, authority, under } = lookup;
    const { position, record } = await lookup.ask(this.ask);
    const about = {
      authority,
      at: position,
      under,
      tags: record === null ? (lookup.tagsOfNone ?? []) : lookup.tags(record),
      keepMs: record === null ? keepUnknownMs : keepMs,
      negative: record === null,
    };
    const kept = this.enforcer.remember(name, record, about, this.now());
    if (kept === 'no-lease') answers.fresh.set(name, record);
    else answers.fresh.delete(name);
  }
}

interface Answers<Entry> {
  /** Answers to this very request that may not be kept. */
  readonly fresh: Map<string, Entry | null>;
  /** Questions of others that this request has waited for: once each. */
  readonly joined: Set<string>;
}

/** The records as one request may use them. */
export class RequestRecords<Entry> {
  readonly #answers: Answers<Entry> = { fresh: new Map(), joined: new Set() };

  constructor(
    private readonly enforcer: Enforcer<Entry | null>,
    private readonly fetchRecord: <R extends Entry>(lookup: Lookup<R>, answers: Answers<Entry>) => Promise<void>,
    private readonly now: () => Instant,
  ) {}

  /** The record as it may be used in this turn of the event loop. */
  look<R extends Entry>(lookup: Lookup<R>): { readonly record: R | null } | Stop {
    const recalled = this.enforcer.recall(lookup.name, this.now());
    if (recalled.outcome === 'record') return { record: recalled.record as R | null };
    if (recalled.outcome === 'blocked') return { stop: 'blocked', tag: recalled.tag };
    if (recalled.outcome === 'no-lease' || !this.#leased(lookup)) {
      const fresh = this.#answers.fresh.get(lookup.name);
      if (fresh !== undefined) return { record: fresh as R | null };
    }
    return { stop: 'needs', lookup: lookup as Lookup<never> };
  }

  fetch(lookup: Lookup<never>): Promise<void> {
    return this.fetchRecord(lookup, this.#answers);
  }

  #leased({ under }: { readonly under: readonly Authority[] }): boolean {
    const now = this.now();
    return under.every((authority) => this.enforcer.holdsLease(authority, now));
  }
}
