import { useState } from 'react';
import { Form } from 'react-aria-components';
import { auditActions, type EventFilter, outcomes } from '../../api/audit';
import { Button } from '../../ui/button';
import { LineField, SelectField } from '../../ui/field';
import { instantOf, localOf } from './local-time';
import './audit.css';

export const filterNames = ['q', 'action', 'actor', 'resource', 'outcome', 'since', 'until', 'request_id'] as const;

const noFilter: EventFilter = {
  q: '',
  action: '',
  actor: '',
  resource: '',
  outcome: '',
  since: '',
  until: '',
  request_id: '',
};

/** A time is held as its field writes it: a year half typed, turned into an instant and back, is another. */
const draftOf = (filter: EventFilter): EventFilter => ({
  ...filter,
  since: localOf(filter.since),
  until: localOf(filter.until),
});

const asOptions = (any: string, names: readonly string[]) => [
  { id: '', label: any },
  ...names.map((name) => ({ id: name, label: name })),
];

/** What to look for. It is sent as a form and not at each letter: every reading of the record is written down. */
export function EventSearch({ filter, onSearch }: { filter: EventFilter; onSearch: (filter: EventFilter) => void }) {
  const [draft, setDraft] = useState(() => draftOf(filter));
  // What the address says otherwise ("back", a link) is taken up in place: the button that was pressed keeps the focus.
  const said = JSON.stringify(filter);
  const [taken, setTaken] = useState(said);
  if (said !== taken) {
    setTaken(said);
    setDraft(draftOf(filter));
  }
  const field = (name: keyof EventFilter) => ({
    name,
    value: draft[name],
    onChange: (value: string) => setDraft((before) => ({ ...before, [name]: value.trim() })),
  });
  const time = (name: 'since' | 'until') => ({ ...field(name), type: 'datetime-local' });
  return (
    <Form
      className="card"
      role="search"
      aria-label="Events"
      validationBehavior="aria"
      onSubmit={(event) => {
        event.preventDefault();
        onSearch({
          ...draft,
          since: instantOf(draft.since, filter.since),
          until: instantOf(draft.until, filter.until),
        });
      }}
    >
      <div className="event-search">
        <LineField
          {...field('q')}
          label="Words"
          hint="In what events say."
          onChange={(q) => setDraft((before) => ({ ...before, q }))}
        />
        <SelectField {...field('action')} label="Action" options={asOptions('Any action', auditActions)} />
        <SelectField {...field('outcome')} label="Outcome" options={asOptions('Any outcome', outcomes)} />
        <LineField {...field('actor')} label="Actor" hint="Id of who acted, or of the credential." mono />
        <LineField {...field('resource')} label="Resource" hint="Id or kind of what was acted on." mono />
        <LineField {...field('request_id')} label="Request" hint="The X-Request-Id of a call." mono />
        <LineField {...time('since')} label="Since" hint="Your time zone." />
        <LineField {...time('until')} label="Until" hint="Your time zone; not in it." />
      </div>
      <div className="row">
        <Button kind="primary" type="submit">
          Search
        </Button>
        <Button
          onPress={() => {
            setDraft(noFilter);
            onSearch(noFilter);
          }}
        >
          Everything
        </Button>
      </div>
    </Form>
  );
}
