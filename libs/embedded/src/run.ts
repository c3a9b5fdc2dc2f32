import { spawn, spawnSync } from 'node:child_process';

/** The user a program is to run as; empty for the one this process runs as. */
export interface RunAs {
  readonly uid?: number;
  readonly gid?: number;
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Set if the program could not be started at all. */
  readonly error?: NodeJS.ErrnoException;
}

/** Runs a program to its end with a bare environment, collecting what it says. Never rejects. */
export function run(
  program: string,
  args: readonly string[],
  { as = {}, cwd = '/', timeoutMs = 120_000 }: { as?: RunAs; cwd?: string; timeoutMs?: number } = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      ...as,
      cwd,
      env: bareEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout = (stdout + text).slice(-64_000)));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-64_000)));
    child.once('error', (error) => resolve({ code: null, stdout, stderr, error }));
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** What a server or tool gets of our environment: nothing that could be a secret of the operator. */
export function bareEnvironment(): NodeJS.ProcessEnv {
  const kept: NodeJS.ProcessEnv = { LC_ALL: 'C', TZ: 'UTC' };
  for (const name of [
    'PATH',
    'TMPDIR',
    'http_proxy',
    'https_proxy',
    'no_proxy',
    'HTTP_PROXY',
    'HTTPS_PROXY',
    'NO_PROXY',
  ])
    if (process.env[name] !== undefined) kept[name] = process.env[name];
  return kept;
}

/** Whether `as` may reach `path`: enter it if it is a folder, run it if it is a program. */
export function canReach(path: string, as: RunAs): boolean {
  return (
    spawnSync('/bin/sh', ['-c', 'test -x "$1"', 'sh', path], { ...as, cwd: '/', env: bareEnvironment() }).status === 0
  );
}
