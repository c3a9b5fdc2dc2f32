const minute = 60;
const hour = 60 * minute;

/** Seconds before the second attempt, the third, and so on: about 20 hours in all. Then an event is a dead letter. */
const delays = [10, 30, 90, 5 * minute, 15 * minute, 45 * minute, 2 * hour, 5 * hour, 12 * hour];

/** What a receiver may ask for at most with Retry-After. */
const maxRetryAfterSeconds = 12 * hour;

/** A webhook that has taken nothing for so long is disabled. */
export const failingDays = 5;
/** And the event at which that is found was tried so often: a quiet webhook is not disabled for one failure. */
export const failingAttempts = 3;

/**
 * How long to wait after an attempt, by how many there were; null when that was the last. Up to a quarter is added or taken away by
 * chance, so that what failed together does not come back together. Never sooner than the receiver asked.
 */
export function secondsUntilNext(
  attempts: number,
  retryAfterSeconds: number | null,
  chance: () => number = Math.random,
): number | null {
  const delay = delays[attempts - 1];
  if (delay === undefined) return null;
  return Math.max(delay * (0.75 + chance() / 2), heldSeconds(retryAfterSeconds));
}

/** How long a receiver wants nothing at all. */
export const heldSeconds = (retryAfterSeconds: number | null): number =>
  Math.min(retryAfterSeconds ?? 0, maxRetryAfterSeconds);
