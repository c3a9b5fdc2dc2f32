import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, identityOf } from '@portcullis/embedded';
import { takeHome } from './home.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'portcullis-home-'))));
afterEach(() => rmSync(folder, { recursive: true }));

test('a home is held by one at a time, and free again afterwards', () => {
  const home = takeHome(folder);
  expect(() => takeHome(folder)).toThrow(`${folder} is in use by another stack (process ${process.pid})`);
  home.release();
  takeHome(folder).release();
  expect(existsSync(join(folder, 'lock'))).toBe(false);
});

test.each([
  ['of a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1, started: 'x' })],
  ['of a pid that is somebody else’s by now', JSON.stringify({ ...identityOf(process.pid), started: 'before' })],
  ['cut short by a crash', '{"pid":'],
])('a lock %s is taken over', (_, text) => {
  writeFileSync(join(folder, 'lock'), text);
  takeHome(folder).release();
  expect(readdirSync(folder).filter((name) => name.startsWith('lock'))).toEqual([]);
});

test('a folder that cannot be used is one sentence', () => {
  writeFileSync(join(folder, 'file'), '');
  expect(() => takeHome(join(folder, 'file', 'home'))).toThrow(
    /cannot be used as home \(ENOTDIR\): set PORTCULLIS_HOME/,
  );
});

test('a port is the one of the last start, unless somebody else has it now', async () => {
  const home = takeHome(folder);
  const port = await freePort();
  expect(await home.lastPort('nats')).toBeUndefined();
  home.rememberPort('nats', port);
  expect(await home.lastPort('nats')).toBe(port);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
  expect(await home.lastPort('nats')).toBeUndefined();
  other.close();
});
