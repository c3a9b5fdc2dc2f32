import { useState } from 'react';
import { Form } from 'react-aria-components';
import { useChange } from '../../api/change';
import { type ClientRecord, deleteClient, disableClient, enableClient, kind, rotateClient } from '../../api/clients';
import { Problem } from '../../api/problem';
import { ChangeDialog } from '../../ui/change-dialog';
import { LineField, SelectField } from '../../ui/field';

export type ClientActionName = 'rotate' | 'enable' | 'disable' | 'delete';

/** One action on one client, from the question to the receipt. */
export function ClientAction(props: { action: ClientActionName; client: ClientRecord; onClose: () => void }) {
  return props.action === 'rotate' ? <Rotate {...props} /> : <Switch {...props} action={props.action} />;
}

const said = {
  enable: {
    verb: 'Enable',
    text: 'Its requests are judged again by its roles and networks.',
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
} as const;

function Switch({
  action,
  client: { id, name },
  onClose,
}: {
  action: keyof typeof said;
  client: ClientRecord;
  onClose: () => void;
}) {
  const { verb, text, work } = said[action];
  const change = useChange([kind], work);
  return (
    <ChangeDialog
      title={`${verb} ${name}?`}
      verb={verb}
      isDanger={action !== 'enable'}
      change={change}
      run={() => change.mutate({ id })}
      onClose={onClose}
    >
      <p>{text}</p>
    </ChangeDialog>
  );
}

const overlaps = [
  { id: '0', label: 'No overlap: the old key is refused at once' },
  { id: '3600', label: '1 hour' },
  { id: '86400', label: '1 day' },
  { id: '604800', label: '7 days' },
  { id: '2592000', label: '30 days' },
];

function Rotate({ client: { id, name }, onClose }: { client: ClientRecord; onClose: () => void }) {
  const change = useChange([kind], rotateClient);
  const [key, setKey] = useState('');
  const [overlap, setOverlap] = useState('86400');
  const fields = change.error instanceof Problem ? change.error.fields : {};
  const run = () => change.mutate({ id, public_key: key, overlap_seconds: Number(overlap) });
  return (
    <ChangeDialog
      title={`Rotate the key of ${name}`}
      verb="Rotate"
      isDanger={overlap === '0'}
      change={change}
      run={run}
      onClose={onClose}
    >
      <Form className="stack" validationErrors={fields}>
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
        <SelectField
          label="Overlap"
          hint="How long the old key goes on to work beside the new one."
          options={overlaps}
          value={overlap}
          onChange={setOverlap}
        />
      </Form>
    </ChangeDialog>
  );
}
