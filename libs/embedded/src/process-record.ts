import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedFault } from './embedded-fault.js';
import { type Log } from './lines.js';

/**
 * A process that can be told from a later one with the same pid: the pid and when it started, within one boot of the
 * machine. A pid alone is worth nothing in a file: after a restart it may be anybody's.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly started: string;
}

/** Who `pid` is now; null if nobody (a zombie counts as nobody). */
export function identityOf(pid: number): ProcessIdentity | null {
  const started = process.platform === 'linux' ? startedLinux(pid) : startedElsewhere(pid);
  return started === null ? null : { pid, started };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identityOf(identity.pid)?.started === identity.started;
}

/** Writes down that this process started `pid`, so that a later run can find it if this one is killed. */
export function recordProcess(path: string, pid: number): void {
  const child = identityOf(pid);
  if (!child) return; // already gone: nothing to find later
  const record: ProcessRecord = { child, owner: self() };
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** The process that is recorded at `path`, if it runs. */
export function recordedProcess(path: string): ProcessIdentity | null {
  const child = readRecord(path)?.child;
  return child && isAlive(child) ? child : null;
}

/** `pid` of `recordProcess` has ended. The record stays if it names another by now. */
export function forgetProcess(path: string, pid: number): void {
  if (readRecord(path)?.child.pid === pid) rmSync(path, { force: true });
}

/**
 * Ends the process recorded at `path` if the run that started it is gone: `signal` first, SIGKILL after `graceMs`.
 * Does nothing if there is no record or the process has ended (or the pid is somebody else's by now).
 * Refuses with `in-use` if the run that started it is alive, or if this user may not end it.
 */
export async function stopOrphan(
  path: string,
  {
    what,
    signal = 'SIGTERM',
    graceMs = 30_000,
    log,
  }: { what: string; signal?: NodeJS.Signals; graceMs?: number; log: Log },
): Promise<void> {
  const record = readRecord(path);
  if (record && isAlive(record.child)) {
    const { child, owner } = record;
    if (isAlive(owner))
      throw new EmbeddedFault('in-use', `${what} is in use by process ${owner.pid}: stop that first.`);
    log(`Stopping ${what} that an earlier run left behind (process ${child.pid}).`);
    send(child, signal, what);
    if (!(await gone(child, graceMs))) {
      send(child, 'SIGKILL', what);
      await gone(child, 5_000);
    }
  }
  rmSync(path, { force: true });
}

interface ProcessRecord {
  readonly child: ProcessIdentity;
  readonly owner: ProcessIdentity;
}

function readRecord(path: string): ProcessRecord | null {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as Partial<ProcessRecord>;
    return value.child && value.owner ? (value as ProcessRecord) : null;
  } catch {
    return null; // absent, or cut short by a crash: then there is nobody that it names
  }
}

function self(): ProcessIdentity {
  return identityOf(process.pid) ?? { pid: process.pid, started: 'unknown' };
}

function send(identity: ProcessIdentity, signal: NodeJS.Signals, what: string): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
    throw new EmbeddedFault(
      'in-use',
      `${what} is still running as process ${identity.pid}, left behind by a run of another user: end it as that user.`,
    );
  }
}

async function gone(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (isAlive(identity)) {
    if (performance.now() > deadline) return false;
    await delay(25);
  }
  return true;
}

function startedLinux(pid: number): string | null {
  try {
    // The command name, in parentheses, may itself hold spaces and parentheses: count fields after the last one (proc(5)).
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startTicks] = [fields[0], fields[19]];
    if (startTicks === undefined) return null;
    // A zombie holds nothing any more, unless it is only the first thread that has ended: the others still hold its ports.
    if ((state === 'Z' || state === 'X') && readdirSync(`/proc/${pid}/task`).length <= 1) return null;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${startTicks}`;
  } catch {
    return null;
  }
}

function startedElsewhere(pid: number): string | null {
  const ps = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  });
  const line = ps.status === 0 ? ps.stdout.trim() : '';
  return line === '' || line.startsWith('Z') ? null : line.replace(/^\S+\s+/, '');
}
