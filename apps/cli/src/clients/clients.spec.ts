import { execFile } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type RecordingGateway, startRecordingGateway } from '../../spec/recording-gateway.js';
import { type Ran, runCommand } from '../../spec/run-command.js';

const id = 'cli_01J9Z3N8Q4W5X6Y7Z8A9B0C1D2';
const keyid = '9f1b2c3d-4e5f-4a6b-8c7d-0e1f2a3b4c5d';
const pair = generateKeyPairSync('ed25519');
const publicPem = pair.publicKey.export({ type: 'spki', format: 'pem' }) as string;
const privatePem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
const publicKey = { fingerprint: 'f'.repeat(64), algorithm: 'ed25519', preview: 'MCow…abc=' };
const record = {
  id,
  account_id: 'org_1',
  client_id: keyid,
  name: 'shop',
  enabled: true,
  status: 'active',
  public_key: publicKey,
  public_keys: [{ ...publicKey, created_at: '2026-11-28T12:00:00.000Z', expires_at: null }],
  networks: ['0.0.0.0/0'],
  roles: ['layer1:role:payment:viewer'],
  role_count: '1 of 15',
  warnings: [],
  enforcement: { enforcers: 2, acknowledged: 2, fenced: 0, elapsed_ms: 12 },
};

let gateway: RecordingGateway;
let folder: string;
let publicFile: string;
beforeAll(async () => {
  gateway = await startRecordingGateway();
});
afterAll(() => gateway.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-clients-'));
  publicFile = join(folder, 'public.pem');
  writeFileSync(publicFile, publicPem);
  gateway.came.length = 0;
  gateway.answer(() => ({ body: record }));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const environment = () => ({
  XDG_CONFIG_HOME: folder,
  PORTCULLIS_TOKEN: 'ptc_0123456789abcdefghij',
  PORTCULLIS_URL: gateway.url,
});
const run = (...args: string[]): Promise<Ran> => runCommand(['clients', ...args], environment());

describe('what a command asks for', () => {
  const role = 'layer1:role:payment:viewer';
  test.each<[string, () => string[], string, string, unknown]>([
    [
      'the least of a client',
      () => ['create', 'shop', '--role', role, '--public-key', publicFile],
      'POST',
      '/v1/clients',
      { name: 'shop', public_key: publicPem, roles: [role] },
    ],
    [
      'all of a client',
      () => [
        ...['create', 'shop', '--role', `${role}, b`, '--role', 'c', '--public-key', publicFile],
        ...['--network', '10.0.0.0/8,192.0.2.7/32', '--disabled'],
      ],
      'POST',
      '/v1/clients',
      {
        name: 'shop',
        public_key: publicPem,
        roles: [role, 'b', 'c'],
        networks: ['10.0.0.0/8', '192.0.2.7/32'],
        enabled: false,
      },
    ],
    [
      'a filtered list',
      () => ['list', '--status', 'active', '--role', role, '--search', 'a b', '--limit', '7'],
      'GET',
      `/v1/clients?status=active&role=${encodeURIComponent(role)}&q=a+b&limit=7`,
      undefined,
    ],
    ['one client', () => ['show', id], 'GET', `/v1/clients/${id}`, undefined],
    [
      'an edit',
      () => ['update', id, '--name', 'n', '--any-network', '--role', role],
      'PATCH',
      `/v1/clients/${id}`,
      { name: 'n', networks: ['0.0.0.0/0', '::/0'], roles: [role] },
    ],
    [
      'a rotation',
      () => ['rotate', id, '--overlap-seconds', '60', '--public-key', publicFile],
      'POST',
      `/v1/clients/${id}/rotate`,
      { public_key: publicPem, overlap_seconds: 60 },
    ],
    ['a stop', () => ['disable', id], 'POST', `/v1/clients/${id}/disable`, undefined],
    ['a restart', () => ['enable', id], 'POST', `/v1/clients/${id}/enable`, undefined],
    ['an end', () => ['revoke', id], 'DELETE', `/v1/clients/${id}`, undefined],
  ])('%s', async (_, args, method, url, body) => {
    gateway.answer(() => ({ body: { ...record, items: [record], next_cursor: null } }));
    expect(await run(...args())).toMatchObject({ code: 0, err: '' });
    expect(gateway.came).toMatchObject([{ method, url }]);
    expect(gateway.came[0]?.body).toEqual(body);
  });

  test('the idempotency key travels as a header', async () => {
    await run('create', 'shop', '--role', 'r', '--public-key', publicFile, '--idempotency-key', 'k 1');
    expect(gateway.came[0]?.headers['idempotency-key']).toBe('k 1');
  });
});

describe('what people read', () => {
  test('is the client with its keys', async () => {
    const { out } = await run('show', id);
    expect(out).toMatch(new RegExp(`client_id +${keyid}`));
    expect(out).toMatch(/ed25519 +f{64} +MCow…abc= +2026-11-28 12:00Z +never/);
  });

  test('is a change with its receipt, and a warning if there is one', async () => {
    expect((await run('disable', id)).out).toBe(
      `${id} (shop) is disabled. In force everywhere: 2 of 2 enforcers have acknowledged, in 12 ms.\n`,
    );
    gateway.answer(() => ({ body: { ...record, warnings: ['The same key is registered for "a\u001b[2J".'] } }));
    const { out } = await run('rotate', id, '--overlap-seconds', '0', '--public-key', publicFile);
    expect(out).toContain('Warning: The same key is registered for "a\ufffd[2J".');
  });
});

describe('a pair that is made here', () => {
  const create = (file: string, ...more: string[]) => run('create', 'shop', '--role', 'r', '--generate', file, ...more);
  const keyFile = () => join(folder, 'key.pem');

  test.each([['table'], ['json'], ['yaml']])(
    'stays here: the private half in a file of mode 0600, with %s',
    async (output) => {
      const { code, out, err } = await create(keyFile(), '--output', output);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(statSync(keyFile()).mode & 0o777).toBe(0o600);
      const written = readFileSync(keyFile(), 'utf8');
      const { public_key } = gateway.came[0]?.body as { public_key: string };
      const key = createPrivateKey(written);
      expect(key.asymmetricKeyType).toBe('ed25519');
      expect(createPublicKey(key).export({ type: 'spki', format: 'pem' })).toBe(public_key);
      const [, secret = ''] = written.split('\n');
      for (const text of [out, JSON.stringify(gateway.came)]) {
        expect(text).not.toContain(secret);
        expect(text).not.toContain('PRIVATE');
      }
      if (output === 'table') expect(out).toContain(`portcullis sign --client-id ${keyid} --key ${keyFile()} GET URL`);
    },
  );

  test('never goes into a file that is there, and then nothing is asked for', async () => {
    writeFileSync(keyFile(), 'mine');
    const refused = await create(keyFile());
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/is there already/);
    expect(readFileSync(keyFile(), 'utf8')).toBe('mine');
    expect(gateway.came).toEqual([]);
  });

  test('leaves no file behind when the gateway says no', async () => {
    gateway.answer(() => ({ status: 403, body: { status: 403, code: 'exceeds_grant', detail: 'No.' } }));
    expect(await create(keyFile())).toMatchObject({ code: 1 });
    expect(existsSync(keyFile())).toBe(false);
  });

  test.each<[string, () => void | Promise<void>]>([
    [
      'the gateway cannot confirm it',
      () =>
        gateway.answer(() => ({ status: 503, body: { status: 503, code: 'enforcement_pending', detail: 'Later.' } })),
    ],
    ['a proxy answers instead', () => gateway.answer(() => ({ status: 502, body: 'Bad gateway' }))],
    ['a proxy gave up on the request', () => gateway.answer(() => ({ status: 408, body: 'Request Timeout' }))],
  ])('is kept when %s: it may be the client’s key by now', async (_, prepare) => {
    await prepare();
    const ran = await run('rotate', id, '--overlap-seconds', '0', '--generate', keyFile());
    expect(ran.code).toBe(1);
    expect(ran.err).toContain(`The private key is in ${keyFile()}`);
    expect(readFileSync(keyFile(), 'utf8')).toContain('PRIVATE KEY');
  });

  test('is confirmed by the command that a rotation prints when it is pending, with the same key', async () => {
    gateway.answer(() => ({ status: 503, body: { status: 503, code: 'enforcement_pending', detail: 'Later.' } }));
    const file = join(folder, "it's new.pem");
    const pending = await run('rotate', id, '--overlap-seconds', '0', '--generate', file);
    const command = /^ {2}(openssl .* \| portcullis .*)$/m.exec(pending.err)?.[1] ?? '';
    gateway.answer(() => ({ body: record }));
    const launcher = resolve(import.meta.dirname, '../../bin/portcullis.mjs');
    await promisify(execFile)(
      'bash',
      ['-euo', 'pipefail', '-c', `portcullis() { "$NODE" "$LAUNCHER" "$@"; }; ${command}`],
      {
        env: {
          PATH: process.env['PATH'],
          NODE: process.execPath,
          LAUNCHER: launcher,
          ...environment(),
        },
      },
    );
    const [first, again] = gateway.came;
    expect(gateway.came).toHaveLength(2);
    expect(again).toMatchObject({ method: 'POST', url: first?.url, body: first?.body });
  });

  test('that cannot be written leaves no file behind, and nothing is asked for', async () => {
    const launcher = resolve(import.meta.dirname, '../../bin/portcullis.mjs');
    const create = '"$0" "$1" clients create shop --role r --generate "$2"';
    const { stdout } = await promisify(execFile)(
      'bash',
      ['-c', `ulimit -f 0; ${create} 2>&1 || echo "exit $?"`, process.execPath, launcher, keyFile()],
      { env: { ...environment(), PATH: process.env['PATH'] } },
    );
    expect(stdout).toBe(`${keyFile()} cannot be written (EFBIG). Nothing was asked for.\nexit 1\n`);
    expect(existsSync(keyFile())).toBe(false);
    expect(gateway.came).toEqual([]);
  });

  test('names no such command where a repeat would be another rotation', async () => {
    gateway.answer(() => ({ status: 503, body: { status: 503, code: 'unavailable', detail: 'Later.' } }));
    const ran = await run('rotate', id, '--overlap-seconds', '0', '--generate', keyFile());
    expect(ran.err).toContain('The private key is in');
    expect(ran.err).not.toContain('--public-key -');
  });

  test('is kept when nobody answers', async () => {
    const gone = await startRecordingGateway();
    await gone.close();
    const ran = await create(keyFile(), '--url', gone.url);
    expect(ran.err).toContain(`The private key is in ${keyFile()}`);
    expect(existsSync(keyFile())).toBe(true);
  });
});

describe('what is no public key does not leave this machine:', () => {
  test.each<[string, string, RegExp]>([
    ['a private key', privatePem, /is a private key, and was not sent/],
    ['a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', /certificate/],
    ['nothing', '', /no key here/],
  ])('%s', async (_, text, sentence) => {
    const file = join(folder, 'given.pem');
    writeFileSync(file, text);
    const refused = await run('create', 'shop', '--role', 'r', '--public-key', file);
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(sentence);
    expect(refused.err).not.toContain(privatePem.split('\n')[1]);
    expect(gateway.came).toEqual([]);
  });
});

describe('verify-signature', () => {
  const url = 'https://gate.example/v1/payments';
  const valid = { valid: true, label: 'sig', keyid, base: '"@method": GET', component: null, problems: [] };

  test('tells of a request as it was sent, and of its body nothing but the digests', async () => {
    gateway.answer(() => ({ body: valid }));
    const headers = join(folder, 'headers.txt');
    writeFileSync(headers, 'Signature: sig=:AA==:\r\nX-A: 1\r\nx-a: 2\r\n');
    const base = join(folder, 'base.txt');
    writeFileSync(base, '"@method": POST\n');
    const ran = await run(
      ...['verify-signature', 'POST', url, '--header', 'Signature-Input: sig=()', '--headers', headers],
      ...['--data', 'hunter2', '--base', base],
    );
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.out).toMatch(/^A gateway would take this signature, once\.\n\n.*\n"@method": GET\n$/);
    expect(gateway.came).toMatchObject([{ method: 'POST', url: '/v1/clients/verify-signature' }]);
    expect(gateway.came[0]?.body).toEqual({
      method: 'POST',
      url,
      headers: { 'signature-input': ['sig=()'], signature: ['sig=:AA==:'], 'x-a': ['1', '2'] },
      body_digest: expect.stringMatching(/^sha-256=:.{44}:, sha-512=:.{88}:$/) as string,
      base: '"@method": POST',
    });
  });

  test('is exit code 1, with what is wrong, when a gateway would refuse', async () => {
    const problems = [
      { code: 'too_old', component: '@signature-params', message: 'The signature is older than 300 s.' },
    ];
    gateway.answer(() => ({ body: { ...valid, valid: false, problems } }));
    const ran = await run('verify-signature', 'GET', url, '--header', 'Signature: sig=:AA==:');
    expect(ran).toMatchObject({ code: 1, err: '' });
    expect(ran.out).toMatch(/^too_old "@signature-params": The signature is older than 300 s\.\n/);
  });
});

describe('a command line that is not understood is exit code 2, and nothing is asked for or written', () => {
  test.each<[string, string[], RegExp]>([
    ['no key', ['create', 'shop', '--role', 'r'], /Say which key/],
    ['two keys', ['create', 'shop', '--role', 'r', '--public-key', 'a', '--generate', 'b'], /Say which key/],
    ['a client that may do nothing', ['create', 'shop', '--generate', 'b'], /Say what it may do/],
    ['its client_id in place of its id', ['show', keyid], /An id is cli_/],
    ['no overlap', ['rotate', id, '--generate', 'b'], /--overlap-seconds N/],
    ['too long an overlap', ['rotate', id, '--overlap-seconds', '2592001', '--generate', 'b'], /0 to 2592000/],
    ['an edit of nothing', ['update', id], /Say what is to change/],
    ['two kinds of networks', ['update', id, '--any-network', '--network', '10.0.0.0/8'], /not both/],
    ['no headers', ['verify-signature', 'GET', 'https://gate.example/'], /Say what was sent/],
    ['no URL', ['verify-signature', 'GET'], /URL is missing/],
  ])('%s', async (_, args, sentence) => {
    const refused = await run(...args);
    expect(refused).toMatchObject({ code: 2, out: '' });
    expect(refused.err).toMatch(sentence);
    expect(gateway.came).toEqual([]);
    expect(existsSync('b')).toBe(false);
  });
});
