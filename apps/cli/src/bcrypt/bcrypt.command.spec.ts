import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

const portcullis = resolve(import.meta.dirname, '../../bin/portcullis.mjs');
/** `test`. */
const hash = '$2a$12$Ltg3M2W53Xv9wwJ2.iAv4e4gWELrrr8D2dYat7wNdY2xArdmOSL1i';

/** The command as a shell runs it. */
function run(args: readonly string[], input = ''): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [portcullis, 'bcrypt', ...args], { stdio: 'pipe' });
    let [out, err] = ['', ''];
    child.stdout.on('data', (text: Buffer) => (out += text.toString()));
    child.stderr.on('data', (text: Buffer) => (err += text.toString()));
    child.once('close', (code) => done({ code, out, err }));
    child.stdin.end(input);
  });
}

test('a hash is printed without a line end, and is the password’s', async () => {
  const { code, out } = await run(['super$ecret']);
  expect(code).toBe(0);
  expect(out).toMatch(/^\$2a\$12\$[./A-Za-z0-9]{53}$/);
  expect(await run(['--check', 'super$ecret', out])).toEqual({
    code: 0,
    out: 'OK: password hash matches provided plain text\n',
    err: '',
  });
  expect((await run(['--check', 'super', out])).code).toBe(1);
});

test.each([
  ['no argument', []],
  ['a hyphen', ['-']],
])('with %s the password comes from standard input, without its line end', async (_, args) => {
  const { code, out } = await run(args, 'hello\n');
  expect(code).toBe(0);
  expect((await run(['--check', '-', out], 'hello')).code).toBe(0);
});

test('a wrong password is exit 1 and one line on standard error', async () => {
  expect(await run(['--check', 'tesT', hash])).toEqual({
    code: 1,
    out: '',
    err: 'password hash does not match provided plain text\n',
  });
});

test('hashes of htpasswd are read', async () => {
  expect((await run(['--check', 'test', hash.replace('$2a', '$2y')])).code).toBe(0);
});

test('--check with one argument shows how it is used', async () => {
  expect(await run(['--check', 'test'])).toMatchObject({
    code: 0,
    out: `Usage: portcullis bcrypt --check your-plain-text-password 'password-hash'\n`,
  });
});

test.each([
  ['two passwords', ['one', 'two'], 2, /One password at a time/],
  ['three arguments to check', ['--check', 'a', hash, 'b'], 2, /takes a password and a hash/],
  ['an unknown option', ['--cost', '4', 'x'], 2, /--cost/],
  ['an empty password', [''], 1, /1 to 72 bytes/],
  ['a password that bcrypt would cut', ['x'.repeat(73)], 1, /1 to 72 bytes/],
  ['a hash that the shell has eaten', ['--check', 'x', 'abc'], 1, /single quotes/],
])('%s is refused', async (_, args, code, sentence) => {
  const refused = await run(args);
  expect(refused).toMatchObject({ code, out: '' });
  expect(refused.err).toMatch(sentence);
});
