import { type ChildProcess, spawn } from 'node:child_process';
import { forgetProcess, lineReader, recordProcess, type Log } from '@portcullis/embedded';
import { Refused } from '../command.js';

export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Where its pid is written down, so that a later start can end it if this one is killed. */
  readonly record: string;
  /** Everything that it prints. */
  readonly output: Log;
  /** Asked again and again after it said `{"ready": name}` until true; for a program that is ready later than it says. */
  readonly isReady?: () => Promise<boolean>;
}

export interface Backoff {
  readonly firstMs: number;
  readonly mostMs: number;
  /** A process that lived this long starts over with the first wait. */
  readonly resetMs: number;
  /** Before it was ever ready: after that many failed starts it is given up. */
  readonly firstTries: number;
}

export const usualBackoff: Backoff = { firstMs: 500, mostMs: 10_000, resetMs: 30_000, firstTries: 3 };

/**
 * Keeps one program running: a process group of its own (Ctrl-C reaches only us, who end things in order), started again
 * when it ends unasked, with waits that double.
 */
export class Supervised {
  /** Resolves when it is ready for the first time. Rejects with `Refused` if it cannot be started or its configuration is at fault. */
  readonly ready: Promise<void>;
  #settle!: { resolve: () => void; reject: (why: Error) => void };
  #wasReady = false;
  #failedStarts = 0;
  #wait: number;
  #child: ChildProcess | null = null;
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;

  /** `onFatal` hears of the one end that no restart can mend: a configuration fault (exit 78) after it was ready. */
  constructor(
    private readonly program: Program,
    private readonly say: Log,
    private readonly onFatal: (why: string) => void,
    private readonly backoff: Backoff = usualBackoff,
  ) {
    this.#wait = backoff.firstMs;
    this.ready = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.ready.catch(() => undefined); // whoever waits hears it; nobody waiting is no crash
  }

  get name(): string {
    return this.program.name;
  }

  start(): void {
    this.#launch();
  }

  /** SIGTERM, and SIGKILL after `graceMs`. Resolves when it is gone and will not come back. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    this.#settle.reject(new Refused(`${this.name} was stopped before it was ready.`));
    const child = this.#child;
    if (!child) return;
    const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => {
      this.say(`${this.name} did not end within ${graceMs / 1000} s: killed.`);
      child.kill('SIGKILL');
    }, graceMs);
    await gone;
    clearTimeout(timer);
  }

  /** SIGKILL now, for someone who does not want to wait; it will not come back either. */
  kill(): void {
    this.#stopping = true;
    clearTimeout(this.#timer);
    this.#child?.kill('SIGKILL');
  }

  #launch(): void {
    const { command, args, env, record, output } = this.program;
    const started = performance.now();
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.#child = child;
    if (child.pid !== undefined) recordProcess(record, child.pid);
    const lastWords: string[] = [];
    const hear = (line: string) => {
      output(line);
      if (lastWords.push(line) > 20) lastWords.shift();
    };
    lineReader(child.stdout, (line) => {
      if (isReadyLine(line, this.name)) void this.#becomeReady(child);
      else hear(line);
    });
    lineReader(child.stderr, hear);
    let failure: string | null = null;
    child.once('error', (error) => (failure = error.message));
    child.once('close', (code, signal) => {
      this.#child = null;
      if (child.pid !== undefined) forgetProcess(record, child.pid);
      if (!this.#stopping)
        this.#ended(
          failure ?? (signal ? `signal ${signal}` : `exit code ${code}`),
          code,
          performance.now() - started,
          lastWords,
        );
    });
  }

  async #becomeReady(child: ChildProcess): Promise<void> {
    const { isReady } = this.program;
    while (isReady && this.#child === child && !(await isReady().catch(() => false)))
      await new Promise((resolve) => setTimeout(resolve, 100));
    if (this.#child !== child || this.#stopping) return;
    if (this.#wasReady) this.say(`${this.name} is ready again.`);
    this.#wasReady = true;
    this.#settle.resolve();
  }

  #ended(how: string, code: number | null, livedMs: number, lastWords: readonly string[]): void {
    if (code === configurationFault) {
      const why = `${this.name} does not accept its configuration:\n${lastWords.join('\n')}`;
      this.#settle.reject(new Refused(why, configurationFault));
      if (this.#wasReady) this.onFatal(why);
      return;
    }
    if (!this.#wasReady && ++this.#failedStarts >= this.backoff.firstTries) {
      this.#settle.reject(
        new Refused(`${this.name} does not start (${how}). Its last words:\n${lastWords.join('\n') || '(none)'}`),
      );
      return;
    }
    if (livedMs >= this.backoff.resetMs) this.#wait = this.backoff.firstMs;
    const wait = this.#wait;
    this.#wait = Math.min(wait * 2, this.backoff.mostMs);
    this.say(`${this.name} ended (${how}): starting it again in ${wait / 1000} s.`);
    this.#timer = setTimeout(() => this.#launch(), wait);
  }
}

const configurationFault = 78;

function isReadyLine(line: string, name: string): boolean {
  if (!line.startsWith('{"ready"')) return false;
  try {
    return (JSON.parse(line) as { ready?: string }).ready === name.replace(/-\d+$/, '');
  } catch {
    return false;
  }
}
