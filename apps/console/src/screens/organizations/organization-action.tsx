import { useChange } from '../../api/change';
import { kind, type OrganizationRecord, resumeOrganization, suspendOrganization } from '../../api/organizations';
import { ChangeDialog } from '../../ui/change-dialog';

const said = {
  suspend: {
    verb: 'Suspend',
    text: 'Every gateway refuses everything that belongs to it (sessions, keys, clients, storage) by the time this is done. Nothing is deleted, and it can be resumed.',
    work: suspendOrganization,
  },
  resume: { verb: 'Resume', text: 'All that belongs to it works again as it did.', work: resumeOrganization },
} as const;

export type OrganizationActionName = keyof typeof said;

/** One action on one organization, from the question to the receipt. */
export function OrganizationAction({
  action,
  organization: { id, name },
  onClose,
}: {
  action: OrganizationActionName;
  organization: OrganizationRecord;
  onClose: () => void;
}) {
  const { verb, text, work } = said[action];
  const change = useChange([kind], work);
  return (
    <ChangeDialog
      title={`${verb} ${name}?`}
      verb={verb}
      isDanger={action === 'suspend'}
      change={change}
      run={() => change.mutate({ id })}
      onClose={onClose}
    >
      <p>{text}</p>
    </ChangeDialog>
  );
}
