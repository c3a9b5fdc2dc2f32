import { useState } from 'react';
import { type IssuedKey, kind } from '../../api/api-keys';
import { type Repeatable, useChange } from '../../api/change';
import { type Enforced } from '../../ui/receipt';

/** What creating and rotating answer. */
export type Issued = IssuedKey & Enforced;

/** A change that answers secrets: they are a state of the page that asked for them, and of nothing else. */
export function useIssuedKey<Input>(work: (input: Input, headers: Repeatable) => Promise<Issued>) {
  const [issued, setIssued] = useState<Issued | null>(null);
  const change = useChange([kind], work);
  const issue = (input: Input) =>
    change.mutate(input, {
      onSuccess: (answer) => {
        setIssued(answer);
        change.reset();
      },
    });
  return { issued, change, issue };
}
