import { useEffect } from 'react';
import { useBlocker } from 'react-router';
import { Button } from './button';
import { Dialog, DialogActions } from './dialog';

/** Asks before the page is left, by a link, by "back", or by closing it, as long as `isOn`. */
export function LeaveGuard({ isOn, title, text }: { isOn: boolean; title: string; text: string }) {
  const blocker = useBlocker(isOn);
  useEffect(() => {
    if (!isOn) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [isOn]);
  if (blocker.state !== 'blocked') return null;
  return (
    <Dialog title={title} onClose={blocker.reset}>
      <p>{text}</p>
      <DialogActions>
        <Button kind="primary" autoFocus onPress={blocker.reset}>
          Stay
        </Button>
        <Button kind="danger" onPress={blocker.proceed}>
          Leave
        </Button>
      </DialogActions>
    </Dialog>
  );
}
