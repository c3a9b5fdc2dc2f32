import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router';
import { type ApiKeyRecord, kind, oneApiKey, rotateApiKey } from '../../api/api-keys';
import { useChange } from '../../api/change';
import { ButtonLink } from '../../ui/button';
import { Empty } from '../../ui/notice';
import { Page } from '../../ui/page';
import { Receipt } from '../../ui/receipt';
import { RecordForm } from '../../ui/record-form';
import { RecordPage } from '../../ui/record-page';
import { day, OverlapField } from '../grant/overlap-field';
import { type Issued, IssuedCredentials } from './issued-credentials';
import { nounOf, useKeyPlace } from './key-place';

export function RotateKey() {
  const { id = '' } = useParams();
  return (
    <RecordPage title="Rotate" query={useQuery(oneApiKey(id))}>
      {(key) => <Rotate key={id} record={key} />}
    </RecordPage>
  );
}

function Rotate({ record: { id, name, status } }: { record: ApiKeyRecord }) {
  const place = useKeyPlace();
  const [overlap, setOverlap] = useState(day);
  const [issued, setIssued] = useState<Issued | null>(null);
  const change = useChange([kind], rotateApiKey);
  const to = `${place}/${id}`;
  if (issued) return <IssuedCredentials of={issued} place={place} />;
  if (status === 'revoked' || status === 'expired')
    return (
      <Page title={`Rotate ${name}`}>
        <Empty title={`It is ${status}, and stays as it is`}>
          <ButtonLink href={to}>To the {nounOf[place]}</ButtonLink>
        </Empty>
      </Page>
    );
  const submit = () =>
    change.mutate(
      { id, overlap_seconds: overlap },
      {
        onSuccess: (answer) => {
          setIssued(answer);
          change.reset();
        },
      },
    );
  return (
    <Page
      title={`Rotate ${name}`}
      about="It gets new secrets in every form that it has. Its id, its client id and what it may do stay."
    >
      {change.isPending && <Receipt isPending />}
      <RecordForm verb="Rotate" isPending={change.isPending} error={change.error} onSubmit={submit} backTo={to}>
        <OverlapField value={overlap} onChange={setOverlap} />
      </RecordForm>
    </Page>
  );
}
