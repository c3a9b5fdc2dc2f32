import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { countedEvents } from '../../api/audit';
import { Button } from '../../ui/button';
import { Card } from '../../ui/page';
import { CountChart } from '../audit/count-chart';

const hour = 3_600_000;
const day = 24 * hour;

const kinds = [
  { name: 'requests denied', look: 'plain' },
  { name: 'credentials refused', look: 'hatched' },
  { name: 'other', look: 'dotted' },
] as const;

/** Counted once an hour at most, and again when it is asked for: each count is a reading of the record. */
let countedAt: number | null = null;

/** What was denied in the last day, over time. */
export function Denials() {
  const [to, setTo] = useState(() => {
    if (countedAt === null || Date.now() - countedAt > hour) countedAt = Date.now();
    return countedAt;
  });
  const filter = { outcome: 'denied', since: new Date(to - day).toISOString() };
  const counted = useQuery({ ...countedEvents(filter), gcTime: Infinity });
  const again = () => {
    countedAt = Date.now();
    setTo(countedAt);
  };
  return (
    <div className="overview-wide">
      <Card
        title="Denials in 24 hours"
        actions={
          <Button onPress={again} isPending={counted.isFetching}>
            Count again
          </Button>
        }
      >
        <CountChart
          label="Denials"
          counted={counted}
          from={to - day}
          to={to}
          kinds={kinds}
          kindOf={({ action }) => (action === 'request.denied' ? 0 : action === 'credential.refused' ? 1 : 2)}
        />
        <p>
          <Link to={`/audit?${new URLSearchParams(filter)}`}>To these events</Link>
        </p>
      </Card>
    </div>
  );
}
