import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { useMay, whoami } from '../../api/me';
import { onePerson, type Person as PersonRecord } from '../../api/people';
import { ActionButtons } from '../../ui/action-buttons';
import { ButtonLink } from '../../ui/button';
import { CopyText } from '../../ui/copy';
import { Badges, StatusBadge } from '../../ui/notice';
import { Card, Facts, Page } from '../../ui/page';
import { RecordPage } from '../../ui/record-page';
import { Time } from '../../ui/time';
import { PersonAction, type PersonActionName } from './person-action';
import { actionsOf } from './person-list';

export function Person() {
  const { id = '' } = useParams();
  return (
    <RecordPage title="Person" query={useQuery(onePerson(id))}>
      {(person) => <Shown person={person} />}
    </RecordPage>
  );
}

function Shown({ person }: { person: PersonRecord }) {
  const may = useMay();
  const navigate = useNavigate();
  const isMe = useQuery(whoami).data?.id === person.id;
  const [action, setAction] = useState<PersonActionName | null>(null);
  return (
    <Page
      title={person.name ?? person.email}
      actions={
        <>
          {may('apikeys:view') && <ButtonLink href={`/api-keys?owner=${person.id}`}>Their API keys</ButtonLink>}
          <ActionButtons actions={actionsOf(person, isMe, may('users:manage'), setAction)} />
          {may('audit:view') && <ButtonLink href={`/audit?actor=${person.id}`}>What they did</ButtonLink>}
        </>
      }
    >
      <Card title="Person">
        <Facts
          of={[
            ['ID', <CopyText key="" text={person.id} label="the id" />],
            ['E-mail', person.email],
            ['Name', person.name ?? <span className="soft">none</span>],
          ]}
        />
      </Card>
      <Card title="In this organization">
        <Facts
          of={[
            ['Status', <StatusBadge key="" status={person.status} />],
            ['Roles', <Badges key="" of={person.roles} />],
            ['Single permissions', <Badges key="" of={person.permissions} />],
            ['Member since', <Time key="" at={person.created_at} />],
            ['Added by', person.created_by === null ? '–' : <code key="">{person.created_by}</code>],
            ['Disabled', <Time key="" at={person.disabled_at} otherwise="no" />],
            ['Disabled by', person.disabled_by ?? '–'],
            ['Latest change in force', <Time key="" at={person.enforced_at} />],
          ]}
        />
      </Card>
      {action !== null && (
        <PersonAction
          action={action}
          record={person}
          // The page of somebody who is no longer here has nothing to show.
          onClose={(isRemoved) => (isRemoved ? void navigate('/people') : setAction(null))}
        />
      )}
    </Page>
  );
}
