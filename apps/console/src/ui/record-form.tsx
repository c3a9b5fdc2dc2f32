import { type ReactNode } from 'react';
import { Form } from 'react-aria-components';
import { Problem } from '../api/problem';
import { Button, ButtonLink } from './button';
import { ProblemNotice } from './notice';

/** A form that is sent as one: what was refused stands beside its field and below them all, and a way back is offered. */
export function RecordForm({
  verb,
  isPending,
  error,
  onSubmit,
  backTo,
  children,
}: {
  /** On the button: "Save". */
  verb: string;
  isPending: boolean;
  error: Error | null;
  onSubmit: () => void;
  backTo: string;
  children: ReactNode;
}) {
  return (
    <Form
      className="card"
      validationErrors={error instanceof Problem ? error.fields : {}}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      {children}
      {error && <ProblemNotice error={error} />}
      <div className="row">
        <Button kind="primary" type="submit" isPending={isPending}>
          {verb}
        </Button>
        <ButtonLink href={backTo}>Cancel</ButtonLink>
      </div>
    </Form>
  );
}

/** What a form of a kind of record needs beside its own draft, whether it creates one or edits it. */
export type RecordFormProps = Omit<Parameters<typeof RecordForm>[0], 'children'>;
