import { useEffect, useState } from 'react';
import { useBlocker } from 'react-router';
import { Button } from './button';
import { Dialog, DialogActions } from './dialog';

/** Of the pages that are not to be left by accident: each asks, and answers whether it may be left. */
const guards = new Set<() => Promise<boolean>>();

/** For what ends a page otherwise than by an address, such as a sign-out. */
export async function mayLeave(): Promise<boolean> {
  for (const ask of guards) if (!(await ask())) return false;
  return true;
}

/** Asks before the page is left, by a link, by "back", by a sign-out, or by closing it, as long as `isOn`. */
export function LeaveGuard({ isOn, title, text }: { isOn: boolean; title: string; text: string }) {
  const blocker = useBlocker(isOn);
  const [asked, setAsked] = useState<((mayLeave: boolean) => void) | null>(null);
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
