import { useEffect, useState } from 'react';
import { useBlocker } from 'react-router';
import { Button } from './button';
import { Dialog, DialogActions } from './dialog';

/** Of the pages that are not to be left by accident: each asks, and answers whether it may be left. */
const guards = new Set<() => Promise<boolean>>();

/** Each of them has said yes to what happens now. */
let isAgreed = false;

/** Does what ends a page otherwise than by a link, such as a sign-out; nothing, where the page is rather stayed at. */
export async function leaveFor(work: () => Promise<void>): Promise<void> {
  for (const ask of guards) if (!(await ask())) return;
  isAgreed = true;
  try {
    await work();
  } finally {
    isAgreed = false;
  }
}

/** Asks before the page is left, by a link, by "back", by a sign-out, or by closing it, as long as `isOn`. */
export function LeaveGuard({ isOn, title, text }: { isOn: boolean; title: string; text: string }) {
  const blocker = useBlocker(() => isOn && !isAgreed);
  const [asked, setAsked] = useState<((isLeft: boolean) => void) | null>(null);
  useEffect(() => {
    if (!isOn) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    const guard = () => new Promise<boolean>((answer) => setAsked(() => answer));
    addEventListener('beforeunload', ask);
    guards.add(guard);
    return () => {
      removeEventListener('beforeunload', ask);
      guards.delete(guard);
    };
  }, [isOn]);
  if (blocker.state !== 'blocked' && asked === null) return null;
  const answer = (isLeft: boolean) => {
    asked?.(isLeft);
    setAsked(null);
    if (isLeft) blocker.proceed?.();
    else blocker.reset?.();
  };
  return (
    <Dialog title={title} onClose={() => answer(false)}>
      <p>{text}</p>
      <DialogActions>
        <Button kind="primary" autoFocus onPress={() => answer(false)}>
          Stay
        </Button>
        <Button kind="danger" onPress={() => answer(true)}>
          Leave
        </Button>
      </DialogActions>
    </Dialog>
  );
}
