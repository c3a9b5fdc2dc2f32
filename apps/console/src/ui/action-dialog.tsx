import { type ReactNode } from 'react';
import { type Repeatable, useChange } from '../api/change';
import { ChangeDialog } from './change-dialog';
import { type Enforced } from './receipt';

/** One thing to do with a record, for which its id is all that is needed. */
export interface RecordAction<Reply extends Enforced = Enforced> {
  /** On the button: "Revoke". */
  readonly verb: string;
  /** What comes of it. */
  readonly text: string;
  /** Unless it is said to be none. */
  readonly isDanger?: boolean;
  readonly work: (input: { id: string }, headers: Repeatable) => Promise<Reply>;
}

export interface AskedAction<Reply extends Enforced = Enforced> {
  readonly record: { readonly id: string; readonly name: string };
  /** Told at once what was answered, the dialog still being open. */
  readonly onDone?: (reply: Reply) => void;
  readonly onClose: (isDone: boolean) => void;
}

/** From the question to the receipt. @param about the kinds of records that it changes */
export function ActionDialog<Reply extends Enforced>({
  of: { verb, text, isDanger = true, work },
  about,
  record: { id, name },
  onDone,
  onClose,
  children,
}: AskedAction<Reply> & { of: RecordAction<Reply>; about: readonly string[]; children?: ReactNode }) {
  const change = useChange(about, work);
  return (
    <ChangeDialog
      title={`${verb} ${name}?`}
      verb={verb}
      isDanger={isDanger}
      change={change}
      run={() => change.mutate({ id }, { onSuccess: (reply) => onDone?.(reply) })}
      onClose={() => onClose(change.isSuccess)}
    >
      <p>{text}</p>
      {children}
    </ChangeDialog>
  );
}
