import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useParams } from 'react-router';
import { type ApiKeyRecord, oneApiKey } from '../../api/api-keys';
import { useMay } from '../../api/me';
import { wholeList } from '../../api/whole-list';
import { ActionButtons } from '../../ui/action-buttons';
import { CopyText } from '../../ui/copy';
import { Badges, StatusBadge } from '../../ui/notice';
import { Card, Facts, Page } from '../../ui/page';
import { RecordPage } from '../../ui/record-page';
import { RecordTable } from '../../ui/table';
import { Time } from '../../ui/time';
import { actionsOf, KeyAction, type KeyActionName } from './key-action';
import { nounOf, useKeyPlace } from './key-place';
import { KeyRequests } from './key-requests';
import { useOwnerName } from './owner-name';

/** One key: all that is known of it, and what it did. */
export function Key() {
  const { id = '' } = useParams();
  const place = useKeyPlace();
  return (
    <RecordPage title={`One ${nounOf[place]}`} query={useQuery(oneApiKey(id))}>
      {(key) => <Shown record={key} />}
    </RecordPage>
  );
}

const formNames = { bearer: 'Bearer token', client_credentials: 'Client id and secret', s3: 'S3 access key' } as const;

function Shown({ record }: { record: ApiKeyRecord }) {
  const may = useMay();
  const place = useKeyPlace();
  const [action, setAction] = useState<KeyActionName | null>(null);
  const { buckets, networks, rate_limit: limit, metadata } = record;
  return (
    <Page title={record.name} actions={<ActionButtons actions={actionsOf(record, place, may, setAction)} />}>
      <Card title={place === '/api-keys' ? 'API key' : 'Storage token'}>
        <Facts
          of={[
            ['ID', <CopyText key="" text={record.id} label="the id" />],
            ['Name', record.name],
            ['Description', record.description ?? <span className="soft">none</span>],
            ['Status', <StatusBadge key="" status={record.status} />],
            ['Owner', <Owner key="" of={record.owner} />],
            ['Forms', <Badges key="" of={record.forms.map((form) => formNames[form])} />],
            ['Prefix', <Id key="" of={record.key_prefix} label="the prefix" />],
            ['Client id', <Id key="" of={record.client_id} label="the client id" />],
            ['Access key id', <Id key="" of={record.access_key_id} label="the access key id" />],
            ['Ends', <Time key="" at={record.expires_at} otherwise="never" />],
          ]}
        />
      </Card>
      <Card title="What it may do">
        <Facts
          of={[
            ['Roles', <Badges key="" of={record.roles} />],
            ['Single permissions', <Badges key="" of={record.permissions} />],
            ['Buckets', buckets === 'all' ? 'all, and those made later' : <Badges key="" of={buckets ?? []} />],
            ['Networks', <Badges key="" of={networks ?? []} otherwise="from anywhere" />],
            [
              'Rate limit',
              limit ? (
                `${limit.requests} requests in any span of ${limit.per_seconds} s`
              ) : (
                <span className="soft">none</span>
              ),
            ],
            [
              'Metadata',
              Object.keys(metadata).length === 0 ? (
                <span className="soft">none</span>
              ) : (
                <code key="">{JSON.stringify(metadata)}</code>
              ),
            ],
          ]}
        />
      </Card>
      <Card title="Use and history">
        <Facts
          of={[
            ['Last used', <Time key="" at={record.last_used_at} otherwise="never" />],
            ['From', record.last_used_ip ?? '–'],
            ['By', record.last_used_user_agent ?? '–'],
            ['Created', <Time key="" at={record.created_at} />],
            ['Created by', <code key="">{record.created_by}</code>],
            ['Revoked', <Time key="" at={record.revoked_at} otherwise="no" />],
            ['Revoked by', record.revoked_by === null ? '–' : <code key="">{record.revoked_by}</code>],
            ['Latest change in force', <Time key="" at={record.enforced_at} />],
          ]}
        />
      </Card>
      <section className="stack">
        <h2>Secrets</h2>
        <RecordTable
          label="Secrets"
          list={wholeList(record.secrets)}
          columns={[
            { name: 'Form', isRowHeader: true, cell: ({ form }) => formNames[form] },
            { name: 'Id', cell: ({ id, access_key_id }) => <code>{access_key_id ?? id}</code> },
            { name: 'Made', cell: ({ created_at }) => <Time at={created_at} /> },
            { name: 'Ends', cell: ({ expires_at }) => <Time at={expires_at} otherwise="with the key" /> },
            { name: 'Last used', cell: ({ last_used_at }) => <Time at={last_used_at} otherwise="never" /> },
          ]}
          empty={null}
        />
      </section>
      <KeyRequests id={record.id} />
      {action !== null && <KeyAction action={action} record={record} onClose={() => setAction(null)} />}
    </Page>
  );
}

function Owner({ of }: { of: ApiKeyRecord['owner'] }) {
  const nameOf = useOwnerName();
  const to = of.kind === 'user' ? '/people' : '/service-accounts';
  return (
    <span className="row">
      <Link to={`${to}/${of.id}`}>{nameOf(of)}</Link>
      <span className="soft">{of.kind === 'user' ? 'person' : 'service account'}</span>
    </span>
  );
}

const Id = ({ of, label }: { of: string | null; label: string }) =>
  of === null ? <span className="soft">none</span> : <CopyText text={of} label={label} />;
