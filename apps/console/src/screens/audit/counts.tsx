import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { countedEvents, type EventFilter, outcomes } from '../../api/audit';
import { Button } from '../../ui/button';
import { SelectField } from '../../ui/field';
import { Card } from '../../ui/page';
import { CountChart } from './count-chart';

const hour = 3_600_000;
const spans = [
  { id: String(hour), label: 'One hour' },
  { id: String(24 * hour), label: '24 hours' },
  { id: String(7 * 24 * hour), label: '7 days' },
  { id: String(30 * 24 * hour), label: '30 days' },
];

const kinds = [
  { name: 'success', look: 'plain' },
  { name: 'denied', look: 'hatched' },
  { name: 'failure', look: 'dotted' },
] as const;

/** The events that were searched for, over time; read when it is asked for. */
export function Counts({ filter }: { filter: EventFilter }) {
  const [span, setSpan] = useState(String(24 * hour));
  const [asked, setAsked] = useState<{ from: number; to: number } | null>(null);
  const count = () => {
    // What is no time in the address is refused by the list, in words.
    const to = Date.parse(filter.until) || Date.now();
    setAsked({ from: Date.parse(filter.since) || to - Number(span), to });
  };
  const since = asked === null ? '' : new Date(asked.from).toISOString();
  const counted = useQuery({ ...countedEvents({ ...filter, since }), enabled: asked !== null });
  return (
    <Card title="Counts over time">
      <div className="filters">
        {filter.since === '' && <SelectField label="How far back" options={spans} value={span} onChange={setSpan} />}
        <Button onPress={count} isPending={counted.isFetching}>
          {asked === null ? 'Count' : 'Count again'}
        </Button>
      </div>
      {asked !== null && (
        <CountChart
          label="Events"
          counted={counted}
          {...asked}
          kinds={kinds}
          kindOf={({ outcome }) => outcomes.indexOf(outcome)}
        />
      )}
    </Card>
  );
}
