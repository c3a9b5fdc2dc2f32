// Processes that the benchmark starts, and what they used.
import { execFileSync, fork, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { freePort, isPortFree } from '@portcullis/embedded';

export { freePort };

export const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const running = new Set();

/** Starts a program and waits for the first line that it writes, or until `ready` is true. Its last words are in what is thrown. */
export async function start(command, args, { env = {}, cwd, ready, milliseconds = 30_000 } = {}) {
  const child = spawn(command, args, {
    cwd,
    env: { PATH: process.env.PATH, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let output = '';
  const spoke = new Promise((resolve) => {
    child.stdout.once('data', resolve);
  });
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => (output = (output + text).slice(-4000)));
  const ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(String(error)));
    child.once('close', (code) => resolve(`exit code ${code}`));
  });
  void ended.then(() => running.delete(child));
  const program = {
    pid: child.pid,
    output: () => output,
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
      return ended;
    },
  };
  const until = ready ? eventually(ready, milliseconds) : spoke;
  const late = new Promise((resolve) => setTimeout(resolve, milliseconds, 'did not get ready').unref());
  const outcome = await Promise.race([until.then(() => undefined), ended, late]);
  if (outcome === undefined) return program;
  await program.stop();
  throw new Error(`${command} ${args[0] ?? ''}: ${outcome}\n${output}`);
}

export async function stopAll() {
  await Promise.all(
    [...running].map(
      (child) =>
        new Promise((resolve) => {
          child.once('close', resolve);
          child.kill('SIGTERM');
        }),
    ),
  );
}

export async function eventually(check, milliseconds = 30_000) {
  const until = performance.now() + milliseconds;
  for (;;) {
    const value = await Promise.resolve()
      .then(check)
      .catch(() => false);
    if (value) return value;
    if (performance.now() > until) throw new Error('it took too long');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * User and system seconds of processes, each with the children that it has had and that are gone. What other programs on the machine
 * use is not in it, so it holds on shared ones.
 */
export function cpuSeconds(pids) {
  return pids.reduce((sum, pid) => sum + cpuOf(pid), 0);
}

function cpuOf(pid) {
  if (process.platform === 'linux') {
    // The name, in parentheses, may hold spaces; utime, stime and those of ended children are the 14th to the 17th
    // field, in ticks of 10 ms.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
  }
  const [seconds = 0, minutes = 0, hours = 0] = execFileSync('ps', ['-o', 'time=', '-p', String(pid)], {
    encoding: 'utf8',
  })
    .trim()
    .split(/[:-]/)
    .map(Number)
    .reverse();
  return hours * 3600 + minutes * 60 + seconds;
}

/** What a process holds of memory now. */
export function residentBytes(pid) {
  if (process.platform === 'linux') {
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) * 1024;
  }
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024;
}

/** A process and all below it. */
export function family(pid) {
  const parents = new Map();
  for (const line of execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')) {
    const [child, parent] = line.trim().split(/\s+/).map(Number);
    parents.set(child, [...(parents.get(child) ?? []), parent]);
  }
  const members = [pid];
  for (const member of members) {
    for (const [child, of] of parents) if (of.includes(member)) members.push(child);
  }
  return members;
}

/** So many, ten apart: what `portcullis up` gives its gateways. */
export async function freePorts(count) {
  for (;;) {
    const first = await freePort();
    const ports = Array.from({ length: count }, (_, n) => first + 10 * n);
    if (ports.at(-1) < 65_536 && (await Promise.all(ports.slice(1).map((port) => isPortFree(port)))).every(Boolean))
      return ports;
  }
}

/** Whether a program is installed; the name by which to run it, as Debian keeps some out of the PATH of users. */
export function installed(name) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];
  return folders.map((folder) => `${folder}/${name}`).find((path) => has(path));
}

function has(path) {
  const at = path.lastIndexOf('/');
  try {
    return readdirSync(path.slice(0, at) || '/').includes(path.slice(at + 1));
  } catch {
    return false;
  }
}

/** The load generator, in a process of its own. */
export class Load {
  #child = fork(here('./load.mjs'), { env: { PATH: process.env.PATH } });

  async run(job) {
    this.#child.send(job);
    const result = await new Promise((resolve, reject) => {
      this.#child.once('message', resolve);
      this.#child.once('exit', () => reject(new Error('the load generator ended')));
    });
    this.#child.removeAllListeners('exit');
    if (result.failed) throw new Error(result.failed);
    return result;
  }

  /** Ends a run that is under way; what was done so far is its result. */
  end() {
    this.#child.send({ end: true });
  }

  stop() {
    this.#child.disconnect();
  }
}

/** One request as it goes over the wire, with the headers of an ordinary client. */
export function requestText(port, path, { method = 'GET', headers = {}, body = '' } = {}) {
  const lines = Object.entries({
    Host: `127.0.0.1:${port}`,
    'User-Agent': 'portcullis-bench/1',
    Accept: 'application/json',
    'Accept-Encoding': 'gzip, br',
    ...headers,
    ...(body === '' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}
