import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { identityOf, isAlive, type ProcessIdentity } from '@portcullis/embedded';

/**
 * Takes the lock file for this process, by linking a complete one into place, which only one of two can do; answers null. Answers
 * who holds it if somebody alive does. A lock whose process is gone is taken over: it is renamed away first, and put back if that
 * was after all another one than the one looked at. Whoever took it removes it.
 */
export function takeLockFile(lock: string): ProcessIdentity | null {
  const mine = `${lock}.${process.pid}`;
  const me = identityOf(process.pid);
  if (!me) throw new Error('this system does not tell which processes run');
  writeFileSync(mine, JSON.stringify(me), { mode: 0o600 });
  try {
    for (;;) {
      try {
        linkSync(mine, lock);
        return null;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const seen = readLock(lock);
      if (seen.holder && isAlive(seen.holder)) return seen.holder;
      const away = `${lock}.stale.${process.pid}`;
      try {
        renameSync(lock, away);
      } catch {
        continue; // somebody else took it over meanwhile
      }
      if (readLock(away).text !== seen.text) linkSync(away, lock);
      rmSync(away, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

function readLock(path: string): { text: string; holder: ProcessIdentity | null } {
  try {
    const text = readFileSync(path, 'utf8');
    return { text, holder: JSON.parse(text) as ProcessIdentity };
  } catch {
    return { text: '', holder: null };
  }
}
