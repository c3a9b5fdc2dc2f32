import { type ChildProcess } from 'node:child_process';

/**
 * What a started server offers: `exited`, and a `stop` that may be called any number of times. The child does not keep
 * this process alive, except while it is being stopped.
 */
export function superviseExit(
  child: ChildProcess,
  {
    signal,
    lastSignal,
    graceMs,
    onGone,
  }: { signal: NodeJS.Signals; lastSignal: NodeJS.Signals; graceMs: number; onGone: () => void },
): { exited: Promise<void>; stop: () => Promise<void> } {
  const isGone = () => child.exitCode !== null || child.signalCode !== null;
  const exited = new Promise<void>((resolve) => {
    if (isGone()) resolve();
    else child.once('exit', () => resolve());
  }).then(onGone);
  child.on('error', () => undefined); // a kill that fails because it is gone already
  child.unref();
  (child.stderr as unknown as { unref?: () => void } | null)?.unref?.();

  const stop = async (): Promise<void> => {
    if (isGone()) return exited;
    child.ref();
    child.kill(signal);
    const timer = setTimeout(() => child.kill(lastSignal), graceMs);
    await exited;
    clearTimeout(timer);
  };
  return { exited, stop };
}
