import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findNatsServer, isPortFree } from '@portcullis/embedded';
import { eventually } from '@portcullis/testing';
import { Backstage, pidIn } from './backstage.js';
import { faultsOfEvents } from './heard-events.js';
import { BusCapture, notePassword, sweep } from './secret-sweep.js';

const portcullis = resolve(import.meta.dirname, '../../cli/bin/portcullis.mjs');
const startMilliseconds = 120_000;

/** What a stranger sees of a running stack: an address, an administrator, a process to signal. */
export interface Stack {
  readonly url: string;
  /** Of each of its gateways, the first one's before the others'. */
  readonly urls: readonly string[];
  /** Holds everything of the stack; its `PORTCULLIS_HOME` is `data`. */
  readonly home: string;
  readonly data: string;
  readonly email: string;
  readonly password: string;
  /** All that `portcullis up` has written so far. */
  output(): string;
  /** The pid of one of its processes, from the records in its home. */
  pidOf(program: string): number;
  /**
   * SIGTERM, then waits, then looks for every secret that was issued in the files, on the bus and in what was written; rejects if
   * one is there, or if an event that was heard is not what the schema of its type says. Answers the exit code.
   */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Removes what it kept. */
  remove(): void;
}

export interface Start {
  /** A folder of an earlier start; a new one unless given. */
  home?: string;
  /** Beside and over what every start gets; an empty value counts as not set. */
  env?: Record<string, string>;
  /** No listening to the bus: for stories in which a call must find nobody there. */
  unheard?: boolean;
}

/** Starts `portcullis up` in a process of its own, on free ports, and waits until it says that it is ready. */
export async function startStack(given: Start = {}, attempts = 3): Promise<Stack> {
  const home = given.home ?? newHome();
  const readyFile = join(home, 'ready.json');
  const run = await runUp(home, { PORTCULLIS_READY_FILE: readyFile, ...given.env });
  const { child, output } = run;
  const ready = await eventually(() => {
    if (child.exitCode !== null) return 'ended';
    return existsSync(readyFile)
      ? (JSON.parse(readFileSync(readyFile, 'utf8')) as { url: string; admin_email: string })
      : false;
  }, startMilliseconds).catch(() => 'late' as const);
  if (typeof ready === 'string') {
    await stop(child, 'SIGTERM');
    if (given.home === undefined) rmSync(home, { recursive: true, force: true });
    // A port that was free a moment ago may be taken since. Whoever names one is told.
    const isNamed = given.env?.['PORT'] !== undefined || given.env?.['S3_PORT'] !== undefined;
    if (attempts > 1 && !isNamed && /^Port \d+ is taken|EADDRINUSE/m.test(output()))
      return startStack(given, attempts - 1);
    throw new Error(`portcullis up did not become ready (${ready}, exit code ${child.exitCode}):\n${output()}`);
  }
  const data = join(home, 'data');
  const pidOf = (program: string): number => pidIn(join(data, 'run', program));
  const backstage = new Backstage({ data, pidOf });
  const capture = given.unheard || !backstage.hasBus ? null : new BusCapture(await backstage.bus('admin'));
  return {
    url: ready.url,
    urls: urlsOf(ready.url, Number(given.env?.['PORTCULLIS_GATEWAYS'] ?? 1)),
    home,
    data,
    email: ready.admin_email,
    password: firstPassword,
    output,
    pidOf,
    stop: async (signal = 'SIGTERM') => {
      const bus = (await capture?.end()) ?? [];
      const code = await stop(child, signal);
      // A password that was made for the first administrator is for the terminal; how often it is shown is for `stacks.spec.ts`.
      const [, shown = ''] = /^ {2}password +(\S+) +\(shown this once/m.exec(output()) ?? [];
      const written = shown === '' ? output() : output().replaceAll(shown, '');
      const found = sweep(data, { output: written, bus });
      if (found.length > 0) throw new Error(`Secrets are where none may be:\n${found.join('\n')}`);
      const faults = faultsOfEvents(bus);
      if (faults.length > 0) throw new Error(`Events are not what their schemas say:\n${faults.join('\n')}`);
      return code;
    },
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

/**
 * Starts `portcullis up` where it must refuse, and waits for its end. Answers the exit code, all that it wrote, and the
 * records of processes that it left behind.
 */
export async function refusedStart(
  given: Start = {},
): Promise<{ code: number | null; output: string; left: string[] }> {
  const home = given.home ?? newHome();
  const { child, output } = await runUp(home, given.env ?? {});
  const late = setTimeout(() => child.kill('SIGTERM'), startMilliseconds);
  const code = await ended(child);
  clearTimeout(late);
  const records = readdirSync(home, { recursive: true, encoding: 'utf8' });
  const left = records.filter((path) => /(^|\/)(run\/[^/]+|postgres\.process|nats\/process)$/.test(path));
  if (given.home === undefined) rmSync(home, { recursive: true, force: true });
  return { code, output: output(), left };
}

/** A new folder for a stack. Others may pass through it, as the user that Postgres runs as must when root starts it. */
export function newHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'portcullis-e2e-'));
  chmodSync(home, 0o711);
  return home;
}

const firstPassword = 'correct-horse-battery-staple';
notePassword({ password: firstPassword });

/** Where the gateways of a stack listen: the n-th on the port of the first + 10·(n−1). */
function urlsOf(first: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => {
    const url = new URL(first);
    url.port = String(Number(url.port) + 10 * n);
    return url.origin;
  });
}

/**
 * Ports of a first gateway; those of the n-th are both + 10·(n−1). They are listened on seconds later: until then nobody else may come to
 * them, so they are of a range of their own (`freePort` begins above it), and each of jest's workers has every other hundred.
 */
async function gatewayPorts(): Promise<{ port: number; s3Port: number }> {
  const worker = Number(process.env['JEST_WORKER_ID'] ?? 0) % 2;
  for (let tries = 0; tries < 100; tries++) {
    const port = 10_000 + 200 * randomInt(25) + 100 * worker;
    const s3Port = port + 5;
    const wanted = [0, 10, 20].flatMap((more) => [port + more, s3Port + more]);
    const free = await Promise.all(wanted.map((one) => isPortFree(one, '0.0.0.0')));
    if (free.every(Boolean)) return { port, s3Port };
  }
  throw new Error('no ports for a gateway between 10000 and 15000');
}

async function runUp(
  home: string,
  env: Record<string, string>,
): Promise<{ child: ChildProcess; output: () => string }> {
  const { port, s3Port } = await gatewayPorts();
  // The one that all specs share: a home of its own would fetch one of its own.
  const natsServer = await findNatsServer(join(tmpdir(), 'portcullis-nats-server'), () => undefined);
  const child = spawn(process.execPath, [portcullis, 'up'], {
    cwd: home,
    env: {
      PATH: process.env['PATH'],
      PORT: String(port),
      S3_PORT: String(s3Port),
      PORTCULLIS_HOME: join(home, 'data'),
      PORTCULLIS_NATS_SERVER: natsServer.path,
      PORTCULLIS_FIRST_ADMIN_PASSWORD: firstPassword,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  return { child, output: () => output };
}

function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  child.kill(signal);
  return ended(child);
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done(child.exitCode);
    child.once('close', (code) => done(code));
  });
}
