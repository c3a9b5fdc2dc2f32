import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useSearchParams } from 'react-router';
import { createApiKey } from '../../api/api-keys';
import { catalogue } from '../../api/catalogue';
import { useMay } from '../../api/me';
import { oneServiceAccount } from '../../api/service-accounts';
import { Page } from '../../ui/page';
import { effectivePermissions } from '../grant/effective-permissions';
import { type Bound } from '../grant/grant-fields';
import { IssuedCredentials } from './issued-credentials';
import { useIssuedKey } from './issued-key';
import { createBody, emptyDraft, metadataOf } from './key-draft';
import { KeyEditor, useReachesBuckets } from './key-editor';

export function NewKey() {
  const owner = useSearchParams()[0].get('owner');
  const [draft, setDraft] = useState({ ...emptyDraft, serviceAccount: owner?.startsWith('sa_') ? owner : null });
  const { issued, change, issue } = useIssuedKey(createApiKey);
  const within = useHeldByServiceAccount(draft.serviceAccount);
  const reachesBuckets = useReachesBuckets(draft);
  if (issued) return <IssuedCredentials of={issued} place="/api-keys" isNew />;
  const submit = () => {
    if (metadataOf(draft.metadata) !== undefined) issue(createBody(draft, reachesBuckets));
  };
  return (
    <Page
      title="Create an API key"
      about="Its secrets are shown once, when it is made. What it may do can be narrowed later, and never widened."
    >
      <KeyEditor
        draft={draft}
        onChange={setDraft}
        isNew
        within={within}
        verb="Create"
        change={change}
        onSubmit={submit}
        backTo="/api-keys"
      />
    </Page>
  );
}

/** What an owner's keys stay within, where it is known. */
function useHeldByServiceAccount(id: string | null): readonly Bound[] {
  const may = useMay();
  const roles = useQuery(catalogue.roles).data;
  const account = useQuery({
    ...oneServiceAccount(id ?? ''),
    enabled: id !== null && may('serviceaccounts:view'),
  }).data;
  if (!account || !roles || id === null) return [];
  return [{ permissions: effectivePermissions(account, roles), beyond: `more than ${account.name} holds` }];
}
