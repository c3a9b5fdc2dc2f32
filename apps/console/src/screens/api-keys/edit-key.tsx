import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router';
import { type ApiKeyRecord, changeApiKey, kind, oneApiKey } from '../../api/api-keys';
import { catalogue } from '../../api/catalogue';
import { useChange } from '../../api/change';
import { ButtonLink } from '../../ui/button';
import { Empty } from '../../ui/notice';
import { Page } from '../../ui/page';
import { RecordPage } from '../../ui/record-page';
import { Saved } from '../../ui/saved';
import { effectivePermissions } from '../grant/effective-permissions';
import { changeOf, draftOf, metadataOf } from './key-draft';
import { KeyEditor } from './key-editor';
import { nounOf, useKeyPlace } from './key-place';

export function EditKey() {
  const { id = '' } = useParams();
  return (
    <RecordPage title="Edit" query={useQuery(oneApiKey(id))}>
      {(key) => (
        <Page title={`Edit ${key.name}`} about="Its grant can only be narrowed. For a wider one, make a new key.">
          <Edit key={id} record={key} />
        </Page>
      )}
    </RecordPage>
  );
}

function Edit({ record }: { record: ApiKeyRecord }) {
  const place = useKeyPlace();
  // What is said of it is what it was when the form was opened: a list that is read anew meanwhile takes nothing typed away.
  const [before] = useState(record);
  const [draft, setDraft] = useState(() => draftOf(record));
  const roles = useQuery(catalogue.roles).data;
  const change = useChange([kind], changeApiKey);
  const to = `${place}/${record.id}`;
  const label = `To the ${nounOf[place]}`;
  if (change.isSuccess) return <Saved enforcement={change.data.enforcement} to={to} label={label} />;
  if (record.status === 'revoked' || record.status === 'expired')
    return (
      <Empty title={`It is ${record.status}, and stays as it is`}>
        <ButtonLink href={to}>{label}</ButtonLink>
      </Empty>
    );
  const submit = () => {
    if (metadataOf(draft.metadata) !== undefined) change.mutate({ id: record.id, ...changeOf(before, draft) });
  };
  return (
    <KeyEditor
      draft={draft}
      onChange={setDraft}
      isNew={false}
      within={roles ? [{ permissions: effectivePermissions(before, roles), beyond: 'more than the key has' }] : []}
      verb="Save"
      change={change}
      isEnforced
      onSubmit={submit}
      backTo={to}
    />
  );
}
