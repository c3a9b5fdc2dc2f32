import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router';
import { useChange } from '../../api/change';
import { changed } from '../../api/changed';
import { changeServiceAccount, kind, oneServiceAccount, type ServiceAccountRecord } from '../../api/service-accounts';
import { ButtonLink } from '../../ui/button';
import { Page } from '../../ui/page';
import { Receipt } from '../../ui/receipt';
import { RecordPage } from '../../ui/record-page';
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
      <>
        <Receipt isPending={false} enforcement={change.data.enforcement} />
        <div>
          <ButtonLink autoFocus href={`/service-accounts/${id}`}>
            To the service account
          </ButtonLink>
        </div>
      </>
    );
  return (
    <>
      {change.isPending && <Receipt isPending />}
      <ServiceAccountForm
        draft={draft}
        onChange={setDraft}
        verb="Save"
        isPending={change.isPending}
        error={change.error}
        onSubmit={() => change.mutate({ id, ...changed(before, bodyOf(draft)) })}
        backTo={`/service-accounts/${id}`}
      />
    </>
  );
}
