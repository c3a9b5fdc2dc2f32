/** One bar of a chart over time. */
export interface TimeBin {
  /** Unix time in ms, of its beginning. */
  readonly from: number;
  /** Of its end, which is not in it. */
  readonly to: number;
  /** How many of each kind, in the order that was asked for. */
  readonly counts: readonly number[];
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const widths = [minute, 5 * minute, 15 * minute, hour, 3 * hour, 6 * hour, day, 7 * day];

/** The least of a list of plain widths that covers a time in at most `most` bars. All in ms. */
export function binWidth(span: number, most: number): number {
  return widths.find((width) => span / width <= most) ?? Math.ceil(span / most / day) * day;
}

/**
 * How many things fall into each stretch of a time.
 * @param from Unix ms; the first bar begins there or up to one width before, at a whole width of the reader's own clock
 * @param to Unix ms, not in it
 * @param zoneMinutes what `Date.getTimezoneOffset` says
 */
export function binned(
  things: readonly { readonly at: number; readonly kind: number; readonly count: number }[],
  {
    from,
    to,
    kinds,
    most,
    zoneMinutes,
  }: { from: number; to: number; kinds: number; most: number; zoneMinutes: number },
): TimeBin[] {
  const width = binWidth(to - from, most - 1);
  const shift = zoneMinutes * minute;
  const first = Math.floor((from - shift) / width) * width + shift;
  const bins = Array.from({ length: Math.max(1, Math.ceil((to - first) / width)) }, (_, index) => ({
    from: first + index * width,
    to: first + (index + 1) * width,
    counts: Array.from({ length: kinds }, () => 0),
  }));
  for (const { at, kind, count } of things) {
    const bin = bins[Math.floor((at - first) / width)];
    if (bin?.counts[kind] !== undefined && at < to) bin.counts[kind] += count;
  }
  return bins;
}

/** A round number at or above the highest, for the top of a scale: 1, 2, 5, 10, 20, 50, … */
export function roundTop(highest: number): number {
  if (highest <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(highest));
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= highest) ?? 10 * power;
}
