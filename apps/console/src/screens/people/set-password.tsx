import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router';
import { useChange } from '../../api/change';
import { useMay, whoami } from '../../api/me';
import { onePerson, setPassword } from '../../api/people';
import { Problem } from '../../api/problem';
import { LineField } from '../../ui/field';
import { Notice } from '../../ui/notice';
import { Page } from '../../ui/page';
import { RecordForm } from '../../ui/record-form';
import { Saved } from '../../ui/saved';

type Answer = Awaited<ReturnType<typeof setPassword>>;

/** One's own password, for the current one (`me` in the address), or another's, by whoever manages people. */
export function SetPassword() {
  const { id = '' } = useParams();
  return <PasswordOf key={id} said={id} />;
}

function PasswordOf({ said }: { said: string }) {
  const me = useQuery(whoami).data?.id ?? '';
  const isOwn = said === 'me' || said === me;
  const id = isOwn ? me : said;
  const may = useMay();
  const person = useQuery({ ...onePerson(id), enabled: me !== '' && may('users:view') });
  const email = person.data?.email ?? (isOwn ? '' : id);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const backTo = may('users:view') ? `/people/${id}` : '/';
  return (
    <Page
      title={isOwn ? 'Change your password' : `Set a password for ${email}`}
      about={
        isOwn
          ? 'Your other sessions, and the role tokens that you got with the old password, end. This page stays signed in.'
          : 'Their sessions, and the role tokens that they got with the old password, end. It is their password in every organization.'
      }
    >
      {answer && (
        <>
          <Notice tone="good" title="The password is set">
            {sessions(answer.sessions_ended, isOwn ? 'other session' : 'session')}
          </Notice>
          <Saved enforcement={answer.enforcement} to={backTo} label="Done" />
        </>
      )}
      {!answer && me !== '' && <PasswordForm id={id} isOwn={isOwn} email={email} backTo={backTo} onDone={setAnswer} />}
    </Page>
  );
}

/** What is typed here goes with it, as soon as it is done. */
function PasswordForm({
  id,
  isOwn,
  email,
  backTo,
  onDone,
}: {
  id: string;
  isOwn: boolean;
  email: string;
  backTo: string;
  onDone: (answer: Answer) => void;
}) {
  const [current, setCurrent] = useState('');
  const [password, setNew] = useState('');
  const [again, setAgain] = useState('');
  const [isCompared, setCompared] = useState(false);
  const change = useChange(['users'], setPassword);
  const { error } = change;
  const submit = () => {
    setCompared(true);
    if (again !== password) return;
    // Nothing typed is no guess: it is refused, and not counted.
    change.mutate({ id, password, ...(current !== '' && { current_password: current }) }, { onSuccess: onDone });
  };
  return (
    <RecordForm
      verb={isOwn ? 'Change it' : 'Set it'}
      change={change}
      isEnforced
      {...(isOwn && {
        whenLost: 'Whether it was set is not known. If it was, the new password is the current one when you ask again.',
      })}
      onSubmit={submit}
      backTo={backTo}
    >
      {/* For the browser's own store of passwords, which wants to know whose it is. */}
      <input type="text" name="username" autoComplete="username" value={email} readOnly hidden />
      {isOwn && (
        <LineField
          label="Current password"
          name="current_password"
          type="password"
          autoComplete="current-password"
          isRequired
          value={current}
          onChange={setCurrent}
        />
      )}
      <LineField
        label="New password"
        name="password"
        type="password"
        hint="12 characters or more; length is what counts. Not the e-mail address."
        autoComplete="new-password"
        isRequired
        value={password}
        onChange={setNew}
      />
      <LineField
        label="New password, again"
        name="again"
        type="password"
        autoComplete="new-password"
        isRequired
        validate={(typed) => (isCompared && typed !== password ? 'It is not the same as above.' : null)}
        value={again}
        onChange={setAgain}
      />
      {isOwn && error instanceof Problem && error.code === 'enforcement_pending' && (
        <Notice tone="warn">When you ask again, the new password is the current one.</Notice>
      )}
    </RecordForm>
  );
}

const sessions = (ended: number, noun: string): string =>
  ended === 1 ? `1 ${noun} ended.` : `${ended} ${noun}s ended.`;
