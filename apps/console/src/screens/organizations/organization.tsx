import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router';
import { useMay, whoami } from '../../api/me';
import { oneOrganization, type OrganizationRecord, useOwnOrganization } from '../../api/organizations';
import { ActionButtons } from '../../ui/action-buttons';
import { ButtonLink } from '../../ui/button';
import { CopyText } from '../../ui/copy';
import { Badge, StatusBadge } from '../../ui/notice';
import { Card, Facts, Page } from '../../ui/page';
import { RecordPage } from '../../ui/record-page';
import { Time } from '../../ui/time';
import { OrganizationAction, type OrganizationActionName } from './organization-action';
import { actionsOf } from './organization-list';

export function Organization() {
  const { id = '' } = useParams();
  return (
    <RecordPage title="Organization" query={useQuery(oneOrganization(id))}>
      {(organization) => <Shown organization={organization} />}
    </RecordPage>
  );
}

function Shown({ organization }: { organization: OrganizationRecord }) {
  const may = useMay();
  const actsIn = useQuery(whoami).data?.organization_id;
  const isFirst = useOwnOrganization()?.first ?? false;
  const [action, setAction] = useState<OrganizationActionName | null>(null);
  const isHere = organization.id === actsIn;
  return (
    <Page
      title={organization.name}
      actions={
        <>
          <ActionButtons actions={actionsOf(organization, may('organizations:manage'), isFirst, setAction)} />
          {isHere && may('users:view') && <ButtonLink href="/people">Its people</ButtonLink>}
          {isHere && may('audit:view') && (
            <ButtonLink href={`/audit?resource=${organization.id}`}>What happened to it</ButtonLink>
          )}
        </>
      }
    >
      <Card title="Organization">
        <Facts
          of={[
            ['ID', <CopyText key="" text={organization.id} label="the id" />],
            ['Name', organization.name],
            ['Status', <StatusBadge key="" status={organization.status} />],
            [
              'You',
              isHere ? <Badge tone="accent">you act here</Badge> : <span className="soft">act in another one</span>,
            ],
            ['The first', organization.first ? 'yes: it creates, suspends and resumes others' : 'no'],
            ['Created', <Time key="" at={organization.created_at} />],
            ['Suspended', <Time key="" at={organization.suspended_at} otherwise="no" />],
            ['Suspended by', organization.suspended_by ?? '–'],
            ['Latest change in force', <Time key="" at={organization.enforced_at} />],
          ]}
        />
      </Card>
      {action !== null && <OrganizationAction action={action} record={organization} onClose={() => setAction(null)} />}
    </Page>
  );
}
