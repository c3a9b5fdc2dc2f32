import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useMay, whoami } from '../../api/me';
import { type OrganizationRecord, useOrganizations, useOwnOrganization } from '../../api/organizations';
import { actionsColumn } from '../../ui/actions-column';
import { ButtonLink } from '../../ui/button';
import { type Action } from '../../ui/dialog';
import { Badge, Empty, StatusBadge } from '../../ui/notice';
import { Page } from '../../ui/page';
import { RecordTable } from '../../ui/table';
import { Time } from '../../ui/time';
import { OrganizationAction, type OrganizationActionName } from './organization-action';

const hrefOf = ({ id }: OrganizationRecord) => `/organizations/${id}`;

export function OrganizationList() {
  const may = useMay();
  const actsIn = useQuery(whoami).data?.organization_id;
  const isFirst = useOwnOrganization()?.first ?? false;
  const list = useOrganizations();
  const [asked, setAsked] = useState<{ action: OrganizationActionName; record: OrganizationRecord } | null>(null);
  const canManage = may('organizations:manage');
  return (
    <Page
      title="Organizations"
      about="Each has its own people, keys, clients, buckets and audit record, and sees nothing of another. The first one creates, suspends and resumes the others."
      actions={
        canManage &&
        isFirst && (
          <ButtonLink kind="primary" href="/organizations/new">
            Create an organization
          </ButtonLink>
        )
      }
    >
      <RecordTable
        label="Organizations"
        list={list}
        hrefOf={hrefOf}
        columns={[
          {
            name: 'Name',
            isRowHeader: true,
            cell: ({ id, name, first }) => (
              <span className="row">
                {name} {id === actsIn && <Badge tone="accent">you act here</Badge>} {first && <Badge>the first</Badge>}
              </span>
            ),
          },
          { name: 'Id', cell: ({ id }) => <code>{id}</code> },
          { name: 'Status', cell: ({ status }) => <StatusBadge status={status} /> },
          { name: 'Created', cell: ({ created_at }) => <Time at={created_at} /> },
          actionsColumn(
            ({ name }) => name,
            hrefOf,
            (organization) =>
              actionsOf(organization, canManage, isFirst, (action) => setAsked({ action, record: organization })),
          ),
        ]}
        empty={<Empty title="No organization that you may see" />}
      />
      {asked && <OrganizationAction {...asked} onClose={() => setAsked(null)} />}
    </Page>
  );
}

/** What can be done with an organization as it is now; the first one is never suspended. */
export function actionsOf(
  { id, status, first }: OrganizationRecord,
  canManage: boolean,
  actsInFirst: boolean,
  ask: (action: OrganizationActionName) => void,
): Action[] {
  if (!canManage) return [];
  const rename = { label: 'Edit', href: `/organizations/${id}/edit` };
  if (!actsInFirst || first) return [rename];
  return [
    rename,
    status === 'active'
      ? { label: 'Suspend', isDanger: true, onAction: () => ask('suspend') }
      : { label: 'Resume', onAction: () => ask('resume') },
  ];
}
