import { type UseMutationResult } from '@tanstack/react-query';
import { type ReactNode } from 'react';
import { Button } from './button';
import { Dialog, DialogActions } from './dialog';
import { ProblemNotice } from './notice';
import { type Enforced, Receipt, Waiting } from './receipt';

/**
 * Asks before a change that takes something away, and stays until it is in force: what was asked, the wait, and the receipt.
 * @param run starts the change
 */
export function ChangeDialog<Input>({
  title,
  verb,
  isDanger = true,
  change,
  run,
  onClose,
  children,
}: {
  title: string;
  /** On the button: "Revoke". */
  verb: string;
  isDanger?: boolean;
  change: UseMutationResult<Enforced, Error, Input>;
  run: () => void;
  onClose: () => void;
  children?: ReactNode;
}) {
  const { isPending, isSuccess, error, data } = change;
  return (
    <Dialog title={title} isBusy={isPending} onClose={onClose}>
      {children}
      {/* Its place is kept free, so that the buttons stay where they are. */}
      <div className="receipt-place">
        {isPending && <Waiting />}
        {isSuccess && <Receipt enforcement={data.enforcement ?? null} />}
      </div>
      {error && <ProblemNotice error={error} />}
      <DialogActions>
        {!isSuccess && (
          <Button onPress={onClose} isDisabled={isPending}>
            Cancel
          </Button>
        )}
        {/* The one that was pressed becomes the way out, and keeps the focus. */}
        <Button
          kind={isDanger && !isSuccess ? 'danger' : 'primary'}
          onPress={isSuccess ? onClose : run}
          isPending={isPending}
        >
          {isSuccess ? 'Done' : error ? `${verb} again` : verb}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
