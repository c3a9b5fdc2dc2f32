import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { jest } from '@jest/globals';
import { Client } from './client.js';
import { type Stack, startStack } from './stack.js';

/** Every command is a process of its own, and a busy machine starts them slowly. */
jest.setTimeout(120_000);

const portcullis = resolve(import.meta.dirname, '../../cli/bin/portcullis.mjs');

interface Ran {
  code: number | null;
  out: string;
  err: string;
}

/** Told in order: a person at a shell, and a build server, with nothing but the command. */
describe('from a login to a revoked key, at a shell', () => {
  let stack: Stack;
  let folder: string;
  let key: { id: string; credentials: { bearer_token: string } };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'portcullis-command-'));
    stack = await startStack({ env: { PORTCULLIS_REFRESH_OVERLAP_SECONDS: '3600' } });
  }, 150_000);
  afterAll(async () => {
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  /** The command as a shell runs it, its output into a pipe. */
  function run(args: readonly string[], { input = '', env = {} }: { input?: string; env?: object } = {}): Promise<Ran> {
    return new Promise((done) => {
      const child = spawn(process.execPath, [portcullis, ...args], {
        env: { PATH: process.env['PATH'], XDG_CONFIG_HOME: folder, ...env },
        stdio: 'pipe',
      });
      let [out, err] = ['', ''];
      child.stdout.on('data', (text: Buffer) => (out += text.toString()));
      child.stderr.on('data', (text: Buffer) => (err += text.toString()));
      child.once('close', (code) => done({ code, out, err }));
      child.stdin.on('error', () => undefined); // it refused before it read
      child.stdin.end(input);
    });
  }
  const json = async <T>(args: readonly string[], env = {}): Promise<T> => {
    const { code, out, err } = await run([...args, '--output', 'json'], { env });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return JSON.parse(out) as T;
  };
  const login = (input: string): Promise<Ran> =>
    run(['login', '--url', stack.url, '--email', stack.email, '--password-stdin'], { input });
  const profilesFile = (): string => join(folder, 'portcullis', 'profiles.json');

  /** As if so much time had gone by. */
  const age = (): void => {
    const text = readFileSync(profilesFile(), 'utf8');
    const past = new Date(Date.now() - 1000).toISOString();
    writeFileSync(profilesFile(), text.replaceAll(/("(?:expires_at|renew_from)": )"[^"]*"/g, `$1"${past}"`));
  };

  test('a wrong password is refused, with the request’s id, and leaves nothing behind', async () => {
    const refused = await login('wrong');
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(/\n {2}401 invalid_credentials, request_id req_\w+\n$/);
    expect(await run(['whoami'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('Nobody is signed in') as string,
    });
  });

  test('the right one from standard input opens a session that only this user can read', async () => {
    expect(await login(`${stack.password}\n`)).toEqual({
      code: 0,
      out: `${stack.email} is signed in at ${stack.url}.\n`,
      err: '',
    });
    expect(statSync(profilesFile()).mode & 0o777).toBe(0o600);
    expect(readFileSync(profilesFile(), 'utf8')).not.toContain(stack.password);
    expect(await json(['whoami'])).toMatchObject({ kind: 'user', roles: ['owner'] });
    chmodSync(profilesFile(), 0o644);
    expect(await run(['whoami'])).toMatchObject({ code: 1, err: expect.stringContaining('chmod 600') as string });
    chmodSync(profilesFile(), 0o600);
  });

  test('a key is made, its secret for the program alone that reads it', async () => {
    key = await json(['api-keys', 'create', 'build server', '--role', 'read', '--permission', 'apikeys:view']);
    expect(key.credentials.bearer_token).toMatch(/^ptc_/);
    const shown = await run(['api-keys', 'show', key.id]);
    expect(shown).toMatchObject({ code: 0, err: '' });
    expect(shown.out).toContain('build server');
    expect(shown.out).not.toContain(key.credentials.bearer_token);
    expect((await run(['api-keys', 'list'])).out).toMatch(new RegExp(`${key.id} +build server +active +bearer`));
  });

  test('a secret goes into a file on demand, once', async () => {
    const file = join(folder, 'second.json');
    const create = ['api-keys', 'create', 'second', '--role', 'read', '--secrets-to', file];
    const made = await run(create);
    expect(made).toMatchObject({ code: 0, err: '' });
    const { id, bearer_token } = JSON.parse(readFileSync(file, 'utf8')) as { id: string; bearer_token: string };
    expect(made.out).not.toContain(bearer_token);
    expect(await run(create)).toMatchObject({ code: 1 });
    expect((await new Client(stack.url, bearer_token).get('/v1/counterparties')).status).toBe(200);
    expect(await run(['api-keys', 'revoke', id])).toMatchObject({ code: 0 });
    expect(await json<{ items: unknown[] }>(['api-keys', 'list', '--all'])).toMatchObject({
      items: [{ name: 'second', status: 'revoked' }, { name: 'build server' }],
    });
  });

  test('what is wrong is said field by field', async () => {
    const { code, err } = await run(['api-keys', 'create', 'x', '--role', 'no such role', '--output', 'json']);
    expect(code).toBe(1);
    expect(err).toMatch(/\n {2}roles/);
    expect(err).toMatch(/request_id req_/);
  });

  test('a build server needs the key alone, and hears which permission it lacks', async () => {
    const ci = {
      PORTCULLIS_TOKEN: key.credentials.bearer_token,
      PORTCULLIS_URL: stack.url,
      XDG_CONFIG_HOME: join(folder, 'ci'),
    };
    expect(await json(['whoami'], ci)).toMatchObject({ credential_id: key.id });
    const denied = await run(['api-keys', 'revoke', key.id], { env: ci });
    expect(denied).toMatchObject({ code: 1, out: '' });
    expect(denied.err).toContain('required_permission: apikeys:revoke');
  });

  test('five commands at once, when the session is due, renew it once and all work', async () => {
    age();
    const before = readFileSync(profilesFile(), 'utf8');
    const ran = await Promise.all(Array.from({ length: 5 }, () => run(['whoami', '--output', 'json'])));
    expect(ran.map(({ code, err }) => ({ code, err }))).toEqual(ran.map(() => ({ code: 0, err: '' })));
    expect(readFileSync(profilesFile(), 'utf8')).not.toBe(before);
    // A second use of a refresh token would have ended the session.
    age();
    expect(await run(['whoami'])).toMatchObject({ code: 0, err: '' });
  });

  test('role tokens are revoked with the receipt in a line', async () => {
    expect(await run(['role-tokens', 'revoke', '--all'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^Every role token is revoked\. In force everywhere: 1 of 1 enforcer has/) as string,
    });
    const odd = await run(['role-tokens', 'revoke', '--token-stdin'], { input: 'no token\n' });
    expect(odd).toMatchObject({ code: 1, out: '' });
    expect(odd.err).not.toContain('no token');
  });

  test('the key is revoked with the receipt in a line, and its holder is refused', async () => {
    expect((await run(['api-keys', 'revoke', key.id])).out).toMatch(
      /^key_\w+ \(build server\) is revoked\. In force everywhere: 1 of 1 enforcer has acknowledged, in \d+ ms\.\n$/,
    );
    const env = { PORTCULLIS_TOKEN: key.credentials.bearer_token, PORTCULLIS_URL: stack.url };
    const refused = await run(['whoami'], { env });
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.err).toContain('The credential is that of PORTCULLIS_TOKEN.');
    expect(refused.err).not.toContain(key.credentials.bearer_token);
  });

  test('a logout ends the session everywhere, wherever copies of its token are', async () => {
    const { profiles } = JSON.parse(readFileSync(profilesFile(), 'utf8')) as {
      profiles: { default: { session: { access_token: string } } };
    };
    const copy = new Client(stack.url, profiles.default.session.access_token);
    expect((await copy.get('/v1/whoami')).status).toBe(200);
    expect((await run(['logout'])).out).toMatch(/is signed out\. In force everywhere/);
    expect((await copy.get('/v1/whoami')).status).toBe(401);
    expect(await run(['logout'])).toMatchObject({ code: 0, out: 'Nobody is signed in.\n' });
    expect((await run(['whoami'])).err).toContain('portcullis login');
    expect(readFileSync(profilesFile(), 'utf8')).not.toContain('access_token');
  });
});
