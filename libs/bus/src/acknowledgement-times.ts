import { type Outgoing } from '@portcullis/enforcement';

/** How long the markers that one authority broadcasts wait for their acknowledgement by this process. No clock is read here. */
export class AcknowledgementTimes {
  /** By seq, when each came. */
  readonly #waiting = new Map<number, number>();

  constructor(private readonly told: (milliseconds: number) => void) {}

  arrived(seqs: readonly number[], atMs: number): void {
    for (const seq of seqs) if (!this.#waiting.has(seq)) this.#waiting.set(seq, atMs);
  }

  /**
   * What was sent since to that authority, and how far its markers are applied now. A marker that stands behind a gap waits on; one
   * that had been acknowledged before it came again is not told, nor is any of an incarnation that is over: nobody waits for those.
   */
  sent(outgoing: readonly Outgoing[], appliedThrough: number, nowMs: number): void {
    for (const { message } of outgoing) {
      if (message.kind === 'join') this.#waiting.clear();
      if (message.kind !== 'ack') continue;
      for (const [seq, atMs] of this.#waiting) {
        if (seq > message.appliedThrough) continue;
        this.#waiting.delete(seq);
        this.told(nowMs - atMs);
      }
    }
    for (const seq of this.#waiting.keys()) if (seq <= appliedThrough) this.#waiting.delete(seq);
  }
}
