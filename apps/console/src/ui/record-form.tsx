import { type ReactNode, useEffect, useRef } from 'react';
import { Form } from 'react-aria-components';
import { isAnswerLost } from '../api/problem';
import { problemFields } from '../api/problem-fields';
import { Button, ButtonLink } from './button';
import { ProblemNotice } from './notice';
import { Waiting } from './receipt';

/**
 * A form that is sent as one: what was refused stands beside its field, to the first of which the keyboard is led, and below them all.
 * The server alone refuses: a browser would not send again a field that was refused and mended otherwise than by typing into it.
 */
export function RecordForm({
  verb,
  change: { isPending, isSuccess, error },
  isEnforced = false,
  whenLost = 'Whether it was done is not known. Send it again as it is: it is not done twice.',
  onSubmit,
  backTo,
  children,
}: {
  /** On the button: "Save". */
  verb: string;
  /** What is made of it. Once it is done it is not sent again, also while the page that comes next is on its way. */
  change: { readonly isPending: boolean; readonly isSuccess: boolean; readonly error: Error | null };
  /** Whether it is answered only when every gateway goes by it. */
  isEnforced?: boolean;
  /** What to do where no answer came. */
  whenLost?: string;
  onSubmit: () => void;
  backTo: string;
  children: ReactNode;
}) {
  const form = useRef<HTMLFormElement>(null);
  const isSent = isPending || isSuccess;
  useEffect(() => {
    if (error) form.current?.querySelector<HTMLElement>(':is(input, textarea)[aria-invalid="true"]')?.focus();
  }, [error]);
  return (
    <Form
      ref={form}
      className="card"
      validationBehavior="aria"
      validationErrors={problemFields(error)}
      onSubmit={(event) => {
        event.preventDefault();
        if (!isSent) onSubmit();
      }}
    >
      {children}
      {error && <ProblemNotice error={error}>{isAnswerLost(error) && <p>{whenLost}</p>}</ProblemNotice>}
      <div className="row">
        <Button kind="primary" type="submit" isPending={isSent}>
          {verb}
        </Button>
        <ButtonLink href={backTo}>Cancel</ButtonLink>
      </div>
      {isEnforced && isPending && <Waiting />}
    </Form>
  );
}

/** What a form of a kind of record needs beside its own draft, whether it creates one or edits it. */
export type RecordFormProps = Omit<Parameters<typeof RecordForm>[0], 'children'>;
