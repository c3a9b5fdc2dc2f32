import { useState } from 'react';
import { useChange } from '../../api/change';
import { type AddedPerson, addPerson, kind } from '../../api/people';
import { ButtonLink } from '../../ui/button';
import { LineField, RadiosField } from '../../ui/field';
import { Badges, Notice } from '../../ui/notice';
import { Card, Facts, Page } from '../../ui/page';
import { Receipt } from '../../ui/receipt';
import { RecordForm } from '../../ui/record-form';
import { type GrantDraft } from '../grant/grant-draft';
import { GrantFields } from '../grant/grant-fields';
import { Invitation } from './invitation';

const ways = [
  { id: 'invitation', label: 'Invite', hint: 'They set their password themselves, by a link that works once.' },
  { id: 'password', label: 'Set a password now', hint: 'You hand it over; they change it after they have signed in.' },
];

export function NewPerson() {
  const [email, setEmail] = useState('');
  const [name, setName] = useState('');
  const [way, setWay] = useState('invitation');
  const [password, setPassword] = useState('');
  const [grant, setGrant] = useState<GrantDraft>({ roles: [], permissions: [] });
  const [added, setAdded] = useState<AddedPerson | null>(null);
  const change = useChange([kind], addPerson);
  if (added) return <Added person={added} />;
  const submit = () =>
    change.mutate(
      {
        email: email.trim(),
        name: name.trim() || null,
        roles: [...grant.roles],
        permissions: [...grant.permissions],
        ...(way === 'password' && { password }),
      },
      {
        onSuccess: (person) => {
          setAdded(person);
          setPassword('');
          change.reset();
        },
      },
    );
  return (
    <Page title="Add a person" about="Whose e-mail is known already becomes a member here too, and signs in as before.">
      <RecordForm
        verb={way === 'password' ? 'Add' : 'Invite'}
        change={change}
        isEnforced
        onSubmit={submit}
        backTo="/people"
      >
        <LineField
          label="E-mail"
          name="email"
          type="email"
          hint="It is who they are, and cannot be changed later."
          autoComplete="off"
          isRequired
          maxLength={254}
          value={email}
          onChange={setEmail}
        />
        <LineField label="Name" name="name" autoComplete="off" maxLength={200} value={name} onChange={setName} />
        <RadiosField label="How they get in" name="way" choices={ways} value={way} onChange={setWay} />
        {way === 'password' && (
          <LineField
            label="Password"
            name="password"
            type="password"
            hint="12 characters or more."
            autoComplete="new-password"
            isRequired
            value={password}
            onChange={setPassword}
          />
        )}
        <GrantFields draft={grant} onChange={setGrant} />
      </RecordForm>
    </Page>
  );
}

/** What came of it. The link is in this answer alone, and gone when the page is left. */
function Added({ person }: { person: AddedPerson }) {
  const isInvited = person.status === 'invited';
  return (
    <Page title={`${person.email} is ${isInvited ? 'invited' : 'a member'}`}>
      {person.known && (
        <Notice tone="accent" title="They were known already">
          They became a member of this organization too. Their name and password are what they were; nothing that was
          said of them here has changed those.
        </Notice>
      )}
      {isInvited && <Invitation of={person} email={person.email} />}
      {person.enforcement && <Receipt enforcement={person.enforcement} />}
      <Card>
        <Facts
          of={[
            ['E-mail', person.email],
            ['Roles', <Badges key="" of={person.roles} />],
          ]}
        />
        <div className="row">
          <ButtonLink href={`/people/${person.id}`}>To the person</ButtonLink>
          <ButtonLink href="/people">To the list</ButtonLink>
        </div>
      </Card>
    </Page>
  );
}
