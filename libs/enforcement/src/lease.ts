/** Both clocks of this machine, read together. They only ever measure durations here. */
export interface Instant {
  /** Monotonic milliseconds (`performance.now()`). Stands still while a machine is suspended. */
  monotonicMs: number;
  /** `Date.now()`. May be set in either direction. */
  wallMs: number;
}

/**
 * Whether a lease asked for at `sentAt` still runs. Neither clock is trusted alone: it is over when either says so, and
 * when they disagree by more than the drift, for then one of them has not seen time pass that the authority has.
 */
export function leaseRuns(sentAt: Instant, leaseMs: number, now: Instant, driftMs: number): boolean {
  const monotonicMs = now.monotonicMs - sentAt.monotonicMs;
  const wallMs = now.wallMs - sentAt.wallMs;
  if (Math.abs(monotonicMs - wallMs) > driftMs) return false;
  return leaseAgeMs(sentAt, now) < leaseMs - driftMs;
}

/** What a lease asked for at `sentAt` has used up: by whichever clock says more. */
export function leaseAgeMs(sentAt: Instant, now: Instant): number {
  return Math.max(now.monotonicMs - sentAt.monotonicMs, now.wallMs - sentAt.wallMs);
}
