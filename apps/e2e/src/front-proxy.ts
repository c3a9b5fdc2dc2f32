import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '@portcullis/embedded';
import { eventually } from '@portcullis/testing';
import { Client } from './client.js';

const examples = resolve(import.meta.dirname, '../../../examples');

/** The proxies of `examples/` that Debian packages, and how each is started in a folder that holds its configuration. */
const commands = {
  nginx: (folder: string) => ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr', '-g', `daemon off; pid ${folder}/pid;`],
  caddy: (folder: string) => ['run', '--config', join(folder, 'Caddyfile')],
  haproxy: () => ['-db', '-f', 'haproxy.cfg'],
} as const;

export type FrontProxyName = keyof typeof commands;
export const frontProxyNames = Object.keys(commands) as FrontProxyName[];

/** Whether this machine has it. */
export function isInstalled(name: FrontProxyName): boolean {
  const probe = spawnSync(name, [name === 'caddy' ? 'version' : '-v'], { env: environment(), stdio: 'ignore' });
  return probe.error === undefined;
}

/** A real proxy with its example as it is in the repository: only addresses are replaced by those of this run. */
export async function startFrontProxy(
  name: FrontProxyName,
  { gateway, upstream }: { gateway: string; upstream: string },
): Promise<{ client: Client; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), `portcullis-${name}-`));
  cpSync(join(examples, name), folder, { recursive: true });
  const port = await freePort();
  for (const file of readdirSync(folder)) {
    const text = readFileSync(join(folder, file), 'utf8')
      .replaceAll('127.0.0.1:8080', new URL(gateway).host)
      .replaceAll('127.0.0.1:7001', new URL(upstream).host)
      .replaceAll(/127\.0\.0\.1:80(?:88|89|90)\b/g, `127.0.0.1:${port}`)
      .replace(/^http \{$/m, `http {\n  access_log off;\n${nginxPlaces(folder)}`);
    writeFileSync(join(folder, file), text);
  }
  let output = '';
  const env = { ...environment(), HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
  const child = spawn(name, commands[name](folder), { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const client = new Client(`http://127.0.0.1:${port}`);
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}:\n${output}`);
    return (await client.get('/public/ready').catch(() => undefined))?.status === 200;
  }, 20_000).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw new Error(`${name} did not become ready:\n${output}`, { cause: error });
  });
  return {
    client,
    stop: async () => {
      await ended(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** nginx keeps bodies in places that only root may use, unless told otherwise. */
const nginxPlaces = (folder: string): string =>
  ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `  ${kind}_temp_path ${folder}/${kind};\n`)
    .join('');

/** Debian keeps servers where a user's PATH may not look. */
const environment = (): NodeJS.ProcessEnv => ({ PATH: `${process.env['PATH']}:/usr/sbin:/usr/local/sbin` });

function ended(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done();
    child.once('exit', () => done());
    child.kill('SIGTERM');
  });
}
