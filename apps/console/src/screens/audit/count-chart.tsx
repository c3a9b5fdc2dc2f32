import { type AuditEvent, type CountedEvents, mostCounted } from '../../api/audit';
import { Notice, ProblemNotice, Skeleton } from '../../ui/notice';
import { binned } from '../../ui/time-bins';
import { type ChartKind, TimeChart } from '../../ui/time-chart';

/** As many as can be told apart on a narrow screen. */
const mostBars = 40;

/** Events that were counted, or why they were not; and of how many of them the chart is made, where they are not all. */
export function CountChart({
  label,
  counted: { data, error, refetch },
  from,
  to,
  kinds,
  kindOf,
}: {
  label: string;
  counted: { readonly data: CountedEvents | undefined; readonly error: Error | null; readonly refetch: () => unknown };
  /** Unix ms. */
  from: number;
  to: number;
  kinds: readonly ChartKind[];
  /** Which of `kinds` an event is of. */
  kindOf: (event: AuditEvent) => number;
}) {
  if (error) return <ProblemNotice error={error} onRepeat={() => void refetch()} />;
  if (data === undefined) return <Skeleton lines={6} />;
  const things = data.events.map((event) => ({
    at: Date.parse(event.time),
    kind: kindOf(event),
    count: event.count,
  }));
  const oldest = things.reduce((least, { at }) => Math.min(least, at), to);
  const reach = {
    from: data.isWhole ? from : Math.max(from, oldest),
    to,
    kinds: kinds.length,
    most: mostBars,
    zoneMinutes: new Date().getTimezoneOffset(),
  };
  return (
    <>
      {!data.isWhole && (
        <Notice tone="warn" title="Not all of them">
          There are more events than are counted at once: the chart is of the newest {data.events.length} (of at most{' '}
          {mostCounted.toLocaleString()} that one count reads) and begins with the oldest of them. Narrow the search to
          see further back.
        </Notice>
      )}
      <TimeChart label={label} bins={binned(things, reach)} kinds={kinds} />
      <p className="soft">
        An event that stands for several counts as many. To count is to read the record, so it is written down, once a
        count.
      </p>
    </>
  );
}
