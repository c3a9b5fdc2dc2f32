import { useSyncExternalStore } from 'react';

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const steps: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['second', 60],
  ['minute', 60],
  ['hour', 24],
  ['day', 14],
];

/** "3 minutes ago", "in 2 days"; beyond two weeks the day itself. What is less than half a minute ahead is now: clocks differ by that much. */
export function inWords(time: Date, now: number): string {
  let distance = (time.getTime() - now) / 1000;
  if (distance > 0 && distance < 30) distance = 0;
  for (const [unit, next] of steps) {
    if (Math.abs(distance) < next) return relative.format(Math.round(distance), unit);
    distance /= next;
  }
  return day.format(time);
}

let now = Date.now();
const watchers = new Set<() => void>();
setInterval(() => {
  now = Date.now();
  for (const watcher of watchers) watcher();
}, 20_000);
const onStroke = (watcher: () => void): (() => void) => {
  // What is shown anew may be younger than the clock's last stroke, and would lie ahead of it.
  if (Date.now() - now > 1_000) now = Date.now();
  watchers.add(watcher);
  return () => watchers.delete(watcher);
};

/** An RFC 3339 time in the reader's zone; the exact one on hover, and for screen readers. */
export function Time({ at, otherwise = '–' }: { at: string | null | undefined; otherwise?: string }) {
  const from = useSyncExternalStore(onStroke, () => now);
  if (at === null || at === undefined) return <span className="soft">{otherwise}</span>;
  const time = new Date(at);
  return (
    <time dateTime={at} title={`${exact.format(time)}\n${at}`}>
      {inWords(time, from)}
    </time>
  );
}
