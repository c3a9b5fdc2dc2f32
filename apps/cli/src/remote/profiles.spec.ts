import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Refused, UsageFault } from '../command.js';
import { type Profile, profileName, Profiles } from './profiles.js';

const profile: Profile = {
  url: 'https://gate.example.com',
  email: 'ada@example.com',
  organization: null,
  insecure_http: false,
  session: null,
};

let base: string;
let folder: string;
let profiles: Profiles;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'portcullis-profiles-'));
  folder = join(base, 'portcullis');
  profiles = Profiles.of({ XDG_CONFIG_HOME: base });
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const modeOf = (path: string): number => statSync(path).mode & 0o777;
const write = (name = 'default'): Promise<void> => profiles.locked(() => profiles.write(name, profile));

test('nobody but this user can read the file, nor enter its folder', async () => {
  await write();
  expect(modeOf(profiles.file)).toBe(0o600);
  expect(modeOf(folder)).toBe(0o700);
  expect(profiles.read('default')).toEqual(profile);
  expect(readdirSync(folder)).toEqual(['profiles.json']);
});

test('one profile leaves the others as they are', async () => {
  await write();
  await write('prod');
  expect([profiles.read('default'), profiles.read('prod')]).toEqual([profile, profile]);
  expect(profiles.read('constructor')).toBeNull();
});

test('reading makes nothing', () => {
  expect(profiles.read('default')).toBeNull();
  expect(readdirSync(base)).toEqual([]);
});

test.each([
  ['a file that others can read', 0o644, 0o700, /profiles\.json can be read by other users \(mode 0644\): chmod 600/],
  ['a file that the group can read', 0o640, 0o700, /can be read by other users/],
  ['a folder that others can write to', 0o600, 0o777, /portcullis can be changed by other users/],
])('%s is refused with what to do', async (_, fileMode, folderMode, sentence) => {
  await write();
  chmodSync(profiles.file, fileMode);
  chmodSync(folder, folderMode);
  expect(() => profiles.read('default')).toThrow(sentence);
  await expect(profiles.locked(() => profiles.write('default', profile))).rejects.toThrow(Refused);
});

test.each(['{', '{"version":2,"profiles":{}}', '{"version":1,"profiles":{"default":{"url":1}}}'])(
  'a file that this version did not write is refused and left alone: %s',
  async (text) => {
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(profiles.file, text, { mode: 0o600 });
    expect(() => profiles.read('default')).toThrow(/move it away/);
    await expect(write()).rejects.toThrow(/move it away/);
    expect(readFileSync(profiles.file, 'utf8')).toBe(text);
  },
);

test('a lock whose process is gone holds nobody up', async () => {
  mkdirSync(folder, { mode: 0o700 });
  writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: 2 ** 22 + 1, started: 'long ago' }));
  await write();
  expect(readdirSync(folder)).toEqual(['profiles.json']);
});

test('the lock is given back when the work fails', async () => {
  await expect(profiles.locked(() => Promise.reject(new Error('it failed')))).rejects.toThrow('it failed');
  expect(readdirSync(folder)).toEqual([]);
});

test('the home folder is where it is without XDG_CONFIG_HOME, and a relative one counts as none', () => {
  expect(Profiles.of({ HOME: '/home/ada' }).file).toBe('/home/ada/.config/portcullis/profiles.json');
  expect(Profiles.of({ HOME: '/home/ada', XDG_CONFIG_HOME: 'here' }).file).toMatch(/^\/home\/ada\/\.config\//);
});

test.each(['', '../up', 'a/b', '-x', '__proto__', 'x'.repeat(65)])('a profile is not called %p', (name) => {
  expect(() => profileName(name)).toThrow(UsageFault);
});
