import { type FormEvent, useState } from 'react';
import { Form } from 'react-aria-components';
import { Problem } from '../../api/problem';
import { signIn } from '../../api/session';
import { Button } from '../../ui/button';
import { LineField } from '../../ui/field';
import { Notice, ProblemNotice } from '../../ui/notice';
import './sign-in.css';

export function SignIn({ hasEnded }: { hasEnded: boolean }) {
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const typed = (name: string) => form.get(name) as string;
    setBusy(true);
    setError(null);
    signIn(typed('email'), typed('password')).catch((reason: unknown) => {
      setError(reason);
      setBusy(false);
    });
  };
  const isWrong = error instanceof Problem && error.code === 'invalid_credentials';
  return (
    <main className="sign-in">
      <title>Sign in · Portcullis</title>
      <h1>Sign in to Portcullis</h1>
      {hasEnded && error === null && (
        <Notice tone="warn" title="You were signed out">
          The session has ended or was ended elsewhere. What was shown is no longer here.
        </Notice>
      )}
      {isWrong && (
        <Notice tone="bad" title="E-mail or password is wrong">
          Both are checked together; which of them it is, is not said.
        </Notice>
      )}
      {error !== null && !isWrong && <ProblemNotice error={error} />}
      {!window.isSecureContext && (
        <Notice tone="warn" title="This address is not safe">
          Browsers keep the session of a page only over https, or on this machine. Open the console by its https
          address.
        </Notice>
      )}
      <Form className="card" onSubmit={submit}>
        <LineField label="E-mail" name="email" type="email" autoComplete="username" isRequired autoFocus />
        <LineField label="Password" name="password" type="password" autoComplete="current-password" isRequired />
        <Button kind="primary" type="submit" isPending={isBusy}>
          Sign in
        </Button>
      </Form>
    </main>
  );
}
