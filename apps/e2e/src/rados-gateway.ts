import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '@portcullis/embedded';
import { eventually } from '@portcullis/testing';

const run = promisify(execFile);
const patienceMilliseconds = 150_000;

/** A Ceph of one process each (monitor, memory store, RadosGW) on loopback: a real S3 store that nobody here wrote. */
export interface RadosGateway {
  readonly url: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  stop(): Promise<void>;
}

/** Whether Debian's packages radosgw, ceph-mon, ceph-osd and ceph-common are on this machine. */
export function hasRadosGateway(): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v radosgw && command -v ceph-mon && command -v ceph-osd && command -v ceph'], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

export async function startRadosGateway(): Promise<RadosGateway> {
  const home = mkdtempSync(join(tmpdir(), 'portcullis-rgw-'));
  const [monitorPort, port] = [await freePort(), await freePort()];
  const running: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const child of running.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const over = once(child, 'exit');
      child.kill('SIGKILL'); // its store is memory: there is nothing to put away
      await over;
    }
    rmSync(home, { recursive: true, force: true });
  };
  const fsid = randomUUID();
  const configuration = join(home, 'ceph.conf');
  for (const folder of ['mon', 'osd0', 'run']) mkdirSync(join(home, folder));
  writeFileSync(configuration, configurationOf({ home, fsid, monitorPort, port }));
  const env = { PATH: process.env['PATH'], CEPH_ARGS: `-c ${configuration}` };
  const command = (program: string, ...args: string[]) => run(program, args, { env, timeout: patienceMilliseconds });
  const start = (program: string, ...args: string[]): void => {
    running.push(spawn(program, [...args, '-f'], { env, stdio: 'ignore' }));
  };
  const succeeds = (work: Promise<unknown>): Promise<boolean> => work.then(() => true).catch(() => false);
  try {
    const map = join(home, 'monmap');
    await command('monmaptool', '--create', '--fsid', fsid, '--addv', 'a', `[v1:127.0.0.1:${monitorPort}]`, map);
    await command('ceph-mon', '-i', 'a', '--mkfs', '--monmap', map);
    start('ceph-mon', '-i', 'a');
    await eventually(() => succeeds(run('ceph', ['-s'], { env, timeout: 30_000 })), patienceMilliseconds);
    const osd = randomUUID();
    await command('ceph', 'osd', 'new', osd);
    await command('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osd);
    start('ceph-osd', '-i', '0');
    start('radosgw', '-n', 'client.rgw');
    const url = `http://127.0.0.1:${port}`;
    await eventually(() => succeeds(fetch(url)), patienceMilliseconds);
    const [accessKeyId, secretAccessKey] = ['UPSTREAM', randomBytes(20).toString('hex')];
    const keys = ['--access-key', accessKeyId, '--secret-key', secretAccessKey];
    await command('radosgw-admin', 'user', 'create', '--uid=portcullis', '--display-name=portcullis', ...keys);
    return { url, accessKeyId, secretAccessKey, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const configurationOf = (given: { home: string; fsid: string; monitorPort: number; port: number }): string => `
[global]
fsid = ${given.fsid}
mon host = v1:127.0.0.1:${given.monitorPort}
ms bind msgr2 = false
public network = 127.0.0.0/8
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
osd objectstore = memstore
memstore device bytes = ${1024 ** 3}
run dir = ${given.home}/run
admin socket = ${given.home}/run/$name.asok
pid file = ${given.home}/run/$name.pid
log file = ${given.home}/$name.log
mon data = ${given.home}/mon
osd data = ${given.home}/osd$id
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:${given.port}
rgw run sync thread = false
rgw dynamic resharding = false
`;
