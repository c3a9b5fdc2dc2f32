import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isPortFree } from '@portcullis/embedded';
import { Refused } from '../command.js';
import { takeLockFile } from '../lock-file.js';

/** The folder of one stack: its data, its secrets, its logs. Held by one process at a time. */
export interface Home {
  readonly path: string;
  file(...parts: string[]): string;
  /** A port for `name`: the one of the last start if it is free, else none (any will do). */
  lastPort(name: string): Promise<number | undefined>;
  rememberPort(name: string, port: number): void;
  release(): void;
}

/** Makes the folder if it is not there and takes it. Refuses if a running stack holds it, or if this user may not write it. */
export function takeHome(folder: string): Home {
  const path = resolve(folder);
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    // Root's Postgres runs as another user, who must be able to pass through. What is inside has modes of its own.
    if (process.getuid?.() === 0 && statSync(path).uid === 0) chmodSync(path, 0o711);
    for (const part of ['logs', 'run', 'cache']) mkdirSync(join(path, part), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new Refused(
      `${path} cannot be used as home (${(error as NodeJS.ErrnoException).code}): set PORTCULLIS_HOME to a folder that this user may write.`,
    );
  }
  const lock = join(path, 'lock');
  const holder = takeLockFile(lock);
  if (holder)
    throw new Refused(
      `${path} is in use by another stack (process ${holder.pid}): stop that one, or set PORTCULLIS_HOME to another folder.`,
    );
  const ports = join(path, 'ports.json');
  return {
    path,
    file: (...parts) => join(path, ...parts),
    lastPort: async (name) => {
      const port = readPorts(ports)[name];
      return port !== undefined && (await isPortFree(port)) ? port : undefined;
    },
    rememberPort: (name, port) => writeFileSync(ports, JSON.stringify({ ...readPorts(ports), [name]: port })),
    release: () => rmSync(lock, { force: true }),
  };
}

function readPorts(path: string): Record<string, number> {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, number>;
  } catch {
    return {};
  }
}
