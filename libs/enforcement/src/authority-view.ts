import { leaseRuns, type Instant } from './lease.js';
import { passing, tag, type Marker, type Position, type Tag } from './messages.js';

/** How many markers an enforcer remembers to hold against resolves that are under way. */
const maxRemembered = 10_000;

/** What one enforcer knows of one authority, within one incarnation and, by `reset`, across them. */
export class AuthorityView {
  incarnation = 1;
  phase: 'joining' | 'renewing' | 'stopped' = 'joining';
  appliedThrough = 0;
  acknowledged = 0;
  history: string | undefined;
  lease: { sentAt: Instant; leaseMs: number } | undefined;
  /** Monotonic; the next message is due then. */
  dueMs = -Infinity;
  lastSentMs = -Infinity;
  #loaded = false;
  /** Resolves from before this seq cannot be judged any more. */
  #floor = 0;
  /** The latest marker by tag, oldest first. */
  readonly #latest = new Map<Tag, number>();
  /** Applied ahead of a gap. */
  readonly #ahead = new Set<number>();
  readonly #blocks = new Map<Tag, { seq: number; lifted: boolean; untilMs: number }>();
  readonly #epochs = new Map<Tag, { seq: number; epoch: number; untilMs: number }>();

  constructor(readonly authority: string) {}

  holds(now: Instant, driftMs: number): boolean {
    return this.lease !== undefined && leaseRuns(this.lease.sentAt, this.lease.leaseMs, now, driftMs);
  }

  /** Whether a record read at `position` could miss a marker that was applied here. */
  isStale(position: Position, tags: readonly Tag[]): boolean {
    if (position.history !== this.history || position.seq < this.#floor) return true;
    return tags.some((each) => (this.#latest.get(each) ?? 0) > position.seq);
  }

  /** @returns false if it was applied before */
  apply(marker: Marker, now: Instant): boolean {
    if (marker.seq <= this.appliedThrough || this.#ahead.has(marker.seq)) return false;
    const name = tag(marker.scope, marker.id);
    this.#rememberLatest(name, marker.seq);
    const untilMs = marker.keepMs === undefined ? Infinity : now.monotonicMs + marker.keepMs;
    if (marker.effect === 'epoch') {
      const epoch = marker.epoch ?? Infinity;
      if (epoch >= (this.#epochs.get(name)?.epoch ?? 0)) this.#epochs.set(name, { seq: marker.seq, epoch, untilMs });
    } else if (!passing(marker) && marker.seq > (this.#blocks.get(name)?.seq ?? 0)) {
      // A lift is kept too, while an earlier block may still arrive.
      this.#blocks.set(name, { seq: marker.seq, lifted: marker.effect === 'lift', untilMs });
    }
    this.#ahead.add(marker.seq);
    this.#closeGap();
    return true;
  }

  /** Everything up to `seq` has been applied. */
  advance(seq: number): void {
    this.appliedThrough = Math.max(this.appliedThrough, seq);
    for (const ahead of this.#ahead) if (ahead <= this.appliedThrough) this.#ahead.delete(ahead);
    this.#closeGap();
  }

  get hasGap(): boolean {
    return this.#ahead.size > 0;
  }

  /** The last page of the first load: what was read before it might miss markers that the authority keeps no more. */
  finishLoad(seq: number): void {
    if (this.#loaded) return;
    this.#loaded = true;
    this.#floor = Math.max(this.#floor, seq);
  }

  /** The seq of what refuses the tag, if something does. */
  refusal(name: Tag, epoch: number | undefined, now: Instant): number | undefined {
    const block = this.#blocks.get(name);
    if (block && !block.lifted && now.monotonicMs < block.untilMs) return block.seq;
    const least = this.#epochs.get(name);
    if (least && now.monotonicMs < least.untilMs && (epoch === undefined || epoch < least.epoch)) return least.seq;
    return undefined;
  }

  /** How much of the markers is kept: blocks and epochs that decisions are tested against, and tags that resolves under way are. */
  get held(): { blocks: number; epochs: number; remembered: number } {
    return { blocks: this.#blocks.size, epochs: this.#epochs.size, remembered: this.#latest.size };
  }

  /** Forget blocks that can match nothing any more. */
  sweep(now: Instant): void {
    for (const [name, { seq, lifted, untilMs }] of this.#blocks) {
      if (untilMs <= now.monotonicMs || (lifted && seq <= this.appliedThrough)) this.#blocks.delete(name);
    }
    for (const [name, { untilMs }] of this.#epochs) if (untilMs <= now.monotonicMs) this.#epochs.delete(name);
  }

  /** Begin a new incarnation that knows nothing. */
  reset(): void {
    this.incarnation += 1;
    this.phase = 'joining';
    this.appliedThrough = this.acknowledged = this.#floor = 0;
    this.history = this.lease = undefined;
    this.dueMs = -Infinity;
    this.#loaded = false;
    for (const table of [this.#latest, this.#ahead, this.#blocks, this.#epochs]) table.clear();
  }

  #rememberLatest(name: Tag, seq: number): void {
    const latest = Math.max(seq, this.#latest.get(name) ?? 0);
    this.#latest.delete(name);
    this.#latest.set(name, latest);
    if (this.#latest.size <= maxRemembered) return;
    const [oldest, oldestSeq] = this.#latest.entries().next().value!;
    this.#latest.delete(oldest);
    this.#floor = Math.max(this.#floor, oldestSeq);
  }

  #closeGap(): void {
    while (this.#ahead.delete(this.appliedThrough + 1)) this.appliedThrough += 1;
  }
}
