import { type ApiKeyRecord, disableApiKey, enableApiKey, kind, revokeApiKey } from '../../api/api-keys';
import { ActionDialog, type AskedAction, type RecordAction } from '../../ui/action-dialog';
import { type Action } from '../../ui/dialog';
import { type Enforced } from '../../ui/receipt';
import { type KeyPlace } from './key-place';

type KeyState = Pick<ApiKeyRecord, 'id' | 'status'> & Enforced;

const said = {
  enable: {
    verb: 'Enable',
    text: 'It works again, within what its owner holds now.',
    isDanger: false,
    work: enableApiKey,
  },
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
} satisfies Record<string, RecordAction<KeyState>>;

export type KeyActionName = keyof typeof said;

/** One action on one key. */
export const KeyAction = ({ action, ...asked }: { action: KeyActionName } & AskedAction<KeyState>) => (
  <ActionDialog of={said[action]} about={[kind]} {...asked} />
);

/** What can be done with a key as it is now. What has ended stays as it is: a key that has expired can still be revoked. */
export function actionsOf(
  { id, status }: KeyState,
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
