import { useEffect, useRef, useState } from 'react';
import { type AuditEvent } from '../../api/audit';
import { followEvents, type Place } from '../../api/live-events';
import { wholeList } from '../../api/whole-list';
import { Button, ButtonLink } from '../../ui/button';
import { SwitchField } from '../../ui/field';
import { Badge, Empty, ProblemNotice } from '../../ui/notice';
import { Page } from '../../ui/page';
import { RecordTable } from '../../ui/table';
import { useNames } from './actor';
import { eventColumns } from './event-columns';
import { useSpokenCount } from './spoken-count';

/** As many rows as are kept; what is older is in the list. */
const mostRows = 200;

type Connection = 'connecting' | 'open' | 'lost';

/** Events as they are kept, until the page is left or it is paused. After a pause it goes on where it was. */
export function LiveTail() {
  const place = useRef<Place>({ id: '' });
  const [isPaused, setPaused] = useState(false);
  const [connection, setConnection] = useState<Connection>('connecting');
  const [error, setError] = useState<unknown>(null);
  const [rows, setRows] = useState<readonly AuditEvent[]>([]);
  const [heard, setHeard] = useState(0);
  const [isWithoutReadings, setWithoutReadings] = useState(false);
  const names = useNames();
  const spoken = useSpokenCount(heard);

  useEffect(() => {
    if (isPaused || error !== null) return;
    const leaving = new AbortController();
    setConnection('connecting');
    followEvents(place.current, leaving.signal, {
      onOpen: () => setConnection('open'),
      onLost: () => setConnection('lost'),
      onEvents: (events) => {
        setRows((before) => [...[...events].reverse(), ...before].slice(0, mostRows));
        setHeard((before) => before + events.length);
      },
    }).catch(setError);
    return () => leaving.abort();
  }, [isPaused, error]);

  const shown = isWithoutReadings ? rows.filter(({ action }) => !action.startsWith('record.')) : rows;
  return (
    <Page
      title="Live tail"
      about="Events of this organization as they are kept, from now on. A connection that breaks is made again where it ended, so nothing is missed."
      actions={
        <>
          <ButtonLink href="/audit">To the search</ButtonLink>
          <Button kind="primary" onPress={() => setPaused(!isPaused)}>
            {isPaused ? 'Go on' : 'Pause'}
          </Button>
        </>
      }
    >
      {error !== null && (
        <>
          <ProblemNotice error={error} />
          <div>
            <Button onPress={() => setError(null)}>Connect again</Button>
          </div>
        </>
      )}
      <div className="row spread">
        <span className="row">
          <ConnectionBadge connection={connection} isPaused={isPaused} isOver={error !== null} />
          <span className="soft">
            {heard > mostRows ? `${heard} events; the newest ${mostRows} are here` : `${heard} events`}
          </span>
        </span>
        <SwitchField label="Leave out readings of the record" value={isWithoutReadings} onChange={setWithoutReadings} />
      </div>
      <p role="status" className="visually-hidden">
        {spoken}
      </p>
      <RecordTable
        label="New events"
        list={wholeList(shown)}
        hrefOf={({ id }) => `/audit/${id}`}
        columns={eventColumns(names)}
        empty={
          <Empty title={isPaused ? 'Paused' : 'Nothing yet'}>
            <p className="soft">What happens while this page is open comes here by itself.</p>
          </Empty>
        }
      />
    </Page>
  );
}

function ConnectionBadge({
  connection,
  isPaused,
  isOver,
}: {
  connection: Connection;
  isPaused: boolean;
  isOver: boolean;
}) {
  const [tone, said] = isOver
    ? (['bad', 'Ended'] as const)
    : isPaused
      ? (['warn', 'Paused'] as const)
      : connection === 'open'
        ? (['good', 'Live'] as const)
        : connection === 'lost'
          ? (['warn', 'Connection lost: trying again'] as const)
          : (['accent', 'Connecting'] as const);
  return (
    <span role="status">
      <Badge tone={tone}>{said}</Badge>
    </span>
  );
}
