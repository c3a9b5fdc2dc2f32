import { kind, resumeOrganization, suspendOrganization } from '../../api/organizations';
import { ActionDialog, type AskedAction, type RecordAction } from '../../ui/action-dialog';

const said = {
  suspend: {
    verb: 'Suspend',
    text: 'Every gateway refuses everything that belongs to it (sessions, keys, clients, storage) by the time this is done. Nothing is deleted, and it can be resumed.',
    work: suspendOrganization,
  },
  resume: {
    verb: 'Resume',
    text: 'All that belongs to it works again as it did.',
    isDanger: false,
    work: resumeOrganization,
  },
} satisfies Record<string, RecordAction>;

export type OrganizationActionName = keyof typeof said;

/** One action on one organization. */
export const OrganizationAction = ({ action, ...asked }: { action: OrganizationActionName } & AskedAction) => (
  <ActionDialog of={said[action]} about={[kind]} {...asked} />
);
