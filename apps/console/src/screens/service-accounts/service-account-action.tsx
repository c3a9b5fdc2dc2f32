import { deleteServiceAccount, disableServiceAccount, enableServiceAccount, kind } from '../../api/service-accounts';
import { ActionDialog, type AskedAction, type RecordAction } from '../../ui/action-dialog';

const said = {
  enable: {
    verb: 'Enable',
    text: 'Its keys work again, within what the account holds now.',
    isDanger: false,
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
} satisfies Record<string, RecordAction>;

export type ServiceAccountActionName = keyof typeof said;

/** One action on one service account. */
export const ServiceAccountAction = ({ action, ...asked }: { action: ServiceAccountActionName } & AskedAction) => (
  <ActionDialog of={said[action]} about={[kind, 'api-keys']} {...asked} />
);
