import { type ReactNode, useState } from 'react';
import { type ApiKeyRecord } from '../../api/api-keys';
import { type Listed } from '../../api/list';
import { useMay } from '../../api/me';
import { actionsColumn } from '../../ui/actions-column';
import { StatusBadge } from '../../ui/notice';
import { RecordTable, type TableColumn } from '../../ui/table';
import { Time } from '../../ui/time';
import { actionsOf, KeyAction, type KeyActionName } from './key-action';
import { type KeyPlace } from './key-place';
import { useOwnerName } from './owner-name';

/** A list of keys, with what can be done with each. */
export function KeyTable({
  label,
  place,
  list,
  columns,
  empty,
}: {
  label: string;
  place: KeyPlace;
  list: Listed<ApiKeyRecord>;
  /** What this list tells beside what all of them tell. */
  columns: readonly TableColumn<ApiKeyRecord>[];
  empty: ReactNode;
}) {
  const may = useMay();
  const ownerName = useOwnerName();
  const [asked, setAsked] = useState<{ action: KeyActionName; record: ApiKeyRecord } | null>(null);
  const hrefOf = ({ id }: ApiKeyRecord) => `${place}/${id}`;
  return (
    <>
      <RecordTable
        label={label}
        list={list}
        hrefOf={hrefOf}
        columns={[
          { name: 'Name', isRowHeader: true, cell: ({ name }) => name },
          ...columns,
          { name: 'Owner', cell: ({ owner }) => ownerName(owner) },
          { name: 'Status', cell: ({ status }) => <StatusBadge status={status} /> },
          { name: 'Ends', cell: ({ expires_at }) => <Time at={expires_at} otherwise="never" /> },
          { name: 'Last used', cell: ({ last_used_at }) => <Time at={last_used_at} otherwise="never" /> },
          actionsColumn(
            ({ name }) => name,
            hrefOf,
            (record) => actionsOf(record, place, may, (action) => setAsked({ action, record })),
          ),
        ]}
        empty={empty}
      />
      {asked && <KeyAction {...asked} onClose={() => setAsked(null)} />}
    </>
  );
}
