/**
 * Buckets of a grant, by where they were said. What is typed passes through names of buckets that are there, which nobody chose: so what is
 * named never becomes a tick.
 */
export interface BucketChoice {
  /** By a tick, or held before the form was opened. */
  readonly ticked: readonly string[];
  /** Typed here. */
  readonly named: readonly string[];
}

export const chosen = ({ ticked, named }: BucketChoice): string[] => [...new Set([...ticked, ...named])];

/** What the boxes show as ticked. @param known names of the buckets that there is a box for */
export const tickedOf = ({ ticked }: BucketChoice, known: readonly string[]): string[] =>
  ticked.filter((name) => known.includes(name));

/** What is listed by its name. */
export const namedOf = ({ ticked, named }: BucketChoice, known: readonly string[]): string[] =>
  chosen({ ticked: ticked.filter((name) => !known.includes(name)), named });

export const withTicked = (choice: BucketChoice, known: readonly string[], now: readonly string[]): BucketChoice => ({
  ...choice,
  ticked: [...choice.ticked.filter((name) => !known.includes(name)), ...now],
});

/** What was held before stays apart from what is typed: names of what is there may be known only later. */
export function withNamed(choice: BucketChoice, known: readonly string[], now: readonly string[]): BucketChoice {
  const ticked = choice.ticked.filter((name) => known.includes(name) || now.includes(name));
  return { ticked, named: now.filter((name) => known.includes(name) || !ticked.includes(name)) };
}
