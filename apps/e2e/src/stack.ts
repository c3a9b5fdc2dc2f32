import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '@portcullis/embedded';
import { eventually } from '@portcullis/testing';

const portcullis = resolve(import.meta.dirname, '../../cli/bin/portcullis.mjs');
const startMilliseconds = 120_000;

/** What a stranger sees of a running stack: an address, an administrator, a process to signal. */
export interface Stack {
  readonly url: string;
  readonly home: string;
  readonly email: string;
  readonly password: string;
  /** All that `portcullis up` has written so far. */
  output(): string;
  /** The pid of one of its processes, from the records in its home. */
  pidOf(program: string): number;
  /** SIGTERM, then waits. Answers the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Removes what it kept. */
  remove(): void;
}

/** Starts `portcullis up` in a process of its own, on free ports, and waits until it says that it is ready. */
export async function startStack(given: { home?: string; env?: Record<string, string> } = {}): Promise<Stack> {
  const home = given.home ?? mkdtempSync(join(tmpdir(), 'portcullis-e2e-'));
  const readyFile = join(home, 'ready.json');
  const password = 'correct-horse-battery-staple';
  const [port, s3Port] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, [portcullis, 'up'], {
    cwd: home,
    env: {
      PATH: process.env['PATH'],
      PORT: String(port),
      S3_PORT: String(s3Port),
      PORTCULLIS_HOME: join(home, 'data'),
      PORTCULLIS_READY_FILE: readyFile,
      PORTCULLIS_FIRST_ADMIN_PASSWORD: password,
      ...given.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ready = await eventually(() => {
    if (child.exitCode !== null) throw new Error(`portcullis up ended with ${child.exitCode}:\n${output}`);
    return existsSync(readyFile)
      ? (JSON.parse(readFileSync(readyFile, 'utf8')) as { url: string; admin_email: string })
      : false;
  }, startMilliseconds).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw new Error(`the stack did not become ready:\n${output}`, { cause: error });
  });
  return {
    url: ready.url,
    home,
    email: ready.admin_email,
    password,
    output: () => output,
    pidOf: (program) => pidIn(join(home, 'data'), program),
    stop: (signal = 'SIGTERM') => stop(child, signal),
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  return new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done(child.exitCode);
    child.once('exit', (code) => done(code));
    child.kill(signal);
  });
}

function pidIn(home: string, program: string): number {
  const record = JSON.parse(readFileSync(join(home, 'run', program), 'utf8')) as { child: { pid: number } };
  return record.child.pid;
}
