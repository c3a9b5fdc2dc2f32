import { type AuditEvent } from '../../api/audit';
import { Badge, type Tone } from '../../ui/notice';
import { type TableColumn } from '../../ui/table';
import { Time } from '../../ui/time';
import { ActorName } from './actor';

const tones: Readonly<Record<AuditEvent['outcome'], Tone>> = { success: 'good', denied: 'bad', failure: 'warn' };

export const OutcomeBadge = ({ outcome }: { outcome: AuditEvent['outcome'] }) => (
  <Badge tone={tones[outcome]}>{outcome}</Badge>
);

/** An event as a row, in the list and in the live tail. */
export function eventColumns(names: ReadonlyMap<string, string>): readonly TableColumn<AuditEvent>[] {
  return [
    { name: 'When', cell: ({ time }) => <Time at={time} /> },
    {
      name: 'What',
      isRowHeader: true,
      cell: ({ action, count }) => (
        <span className="row">
          <code>{action}</code>
          {count > 1 && <Badge>{count} times</Badge>}
        </span>
      ),
    },
    {
      name: 'Outcome',
      cell: ({ outcome, reason }) => (
        <span className="row">
          <OutcomeBadge outcome={outcome} /> {reason !== null && <span className="soft">{reason}</span>}
        </span>
      ),
    },
    { name: 'Who', cell: ({ actor }) => <ActorName of={actor} names={names} /> },
    {
      name: 'On what',
      cell: ({ resource: { kind, id } }) => (
        <>
          {kind} {id !== null && <code className="soft">{names.get(id) ?? id}</code>}
        </>
      ),
    },
  ];
}
