import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router';
import { useChange } from '../../api/change';
import { changed } from '../../api/changed';
import { changeClient, type ClientRecord, kind, oneClient } from '../../api/clients';
import { Page } from '../../ui/page';
import { RecordPage } from '../../ui/record-page';
import { Saved } from '../../ui/saved';
import { type ClientDraft, ClientForm } from './client-form';

export function EditClient() {
  const { id = '' } = useParams();
  return (
    <RecordPage title="Edit" query={useQuery(oneClient(id))}>
      {(client) => (
        <Page title={`Edit ${client.name}`}>
          <Edit key={id} client={client} />
        </Page>
      )}
    </RecordPage>
  );
}

function Edit({ client }: { client: ClientRecord }) {
  const { id } = client;
  const [before] = useState(client);
  const [draft, setDraft] = useState<ClientDraft>(client);
  const change = useChange([kind], changeClient);
  const submit = () => {
    const { name, networks, roles, enabled } = draft;
    change.mutate({ id, ...changed(before, { name, networks: [...networks], roles: [...roles], enabled }) });
  };
  if (change.isSuccess)
    return <Saved enforcement={change.data.enforcement} to={`/clients/${id}`} label="To the client" />;
  return (
    <ClientForm
      draft={draft}
      onChange={setDraft}
      verb="Save"
      change={change}
      isEnforced
      onSubmit={submit}
      backTo={`/clients/${id}`}
    />
  );
}
