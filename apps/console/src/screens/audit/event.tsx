import { useQuery } from '@tanstack/react-query';
import { useParams } from 'react-router';
import { type AuditEvent, oneEvent } from '../../api/audit';
import { ButtonLink } from '../../ui/button';
import { CopyText } from '../../ui/copy';
import { Card, Facts, Page } from '../../ui/page';
import { RecordPage } from '../../ui/record-page';
import { Snippet } from '../../ui/snippet';
import { Time } from '../../ui/time';
import { ActorName, RecordLink, useNames } from './actor';
import { OutcomeBadge } from './event-columns';
import { ProofCard } from './proof-card';

/** One event, all of it, and its proof. */
export function Event() {
  const { id = '' } = useParams();
  return (
    <RecordPage title="Event" query={useQuery(oneEvent(id))}>
      {(event) => <Shown key={id} event={event} />}
    </RecordPage>
  );
}

const none = <span className="soft">none</span>;

function Shown({ event }: { event: AuditEvent }) {
  const names = useNames();
  const { actor, resource, request_id } = event;
  return (
    <Page
      title={event.action}
      actions={
        <>
          {request_id !== null && (
            <ButtonLink href={`/audit?${new URLSearchParams({ request_id })}`}>
              What happened around this request
            </ButtonLink>
          )}
          {actor.id !== null && (
            <ButtonLink href={`/audit?${new URLSearchParams({ actor: actor.id })}`}>What this actor did</ButtonLink>
          )}
          {resource.id !== null && (
            <ButtonLink href={`/audit?${new URLSearchParams({ resource: resource.id })}`}>
              What happened to this resource
            </ButtonLink>
          )}
        </>
      }
    >
      <Card title="Event">
        <Facts
          of={[
            ['ID', <CopyText key="" text={event.id} label="the id" />],
            [
              'When',
              <span key="" className="row">
                <Time at={event.time} /> <code className="soft">{event.time}</code>
              </span>,
            ],
            ['Action', <code key="">{event.action}</code>],
            ['Outcome', <OutcomeBadge key="" outcome={event.outcome} />],
            ['Reason', event.reason ?? none],
            ['Stands for', event.count === 1 ? 'one time' : `${event.count} times`],
            ['Said by', event.service],
            [
              'Organization',
              event.organization_id === null ? 'none: it is nobody’s' : <code key="">{event.organization_id}</code>,
            ],
          ]}
        />
      </Card>
      <Card title="Who and what">
        <Facts
          of={[
            ['Actor', <ActorName key="" of={actor} names={names} />],
            ['Kind of actor', actor.kind],
            ['Actor’s id', actor.id === null ? none : <RecordLink key="" kind={actor.kind} id={actor.id} />],
            ['Credential', actor.credential_id === null ? none : <code key="">{actor.credential_id}</code>],
            ['Kind of resource', resource.kind],
            ['Resource', resource.id === null ? none : <RecordLink key="" kind={resource.kind} id={resource.id} />],
            ['Request', request_id === null ? none : <CopyText key="" text={request_id} label="the request's id" />],
            ['Address of the caller', event.client_ip ?? none],
          ]}
        />
      </Card>
      <Card title="Details">
        {Object.keys(event.details).length === 0 ? (
          <p className="soft">It says no more than this.</p>
        ) : (
          <Snippet title="As it was written down" text={JSON.stringify(event.details, null, 2)} />
        )}
      </Card>
      <ProofCard event={event} />
    </Page>
  );
}
