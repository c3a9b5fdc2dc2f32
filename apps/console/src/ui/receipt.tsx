import { useEffect, useState } from 'react';
import './receipt.css';

/** How a change came into force (the API's `enforcement`). */
export interface Enforcement {
  readonly enforcers: number;
  readonly acknowledged: number;
  readonly fenced: number;
  readonly elapsed_ms: number;
}

/** What a change answers that waits for every gateway; null and none: it had nothing to wait for. */
export interface Enforced {
  readonly enforcement?: Enforcement | null;
}

/** That a change is in force, and since when. */
export function Receipt({ enforcement }: { enforcement: Enforcement | null }) {
  return (
    <div className="receipt" data-done role="status">
      ✓ {enforcement === null ? 'In force: no gateway judges by what has changed.' : inWords(enforcement)}
    </div>
  );
}

/** "In force on all 3 gateways after 21 ms: 2 confirmed it, 1 was fenced (holds no lease, so it answers nothing from memory)." */
export function inWords({ enforcers, acknowledged, fenced, elapsed_ms }: Enforcement): string {
  const all = enforcers === 1 ? 'the one enforcer' : `all ${enforcers} enforcers`;
  const how =
    fenced === 0
      ? ''
      : `: ${acknowledged} confirmed it, ${fenced} ${fenced === 1 ? 'is' : 'are'} fenced (no lease, so nothing is answered from memory)`;
  return `In force on ${all} after ${Math.round(elapsed_ms)} ms${how}.`;
}

/** As long as a change waits for every gateway. */
export function Waiting() {
  const [began] = useState(() => performance.now());
  const [now, setNow] = useState(began);
  useEffect(() => {
    const clock = setInterval(() => setNow(performance.now()), 100);
    return () => clearInterval(clock);
  }, []);
  return (
    <div className="receipt" role="status">
      <span className="button-spinner" aria-hidden />
      <span>Waiting until every gateway goes by it</span>
      <span className="soft" aria-hidden>
        {((now - began) / 1000).toFixed(1)} s
      </span>
    </div>
  );
}
