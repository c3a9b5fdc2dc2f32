import { appendFileSync, renameSync, statSync } from 'node:fs';
import { type Log } from '@portcullis/embedded';

/**
 * Appends lines to `path`; when it has grown to `maxBytes` it becomes `path.1` (replacing the one before) and a new one is
 * begun, so a log never takes more than twice that. A disk that is full loses lines, not the process.
 */
export function logFile(path: string, maxBytes = 10 * 1024 * 1024): Log {
  let size = sizeOf(path);
  return (line) => {
    try {
      if (size >= maxBytes) {
        renameSync(path, `${path}.1`);
        size = 0;
      }
      appendFileSync(path, `${line}\n`, { mode: 0o600 });
      size += Buffer.byteLength(line) + 1;
    } catch {
      // Nowhere to say it: the terminal shows warnings all the same.
    }
  };
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}
