import { useDeferredValue } from 'react';
import { useApiKeysOf } from '../../api/api-keys';
import { useMay } from '../../api/me';
import { ButtonLink } from '../../ui/button';
import { useFilters } from '../../ui/filters';
import { Badges, Empty } from '../../ui/notice';
import { Page } from '../../ui/page';
import { filterNames, KeyFilters } from '../api-keys/key-filters';
import { KeyTable } from '../api-keys/key-table';
import { storageLevels, storageRoles } from './storage-level';

const place = '/storage-tokens';
const levels = [{ id: '', label: 'Any level' }, ...storageLevels.map(({ role, label }) => ({ id: role, label }))];

/** The keys that were given a level of object storage. */
export function StorageTokenList() {
  const may = useMay();
  const filters = useFilters(filterNames);
  const { role, ...others } = useDeferredValue(filters.values);
  const list = useApiKeysOf(role === '' ? storageRoles : [role], others);
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
      <KeyTable
        label="Storage tokens"
        place={place}
        list={list}
        columns={[
          { name: 'Access key id', cell: ({ access_key_id }) => <AccessKey of={access_key_id} /> },
          { name: 'Permission', cell: ({ roles }) => <Badges of={levelsOf(roles)} /> },
          { name: 'Buckets', cell: ({ buckets }) => (buckets === 'all' ? 'all' : <Badges of={buckets ?? []} />) },
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
    </Page>
  );
}

const levelsOf = (roles: readonly string[]): string[] =>
  storageLevels.filter(({ role }) => roles.includes(role)).map(({ label }) => label);

const AccessKey = ({ of }: { of: string | null }) =>
  of === null ? <span className="soft">bearer alone</span> : <code>{of}</code>;
