import { type ApiKeyRecord, disableApiKey, enableApiKey, kind, revokeApiKey } from '../../api/api-keys';
import { useChange } from '../../api/change';
import { ChangeDialog } from '../../ui/change-dialog';
import { type Action } from '../../ui/dialog';
import { type KeyPlace } from './key-place';

const said = {
  enable: { verb: 'Enable', text: 'It works again, within what its owner holds now.', work: enableApiKey },
  disable: {
    verb: 'Disable',
    text: 'Every gateway refuses it in all of its forms, and every token got with it, by the time this is done. It can be enabled again.',
    work: disableApiKey,
  },
  revoke: {
    verb: 'Revoke',
    text: 'Every gateway refuses it in all of its forms, and every token got with it, by the time this is done. It stays in the list with its history, and cannot be brought back.',
    work: revokeApiKey,
  },
} as const;

export type KeyActionName = keyof typeof said;

/** One action on one key, from the question to the receipt. */
export function KeyAction({
  action,
  record: { id, name },
  onDone,
  onClose,
}: {
  action: KeyActionName;
  record: Pick<ApiKeyRecord, 'id' | 'name'>;
  /** Given the key as it is now; for what no query reads anew. */
  onDone?: (key: Pick<ApiKeyRecord, 'id' | 'status'>) => void;
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
      run={() => change.mutate({ id }, { onSuccess: (key) => onDone?.(key) })}
      onClose={onClose}
    >
      <p>{text}</p>
    </ChangeDialog>
  );
}

/** What can be done with a key as it is now. What has ended stays as it is: a key that has expired can still be revoked. */
export function actionsOf(
  { id, status }: Pick<ApiKeyRecord, 'id' | 'status'>,
  place: KeyPlace,
  may: (permission: string) => boolean,
  ask: (action: KeyActionName) => void,
): Action[] {
  const canManage = may('apikeys:manage');
  const canRevoke = may('apikeys:revoke');
  const isOpen = status === 'active' || status === 'disabled';
  return [
    ...(isOpen && canManage
      ? [
          { label: 'Edit', href: `${place}/${id}/edit` },
          { label: 'Rotate', href: `${place}/${id}/rotate` },
        ]
      : []),
    ...(status === 'active' && (canManage || canRevoke) ? [{ label: 'Disable', onAction: () => ask('disable') }] : []),
    ...(status === 'disabled' && canManage ? [{ label: 'Enable', onAction: () => ask('enable') }] : []),
    ...(status !== 'revoked' && canRevoke ? [{ label: 'Revoke', isDanger: true, onAction: () => ask('revoke') }] : []),
  ];
}
