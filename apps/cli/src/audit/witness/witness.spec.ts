import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  chmodSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noteVerifier, openCheckpoint } from '@portcullis/merkle-log';
import { eventually } from '@portcullis/testing';
import { runCommand } from '../../../spec/run-command.js';
import { History, leaves, logKey, serveTiles } from '../../../spec/tile-log.js';

const key = logKey('log.example/audit');
const witnessName = 'witness.example/w1';
let folder: string;
let state: string;
let log: Awaited<ReturnType<typeof serveTiles>>;
let verifierKey: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-witness-'));
  state = join(folder, 'witness.json');
  log = await serveTiles(key, new History(leaves(0, 300)));
  verifierKey = (await run('init', '--state', state, '--name', witnessName)).out.trim();
});
afterEach(async () => {
  await log.close();
  rmSync(folder, { recursive: true });
});

const run = (verb: string, ...args: string[]) => runCommand(['audit', 'witness', verb, ...args], {});
const turn = (...args: string[]) =>
  run('run', '--once', '--state', state, '--log', log.url, '--log-key', key.verifierKey, ...args);
const open = (note: string) =>
  openCheckpoint(note, {
    origin: key.origin,
    keys: [noteVerifier(key.verifierKey)],
    witnesses: [noteVerifier(verifierKey)],
  });
const evidence = (): string[] => {
  const kept = `${state}.refused`;
  if (!existsSync(kept)) return [];
  const [log = ''] = readdirSync(kept);
  return readdirSync(join(kept, log)).flatMap((size) =>
    ['remembered', 'refused'].map((name) => readFileSync(join(kept, log, size, name), 'utf8')),
  );
};

describe('a witness', () => {
  test('is a key in a file of one’s own, and is not made twice', async () => {
    expect(noteVerifier(verifierKey)).toMatchObject({ name: witnessName, kind: 'cosignature' });
    expect(statSync(state).mode & 0o777).toBe(0o600);
    expect((await run('key', '--state', state)).out.trim()).toBe(verifierKey);
    const before = readFileSync(state);
    expect(await run('init', '--state', state, '--name', witnessName)).toMatchObject({ code: 1, out: '' });
    expect(readFileSync(state)).toEqual(before);
    expect(await run('init', '--state', join(folder, 'x'), '--name', 'a b')).toMatchObject({ code: 2 });
    expect(existsSync(join(folder, 'x'))).toBe(false);
  });

  test.each([
    ['without its file', () => rmSync(state), 'There is no'],
    ['whose file others may read', () => chmodSync(state, 0o644), 'chmod 600'],
    [
      'whose file is cut',
      () => writeFileSync(state, readFileSync(state, 'utf8').slice(0, 100)),
      'not what this command',
    ],
  ])('%s cosigns nothing', async (_name, spoil, why) => {
    spoil();
    const { code, out, err } = await turn();
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain(why);
  });

  test('cosigns what it sees first, and then only what begins with it', async () => {
    const first = await turn();
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(open(first.out)).toMatchObject({ size: 300, signatures: [{}], cosignatures: [{ name: witnessName }] });
    log.history.grow(leaves(300, 20_000));
    log.asked.length = 0;
    expect(open((await turn()).out)).toMatchObject({ size: 20_000 });
    // The partial tile of before is gone; a proof reads a handful of tiles.
    expect(log.asked.length).toBeLessThan(10);
    expect(open((await turn()).out)).toMatchObject({ size: 20_000 });
    expect(evidence()).toEqual([]);
  }, 30_000);

  test('fetches the whole tile where the part is gone', async () => {
    await turn();
    log.history.grow(leaves(300, 900));
    log.size = 400;
    expect(open((await turn()).out).size).toBe(400);
    expect(log.asked).toContain('tile/0/001.p/144');
    expect(log.asked).toContain('tile/0/001');
  });

  test('writes into a file, whole, and says when', async () => {
    const out = join(folder, 'cosigned');
    expect(await turn('--out', out)).toEqual({ code: 0, out: '', err: '' });
    const seconds = open(readFileSync(out, 'utf8')).cosignatures[0]?.timeSeconds ?? 0;
    expect(Math.abs(seconds - Date.now() / 1000)).toBeLessThan(60);
    expect(readdirSync(folder).sort()).toEqual(['cosigned', 'witness.json']);
  });

  test.each([
    ['of another past', (): History => new History([...leaves(0, 5), 'other', ...leaves(6, 400)]), null, 'FORK'],
    ['of the same size', (): History => new History([...leaves(0, 299), 'other']), null, 'two trees of 300 leaves'],
    ['that went back', (): History => new History(leaves(0, 400)), 299, 'ROLLBACK'],
    ['that is empty', (): History => new History(), null, 'ROLLBACK'],
  ])('refuses a log %s, and keeps both checkpoints', async (_name, other, size, why) => {
    const { out: remembered } = await turn();
    const before = readFileSync(state);
    Object.assign(log, { history: other(), size });
    for (let again = 0; again < 2; again++) {
      const { code, out, err } = await turn();
      expect([code, out]).toEqual([1, '']);
      expect(err).toContain(why);
    }
    expect(readFileSync(state)).toEqual(before);
    const shown = key.sign(log.history, size ?? log.history.size);
    expect(evidence()).toEqual([remembered, shown]);
    // The true one goes on.
    Object.assign(log, { history: new History(leaves(0, 310)), size: null });
    expect(await turn()).toMatchObject({ code: 0 });
  });

  test('that follows a log ends with a fork, and not with what may pass', async () => {
    await turn();
    const out = join(folder, 'cosigned');
    const following = run(
      ...([
        'run',
        '--every',
        '1s',
        '--state',
        state,
        '--log',
        log.url,
        '--log-key',
        key.verifierKey,
        '--out',
        out,
      ] as const),
    );
    await eventually(() => existsSync(out));
    log.history.grow(leaves(300, 301));
    log.tilesAway = true;
    log.asked.length = 0;
    await eventually(() => log.asked.filter((path) => path === 'checkpoint').length > 1);
    log.tilesAway = false;
    log.history.grow(leaves(301, 320));
    await eventually(() => open(readFileSync(out, 'utf8')).size === 320);
    log.history = new History(leaves(0, 330, 'other'));
    const { code, err } = await following;
    expect(code).toBe(1);
    expect(err).toMatch(/Z .*404[^]*FORK/);
  }, 60_000);

  test('believes no key but the log’s, under the log’s own name', async () => {
    const stranger = logKey(key.origin);
    const other = logKey('log.example/other');
    const by = (...keys: string[]) =>
      run('run', '--once', '--state', state, '--log', log.url, ...keys.flatMap((one) => ['--log-key', one]));
    expect((await by(stranger.verifierKey)).err).toContain('not to be believed');
    expect((await by(other.verifierKey)).err).toContain('not to be believed');
    expect(await by(key.verifierKey, other.verifierKey)).toMatchObject({ code: 2 });
    // While keys rotate, either.
    expect(await by(stranger.verifierKey, key.verifierKey)).toMatchObject({ code: 0 });
  });

  test('takes the keys as GET /v1/audit/log-keys gives them, and sends a token if there is one', async () => {
    const keys = join(folder, 'log-keys.json');
    writeFileSync(keys, JSON.stringify({ origin: key.origin, keys: [{ verifier_key: key.verifierKey }] }));
    const args = ['run', '--once', '--state', state, '--log', `${log.url}/`, '--log-keys', keys];
    expect(await runCommand(['audit', 'witness', ...args], { PORTCULLIS_TOKEN: 'ptc_x' })).toMatchObject({ code: 0 });
    expect(log.authorization).toBe('Bearer ptc_x');
    expect((await run(args[0] ?? '', ...args.slice(1))).code).toBe(0);
    expect(log.authorization).toBe('');
  });

  test.each([
    [[], 2],
    [['walk'], 2],
    [['run'], 2],
    [['run', 'again', '--state', 'x'], 2],
    [['run', '--log-key', 'x', '--state', 'x', '--log', 'http://127.0.0.1:1'], 2],
    [['run', '--log-key', key.verifierKey, '--state', 'x', '--log', 'nowhere'], 2],
    [['run', '--log-key', key.verifierKey, '--state', 'x', '--log', 'http://log.example'], 1],
    [['run', '--log-key', key.verifierKey, '--state', 'x', '--log', 'https://log.example', '--every', '0s'], 2],
    [['run', '--log-key', key.verifierKey, '--state', 'x', '--log', 'https://log.example', '--every', 'often'], 2],
    [['serve', '--log-key', key.verifierKey, '--state', 'x', '--listen', 'here'], 2],
  ])('%j is not understood, or refused', async (args, code) => {
    const ran = await runCommand(['audit', 'witness', ...args], {});
    expect([ran.code, ran.out, ran.err.includes('Unexpected')]).toEqual([code, '', false]);
  });
});

describe('audit verify --witness', () => {
  const verify = (...args: string[]) => {
    const keys = join(folder, 'keys');
    const lines = Array.from({ length: log.history.size }, (_, at) =>
      JSON.stringify({ leaf_index: at, leaf_hash: log.history.node(0, at)?.toString('base64') }),
    );
    writeFileSync(join(folder, 'export'), `${lines.join('\n')}\n`);
    writeFileSync(keys, key.verifierKey);
    return runCommand(['audit', 'verify', '--export', join(folder, 'export'), '--log-keys', keys, ...args], {});
  };

  test('wants the cosignature of each on every checkpoint', async () => {
    const [plain, cosigned] = [join(folder, 'plain'), join(folder, 'cosigned')];
    writeFileSync(plain, key.sign(log.history));
    writeFileSync(cosigned, (await turn()).out);
    const good = await verify('--checkpoint', cosigned, '--witness', verifierKey, '--output', 'json');
    expect(JSON.parse(good.out)).toMatchObject({ ok: true, proven: 300, witnesses: [witnessName] });
    expect((await verify('--checkpoint', cosigned)).code).toBe(0);
    const bare = await verify('--checkpoint', cosigned, '--checkpoint', plain, '--witness', verifierKey);
    expect([bare.code, bare.err]).toEqual([1, `The checkpoint ${plain} has no cosignature of ${witnessName}.\n`]);
    const other = (await run('init', '--state', join(folder, 'w2'), '--name', 'witness.example/w2')).out.trim();
    const two = await verify('--checkpoint', cosigned, '--witness', verifierKey, '--witness', other);
    expect([two.code, two.err]).toEqual([1, `The checkpoint ${cosigned} has no cosignature of witness.example/w2.\n`]);
  });

  test('is refused where it could not be looked at', async () => {
    expect((await verify('--witness', verifierKey)).code).toBe(2);
    expect((await verify('--witness', key.verifierKey, '--checkpoint', state)).code).toBe(2);
    expect((await verify('--witness', 'x', '--checkpoint', state)).code).toBe(2);
    const bare = [
      'audit',
      'verify',
      '--export',
      join(folder, 'export'),
      '--checkpoint',
      state,
      '--witness',
      verifierKey,
    ];
    expect((await runCommand(bare, {})).code).toBe(2);
  });
});
