import { useQuery } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import { type Repeatable, useChange } from '../../api/change';
import { whoami } from '../../api/me';
import { changePerson, invitePerson, kind, type Person, removePerson } from '../../api/people';
import { Button } from '../../ui/button';
import { ChangeDialog } from '../../ui/change-dialog';
import { Dialog, DialogActions } from '../../ui/dialog';
import { Notice, ProblemNotice } from '../../ui/notice';
import { type Enforcement } from '../../ui/receipt';
import { Invitation } from './invitation';

export type PersonActionName = 'enable' | 'disable' | 'remove' | 'invite';

/** One action on one person, from the question to the receipt. */
export function PersonAction(props: { action: PersonActionName; person: Person; onClose: () => void }) {
  return props.action === 'invite' ? <Invite {...props} /> : <Switch {...props} action={props.action} />;
}

const said = {
  enable: {
    verb: 'Enable',
    text: 'Their membership, and their keys in this organization, work again.',
    work: ({ id }: { id: string }, headers: Repeatable) => changePerson({ id, status: 'active' }, headers),
  },
  disable: {
    verb: 'Disable',
    text: 'Every gateway refuses their sessions and keys in this organization by the time this is done. Other organizations are not touched. They can be enabled again.',
    work: ({ id }: { id: string }, headers: Repeatable) => changePerson({ id, status: 'disabled' }, headers),
  },
  remove: {
    verb: 'Remove',
    text: 'Their membership ends: every gateway refuses their sessions and keys in this organization by the time this is done, and the keys are revoked for good. Where this was their last organization, their name and address are erased.',
    work: removePerson,
  },
} as const;

function Switch({
  action,
  person: { id, email },
  onClose,
}: {
  action: keyof typeof said;
  person: Person;
  onClose: () => void;
}) {
  const { verb, text, work } = said[action];
  const change = useChange<{ id: string }, { readonly enforcement?: Enforcement | null }>([kind, 'api-keys'], work);
  const isMe = useQuery(whoami).data?.id === id;
  const navigate = useNavigate();
  const close = () => {
    onClose();
    // The page of somebody who is no longer here has nothing to show.
    if (action === 'remove' && change.isSuccess) void navigate('/people');
  };
  return (
    <ChangeDialog
      title={`${verb} ${email}?`}
      verb={verb}
      isDanger={action !== 'enable'}
      change={change}
      run={() => change.mutate({ id })}
      onClose={close}
    >
      <p>{text}</p>
      {isMe && action !== 'enable' && (
        <Notice tone="warn" title="This is you">
          You will see nothing of this organization any more, and somebody else must let you in again.
        </Notice>
      )}
    </ChangeDialog>
  );
}

function Invite({ person: { id, email }, onClose }: { person: Person; onClose: () => void }) {
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
        <Button onPress={onClose} isDisabled={change.isPending}>
          {change.isSuccess ? 'Done' : 'Cancel'}
        </Button>
        {!change.isSuccess && (
          <Button kind="primary" onPress={() => change.mutate({ id })} isPending={change.isPending}>
            Make a new link
          </Button>
        )}
      </DialogActions>
    </Dialog>
  );
}
