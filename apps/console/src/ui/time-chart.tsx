import { type TimeBin, roundTop } from './time-bins';
import './plain-table.css';
import './time-chart.css';

/** At most three: each has a pattern of its own beside its colour. */
export interface ChartKind {
  readonly name: string;
  readonly look: 'plain' | 'hatched' | 'dotted';
}

const [width, height] = [600, 160];

const short = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'short' });
const total = ({ counts }: TimeBin): number => counts.reduce((sum, count) => sum + count, 0);

/** How many of what and when: bars for the eye, the same numbers as a table for everyone. */
export function TimeChart({
  label,
  bins,
  kinds,
}: {
  /** What is counted: "Events". */
  label: string;
  bins: readonly TimeBin[];
  kinds: readonly ChartKind[];
}) {
  const [first, last] = [bins[0], bins.at(-1)];
  if (!first || !last) return null;
  const highest = bins.reduce((most, bin) => (total(bin) > total(most) ? bin : most), first);
  const top = roundTop(total(highest));
  const all = bins.reduce((sum, bin) => sum + total(bin), 0);
  const reach = `from ${short.format(first.from)} to ${short.format(last.to)}`;
  const said =
    all === 0
      ? `${label}: none ${reach}.`
      : `${label}: ${all} ${reach}, most at ${short.format(highest.from)}: ${total(highest)}.`;
  return (
    <figure className="time-chart">
      <figcaption>{said}</figcaption>
      <div className="time-chart-plot">
        <div className="time-chart-scale" aria-hidden>
          <span>{top}</span>
          <span>0</span>
        </div>
        <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={said}>
          <Patterns />
          {bins.map((bin, index) => (
            <Bar key={bin.from} bin={bin} kinds={kinds} at={(index * width) / bins.length} of={bins.length} top={top} />
          ))}
        </svg>
        <div className="time-chart-times" aria-hidden>
          <span>{short.format(first.from)}</span>
          <span>{short.format(last.to)}</span>
        </div>
      </div>
      {kinds.length > 1 && (
        <ul className="time-chart-kinds">
          {kinds.map(({ name, look }) => (
            <li key={name} className="row">
              <svg width={20} height={14} aria-hidden>
                <rect className="time-chart-part" data-look={look} width={20} height={14} />
              </svg>
              {name}
            </li>
          ))}
        </ul>
      )}
      <details className="unfold">
        <summary>The same as a table</summary>
        <div className="details-body">
          <table className="plain-table">
            <thead>
              <tr>
                <th scope="col">From</th>
                {kinds.map(({ name }) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {bins.map(({ from, counts }) => (
                <tr key={from}>
                  <th scope="row">{short.format(from)}</th>
                  {kinds.map(({ name }, kind) => (
                    <td key={name}>{counts[kind]}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

function Bar({
  bin,
  kinds,
  at,
  of,
  top,
}: {
  bin: TimeBin;
  kinds: readonly ChartKind[];
  at: number;
  of: number;
  top: number;
}) {
  const step = width / of;
  let below = 0;
  return (
    <g>
      <title>{`${short.format(bin.from)}: ${kinds.map(({ name }, kind) => `${bin.counts[kind]} ${name}`).join(', ')}`}</title>
      <rect className="time-chart-reach" x={at} y={0} width={step} height={height} />
      {kinds.map(({ name, look }, kind) => {
        const tall = ((bin.counts[kind] ?? 0) / top) * height;
        below += tall;
        return (
          <rect
            key={name}
            className="time-chart-part"
            data-look={look}
            x={at + step * 0.1}
            y={height - below}
            width={step * 0.8}
            height={tall}
          />
        );
      })}
    </g>
  );
}

/** Of all charts of a page alike, so which of them a reference finds makes no difference. */
function Patterns() {
  return (
    <defs>
      <pattern id="time-chart-hatched" width={6} height={6} patternUnits="userSpaceOnUse">
        <rect className="time-chart-ground" width={6} height={6} />
        <path className="time-chart-hatch" d="M-1 1l2-2M0 6l6-6M5 7l2-2" />
      </pattern>
      <pattern id="time-chart-dotted" width={6} height={6} patternUnits="userSpaceOnUse">
        <rect className="time-chart-ground" width={6} height={6} />
        <circle className="time-chart-dot" cx={3} cy={3} r={1.6} />
      </pattern>
    </defs>
  );
}
