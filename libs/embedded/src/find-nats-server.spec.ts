import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNatsServer } from './index.js';

/** Stands in for a release's program: says its version and nothing else. */
const program = (version: string) => `#!/bin/sh\necho "nats-server: v${version}"\n`;
const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;

let folder: string;
let releases: Server;
let baseUrl: string;
let archive: Buffer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-find-'));
  const name = `nats-server-v2.14.5-${platform}`;
  mkdirSync(join(folder, name));
  put(join(folder, name), '2.14.5');
  spawnSync('tar', ['-czf', 'archive.tar.gz', name], { cwd: folder });
  archive = readFileSync(join(folder, 'archive.tar.gz'));
  releases = createServer((request, response) => {
    if (request.url === `/v2.14.5/${name}.tar.gz`) response.end(archive);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => releases.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(releases.address() as { port: number }).port}`;
});
afterAll(() => {
  releases.close();
  rmSync(folder, { recursive: true });
});

function put(path: string, version: string): void {
  writeFileSync(join(path, 'nats-server'), program(version));
  chmodSync(join(path, 'nats-server'), 0o755);
}
const fresh = () => mkdtempSync(join(folder, 'cache-'));
const digest = () => createHash('sha256').update(archive).digest('hex');
const find = (cache: string, { env = {}, sha256 = digest(), said = [] as string[], version = '2.14.5' } = {}) =>
  findNatsServer(cache, (line) => said.push(line), {
    env: { PATH: '', ...env },
    folders: [],
    useSystemPackage: false,
    release: { version, baseUrl, sha256: { [platform]: sha256 } },
  });

test('the one on PATH is taken before any other', async () => {
  const path = fresh();
  put(path, '2.10.3');
  expect(await find(fresh(), { env: { PATH: path } })).toEqual({
    path: join(path, 'nats-server'),
    version: [2, 10, 3],
  });
});

test('one that is too old is passed over, and said so', async () => {
  const path = fresh();
  put(path, '2.8.4');
  const said: string[] = [];
  expect((await find(fresh(), { env: { PATH: path }, said })).version).toEqual([2, 14, 5]);
  expect(said[0]).toMatch(/2\.8\.4, too old/);
});

test('one that is named must work: no other is taken in its place', async () => {
  await expect(find(fresh(), { env: { PORTCULLIS_NATS_SERVER: '/nowhere' } })).rejects.toMatchObject({
    code: 'unavailable',
  });
});

test('a release is downloaded once and then taken from the cache', async () => {
  const cache = fresh();
  expect(await find(cache)).toEqual({ path: join(cache, 'nats-server'), version: [2, 14, 5] });
  expect(readdirSync(cache)).toEqual(['nats-server']);
  const said: string[] = [];
  await find(cache, { said });
  expect(said).toEqual([]);
});

test.each([
  ['another digest', { sha256: '0'.repeat(64) }, /does not have the pinned digest/],
  ['no digest', { sha256: '' }, /no digest .* is pinned/],
  ['no such release', { version: '9.9.9' }, /answered 404/],
])('with %s nothing is run or kept, and the sentence says why and what to do', async (_, options, why) => {
  const cache = fresh();
  await expect(find(cache, options)).rejects.toThrow(why);
  await expect(find(cache, options)).rejects.toThrow(/install one, or set NATS_URL/);
  expect(readdirSync(cache)).toEqual([]);
});
