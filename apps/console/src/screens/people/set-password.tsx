import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Form } from 'react-aria-components';
import { useParams } from 'react-router';
import { useChange } from '../../api/change';
import { useMay, whoami } from '../../api/me';
import { onePerson, setPassword } from '../../api/people';
import { Problem } from '../../api/problem';
import { Button, ButtonLink } from '../../ui/button';
import { LineField } from '../../ui/field';
import { Notice, ProblemNotice } from '../../ui/notice';
import { Page } from '../../ui/page';
import { Receipt } from '../../ui/receipt';

/** One's own password, for the current one (`me` in the address), or another's, by whoever manages people. */
export function SetPassword() {
  const { id = '' } = useParams();
  const me = useQuery(whoami).data?.id ?? '';
  const isOwn = id === 'me' || id === me;
  const may = useMay();
  const person = useQuery({ ...onePerson(isOwn ? me : id), enabled: me !== '' && may('users:view') });
  const whose = person.data?.email ?? (isOwn ? '' : id);
  return (
    <Page
      title={isOwn ? 'Change your password' : `Set a password for ${whose}`}
      about={
        isOwn
          ? 'Your other sessions, and the role tokens that you got with the old password, end. This page stays signed in.'
          : 'Their sessions, and the role tokens that they got with the old password, end. It is their password in every organization.'
      }
    >
      {me !== '' && <PasswordForm key={id} id={isOwn ? me : id} isOwn={isOwn} email={whose} />}
    </Page>
  );
}

function PasswordForm({ id, isOwn, email }: { id: string; isOwn: boolean; email: string }) {
  const [current, setCurrent] = useState('');
  const [password, setNew] = useState('');
  const [again, setAgain] = useState('');
  const change = useChange(['users'], setPassword);
  const may = useMay();
  const backTo = may('users:view') ? `/people/${id}` : '/';
  if (change.isSuccess)
    return (
      <>
        <Notice tone="good" title="The password is set">
          {isOwn ? otherSessions(change.data.sessions_ended) : sessions(change.data.sessions_ended)}
        </Notice>
        <Receipt isPending={false} enforcement={change.data.enforcement} />
        <div>
          <ButtonLink autoFocus href={backTo}>
            Done
          </ButtonLink>
        </div>
      </>
    );
  const { error } = change;
  return (
    <>
      {change.isPending && <Receipt isPending />}
      <Form
        className="card"
        validationErrors={error instanceof Problem ? error.fields : {}}
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate({ id, password, ...(isOwn && { current_password: current }) });
        }}
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
          validate={(typed) => (typed === password ? null : 'It is not the same as above.')}
          value={again}
          onChange={setAgain}
        />
        {error && <ProblemNotice error={error} />}
        {isOwn && error instanceof Problem && error.code === 'enforcement_pending' && (
          <Notice tone="warn">When you ask again, the new password is the current one.</Notice>
        )}
        <div className="row">
          <Button kind="primary" type="submit" isPending={change.isPending}>
            {isOwn ? 'Change it' : 'Set it'}
          </Button>
          <ButtonLink href={backTo}>Cancel</ButtonLink>
        </div>
      </Form>
    </>
  );
}

const sessions = (ended: number): string => (ended === 1 ? '1 session ended.' : `${ended} sessions ended.`);
const otherSessions = (ended: number): string =>
  ended === 1 ? '1 other session ended.' : `${ended} other sessions ended.`;
