import { useQuery } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import { type ApiKeyRecord, useApiKeys } from '../../api/api-keys';
import { catalogue } from '../../api/catalogue';
import { useMay } from '../../api/me';
import { ButtonLink } from '../../ui/button';
import { ActionsMenu } from '../../ui/dialog';
import { useFilters } from '../../ui/filters';
import { Empty, StatusBadge } from '../../ui/notice';
import { Page } from '../../ui/page';
import { RecordTable } from '../../ui/table';
import { Time } from '../../ui/time';
import { actionsOf, KeyAction, type KeyActionName } from './key-action';
import { filterNames, KeyFilters } from './key-filters';
import { useOwnerName } from './owner-name';

export function KeyList() {
  const may = useMay();
  const ownerName = useOwnerName();
  const roles = useQuery(catalogue.roles).data ?? [];
  const filters = useFilters(filterNames);
  const list = useApiKeys(useDeferredValue(filters.values));
  const [asked, setAsked] = useState<{ action: KeyActionName; record: ApiKeyRecord } | null>(null);
  const { owner } = filters.values;
  const create = may('apikeys:manage') && (
    <ButtonLink kind="primary" href={owner.startsWith('sa_') ? `/api-keys/new?owner=${owner}` : '/api-keys/new'}>
      Create an API key
    </ButtonLink>
  );
  return (
    <Page
      title="API keys"
      about="What programs call with. A key never holds more than its owner holds now, and each is known by what it begins with: the rest was shown once."
      actions={
        <>
          <ButtonLink href="/api-keys/leaks">Find leaked keys</ButtonLink>
          {create}
        </>
      }
    >
      <KeyFilters
        filters={filters}
        roles={[{ id: '', label: 'Any role' }, ...roles.map(({ name, title }) => ({ id: name, label: title }))]}
      />
      <RecordTable
        label="API keys"
        list={list}
        hrefOf={({ id }) => `/api-keys/${id}`}
        columns={[
          { name: 'Name', isRowHeader: true, cell: ({ name }) => name },
          { name: 'Prefix', cell: ({ key_prefix, access_key_id }) => <Prefix of={key_prefix ?? access_key_id} /> },
          { name: 'Owner', cell: ({ owner: { kind, id } }) => ownerName({ kind, id }) },
          { name: 'Status', cell: ({ status }) => <StatusBadge status={status} /> },
          { name: 'Ends', cell: ({ expires_at }) => <Time at={expires_at} otherwise="never" /> },
          { name: 'Last used', cell: ({ last_used_at }) => <Time at={last_used_at} otherwise="never" /> },
          {
            name: 'Actions',
            isHeadHidden: true,
            cell: (record) => (
              <ActionsMenu
                label={`Actions of ${record.name}`}
                actions={[
                  { label: 'View', href: `/api-keys/${record.id}` },
                  ...actionsOf(record, '/api-keys', may, (action) => setAsked({ action, record })),
                ]}
              />
            ),
          },
        ]}
        empty={
          filters.isNarrowed ? (
            <Empty title="No API key is like that">{owner.startsWith('sa_') && create}</Empty>
          ) : (
            <Empty title="No API key yet">
              <p className="soft">Make one for each program and environment, with no more than it needs.</p>
              {create}
            </Empty>
          )
        }
      />
      {asked && <KeyAction {...asked} onClose={() => setAsked(null)} />}
    </Page>
  );
}

const Prefix = ({ of }: { of: string | null }) => (of === null ? <span className="soft">–</span> : <code>{of}</code>);
