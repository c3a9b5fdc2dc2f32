import { useState } from 'react';
import { findLeaks, type FoundLeaks, kind } from '../../api/api-keys';
import { useChange } from '../../api/change';
import { useMay } from '../../api/me';
import { wholeList } from '../../api/whole-list';
import { CheckField } from '../../ui/check-field';
import { ActionsMenu } from '../../ui/dialog';
import { LineField, SelectField } from '../../ui/field';
import { Badge, Empty, Notice, StatusBadge } from '../../ui/notice';
import { Page } from '../../ui/page';
import { Receipt } from '../../ui/receipt';
import { RecordForm } from '../../ui/record-form';
import { RecordTable } from '../../ui/table';
import { Time } from '../../ui/time';
import { actionsOf, KeyAction, type KeyActionName } from './key-action';
import { useOwnerName } from './owner-name';

type Found = FoundLeaks['items'][number];

const spans = [
  { id: '1', label: '1 day' },
  { id: '7', label: '7 days' },
  { id: '30', label: '30 days' },
];

/** Which keys stand in a text that got out, and what they did. The text is sent, kept nowhere, and forgotten here when it is answered. */
export function FindLeaks() {
  const may = useMay();
  const [text, setText] = useState('');
  const [days, setDays] = useState('7');
  const [revoke, setRevoke] = useState(false);
  const [found, setFound] = useState<FoundLeaks | null>(null);
  const change = useChange([kind], findLeaks);
  const submit = () => {
    setFound(null);
    const since = new Date(Date.now() - Number(days) * 86_400_000).toISOString();
    change.mutate(
      { text, since, revoke },
      {
        onSuccess: (answer) => {
          setFound(answer);
          setText('');
          change.reset();
        },
      },
    );
  };
  return (
    <Page
      title="Find leaked keys"
      about="Paste what got out: a log, a commit, a message. Keys of this organization whose secret stands in it are found; the text is kept nowhere."
    >
      <RecordForm
        verb={revoke ? 'Find and revoke' : 'Find'}
        change={change}
        isEnforced={revoke}
        onSubmit={submit}
        backTo="/api-keys"
      >
        <LineField
          label="Text"
          name="text"
          hint="At most 1 MiB."
          lines={8}
          mono
          autoComplete="off"
          isRequired
          value={text}
          onChange={setText}
        />
        <SelectField label="Tell what they did in the last" options={spans} value={days} onChange={setDays} />
        {may('apikeys:revoke') && (
          <CheckField label="Revoke whatever is found, at once and for good" value={revoke} onChange={setRevoke} />
        )}
      </RecordForm>
      {found && <Result of={found} onChange={setFound} />}
    </Page>
  );
}

function Result({ of: found, onChange }: { of: FoundLeaks; onChange: (found: FoundLeaks) => void }) {
  const { candidates, unknown, items, enforcement } = found;
  const may = useMay();
  const ownerName = useOwnerName();
  const [asked, setAsked] = useState<{ action: KeyActionName; record: Found } | null>(null);
  return (
    <section className="stack">
      <h2>Found</h2>
      <Notice tone={items.length > 0 ? 'warn' : 'good'}>
        {candidates === 0
          ? 'Nothing in it looks like a key.'
          : `Look like keys: ${candidates}. Are keys of this organization: ${items.length}. Are not: ${unknown}.`}
      </Notice>
      {enforcement && <Receipt enforcement={enforcement} />}
      <RecordTable
        label="Found keys"
        // One key may be found by several of its secrets.
        list={wholeList(items.map((key) => ({ key, id: `${key.id} ${key.secret_id}` })))}
        hrefOf={({ key }) => `/api-keys/${key.id}`}
        columns={[
          { name: 'Name', isRowHeader: true, cell: ({ key }) => key.name },
          { name: 'Prefix', cell: ({ key }) => <code>{key.access_key_id ?? key.key_prefix ?? '–'}</code> },
          { name: 'Owner', cell: ({ key }) => ownerName(key.owner) },
          {
            name: 'This secret',
            cell: ({ key }) => (key.live ? <Badge tone="bad">was good</Badge> : <Badge>was dead already</Badge>),
          },
          { name: 'Key', cell: ({ key }) => <StatusBadge status={key.status} /> },
          { name: 'Requests since', cell: ({ key: { use } }) => use?.requests ?? '–' },
          { name: 'Last used', cell: ({ key }) => <Time at={key.last_used_at} otherwise="never" /> },
          {
            name: 'Actions',
            isHeadHidden: true,
            cell: ({ key }) => (
              <ActionsMenu
                label={`Actions of ${key.name}`}
                actions={actionsOf(key, '/api-keys', may, (action) => setAsked({ action, record: key }))}
              />
            ),
          },
        ]}
        empty={<Empty title="None of this organization’s keys is in it" />}
      />
      {asked && (
        <KeyAction
          {...asked}
          onDone={({ id, status }) =>
            onChange({ ...found, items: items.map((key) => (key.id === id ? { ...key, status } : key)) })
          }
          onClose={() => setAsked(null)}
        />
      )}
    </section>
  );
}
