import { useQuery } from '@tanstack/react-query';
import { useChange } from '../../api/change';
import { whoami } from '../../api/me';
import { changePerson, invitePerson, kind, type Person, removePerson } from '../../api/people';
import { ActionDialog, type RecordAction } from '../../ui/action-dialog';
import { Button } from '../../ui/button';
import { Dialog, DialogActions } from '../../ui/dialog';
import { Notice, ProblemNotice } from '../../ui/notice';
import { Invitation } from './invitation';

type Switch = 'enable' | 'disable' | 'remove';

const said: Readonly<Record<Switch, RecordAction>> = {
  enable: {
    verb: 'Enable',
    text: 'Their membership, and their keys in this organization, work again.',
    isDanger: false,
    work: ({ id }, headers) => changePerson({ id, status: 'active' }, headers),
  },
  disable: {
    verb: 'Disable',
    text: 'Every gateway refuses their sessions and keys in this organization by the time this is done. Other organizations are not touched. They can be enabled again.',
    work: ({ id }, headers) => changePerson({ id, status: 'disabled' }, headers),
  },
  remove: {
    verb: 'Remove',
    text: 'Their membership ends: every gateway refuses their sessions and keys in this organization by the time this is done, and the keys are revoked for good. Where this was their last organization, their name and address are erased.',
    work: removePerson,
  },
};

export type PersonActionName = Switch | 'invite';

/** One action on one person. @param onClose told whether they are no longer here */
export function PersonAction({
  action,
  record: { id, email },
  onClose,
}: {
  action: PersonActionName;
  record: Person;
  onClose: (isRemoved: boolean) => void;
}) {
  const isMe = useQuery(whoami).data?.id === id;
  if (action === 'invite') return <Invite id={id} email={email} onClose={() => onClose(false)} />;
  return (
    <ActionDialog
      of={said[action]}
      about={[kind, 'api-keys']}
      record={{ id, name: email }}
      onClose={(isDone) => onClose(isDone && action === 'remove')}
    >
      {isMe && action !== 'enable' && (
        <Notice tone="warn" title="This is you">
          You will see nothing of this organization any more, and somebody else must let you in again.
        </Notice>
      )}
    </ActionDialog>
  );
}

function Invite({ id, email, onClose }: { id: string; email: string; onClose: () => void }) {
  const change = useChange([kind], invitePerson);
  return (
    <Dialog title={`A new invitation for ${email}`} isBusy={change.isPending} onClose={onClose}>
      {change.isSuccess ? (
        <Invitation of={change.data} email={email} />
      ) : (
        <p>They have no password yet. A new link is made and shown once; links that were sent before are void.</p>
      )}
      {change.error && <ProblemNotice error={change.error} />}
      <DialogActions>
        {change.isSuccess ? (
          <Button kind="primary" autoFocus onPress={onClose}>
            Done
          </Button>
        ) : (
          <>
            <Button onPress={onClose} isDisabled={change.isPending}>
              Cancel
            </Button>
            <Button kind="primary" onPress={() => change.mutate({ id })} isPending={change.isPending}>
              Make a new link
            </Button>
          </>
        )}
      </DialogActions>
    </Dialog>
  );
}
