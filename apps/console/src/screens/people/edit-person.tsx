import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router';
import { useChange } from '../../api/change';
import { changed } from '../../api/changed';
import { changePerson, kind, onePerson, type Person } from '../../api/people';
import { LineField } from '../../ui/field';
import { Page } from '../../ui/page';
import { RecordPage } from '../../ui/record-page';
import { Saved } from '../../ui/saved';
import { RecordForm } from '../../ui/record-form';
import { type GrantDraft } from '../grant/grant-draft';
import { GrantFields } from '../grant/grant-fields';

export function EditPerson() {
  const { id = '' } = useParams();
  return (
    <RecordPage title="Edit" query={useQuery(onePerson(id))}>
      {(person) => (
        <Page title={`Edit ${person.email}`}>
          <Edit key={id} person={person} />
        </Page>
      )}
    </RecordPage>
  );
}

function Edit({ person }: { person: Person }) {
  const [before] = useState(person);
  const { id, roles, permissions } = before;
  const [name, setName] = useState(before.name ?? '');
  const [grant, setGrant] = useState<GrantDraft>({ roles, permissions });
  // What one may do oneself is part of what is shown everywhere.
  const change = useChange([kind, 'whoami'], changePerson);
  const submit = () =>
    change.mutate({
      id,
      // The name is the person's everywhere, and so takes more than to change what they hold here.
      ...changed(before, {
        name: name.trim() || null,
        roles: [...grant.roles],
        permissions: [...grant.permissions],
      }),
    });
  if (change.isSuccess)
    return <Saved enforcement={change.data.enforcement} to={`/people/${id}`} label="To the person" />;
  return (
    <RecordForm verb="Save" change={change} isEnforced onSubmit={submit} backTo={`/people/${id}`}>
      <LineField
        label="Name"
        name="name"
        hint="All organizations that they belong to see it."
        maxLength={200}
        value={name}
        onChange={setName}
      />
      <GrantFields draft={grant} onChange={setGrant} />
    </RecordForm>
  );
}
