import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router';
import { useChange } from '../../api/change';
import { changed } from '../../api/changed';
import { changeServiceAccount, kind, oneServiceAccount, type ServiceAccountRecord } from '../../api/service-accounts';
import { Page } from '../../ui/page';
import { RecordPage } from '../../ui/record-page';
import { Saved } from '../../ui/saved';
import { bodyOf, type ServiceAccountDraft, ServiceAccountForm } from './service-account-form';

export function EditServiceAccount() {
  const { id = '' } = useParams();
  return (
    <RecordPage title="Edit" query={useQuery(oneServiceAccount(id))}>
      {(account) => (
        <Page title={`Edit ${account.name}`}>
          <Edit key={id} account={account} />
        </Page>
      )}
    </RecordPage>
  );
}

function Edit({ account }: { account: ServiceAccountRecord }) {
  const [before] = useState(account);
  const { id, name, description, roles, permissions } = before;
  const [draft, setDraft] = useState<ServiceAccountDraft>({
    name,
    description: description ?? '',
    roles,
    permissions,
  });
  const change = useChange([kind], changeServiceAccount);
  if (change.isSuccess)
    return (
      <Saved enforcement={change.data.enforcement} to={`/service-accounts/${id}`} label="To the service account" />
    );
  return (
    <ServiceAccountForm
      draft={draft}
      onChange={setDraft}
      verb="Save"
      change={change}
      isEnforced
      onSubmit={() => change.mutate({ id, ...changed(before, bodyOf(draft)) })}
      backTo={`/service-accounts/${id}`}
    />
  );
}
