import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedFault } from './embedded-fault.js';
import { type NatsServer } from './find-nats-server.js';
import { freePort } from './free-port.js';
import { lineReader, type Log } from './lines.js';
import { natsConfig, type NatsUser, withUsers } from './nats-config.js';
import { forgetProcess, recordedProcess, recordProcess, stopOrphan } from './process-record.js';
import { bareEnvironment } from './run.js';
import { superviseExit } from './supervise-exit.js';

export interface NatsOptions {
  readonly binary: NatsServer;
  readonly users: readonly NatsUser[];
  /** JetStream's files, the configuration (mode 0600) and the record of the process lie here. */
  readonly storeDirectory: string;
  /** Refused if taken. Without it any free one. */
  readonly port?: number;
  /** Progress, in sentences for a person. */
  readonly log: Log;
  /** The server's own log. */
  readonly output?: Log;
}

export interface RunningNats {
  readonly pid: number;
  readonly port: number;
  /** A connection URL, with the credentials of `user` if given. */
  url(user?: { user: string; password: string }): string;
  /** Resolves when the server has ended, asked or not. */
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a nats-server with JetStream on the loopback interface. It runs in a process group of its own and does not keep
 * this process alive; what a killed run left behind is stopped first.
 * Throws `EmbeddedFault`: `port-taken`, `in-use` (a live run has the store), `failed`.
 */
export async function startNats(options: NatsOptions): Promise<RunningNats> {
  const { storeDirectory, log } = options;
  mkdirSync(storeDirectory, { recursive: true, mode: 0o700 });
  const record = join(storeDirectory, 'process');
  await stopOrphan(record, { what: `nats-server in ${storeDirectory}`, log });
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    try {
      return await launch({ ...options, port }, record);
    } catch (error) {
      const again =
        error instanceof EmbeddedFault && error.code === 'port-taken' && options.port === undefined && attempt < 5;
      if (!again) throw error;
    }
  }
}

/**
 * Gives a running server of `startNats` other users, without ending it or the connections of those that stay. The caller has it started
 * with the same next time. Throws `EmbeddedFault` `failed` if none runs there.
 */
export function changeNatsUsers(storeDirectory: string, users: readonly NatsUser[]): void {
  const server = recordedProcess(join(storeDirectory, 'process'));
  if (!server) throw new EmbeddedFault('failed', `No nats-server runs in ${storeDirectory}: start the stack first.`);
  writeNatsUsers(join(storeDirectory, 'nats.conf'), users);
  process.kill(server.pid, 'SIGHUP');
}

/** Writes other users into a configuration of `natsConfig`. A server that runs with it takes them up on SIGHUP. */
export function writeNatsUsers(configFile: string, users: readonly NatsUser[]): void {
  writeConfig(configFile, withUsers(readFileSync(configFile, 'utf8'), users));
}

function writeConfig(path: string, config: string): void {
  writeFileSync(`${path}.new`, config, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

async function launch(
  { binary, users, storeDirectory, port, output }: NatsOptions & { port: number },
  record: string,
): Promise<RunningNats> {
  const configFile = join(storeDirectory, 'nats.conf');
  const syncAlways = binary.version[0] > 2 || binary.version[1] >= 10;
  writeConfig(configFile, natsConfig({ users, listen: `127.0.0.1:${port}`, storeDirectory, syncAlways }));
  const child = spawn(binary.path, ['-c', configFile], {
    cwd: storeDirectory,
    env: bareEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  if (child.pid !== undefined) recordProcess(record, child.pid);
  await ready(child, port, output);
  return {
    pid: child.pid!,
    port,
    url: (user) =>
      `nats://${user ? `${encodeURIComponent(user.user)}:${encodeURIComponent(user.password)}@` : ''}127.0.0.1:${port}`,
    ...superviseExit(child, {
      signal: 'SIGTERM',
      lastSignal: 'SIGKILL',
      graceMs: 15_000,
      onGone: () => forgetProcess(record, child.pid!),
    }),
  };
}

function ready(child: ChildProcess, port: number, output: Log | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const fail = (why: string) => {
      clearTimeout(timer);
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      const taken = said.some((line) => /address already in use/.test(line));
      reject(
        taken
          ? new EmbeddedFault('port-taken', `Port ${port} is taken: nats-server cannot listen on it.`)
          : new EmbeddedFault('failed', `nats-server did not start: ${why}`),
      );
    };
    const timer = setTimeout(() => fail('it did not become ready within a minute.'), 60_000);
    child.once('error', (error) => fail(error.message));
    child.once('close', () =>
      fail(said.filter((line) => /\[(FTL|ERR)\]/.test(line)).at(-1) ?? said.at(-1) ?? 'it said nothing.'),
    );
    lineReader(child.stderr!, (line) => {
      output?.(line);
      if (said.length < 200) said.push(line);
      timer.refresh();
      // It says "ready" even where it then cannot listen on its port: the words about listening come before.
      if (!/Server is ready/.test(line)) return;
      clearTimeout(timer);
      child.removeAllListeners('close');
      resolve();
    });
  });
}
