import { useChange } from '../../api/change';
import {
  deleteServiceAccount,
  disableServiceAccount,
  enableServiceAccount,
  kind,
  type ServiceAccountRecord,
} from '../../api/service-accounts';
import { ChangeDialog } from '../../ui/change-dialog';

const said = {
  enable: {
    verb: 'Enable',
    text: 'Its keys work again, within what the account holds now.',
    work: enableServiceAccount,
  },
  disable: {
    verb: 'Disable',
    text: 'Every gateway refuses its keys, and every token got with them, by the time this is done. It can be enabled again.',
    work: disableServiceAccount,
  },
  delete: {
    verb: 'Delete',
    text: 'Every gateway refuses its keys, and every token got with them, by the time this is done; the keys are then revoked for good. The record stays, and cannot be brought back.',
    work: deleteServiceAccount,
  },
} as const;

export type ServiceAccountActionName = keyof typeof said;

/** One action on one service account, from the question to the receipt. */
export function ServiceAccountAction({
  action,
  account: { id, name },
  onClose,
}: {
  action: ServiceAccountActionName;
  account: ServiceAccountRecord;
  onClose: () => void;
}) {
  const { verb, text, work } = said[action];
  const change = useChange([kind, 'api-keys'], work);
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
