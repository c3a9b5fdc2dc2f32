import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { createApiKey } from '../../api/api-keys';
import { catalogue } from '../../api/catalogue';
import { whoami } from '../../api/me';
import { RadiosField } from '../../ui/field';
import { Page } from '../../ui/page';
import { BucketsField } from '../api-keys/buckets-field';
import { IssuedCredentials } from '../api-keys/issued-credentials';
import { useIssuedKey } from '../api-keys/issued-key';
import { createBody, emptyDraft, type KeyDraft } from '../api-keys/key-draft';
import { KeyRecordForm } from '../api-keys/key-record-form';
import { isForAllBuckets, storageLevels } from './storage-level';

const place = '/storage-tokens';
const empty: KeyDraft = { ...emptyDraft, forms: ['bearer', 's3'], roles: ['storage:object-read-only'] };

/** A key with one level of object storage, in the forms for the API and for S3 tools. */
export function NewStorageToken() {
  const [draft, setDraft] = useState(empty);
  const { issued, change, issue } = useIssuedKey(createApiKey);
  const levels = useLevels();
  if (issued) return <IssuedCredentials of={issued} place={place} isNew />;
  const edit = (some: Partial<KeyDraft>) => setDraft({ ...draft, ...some });
  const [level = ''] = draft.roles;
  return (
    <Page
      title="Create a storage token"
      about="It is a bearer token for the API and an access key for S3 tools in one, and is revoked as one."
    >
      <KeyRecordForm
        draft={draft}
        onChange={setDraft}
        isNew
        nameHint="What it is for, such as “Nightly backup”."
        verb="Create"
        change={change}
        onSubmit={() => issue(createBody(draft, true))}
        backTo={place}
      >
        <RadiosField
          label="Permission"
          name="roles"
          choices={levels}
          value={level}
          onChange={(role) => edit({ roles: [role], ...(isForAllBuckets(role) && { buckets: 'all' }) })}
        />
        {isForAllBuckets(level) ? (
          <p className="field-hint">An administrator’s token is for all buckets, those made later too.</p>
        ) : (
          <BucketsField value={draft.buckets} onChange={(buckets) => edit({ buckets })} />
        )}
      </KeyRecordForm>
    </Page>
  );
}

/** Those that this person holds are offered; the server looks again. */
function useLevels() {
  const held = useQuery(whoami).data?.permissions ?? [];
  const roles = useQuery(catalogue.roles).data ?? [];
  return storageLevels.map(({ role, label, allows }) => {
    const means = roles.find(({ name }) => name === role)?.permissions ?? [];
    const exceeds = means.some((permission) => !held.includes(permission));
    return { id: role, label, hint: exceeds ? `${allows} More than you hold.` : allows, isDisabled: exceeds };
  });
}
