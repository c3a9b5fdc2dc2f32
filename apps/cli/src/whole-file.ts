import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Writes a file complete or not at all, and on the disk when this returns: a new one takes the old one's place. One process at a time. Throws
 * what the system says.
 */
export function writeWhole(path: string, text: string, mode = 0o600): void {
  const next = `${path}.${process.pid}.new`;
  rmSync(next, { force: true });
  try {
    const file = openSync(next, 'wx', mode);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(next, path);
  } catch (error) {
    rmSync(next, { force: true });
    throw error;
  }
  // Else the rename may be gone after a power cut.
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
