import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation, useParams, useSearchParams } from 'react-router';
import { type ApiKeyRecord, oneApiKey, rotateApiKey } from '../../api/api-keys';
import { ButtonLink } from '../../ui/button';
import { Empty } from '../../ui/notice';
import { Page } from '../../ui/page';
import { RecordForm } from '../../ui/record-form';
import { RecordPage } from '../../ui/record-page';
import { day, OverlapField } from '../grant/overlap-field';
import { IssuedCredentials } from './issued-credentials';
import { useIssuedKey } from './issued-key';
import { nounOf, useKeyPlace } from './key-place';

export function RotateKey() {
  const { id = '' } = useParams();
  // Whoever comes here again by the same address begins again, such as one to whom no secrets could be shown.
  const { key } = useLocation();
  return (
    <RecordPage title="Rotate" query={useQuery(oneApiKey(id))}>
      {(record) => <Rotate key={key} record={record} />}
    </RecordPage>
  );
}

function Rotate({ record: { id, name, status } }: { record: ApiKeyRecord }) {
  const place = useKeyPlace();
  const [search] = useSearchParams();
  const [overlap, setOverlap] = useState(search.get('overlap') === '0' ? 0 : day);
  const { issued, change, issue } = useIssuedKey(rotateApiKey);
  const to = `${place}/${id}`;
  if (issued) return <IssuedCredentials of={issued} place={place} isNew={false} />;
  if (status === 'revoked' || status === 'expired')
    return (
      <Page title={`Rotate ${name}`}>
        <Empty title={`It is ${status}, and stays as it is`}>
          <ButtonLink href={to}>To the {nounOf[place]}</ButtonLink>
        </Empty>
      </Page>
    );
  return (
    <Page
      title={`Rotate ${name}`}
      about="It gets new secrets in every form that it has. Its id, its client id and what it may do stay."
    >
      <RecordForm
        verb="Rotate"
        change={change}
        isEnforced
        onSubmit={() => issue({ id, overlap_seconds: overlap })}
        backTo={to}
      >
        <OverlapField value={overlap} onChange={setOverlap} />
      </RecordForm>
    </Page>
  );
}
