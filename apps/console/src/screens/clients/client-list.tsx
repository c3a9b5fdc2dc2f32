import { useDeferredValue, useState } from 'react';
import { useMay } from '../../api/me';
import { type ClientRecord, useClients } from '../../api/clients';
import { actionsColumn } from '../../ui/actions-column';
import { ButtonLink } from '../../ui/button';
import { SearchBox, SelectField } from '../../ui/field';
import { useFilters } from '../../ui/filters';
import { Empty, StatusBadge } from '../../ui/notice';
import { Page } from '../../ui/page';
import { RecordTable } from '../../ui/table';
import { Time } from '../../ui/time';
import { ClientAction, type ClientActionName } from './client-action';

const statuses = [
  { id: '', label: 'Any status' },
  { id: 'active', label: 'Active' },
  { id: 'disabled', label: 'Disabled' },
  { id: 'revoked', label: 'Revoked' },
];

const hrefOf = ({ id }: ClientRecord) => `/clients/${id}`;

export function ClientList() {
  const may = useMay();
  const filters = useFilters(['q', 'status']);
  const list = useClients(useDeferredValue(filters.values));
  const [asked, setAsked] = useState<{ action: ClientActionName; record: ClientRecord } | null>(null);
  const canManage = may('clients:manage');
  const create = canManage && (
    <ButtonLink kind="primary" href="/clients/new">
      Create a client
    </ButtonLink>
  );
  return (
    <Page
      title="Clients"
      about="Machines that sign their requests with a key of their own. A client may do what its roles say, from the networks that it is let in from."
      actions={create}
    >
      <div className="filters">
        <SearchBox label="Search by name" value={filters.values.q} onChange={(q) => filters.set('q', q)} />
        <SelectField
          label="Status"
          isLabelHidden
          options={statuses}
          value={filters.values.status}
          onChange={(status) => filters.set('status', status)}
        />
      </div>
      <RecordTable
        label="Clients"
        list={list}
        hrefOf={hrefOf}
        columns={[
          { name: 'Client Id', cell: ({ client_id }) => <code>{client_id}</code> },
          { name: 'Id', cell: ({ id }) => <code>{id}</code> },
          { name: 'Name', isRowHeader: true, cell: ({ name }) => name },
          { name: 'Status', cell: ({ status }) => <StatusBadge status={status} /> },
          { name: 'Last used', cell: ({ last_used_at }) => <Time at={last_used_at} otherwise="never" /> },
          actionsColumn(
            ({ name }) => name,
            hrefOf,
            (client) => actionsOf(client, canManage, (action) => setAsked({ action, record: client })),
          ),
        ]}
        empty={
          filters.isNarrowed ? (
            <Empty title="No client is like that" />
          ) : (
            <Empty title="No client yet">
              <p className="soft">
                Make a key pair with <code>openssl genpkey -algorithm ed25519</code>, keep the private half, and
                register the public one here.
              </p>
              {create}
            </Empty>
          )
        }
      />
      {asked && <ClientAction {...asked} onClose={() => setAsked(null)} />}
    </Page>
  );
}

/** What can be done with a client as it is now. */
export function actionsOf(client: ClientRecord, canManage: boolean, ask: (action: ClientActionName) => void) {
  const isOver = client.status === 'revoked';
  if (!canManage || isOver) return [];
  return [
    { label: 'Edit', href: `/clients/${client.id}/edit` },
    { label: 'Rotate key', onAction: () => ask('rotate') },
    client.enabled
      ? { label: 'Disable', onAction: () => ask('disable') }
      : { label: 'Enable', onAction: () => ask('enable') },
    { label: 'Delete', isDanger: true, onAction: () => ask('delete') },
  ];
}
