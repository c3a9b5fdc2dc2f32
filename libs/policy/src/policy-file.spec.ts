import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  PolicyFaults,
  PolicyFile,
  loadPolicy,
  readPolicySources,
  type Policy,
  type PolicyFault,
  type PolicyFileOptions,
} from './index.js';

const route = (path: string) =>
  `version: 1\nupstreams: { u: { url: http://h } }\nroutes: [{ match: "GET ${path}", public: true, upstream: u }]\n`;

let folder: string;
let policyPath: string;
let catalogueDirectory: string;
let open: PolicyFile | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'policy-'));
  policyPath = join(folder, 'policy.yaml');
  catalogueDirectory = join(folder, 'catalogue');
  await mkdir(catalogueDirectory);
  await writeFile(join(catalogueDirectory, 'a.yaml'), 'version: 1\npermissions: { "a:view": A }\n');
});

afterEach(async () => {
  await open?.close();
  open = undefined;
  await rm(folder, { recursive: true });
});

/** What the file tells, one after the other: the next thing that happens, without a clock. */
async function follow(options: PolicyFileOptions = {}) {
  const told: (Policy | PolicyFault[])[] = [];
  const waiting: ((what: Policy | PolicyFault[]) => void)[] = [];
  const tell = (what: Policy | PolicyFault[]) => {
    const next = waiting.shift();
    if (next) next(what);
    else told.push(what);
  };
  open = await PolicyFile.open(policyPath, {
    catalogueDirectory,
    onReload: tell,
    onFault: tell,
    lookMilliseconds: 5,
    ...options,
  });
  const next = () => {
    const first = told.shift();
    return first ? Promise.resolve(first) : new Promise<Policy | PolicyFault[]>((resolve) => waiting.push(resolve));
  };
  return { file: open, next, told };
}

describe('reading', () => {
  test('the catalogue comes first by name, then the policy, then what it includes, depth first', async () => {
    await mkdir(join(folder, 'parts'));
    await writeFile(join(catalogueDirectory, '0.yaml'), 'version: 1');
    await writeFile(join(catalogueDirectory, 'notes.txt'), 'not read');
    await writeFile(policyPath, 'version: 1\ninclude: [parts/one.yaml, three.yaml]\n');
    await writeFile(join(folder, 'parts/one.yaml'), 'version: 1\ninclude: [two.yaml]\n');
    await writeFile(join(folder, 'parts/two.yaml'), 'version: 1\n');
    await writeFile(join(folder, 'three.yaml'), 'version: 1\n');
    const { sources, faults } = await readPolicySources(policyPath, { catalogueDirectory });
    expect(faults).toEqual([]);
    expect(sources.map(({ file, role }) => [file.slice(folder.length + 1), role])).toEqual([
      ['catalogue/0.yaml', 'catalogue'],
      ['catalogue/a.yaml', 'catalogue'],
      ['policy.yaml', 'policy'],
      ['parts/one.yaml', 'policy'],
      ['parts/two.yaml', 'policy'],
      ['three.yaml', 'policy'],
    ]);
  });

  test('files that include each other, or are not there, are faults at the line that names them', async () => {
    await writeFile(policyPath, 'version: 1\ninclude:\n  - one.yaml\n  - gone.yaml\n');
    await writeFile(join(folder, 'one.yaml'), 'version: 1\ninclude: [policy.yaml]\n');
    const result = await loadPolicy(policyPath, { catalogueDirectory });
    expect('faults' in result && result.faults).toEqual([
      { file: join(folder, 'one.yaml'), line: 2, message: `${policyPath} is included more than once` },
      { file: policyPath, line: 4, message: `${join(folder, 'gone.yaml')} cannot be read` },
    ]);
  });

  test('no policy, no catalogue, and a file that is no UTF-8 are faults', async () => {
    const faults = async (path: string, directory: string) => {
      const result = await loadPolicy(path, { catalogueDirectory: directory });
      return 'faults' in result ? result.faults.map(({ message }) => message) : [];
    };
    expect(await faults(policyPath, catalogueDirectory)).toEqual([`${policyPath} cannot be read`]);
    await writeFile(policyPath, 'version: 1\n');
    expect(await faults(policyPath, join(folder, 'nowhere'))).toEqual(['there is no catalogue here']);
    await writeFile(policyPath, Buffer.from('version: 1 # \xff', 'latin1'));
    expect(await faults(policyPath, catalogueDirectory)).toEqual([`${policyPath} cannot be read`]);
  });

  test('a policy with faults does not open, and the error has a line for each', async () => {
    await writeFile(policyPath, 'version: 2\ncolour: red\n');
    const error: unknown = await PolicyFile.open(policyPath, { catalogueDirectory }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(PolicyFaults);
    expect(
      (error as Error).message.split('\n').map((line) => line.slice(policyPath.length, policyPath.length + 3)),
    ).toEqual([':1:', ':2:']);
  });
});

describe('following', () => {
  test('an edit is in force without being asked for, and a policy in use stays whole', async () => {
    await writeFile(policyPath, route('/a'));
    const { file, next } = await follow();
    const before = file.current;
    await writeFile(policyPath, route('/b'));
    const after = await next();
    expect(after).toBe(file.current);
    expect(file.current.routes.match('GET', '/b')).toBeDefined();
    expect(file.current.routes.match('GET', '/a')).toBeUndefined();
    expect(before.routes.match('GET', '/a')).toBeDefined();
    expect(file.current.digest).not.toBe(before.digest);
  });

  test('a bad edit is told once and keeps the old policy; undoing it is told too', async () => {
    await writeFile(policyPath, route('/a'));
    const { file, next, told } = await follow();
    const before = file.current;
    await writeFile(policyPath, 'version: 1\nroutes: [{ match: "GET /a" }]\n');
    expect(await next()).toHaveLength(2);
    expect(file.current).toBe(before);
    await writeFile(policyPath, route('/a'));
    expect(await next()).toBe(before);
    expect(told).toEqual([]);
  });

  test('a file replaced by rename, a link turned to another file, a file gone and come back are all seen', async () => {
    await writeFile(policyPath, route('/a'));
    const { file, next } = await follow();
    await writeFile(join(folder, 'new.yaml'), route('/b'));
    await rename(join(folder, 'new.yaml'), policyPath);
    await next();
    expect(file.current.routes.match('GET', '/b')).toBeDefined();

    await unlink(policyPath);
    expect(await next()).toEqual([{ file: policyPath, line: 0, message: `${policyPath} cannot be read` }]);
    expect(file.current.routes.match('GET', '/b')).toBeDefined();

    await writeFile(join(folder, 'target.yaml'), route('/c'));
    await symlink('target.yaml', policyPath);
    await next();
    expect(file.current.routes.match('GET', '/c')).toBeDefined();
    await writeFile(join(folder, 'target.yaml'), route('/d'));
    await next();
    expect(file.current.routes.match('GET', '/d')).toBeDefined();
  });

  test('an included file, one that was missing and a new file of the catalogue are followed too', async () => {
    await writeFile(policyPath, 'version: 1\ninclude: [part.yaml]\n');
    await writeFile(join(folder, 'part.yaml'), route('/a'));
    const { file, next } = await follow();
    await writeFile(join(folder, 'part.yaml'), route('/b'));
    await next();
    expect(file.current.routes.match('GET', '/b')).toBeDefined();

    await writeFile(policyPath, 'version: 1\ninclude: [part.yaml, late.yaml]\n');
    expect(await next()).toHaveLength(1);
    await writeFile(join(folder, 'late.yaml'), 'version: 1\npermissions: { "l:view": L }\n');
    await next();
    expect(file.current.lattice.permissionIndex('l:view')).toBeGreaterThanOrEqual(0);

    await writeFile(join(catalogueDirectory, 'b.yaml'), 'version: 1\npermissions: { "b:view": B }\n');
    await next();
    expect(file.current.lattice.permissionIndex('b:view')).toBeGreaterThanOrEqual(0);
  });

  test('asked to reload, it reads at once and says nothing if nothing changed', async () => {
    await writeFile(policyPath, route('/a'));
    const { file, told } = await follow({ lookMilliseconds: 3_600_000 });
    await file.reload();
    expect(told).toEqual([]);
    await writeFile(policyPath, route('/b'));
    await file.reload();
    expect(told).toEqual([file.current]);
    expect(file.current.routes.match('GET', '/b')).toBeDefined();
  });

  test('its status says what is in force since when, and the faults of an edit until they are mended', async () => {
    await writeFile(policyPath, route('/a'));
    let now = new Date(1_000);
    const { file } = await follow({ lookMilliseconds: 3_600_000, now: () => now });
    const digest = file.current.digest;
    expect(file.status).toEqual({ digest, loadedAt: new Date(1_000), refused: null });
    now = new Date(2_000);
    await writeFile(policyPath, 'version: 1\nroutes: [{ match: "GET /a" }]\n');
    await file.reload();
    expect(file.status).toMatchObject({ digest, loadedAt: new Date(1_000), refused: { at: now } });
    expect(file.status.refused?.faults).toHaveLength(2);
    now = new Date(3_000);
    await writeFile(policyPath, route('/b'));
    await file.reload();
    expect(file.status).toEqual({ digest: file.current.digest, loadedAt: now, refused: null });
    expect(file.current.digest).not.toBe(digest);
  });

  test('closed, it tells nothing more', async () => {
    await writeFile(policyPath, route('/a'));
    const { file, told } = await follow();
    await file.close();
    await writeFile(policyPath, route('/b'));
    await file.reload();
    expect(told).toEqual([]);
    expect(file.current.routes.match('GET', '/a')).toBeDefined();
  });
});
