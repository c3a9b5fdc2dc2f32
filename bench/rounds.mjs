// How everything here is measured: the candidates take turns, round after round, the order turned around each time, so that
// what the machine does meanwhile meets all of them. Only ratios within one run are compared; what is told is the median.

/** However busy the machine is: a warm-up that does not end by requests ends by time. */
const maxWarmMilliseconds = 45_000;

/**
 * Code is warm after so many requests, not after so many seconds: on a busy machine a slow candidate would be measured cold, and
 * whatever it is compared with would look good.
 * @param options.warmRequests how many at least come before the first round
 * @param candidates by name, each a function of milliseconds that answers `{ requests, cpu, seconds, … }`
 * @returns by name, the rounds' results with `microseconds`, CPU for one request
 */
export async function measure(candidates, { rounds, milliseconds, warmMilliseconds, warmRequests = 0 }) {
  const names = Object.keys(candidates);
  const results = Object.fromEntries(names.map((name) => [name, []]));
  for (const name of names) {
    const began = performance.now();
    let requests = 0;
    do requests += (await candidates[name](warmMilliseconds)).requests;
    while (requests < warmRequests && performance.now() - began < maxWarmMilliseconds);
    if (requests < warmRequests) tell(`${name} is hardly warm: ${requests} requests of ${warmRequests}.`);
  }
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      const result = await candidates[name](milliseconds);
      if (!(result.requests > 0)) throw new Error(`${name} answered nothing in ${milliseconds} ms`);
      results[name].push({ ...result, microseconds: (result.cpu / result.requests) * 1e6 });
    }
  }
  return results;
}

/** How many times `theirs` costs what `ours` does: taken round by round, then the median. */
export const ratio = (ours, theirs) =>
  median(ours.map(({ microseconds }, at) => theirs[at].microseconds / microseconds));

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function quantile(numbers, part) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

const tell = (line) => console.error(line);

export const middle = (results, field) => median(results.map((result) => result[field]));
