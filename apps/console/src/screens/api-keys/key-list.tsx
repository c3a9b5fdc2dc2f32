import { useQuery } from '@tanstack/react-query';
import { useDeferredValue } from 'react';
import { useApiKeys } from '../../api/api-keys';
import { catalogue } from '../../api/catalogue';
import { useMay } from '../../api/me';
import { ButtonLink } from '../../ui/button';
import { useFilters } from '../../ui/filters';
import { Empty } from '../../ui/notice';
import { Page } from '../../ui/page';
import { filterNames, KeyFilters } from './key-filters';
import { KeyTable } from './key-table';

export function KeyList() {
  const may = useMay();
  const roles = useQuery(catalogue.roles).data ?? [];
  const filters = useFilters(filterNames);
  const list = useApiKeys(useDeferredValue(filters.values));
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
      <KeyTable
        label="API keys"
        place="/api-keys"
        list={list}
        columns={[
          { name: 'Prefix', cell: ({ key_prefix, access_key_id }) => <Prefix of={key_prefix ?? access_key_id} /> },
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
    </Page>
  );
}

const Prefix = ({ of }: { of: string | null }) => (of === null ? <span className="soft">–</span> : <code>{of}</code>);
