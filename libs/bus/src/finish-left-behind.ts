import { type Bus } from './bus.js';
import { Recurring } from './recurring.js';

/** What to take for left behind, and how much of it at once. */
export interface LeftBehind {
  /** Until so long after its marker it is for the process that made a change to confirm it. */
  readonly afterSeconds: number;
  readonly limit: number;
}

const everyMilliseconds = 15_000;
const left: LeftBehind = { afterSeconds: 20, limit: 100 };

/**
 * Has changes confirmed, now and then, that were committed and whose process died while it waited for the enforcers. That they obey
 * needs nobody: one that is silent is fenced. This is for it to be written down that they do, and since when it is known.
 */
export function finishLeftBehind(
  bus: Bus,
  finish: (left: LeftBehind) => Promise<void>,
  report: (line: string) => void,
): Recurring {
  return new Recurring(() => finish(left), {
    everyMilliseconds,
    mayRun: () => bus.connected,
    failed: (error) => report(`what was left unconfirmed: ${String(error)}`),
  });
}
