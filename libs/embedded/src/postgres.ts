import { type ChildProcess, spawn } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { EmbeddedFault } from './embedded-fault.js';
import { freePort } from './free-port.js';
import { lineReader, type Log } from './lines.js';
import { postgresBinaries } from './postgres-binaries.js';
import { postgresPlace, postgresUser } from './postgres-place.js';
import { forgetProcess, identityOf, recordProcess, stopOrphan } from './process-record.js';
import { bareEnvironment, run, type Outcome, type RunAs } from './run.js';
import { superviseExit } from './supervise-exit.js';

export interface PostgresOptions {
  /** Made at the first start. As root in a folder that only root may enter, the data goes elsewhere and `log` says where. */
  readonly dataDirectory: string;
  /** Password of the superuser `postgres`, fixed when the data directory is made. */
  readonly password: string;
  /** Refused if taken. Without it any free one. */
  readonly port?: number;
  /** False only for specs: a crash of the machine may then lose or break the data. */
  readonly durable: boolean;
  /** Progress, in sentences for a person. */
  readonly log: Log;
  /** The server's own log. */
  readonly output?: Log;
}

export interface RunningPostgres {
  readonly pid: number;
  readonly port: number;
  /** Where the data really is. */
  readonly dataDirectory: string;
  /** A connection URL as the superuser, or as `user`. */
  url(database?: string, user?: { name: string; password: string }): string;
  /** Resolves when the server has ended, asked or not. */
  readonly exited: Promise<void>;
  /** Fast shutdown: open transactions are rolled back, what is committed stays. Resolves when the server is gone. */
  stop(): Promise<void>;
}

/**
 * Starts a real Postgres on the loopback interface, with the data it finds or a new data directory.
 *
 * It runs in a process group of its own, so that Ctrl-C in a terminal does not end it before its clients are done; it
 * does not keep this process alive either. If an earlier run was killed and left its Postgres behind, that is stopped first.
 * Throws `EmbeddedFault`: `port-taken`, `in-use` (a live run has the data), `unavailable` (no binaries, no user), `failed`.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const { log } = options;
  const as = postgresUser();
  const binaries = postgresBinaries(as, dirname(options.dataDirectory), log);
  const dataDirectory = postgresPlace(options.dataDirectory, as, log);
  const record = `${options.dataDirectory}.process`;
  await stopOrphan(record, { what: `Postgres in ${dataDirectory}`, signal: 'SIGINT', log });
  settleStalePidFile(dataDirectory);
  if (!existsSync(join(dataDirectory, 'PG_VERSION'))) {
    log('Making a new Postgres data directory.');
    await initialize(binaries, dataDirectory, as, options);
  }

  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    try {
      return await launch({ ...options, port }, binaries, dataDirectory, record, as);
    } catch (error) {
      // Without a wish for a port, one that was taken between asking and listening is bad luck, no fault.
      const again =
        error instanceof EmbeddedFault && error.code === 'port-taken' && options.port === undefined && attempt < 5;
      if (!again) throw error;
    }
  }
}

async function launch(
  { port, password, durable, output }: PostgresOptions & { port: number },
  binaries: string,
  dataDirectory: string,
  record: string,
  as: RunAs,
): Promise<RunningPostgres> {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    max_connections: '200',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  const args = [
    '-D',
    dataDirectory,
    '-p',
    String(port),
    ...Object.entries(settings).flatMap(([k, v]) => ['-c', `${k}=${v}`]),
  ];
  const child = spawn(join(binaries, 'bin', 'postgres'), args, {
    ...as,
    cwd: '/',
    env: bareEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  if (child.pid !== undefined) recordProcess(record, child.pid);
  const said: string[] = [];
  await ready(child, port, said, output);
  const life = superviseExit(child, {
    signal: 'SIGINT',
    lastSignal: 'SIGQUIT',
    graceMs: 30_000,
    onGone: () => forgetProcess(record, child.pid!),
  });
  return {
    pid: child.pid!,
    port,
    dataDirectory,
    url: (database = 'postgres', user = { name: 'postgres', password }) =>
      `postgres://${encodeURIComponent(user.name)}:${encodeURIComponent(user.password)}@127.0.0.1:${port}/${encodeURIComponent(database)}`,
    ...life,
  };
}

/** Resolves once the server accepts connections; `said` collects its log until then. */
function ready(child: ChildProcess, port: number, said: string[], output: Log | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      clearTimeout(timer);
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGQUIT');
      reject(why === 'port' ? portTaken(port) : new EmbeddedFault('failed', `Postgres did not start: ${why}`));
    };
    // Recovery after a crash may take long, and says so by going on to talk; silence for a minute is the fault.
    const timer = setTimeout(() => fail('it did not become ready within a minute.'), 60_000);
    child.once('error', (error: NodeJS.ErrnoException) =>
      fail(error.code === 'ENOENT' ? notForThisSystem : error.message),
    );
    child.once('close', () =>
      fail(said.some((line) => /Address already in use/.test(line)) ? 'port' : complaint(said)),
    );
    lineReader(child.stderr!, (line) => {
      output?.(line);
      if (said.length < 200) said.push(line);
      timer.refresh();
      if (!/database system is ready to accept connections/.test(line)) return;
      clearTimeout(timer);
      child.removeAllListeners('close');
      resolve();
    });
  });
}

/** Makes the data directory under another name first: a start that is killed half-way leaves nothing that looks whole. */
async function initialize(binaries: string, dataDirectory: string, as: RunAs, options: PostgresOptions): Promise<void> {
  const unfinished = `${dataDirectory}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  const secrets = mkdtempSync(join(tmpdir(), 'portcullis-'));
  const passwordFile = join(secrets, 'password');
  writeFileSync(passwordFile, `${options.password}\n`, { mode: 0o600 });
  if (as.uid !== undefined)
    for (const path of [unfinished, secrets, passwordFile]) chownSync(path, as.uid, as.gid ?? as.uid);
  let outcome: Outcome;
  try {
    outcome = await run(
      join(binaries, 'bin', 'initdb'),
      [
        `--pgdata=${unfinished}`,
        '--username=postgres',
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        ...(options.durable ? ['--data-checksums'] : ['--no-sync']),
      ],
      { as },
    );
  } finally {
    rmSync(secrets, { recursive: true, force: true });
  }
  if (outcome.code !== 0) {
    rmSync(unfinished, { recursive: true, force: true });
    const why = outcome.error?.code === 'ENOENT' ? notForThisSystem : complaint(outcome.stderr.split('\n'));
    throw new EmbeddedFault('failed', `Postgres could not make its data directory: ${why}`);
  }
  if (existsSync(dataDirectory)) removeEmpty(dataDirectory);
  renameSync(unfinished, dataDirectory);
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    throw new EmbeddedFault(
      'failed',
      `${folder} holds files but no Postgres data: move them away, or choose another folder.`,
    );
  }
}

/**
 * postmaster.pid of a server that is gone. Postgres itself only looks whether some process has that pid, and refuses if
 * one has, whoever it is: after a restart of a container that is often so. A live Postgres that we have no record of is not ours to end.
 */
function settleStalePidFile(dataDirectory: string): void {
  const path = join(dataDirectory, 'postmaster.pid');
  if (!existsSync(path)) return;
  const pid = Number(readFileSync(path, 'utf8').split('\n')[0]);
  if (Number.isSafeInteger(pid) && pid > 0 && identityOf(pid) && mayBePostgres(pid))
    throw new EmbeddedFault(
      'in-use',
      `${dataDirectory} is in use by a Postgres that this did not start (process ${pid}): stop it first.`,
    );
  rmSync(path, { force: true });
}

function mayBePostgres(pid: number): boolean {
  if (process.platform !== 'linux') return true; // cannot tell: leave it to Postgres's caution
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0]?.endsWith('postgres') ?? false;
  } catch {
    return false;
  }
}

function portTaken(port: number): EmbeddedFault {
  return new EmbeddedFault('port-taken', `Port ${port} is taken: Postgres cannot listen on it.`);
}

/** The one or two lines of a server's log that say what is wrong. */
function complaint(lines: readonly string[]): string {
  const telling = lines.filter((line) => /\b(FATAL|PANIC|DETAIL|error|could not)\b/.test(line));
  const chosen = (telling.length > 0 ? telling : lines).filter((line) => line.trim() !== '').slice(-2);
  return chosen.length > 0
    ? chosen.map((line) => line.replace(/^.*?(?=FATAL|PANIC|DETAIL)/, '').trim()).join(' ')
    : 'it said nothing.';
}

const notForThisSystem = 'its program does not run on this system (it needs glibc). Set DATABASE_URL.';
