import { useState } from 'react';
import { useNavigate } from 'react-router';
import { useChange } from '../../api/change';
import { createServiceAccount, kind } from '../../api/service-accounts';
import { Page } from '../../ui/page';
import { bodyOf, type ServiceAccountDraft, ServiceAccountForm } from './service-account-form';

const empty: ServiceAccountDraft = { name: '', description: '', roles: [], permissions: [] };

export function NewServiceAccount() {
  const [draft, setDraft] = useState(empty);
  const change = useChange([kind], createServiceAccount);
  const navigate = useNavigate();
  const submit = () =>
    change.mutate(bodyOf(draft), { onSuccess: ({ id }) => void navigate(`/service-accounts/${id}`) });
  return (
    <Page title="Create a service account" about="Its keys are made afterwards, and hold at most what it holds.">
      <ServiceAccountForm
        draft={draft}
        onChange={setDraft}
        verb="Create"
        change={change}
        onSubmit={submit}
        backTo="/service-accounts"
      />
    </Page>
  );
}
