import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router';
import { useMay } from '../../api/me';
import { oneServiceAccount, type ServiceAccountRecord } from '../../api/service-accounts';
import { ActionButtons } from '../../ui/action-buttons';
import { ButtonLink } from '../../ui/button';
import { CopyText } from '../../ui/copy';
import { Badges, StatusBadge } from '../../ui/notice';
import { Card, Facts, Page } from '../../ui/page';
import { RecordPage } from '../../ui/record-page';
import { Time } from '../../ui/time';
import { ServiceAccountAction, type ServiceAccountActionName } from './service-account-action';
import { actionsOf } from './service-account-list';

export function ServiceAccount() {
  const { id = '' } = useParams();
  return (
    <RecordPage title="Service account" query={useQuery(oneServiceAccount(id))}>
      {(account) => <Shown account={account} />}
    </RecordPage>
  );
}

function Shown({ account }: { account: ServiceAccountRecord }) {
  const may = useMay();
  const [action, setAction] = useState<ServiceAccountActionName | null>(null);
  return (
    <Page
      title={account.name}
      actions={
        <>
          {may('apikeys:view') && <ButtonLink href={`/api-keys?owner=${account.id}`}>Its API keys</ButtonLink>}
          <ActionButtons actions={actionsOf(account, may('serviceaccounts:manage'), setAction)} />
          {may('audit:view') && <ButtonLink href={`/audit?resource=${account.id}`}>What happened to it</ButtonLink>}
        </>
      }
    >
      <Card title="Service account">
        <Facts
          of={[
            ['ID', <CopyText key="" text={account.id} label="the id" />],
            ['Name', account.name],
            ['Description', account.description ?? <span className="soft">none</span>],
            ['Status', <StatusBadge key="" status={account.status} />],
            ['Roles', <Badges key="" of={account.roles} />],
            ['Single permissions', <Badges key="" of={account.permissions} />],
          ]}
        />
      </Card>
      <Card title="History">
        <Facts
          of={[
            ['Created', <Time key="" at={account.created_at} />],
            ['Created by', <code key="">{account.created_by}</code>],
            ['Disabled', <Time key="" at={account.disabled_at} otherwise="no" />],
            ['Disabled by', account.disabled_by ?? '–'],
            ['Deleted', <Time key="" at={account.deleted_at} otherwise="no" />],
            ['Deleted by', account.deleted_by ?? '–'],
            ['Latest change in force', <Time key="" at={account.enforced_at} />],
          ]}
        />
      </Card>
      {action !== null && <ServiceAccountAction action={action} record={account} onClose={() => setAction(null)} />}
    </Page>
  );
}
