import { useState } from 'react';
import { useNavigate } from 'react-router';
import { useChange } from '../../api/change';
import { createClient, kind } from '../../api/clients';
import { CopyText } from '../../ui/copy';
import { ButtonLink } from '../../ui/button';
import { Notice } from '../../ui/notice';
import { Card, Facts, Page } from '../../ui/page';
import { type ClientDraft, ClientForm } from './client-form';

const empty: ClientDraft = { name: '', networks: ['0.0.0.0/0', '::/0'], roles: [], enabled: true, publicKey: '' };

export function NewClient() {
  const [draft, setDraft] = useState(empty);
  const change = useChange([kind], createClient);
  const navigate = useNavigate();
  const submit = () => {
    const { name, networks, roles, enabled, publicKey = '' } = draft;
    change.mutate(
      { name, networks: [...networks], roles: [...roles], enabled, public_key: publicKey },
      { onSuccess: ({ id, warnings }) => warnings.length === 0 && void navigate(`/clients/${id}`) },
    );
  };
  if (change.data && change.data.warnings.length > 0)
    return (
      <Page title={`${change.data.name} is registered`}>
        {change.data.warnings.map((warning) => (
          <Notice key={warning} tone="warn">
            {warning}
          </Notice>
        ))}
        <Card>
          <Facts of={[['Client Id', <CopyText key="" text={change.data.client_id} label="the client id" />]]} />
          <ButtonLink href={`/clients/${change.data.id}`}>To the client</ButtonLink>
        </Card>
      </Page>
    );
  return (
    <Page title="Create a client">
      <ClientForm draft={draft} onChange={setDraft} verb="Add" change={change} onSubmit={submit} backTo="/clients" />
    </Page>
  );
}
