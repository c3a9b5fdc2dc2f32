import { chownSync, lstatSync, mkdirSync } from 'node:fs';
import { EmbeddedFault } from './embedded-fault.js';

/**
 * `/var/lib/portcullis`: where root keeps what an unprivileged user must reach. Not a name in /tmp or /var/tmp: there
 * anybody could have put a folder of that name before us, and root would run what is in it.
 * Refuses if the folder is not root's alone to write.
 */
export function systemFolder(): string {
  const path = '/var/lib/portcullis';
  mkdirSync(path, { recursive: true, mode: 0o755 });
  const status = lstatSync(path);
  if (!status.isDirectory() || status.uid !== 0 || (status.mode & 0o022) !== 0)
    throw new EmbeddedFault(
      'unavailable',
      `${path} is not a folder that only root may write: make it one, or set DATABASE_URL.`,
    );
  chownSync(path, 0, 0);
  return path;
}
