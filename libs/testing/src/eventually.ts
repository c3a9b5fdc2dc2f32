const firstPauseMilliseconds = 10;
/** Asking costs what is waited for the processor: what takes long is asked for less often. */
const longestPauseMilliseconds = 200;

/** Waits until `probe` answers something other than undefined, false or null, or fails after `timeoutMilliseconds` with what it last said. */
export async function eventually<T>(
  probe: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  timeoutMilliseconds = 10_000,
): Promise<T> {
  const until = performance.now() + timeoutMilliseconds;
  let last: unknown;
  let pauseMilliseconds = firstPauseMilliseconds;
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== null && answer !== false) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (performance.now() > until)
      throw new Error(`It did not happen within ${timeoutMilliseconds} ms`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds));
    pauseMilliseconds = Math.min(pauseMilliseconds * 1.25, longestPauseMilliseconds);
  }
}
