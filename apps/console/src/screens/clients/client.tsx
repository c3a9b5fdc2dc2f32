import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router';
import { type ClientRecord, oneClient } from '../../api/clients';
import { issuer } from '../../api/issuer';
import { useMay } from '../../api/me';
import { ActionButtons } from '../../ui/action-buttons';
import { ButtonLink } from '../../ui/button';
import { CopyText } from '../../ui/copy';
import { Badges, StatusBadge } from '../../ui/notice';
import { Card, Facts, Page } from '../../ui/page';
import { RecordPage } from '../../ui/record-page';
import { Time } from '../../ui/time';
import { ConfigurationTabs } from '../configuration/configuration-tabs';
import { ClientAction, type ClientActionName } from './client-action';
import { clientConfigurations } from './client-configurations';
import { actionsOf } from './client-list';

/** The detail panel of one client. */
export function Client() {
  const { id = '' } = useParams();
  return (
    <RecordPage title="Client" query={useQuery(oneClient(id))}>
      {(client) => <Shown client={client} />}
    </RecordPage>
  );
}

function Shown({ client }: { client: ClientRecord }) {
  const may = useMay();
  const [action, setAction] = useState<ClientActionName | null>(null);
  return (
    <Page
      title={client.name}
      actions={
        <>
          <ActionButtons actions={actionsOf(client, may('clients:manage'), setAction)} />
          {may('audit:view') && <ButtonLink href={`/audit?resource=${client.id}`}>What happened to it</ButtonLink>}
        </>
      }
    >
      <Card title="Client">
        <Facts
          of={[
            ['ID', <CopyText key="" text={client.id} label="the id" />],
            ['Account Id', <CopyText key="" text={client.account_id} label="the account id" />],
            ['Client Id', <CopyText key="" text={client.client_id} label="the client id" />],
            ['Enabled', String(client.enabled)],
            ['Status', <StatusBadge key="" status={client.status} />],
            ['Name', client.name],
            ['Role Count', client.role_count],
            ['Network Whitelist', <Badges key="" of={client.networks} />],
            ['Roles', <Badges key="" of={client.roles} />],
          ]}
        />
      </Card>
      <Card title="Public keys">
        {client.public_keys.map((key) => (
          <Facts
            key={key.fingerprint}
            of={[
              ['Public Key', <code key="">{key.preview}</code>],
              ['Algorithm', key.algorithm],
              ['Fingerprint (SHA-256)', <code key="">{key.fingerprint}</code>],
              ['Registered', <Time key="" at={key.created_at} />],
              ['Good until', <Time key="" at={key.expires_at} otherwise="it is replaced" />],
            ]}
          />
        ))}
      </Card>
      <Card title="Use">
        <Facts
          of={[
            ['Last used', <Time key="" at={client.last_used_at} otherwise="never" />],
            ['From', client.last_used_ip ?? '–'],
            ['By', client.last_used_user_agent ?? '–'],
            ['Created', <Time key="" at={client.created_at} />],
            ['Created by', <code key="">{client.created_by}</code>],
            ['Key rotated', <Time key="" at={client.rotated_at} otherwise="never" />],
            ['Revoked', <Time key="" at={client.revoked_at} otherwise="no" />],
            ['Latest change in force', <Time key="" at={client.enforced_at} />],
          ]}
        />
      </Card>
      <ReadyToUse client={client} />
      {action !== null && <ClientAction action={action} record={client} onClose={() => setAction(null)} />}
    </Page>
  );
}

function ReadyToUse({ client: { client_id, public_key } }: { client: ClientRecord }) {
  const known = useQuery(issuer).data;
  if (known === undefined) return null;
  const { algorithm } = public_key;
  return (
    <Card title="Ready to use">
      <ConfigurationTabs
        of={clientConfigurations({ client_id, algorithm }, { gateway: location.origin, issuer: known })}
      />
    </Card>
  );
}
