import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '@portcullis/embedded';
import { eventually } from '@portcullis/testing';
import { Cable } from './cable.js';
import { Client } from './client.js';
import { type Stack } from './stack.js';

const program = resolve(import.meta.dirname, '../../gateway/dist/main.js');
const startMilliseconds = 60_000;
const stopMilliseconds = 20_000;

/** One more gateway of a stack, whose way to the bus and whose wall clock are in our hands. */
export interface GatewayApart {
  readonly url: string;
  /** Between it and the bus. */
  readonly cable: Cable;
  /** SIGSTOP. Calling what is answered lets it go on. */
  freeze(): () => void;
  /** Sets its wall clock off by so many milliseconds, from its next look at it on. */
  shiftClock(milliseconds: number): void;
  stop(): Promise<void>;
}

/** Starts it with the environment of the stack's first one, and waits until it can decide. */
export async function startGatewayApart(stack: Stack): Promise<GatewayApart> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-apart-'));
  const clockFile = join(folder, 'clock');
  const shiftClock = (milliseconds: number): void => writeFileSync(clockFile, float64(milliseconds), { flag: 'r+' });
  writeFileSync(clockFile, float64(0));
  const env = environmentOf(stack.pidOf('gateway'));
  const bus = new URL(env['NATS_URL'] ?? '');
  const cable = await Cable.to(Number(bus.port));
  bus.port = String(cable.port);
  const [port, s3Port] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, ['--import', clockOf(clockFile), program], {
    env: { ...env, NATS_URL: bus.href, PORT: String(port), S3_PORT: String(s3Port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const url = `http://127.0.0.1:${port}`;
  const freeze = (): (() => void) => {
    child.kill('SIGSTOP');
    return () => child.kill('SIGCONT');
  };
  const stop = async (): Promise<void> => {
    cable.mend();
    await ended(child);
    cable.remove();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await eventually(async () => (await new Client(url).get('/readyz')).status === 200, startMilliseconds);
  } catch (error) {
    await stop();
    throw new Error(`The gateway apart did not become ready:\n${output}`, { cause: error });
  }
  return { url, cable, freeze, shiftClock, stop };
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done();
    const impatient = setTimeout(() => child.kill('SIGKILL'), stopMilliseconds);
    child.once('close', () => {
      clearTimeout(impatient);
      done();
    });
    child.kill('SIGTERM');
  });
}

function environmentOf(pid: number): NodeJS.ProcessEnv {
  const lines = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean);
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

function float64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes;
}

/** A module, to be loaded before any other, that adds to each reading of the wall clock what stands in a file. */
function clockOf(file: string): string {
  const source = `
    import { openSync, readSync } from 'node:fs';
    const file = openSync(${JSON.stringify(file)}, 'r');
    const bytes = Buffer.alloc(8);
    const True = Date;
    const now = () => (readSync(file, bytes, 0, 8, 0), True.now() + bytes.readDoubleBE());
    globalThis.Date = new Proxy(True, {
      construct: (_, given, as) => Reflect.construct(True, given.length === 0 ? [now()] : given, as),
      get: (_, name) => (name === 'now' ? now : Reflect.get(True, name)),
    });`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}
