import { useLocation } from 'react-router';
import { type EventFilter, useEvents } from '../../api/audit';
import { Button, ButtonLink } from '../../ui/button';
import { useFilters } from '../../ui/filters';
import { Empty } from '../../ui/notice';
import { Page } from '../../ui/page';
import { RecordTable } from '../../ui/table';
import { useNames } from './actor';
import { Counts } from './counts';
import { eventColumns } from './event-columns';
import { EventSearch, filterNames } from './event-search';

export function EventList() {
  const filters = useFilters(filterNames);
  const address = useLocation().search;
  const list = useEvents(filters.values);
  const names = useNames();
  const search = (filter: EventFilter) => {
    // Asking for the same again means to see what came since.
    if (filterNames.every((name) => filter[name] === filters.values[name])) list.loadAgain();
    else filters.setAll(filter);
  };
  return (
    <Page
      title="Audit"
      about="What happened in this organization, the newest first. Nothing here is changed or taken away unseen: each event can be proved. Reading it is written down too."
      actions={
        <ButtonLink kind="primary" href="/audit/live">
          Live tail
        </ButtonLink>
      }
    >
      <EventSearch filter={filters.values} onSearch={search} />
      <Counts key={`counts ${address}`} filter={filters.values} />
      <RecordTable
        label="Events"
        list={list}
        hrefOf={({ id }) => `/audit/${id}`}
        columns={eventColumns(names)}
        more="Show older"
        empty={
          list.hasMore ? (
            <Empty title="None among the newest">
              <p className="soft">Older ones were not looked through yet.</p>
              <Button onPress={list.loadMore} isPending={list.isLoadingMore}>
                Look further back
              </Button>
            </Empty>
          ) : (
            <Empty title={filters.isNarrowed ? 'No event is like that' : 'No event yet'} />
          )
        }
      />
    </Page>
  );
}
