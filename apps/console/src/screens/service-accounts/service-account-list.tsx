import { useDeferredValue, useState } from 'react';
import { useMay } from '../../api/me';
import { type ServiceAccountRecord, useServiceAccounts } from '../../api/service-accounts';
import { actionsColumn } from '../../ui/actions-column';
import { ButtonLink } from '../../ui/button';
import { type Action } from '../../ui/dialog';
import { SearchBox, SelectField } from '../../ui/field';
import { useFilters } from '../../ui/filters';
import { Badges, Empty, StatusBadge } from '../../ui/notice';
import { Page } from '../../ui/page';
import { RecordTable } from '../../ui/table';
import { Time } from '../../ui/time';
import { ServiceAccountAction, type ServiceAccountActionName } from './service-account-action';

const statuses = [
  { id: '', label: 'Active and disabled' },
  { id: 'active', label: 'Active' },
  { id: 'disabled', label: 'Disabled' },
  { id: 'deleted', label: 'Deleted' },
];

const hrefOf = ({ id }: ServiceAccountRecord) => `/service-accounts/${id}`;

export function ServiceAccountList() {
  const may = useMay();
  const filters = useFilters(['q', 'status']);
  const list = useServiceAccounts(useDeferredValue(filters.values));
  const [asked, setAsked] = useState<{ action: ServiceAccountActionName; record: ServiceAccountRecord } | null>(null);
  const canManage = may('serviceaccounts:manage');
  const create = canManage && (
    <ButtonLink kind="primary" href="/service-accounts/new">
      Create a service account
    </ButtonLink>
  );
  return (
    <Page
      title="Service accounts"
      about="Systems that act by themselves. Their API keys never hold more than the account holds now, and stop with it."
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
        label="Service accounts"
        list={list}
        hrefOf={hrefOf}
        columns={[
          { name: 'Name', isRowHeader: true, cell: ({ name }) => name },
          { name: 'Id', cell: ({ id }) => <code>{id}</code> },
          { name: 'Roles', cell: ({ roles }) => <Badges of={roles} /> },
          { name: 'Status', cell: ({ status }) => <StatusBadge status={status} /> },
          { name: 'Created', cell: ({ created_at }) => <Time at={created_at} /> },
          actionsColumn(
            ({ name }) => name,
            hrefOf,
            (account) => [
              may('apikeys:view') && { label: 'API keys', href: `/api-keys?owner=${account.id}` },
              ...actionsOf(account, canManage, (action) => setAsked({ action, record: account })),
            ],
          ),
        ]}
        empty={
          filters.isNarrowed ? (
            <Empty title="No service account is like that" />
          ) : (
            <Empty title="No service account yet">
              <p className="soft">
                Create one for each system that calls by itself, so that its keys outlive the people who made them.
              </p>
              {create}
            </Empty>
          )
        }
      />
      {asked && <ServiceAccountAction {...asked} onClose={() => setAsked(null)} />}
    </Page>
  );
}

/** What can be done with a service account as it is now. */
export function actionsOf(
  { id, status }: ServiceAccountRecord,
  canManage: boolean,
  ask: (action: ServiceAccountActionName) => void,
): Action[] {
  if (!canManage || status === 'deleted') return [];
  return [
    { label: 'Edit', href: `/service-accounts/${id}/edit` },
    status === 'active'
      ? { label: 'Disable', onAction: () => ask('disable') }
      : { label: 'Enable', onAction: () => ask('enable') },
    { label: 'Delete', isDanger: true, onAction: () => ask('delete') },
  ];
}
