import { useDeferredValue, useState } from 'react';
import { type ApiKeyRecord, useApiKeysOf } from '../../api/api-keys';
import { useMay } from '../../api/me';
import { ButtonLink } from '../../ui/button';
import { ActionsMenu } from '../../ui/dialog';
import { useFilters } from '../../ui/filters';
import { Badges, Empty, StatusBadge } from '../../ui/notice';
import { Page } from '../../ui/page';
import { RecordTable } from '../../ui/table';
import { Time } from '../../ui/time';
import { actionsOf, KeyAction, type KeyActionName } from '../api-keys/key-action';
import { filterNames, KeyFilters } from '../api-keys/key-filters';
import { useOwnerName } from '../api-keys/owner-name';
import { storageLevels, storageRoles } from './storage-level';

const place = '/storage-tokens';
const levels = [{ id: '', label: 'Any level' }, ...storageLevels.map(({ role, label }) => ({ id: role, label }))];

/** The keys that were given a level of object storage. */
export function StorageTokenList() {
  const may = useMay();
  const ownerName = useOwnerName();
  const filters = useFilters(filterNames);
  const { role, ...others } = useDeferredValue(filters.values);
  const list = useApiKeysOf(role === '' ? storageRoles : [role], others);
  const [asked, setAsked] = useState<{ action: KeyActionName; record: ApiKeyRecord } | null>(null);
  const create = may('apikeys:manage') && (
    <ButtonLink kind="primary" href={`${place}/new`}>
      Create a storage token
    </ButtonLink>
  );
  return (
    <Page
      title="Storage tokens"
      about="Keys to object storage: an access key for any S3 tool, and a bearer token for the API."
      actions={create}
    >
      <KeyFilters filters={filters} roles={levels} />
      <RecordTable
        label="Storage tokens"
        list={list}
        hrefOf={({ id }) => `${place}/${id}`}
        columns={[
          { name: 'Name', isRowHeader: true, cell: ({ name }) => name },
          { name: 'Access key id', cell: ({ access_key_id }) => <AccessKey of={access_key_id} /> },
          { name: 'Permission', cell: ({ roles }) => <Badges of={levelsOf(roles)} /> },
          {
            name: 'Buckets',
            cell: ({ buckets }) => (buckets === 'all' ? 'all' : <Badges of={buckets ?? []} />),
          },
          { name: 'Owner', cell: ({ owner }) => ownerName(owner) },
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
                  { label: 'View', href: `${place}/${record.id}` },
                  ...actionsOf(record, place, may, (action) => setAsked({ action, record })),
                ]}
              />
            ),
          },
        ]}
        empty={
          filters.isNarrowed ? (
            <Empty title="No storage token is like that" />
          ) : (
            <Empty title="No storage token yet">
              <p className="soft">
                Make one for each program that reads or writes objects, for the buckets that it needs.
              </p>
              {create}
            </Empty>
          )
        }
      />
      {asked && <KeyAction {...asked} onClose={() => setAsked(null)} />}
    </Page>
  );
}

const levelsOf = (roles: readonly string[]): string[] =>
  storageLevels.filter(({ role }) => roles.includes(role)).map(({ label }) => label);

const AccessKey = ({ of }: { of: string | null }) =>
  of === null ? <span className="soft">bearer alone</span> : <code>{of}</code>;
