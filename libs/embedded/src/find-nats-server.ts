import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { EmbeddedFault } from './embedded-fault.js';
import { type Log } from './lines.js';
import { natsRelease, type NatsRelease } from './nats-release.js';
import { bareEnvironment, run } from './run.js';

/** A nats-server program that runs here. */
export interface NatsServer {
  readonly path: string;
  readonly version: readonly [major: number, minor: number, patch: number];
}

/**
 * Finds a nats-server of 2.9 or later, in this order: `PORTCULLIS_NATS_SERVER`, PATH and the usual folders, `cacheDirectory`,
 * the operating system's package unpacked into `cacheDirectory` (needs no root), a release download whose digest is pinned.
 * `log` hears of each step that takes time. Throws `EmbeddedFault` (`unavailable`) that says what was tried.
 */
export async function findNatsServer(
  cacheDirectory: string,
  log: Log,
  {
    env = process.env,
    release = natsRelease,
    useSystemPackage = true,
    folders = usualFolders,
  }: {
    env?: Readonly<Record<string, string | undefined>>;
    release?: NatsRelease;
    useSystemPackage?: boolean;
    folders?: readonly string[];
  } = {},
): Promise<NatsServer> {
  const named = env['PORTCULLIS_NATS_SERVER'];
  if (named) {
    const server = look(named, log);
    if (server) return server;
    throw new EmbeddedFault(
      'unavailable',
      'PORTCULLIS_NATS_SERVER does not name a nats-server of version 2.9 or later that runs here.',
    );
  }
  const onPath = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const folder of new Set([...onPath, ...folders, cacheDirectory])) {
    const server = look(join(folder, 'nats-server'), log);
    if (server) return server;
  }

  mkdirSync(cacheDirectory, { recursive: true });
  const tried: string[] = [];
  const ways = [useSystemPackage ? fromDebian : null, (work: string) => fromRelease(work, release, log)];
  for (const way of ways) {
    if (!way) continue;
    const work = mkdtempSync(join(cacheDirectory, '.unpack-'));
    try {
      const found = await way(work, log);
      if ('why' in found) tried.push(found.why);
      else {
        const place = join(cacheDirectory, 'nats-server');
        chmodSync(found.path, 0o755);
        renameSync(found.path, place);
        const server = look(place, log);
        if (server) return server;
        tried.push(`what was unpacked does not run here`);
        rmSync(place, { force: true });
      }
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  throw new EmbeddedFault(
    'unavailable',
    `There is no nats-server here and none could be had (${tried.join('; ')}): install one, or set NATS_URL to a server with JetStream.`,
  );
}

/** A user's PATH often lacks sbin, where Debian puts it. */
const usualFolders = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin'];

type Found = { path: string } | { why: string };

function look(path: string, log: Log): NatsServer | null {
  if (!existsSync(path)) return null;
  const asked = spawnSync(path, ['--version'], { encoding: 'utf8', env: bareEnvironment(), timeout: 20_000 });
  const match = /v?(\d+)\.(\d+)\.(\d+)/.exec(asked.stdout ?? '');
  if (asked.status !== 0 || !match) return null;
  const version = [Number(match[1]), Number(match[2]), Number(match[3])] as const;
  if (version[0] > 2 || (version[0] === 2 && version[1] >= 9)) return { path, version };
  log(`${path} is nats-server ${version.join('.')}, too old: 2.9 or later is needed.`);
  return null;
}

/** Debian and its kin: apt checks the package's signature, dpkg-deb only unpacks, so neither needs root. */
async function fromDebian(work: string, log: Log): Promise<Found> {
  if (process.platform !== 'linux') return { why: 'no apt on this system' };
  // The sandbox user of apt cannot write into a folder of ours; as a plain user there is none anyway.
  const common = ['-qq', '-o', 'APT::Sandbox::User=root'];
  log('Fetching nats-server from the operating system’s packages.');
  let fetched = await run('apt-get', [...common, 'download', 'nats-server'], { cwd: work });
  if (fetched.error) return { why: 'no apt on this system' };
  if (fetched.code !== 0) {
    log('The package lists are missing or old: fetching lists of our own.');
    for (const folder of ['state/lists/partial', 'cache/archives/partial'])
      mkdirSync(join(work, folder), { recursive: true });
    const own = [
      ...common,
      ...[
        '-o',
        `Dir::State=${work}/state`,
        '-o',
        'Dir::State::status=/var/lib/dpkg/status',
        '-o',
        `Dir::Cache=${work}/cache`,
      ],
    ];
    await run('apt-get', [...own, 'update'], { cwd: work });
    fetched = await run('apt-get', [...own, 'download', 'nats-server'], { cwd: work });
  }
  const archive = readdirSync(work).find((name) => name.endsWith('.deb'));
  if (!archive) return { why: `apt-get: ${lastLine(fetched.stderr) || 'gave no package'}` };
  const unpacked = await run('dpkg-deb', ['-x', join(work, archive), join(work, 'root')]);
  const path = ['usr/sbin/nats-server', 'usr/bin/nats-server']
    .map((name) => join(work, 'root', name))
    .find((name) => existsSync(name));
  return path ? { path } : { why: `dpkg-deb: ${lastLine(unpacked.stderr) || 'found no program in the package'}` };
}

/** The project's own release. Nothing is unpacked before its digest is the pinned one. */
async function fromRelease(work: string, { version, baseUrl, sha256 }: NatsRelease, log: Log): Promise<Found> {
  const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  const pinned = sha256[platform];
  if (!pinned) return { why: `no digest of a release for ${platform} is pinned` };
  const name = `nats-server-v${version}-${platform}`;
  log(`Downloading nats-server ${version}.`);
  let archive: Buffer;
  try {
    const answer = await fetch(`${baseUrl}/v${version}/${name}.tar.gz`, { signal: AbortSignal.timeout(300_000) });
    if (!answer.ok) return { why: `the release download answered ${answer.status}` };
    archive = Buffer.from(await answer.arrayBuffer());
  } catch (error) {
    const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
    return { why: `the release could not be downloaded (${cause?.code ?? (error as Error).name})` };
  }
  if (createHash('sha256').update(archive).digest('hex') !== pinned)
    return { why: `the release download does not have the pinned digest and was thrown away` };
  writeFileSync(join(work, 'release.tar.gz'), archive);
  const unpacked = await run('tar', ['-xzf', 'release.tar.gz'], { cwd: work });
  const path = join(work, name, 'nats-server');
  return existsSync(path)
    ? { path }
    : { why: `tar: ${lastLine(unpacked.stderr) || 'found no program in the release'}` };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
