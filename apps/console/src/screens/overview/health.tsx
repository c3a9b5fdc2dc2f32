import { useQuery } from '@tanstack/react-query';
import { type ReactNode } from 'react';
import { useMay } from '../../api/me';
import { metrics, readiness } from '../../api/metrics';
import { type Metrics } from '../../api/metrics-text';
import { Problem } from '../../api/problem';
import { Badge, ProblemNotice } from '../../ui/notice';
import { Card, Facts } from '../../ui/page';
import { Time } from '../../ui/time';

/** Whether the gateway can decide and, for who may see it, how the parts behind it are. */
export function Health() {
  const may = useMay();
  const mayMeasure = may('policy:view');
  const ready = useQuery(readiness);
  const measured = useQuery({ ...metrics, enabled: mayMeasure });
  return (
    <Card title="Health of the stack">
      <p role="status">
        {ready.isPending && <Badge>Asking</Badge>}
        {ready.data && <Badge tone="good">Ready: the gateway can decide</Badge>}
        {ready.error && <Badge tone="bad">Not ready</Badge>}
      </p>
      {ready.error && <Missing error={ready.error} />}
      {measured.error && <ProblemNotice error={measured.error} onRepeat={() => void measured.refetch()} />}
      {mayMeasure && <Facts of={measured.data ? saidBy(measured.data) : waiting} />}
    </Card>
  );
}

function Missing({ error }: { error: Error }) {
  const missing = error instanceof Problem ? Object.entries(error.fields) : [];
  if (missing.length === 0) return <ProblemNotice error={error} />;
  return <Facts of={missing} />;
}

const titles = {
  bus: 'Message bus',
  leases: 'Leases',
  record: 'Record',
  checked: 'Record last checked',
  owed: 'Owed to the record',
  aside: 'Put aside as no events',
};

const waiting = Object.values(titles).map((title): readonly [string, ReactNode] => [title, <span key="">…</span>]);

const unknown = <span className="soft">not known now</span>;

function saidBy(of: Metrics): (readonly [string, ReactNode])[] {
  const sum = (name: string) => of(name).reduce((total, one) => total + one, 0);
  const [size] = of('portcullis_audit_log_size');
  const [checked] = of('portcullis_audit_log_checked_timestamp_seconds');
  const owed = sum('portcullis_outbox_events');
  const oldest = Math.max(0, ...of('portcullis_outbox_oldest_seconds'));
  const aside = sum('portcullis_audit_rejected');
  return [
    [
      titles.bus,
      of('portcullis_bus_connected').includes(0) ? (
        <Badge tone="bad">not connected</Badge>
      ) : (
        <Badge tone="good">connected</Badge>
      ),
    ],
    [
      titles.leases,
      of('portcullis_enforcement_lease').includes(0) ? (
        <Badge tone="warn">one has run out</Badge>
      ) : (
        <Badge tone="good">all hold</Badge>
      ),
    ],
    [
      titles.record,
      size === undefined ? (
        unknown
      ) : (
        <span className="row">
          {size.toLocaleString()} events
          {of('portcullis_audit_log_damaged').includes(1) ? (
            <Badge tone="bad">damaged: it is not what was signed</Badge>
          ) : (
            <Badge tone="good">intact</Badge>
          )}
        </span>
      ),
    ],
    [titles.checked, checked ? <Time at={new Date(checked * 1000).toISOString()} /> : unknown],
    [
      titles.owed,
      owed === 0 ? 'nothing' : `${owed === 1 ? '1 event' : `${owed} events`}, the oldest for ${Math.round(oldest)} s`,
    ],
    [titles.aside, aside === 0 ? 'none' : <Badge tone="warn">{aside} messages</Badge>],
  ];
}
