import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { noteVerifier, openCheckpoint, parseCheckpoint } from '@portcullis/merkle-log';
import { History, leaves, logKey } from '../../../spec/tile-log.js';
import { originHash } from './witness.js';
import { WitnessFile } from './witness-file.js';

// The command as a process of its own. Needs the build, as `npm test` does.
const portcullis = resolve(import.meta.dirname, '../../../bin/portcullis.mjs');
const patience = 120_000;
const key = logKey('log.example/audit');
const empty = logKey('log.example/empty');
const true_ = new History(leaves(0, 400));
const other = new History([...leaves(0, 50), 'other', ...leaves(51, 400)]);

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  said(): string;
}

let folder: string;
let state: string;
let verifierKey: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-witness-'));
  state = join(folder, 'witness.json');
  verifierKey = WitnessFile.make(state, 'witness.example/w1', () => new Date()).signer.verifierKey;
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(folder, { recursive: true });
});

async function serve(): Promise<Running> {
  const keys = [key, empty].flatMap(({ verifierKey: one }) => ['--log-key', one]);
  const args = [portcullis, 'audit', 'witness', 'serve', '--state', state, '--listen', '127.0.0.1:0', ...keys];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let [out, err] = ['', ''];
  child.stderr.on('data', (text: Buffer) => (err += text.toString()));
  while (!out.includes('\n')) {
    const [text] = (await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => [err])])) as [
      Buffer,
    ];
    out += text.toString();
  }
  return { child, url: /http:\S+/.exec(out)?.[0] ?? out, said: () => err };
}

async function offer({ url }: Running, body: string): Promise<{ status: number; type: string | null; text: string }> {
  const response = await fetch(`${url}/add-checkpoint`, { method: 'POST', body });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
}

/** As a log does that grew from one size to another. */
const grown = async (from: number, to: number, { history = true_, by = key } = {}): Promise<string> =>
  [`old ${from}`, ...(await history.proof(from, to)), '', by.sign(history, to)].join('\n');

const checkpointOf = async ({ url }: Running, origin = key.origin) => fetch(`${url}/${originHash(origin)}/checkpoint`);
const rememberedSize = (): number => {
  const { checkpoints } = JSON.parse(readFileSync(state, 'utf8')) as { checkpoints: Record<string, string> };
  const note = checkpoints[key.origin];
  return note === undefined ? 0 : parseCheckpoint(`${note.slice(0, note.lastIndexOf('\n\n'))}\n`).size;
};

test(
  'a log brings its checkpoints, and a monitor fetches them',
  async () => {
    const witness = await serve();
    const witnesses = [noteVerifier(verifierKey)];
    const trusted = { origin: key.origin, keys: [noteVerifier(key.verifierKey)], witnesses };
    expect((await checkpointOf(witness)).status).toBe(404);
    for (const [from, to] of [
      [0, 7],
      [7, 7],
      [7, 300],
      [300, 301],
    ] as const) {
      const answer = await offer(witness, await grown(from, to));
      expect([answer.status, answer.text.startsWith('— witness.example/w1 ')]).toEqual([200, true]);
      // As the specification says that a log reads it.
      expect(openCheckpoint(key.sign(true_, to) + answer.text, trusted).cosignatures).toHaveLength(1);
      const monitored = await (await checkpointOf(witness)).text();
      expect(openCheckpoint(monitored, trusted)).toMatchObject({ size: to, signatures: [{}], cosignatures: [{}] });
    }
    const nothing = new History();
    expect((await offer(witness, await grown(0, 0, { history: nothing, by: empty }))).status).toBe(200);
    expect((await (await checkpointOf(witness, empty.origin)).text()).split('\n')[1]).toBe('0');
    expect((await offer(witness, await grown(0, 9, { by: empty }))).status).toBe(200);

    witness.child.kill('SIGTERM');
    expect(await once(witness.child, 'exit')).toEqual([0, null]);
    expect(witness.said()).toBe('');
  },
  patience,
);

test(
  'each refusal has the status of c2sp.org/tlog-witness, and changes nothing',
  async () => {
    const witness = await serve();
    expect((await offer(witness, await grown(0, 200))).status).toBe(200);
    const before = readFileSync(state);
    const good = await grown(200, 300);
    const [old = '', first = '', ...rest] = good.split('\n');
    const unsigned = `${good.slice(0, good.indexOf('\n\n') + 2)}${logKey(key.origin).sign(true_, 300)}`;
    const stranger = logKey('log.example/stranger');
    const wrongEmpty = `old 0\n\n${key.signText(`${key.origin}\n0\n${true_.root(1).toString('base64')}\n`)}`;
    const refusals: [string, string, number][] = [
      ['a log that is not known', await grown(0, 300, { by: stranger }), 404],
      ['a key that is not known', unsigned, 403],
      ['a signature that is not one', good.replace(/\n300\n/, '\n301\n'), 403],
      ['an old size beyond the new one', `old 301\n\n${key.sign(true_, 300)}`, 400],
      ['an old size that is not the last', await grown(100, 300), 409],
      ['the first request anew', await grown(0, 200), 409],
      ['no proof', `${old}\n\n${key.sign(true_, 300)}`, 422],
      ['a proof that lacks its first hash', [old, ...rest].join('\n'), 422],
      ['a proof of another history', await grown(200, 300, { history: other }), 422],
      ['a proof between equal sizes', [`old 200`, first, '', key.sign(true_, 200)].join('\n'), 422],
      ['another tree of the same size', `old 200\n\n${key.sign(other, 200)}`, 422],
      ['nothing', '', 400],
      ['no old size', `\n\n${key.sign(true_, 300)}`, 400],
      ['an old size with a zero before it', good.replace('old 200', 'old 0200'), 400],
      ['an old size that no tree has', good.replace('old 200', `old ${2 ** 53}`), 400],
      ['a hash of 31 bytes', good.replace(first, Buffer.alloc(31).toString('base64')), 400],
      ['a hash with no padding', good.replace(first, first.replace('=', '')), 400],
      ['64 hashes', [old, ...Array<string>(64).fill(first), '', key.sign(true_, 300)].join('\n'), 400],
      ['no checkpoint', `${old}\n\n${key.origin}\n`, 400],
      ['an empty tree that is none', wrongEmpty, 422],
      ['too much', good + '\n'.repeat(70_000), 413],
    ];
    for (const [what, body, status] of refusals) {
      const answer = await offer(witness, body);
      expect([what, answer.status]).toEqual([what, status]);
      const isConflict = status === 409;
      expect(answer.type).toBe(isConflict ? 'text/x.tlog.size' : 'text/plain; charset=utf-8');
      if (isConflict) expect(answer.text).toBe('200\n');
      else expect(answer.text).toMatch(/^[A-Z].*\.\n$/);
    }
    for (const [path, method, status] of [
      ['/add-checkpoint', 'GET', 405],
      ['/', 'GET', 404],
      [`/${originHash(key.origin)}/checkpoint`, 'DELETE', 405],
      [`/${originHash(stranger.origin)}/checkpoint`, 'GET', 404],
    ] as const)
      expect([path, (await fetch(`${witness.url}${path}`, { method })).status]).toEqual([path, status]);
    expect(readFileSync(state)).toEqual(before);
    // Of all these, one is a fork by itself.
    expect(witness.said().match(/FORK/g)).toHaveLength(1);
    expect(existsSync(`${state}.refused`)).toBe(true);
    expect((await offer(witness, good)).status).toBe(200);
  },
  patience,
);

test(
  'two processes of one witness never cosign two histories',
  async () => {
    const [one, two] = await Promise.all([serve(), serve()]);
    // Both go on from 40 leaves, and part at the 50th.
    expect((await offer(one, await grown(0, 40))).status).toBe(200);
    for (let size = 40; size < 400; size += 40) {
      const at = rememberedSize();
      const [a, b] = await Promise.all([
        grown(at, size + 40).then((body) => offer(one, body)),
        grown(at, size + 40, { history: other }).then((body) => offer(two, body)),
      ]);
      const statuses = [a.status, b.status];
      expect(statuses.filter((status) => status === 200)).toHaveLength(1);
      expect([409, 422]).toContain(statuses.find((status) => status !== 200));
      expect(rememberedSize()).toBe(size + 40);
    }
  },
  patience,
);

test(
  'killed at any point, it remembers all that it gave out, and goes on',
  async () => {
    const history = new History(leaves(0, 20_000));
    let given = 0;
    for (let round = 0; round < 6; round++) {
      const witness = await serve();
      const at = rememberedSize();
      expect(at).toBeGreaterThanOrEqual(given);
      const gone = once(witness.child, 'exit');
      for (let size = at; ; size++) {
        const answer = await offer(witness, await grown(size, size + 1, { history })).catch(() => null);
        if (answer?.status !== 200) break;
        given = size + 1;
        // At some point in one of the next.
        if (size === at) setTimeout(() => witness.child.kill('SIGKILL'), Math.random() * 200);
      }
      expect(await gone).toEqual([null, 'SIGKILL']);
      expect(rememberedSize()).toBeGreaterThanOrEqual(given);
      // One that was killed while it held the lock, or wrote, leaves this behind.
      if (!existsSync(`${state}.lock`))
        writeFileSync(`${state}.lock`, JSON.stringify({ pid: witness.child.pid, started: 'long ago' }));
      writeFileSync(`${state}.${witness.child.pid}.new`, '{"version"');
    }
    expect(given).toBeGreaterThanOrEqual(6);
  },
  patience,
);
