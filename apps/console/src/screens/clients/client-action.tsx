import { useState } from 'react';
import { Form } from 'react-aria-components';
import { useChange } from '../../api/change';
import { type ClientRecord, deleteClient, disableClient, enableClient, kind, rotateClient } from '../../api/clients';
import { problemFields } from '../../api/problem-fields';
import { ActionDialog, type RecordAction } from '../../ui/action-dialog';
import { ChangeDialog } from '../../ui/change-dialog';
import { LineField } from '../../ui/field';
import { day, OverlapField } from '../grant/overlap-field';

const said = {
  enable: {
    verb: 'Enable',
    text: 'Its requests are judged again by its roles and networks.',
    isDanger: false,
    work: enableClient,
  },
  disable: {
    verb: 'Disable',
    text: 'Every gateway refuses its requests, and every token got with its key, by the time this is done. It can be enabled again.',
    work: disableClient,
  },
  delete: {
    verb: 'Delete',
    text: 'Every gateway refuses its requests, and every token got with its key, by the time this is done. It stays in the list as revoked, and cannot be brought back.',
    work: deleteClient,
  },
} satisfies Record<string, RecordAction>;

export type ClientActionName = keyof typeof said | 'rotate';

/** One action on one client. */
export function ClientAction({
  action,
  record,
  onClose,
}: {
  action: ClientActionName;
  record: ClientRecord;
  onClose: () => void;
}) {
  if (action === 'rotate') return <Rotate client={record} onClose={onClose} />;
  return <ActionDialog of={said[action]} about={[kind]} record={record} onClose={onClose} />;
}

function Rotate({ client: { id, name }, onClose }: { client: ClientRecord; onClose: () => void }) {
  const change = useChange([kind], rotateClient);
  const [key, setKey] = useState('');
  const [overlap, setOverlap] = useState(day);
  const run = () => change.mutate({ id, public_key: key, overlap_seconds: overlap });
  return (
    <ChangeDialog
      title={`Rotate the key of ${name}`}
      verb="Rotate"
      isDanger={overlap === 0}
      change={change}
      run={run}
      onClose={onClose}
    >
      <Form className="stack" validationBehavior="aria" validationErrors={problemFields(change.error)}>
        <LineField
          label="New public key"
          name="public_key"
          hint="PEM, beginning with -----BEGIN PUBLIC KEY-----. RSA of 2048 bits or more, EC P-256 or Ed25519."
          lines={6}
          mono
          autoFocus
          value={key}
          onChange={setKey}
        />
        <OverlapField value={overlap} onChange={setOverlap} />
      </Form>
    </ChangeDialog>
  );
}
