import { execFile, execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DocumentedPage } from './documented-page.js';

const pairs = {
  ed25519: generateKeyPairSync('ed25519'),
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'rsa-pss': generateKeyPairSync('rsa-pss', { modulusLength: 2048 }),
  ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
};
type Kind = keyof typeof pairs;
const signers = {
  bash: ['bash', '-uc', '. ./sign.sh; signed "$@"', 'signed'],
  Node: [process.execPath, 'sign.mjs'],
  Python: ['python3', 'sign.py'],
};
type Signer = keyof typeof signers;

interface Came {
  method: string;
  target: string;
  headers: Record<string, string>;
}

/** The signers of `docs/signing-requests.md`, sent to a server that only writes down what came. */
describe('the signers of the page', () => {
  const came: Came[] = [];
  let redirectTo: string | null = null;
  const server = createServer(({ method = '', url: target = '', headers }, response) => {
    came.push({ method, target, headers: headers as Record<string, string> });
    const elsewhere = redirectTo === null ? {} : { Location: redirectTo };
    response.writeHead(redirectTo === null ? 200 : 302, { 'Content-Length': 5, ...elsewhere });
    response.end('taken');
  });
  let url: string;
  let folder: string;

  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    folder = mkdtempSync(join(tmpdir(), 'portcullis-signers-'));
    new DocumentedPage('signing-requests.md').save(folder);
    mkdirSync(join(folder, 'tmp'));
    for (const [kind, { privateKey }] of Object.entries(pairs))
      writeFileSync(join(folder, `${kind}.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    came.length = 0;
    redirectTo = null;
  });

  const path = process.env['PATH'] ?? '';
  const run = (
    [program = '', ...args]: readonly string[],
    { kind = 'ed25519', PATH = path }: { kind?: Kind; PATH?: string } = {},
  ): Promise<{ isDone: boolean; out: string; err: string }> =>
    new Promise((done) =>
      execFile(
        program,
        args,
        {
          cwd: folder,
          env: { PATH, CLIENT_ID: 'shop', KEY: `${kind}.pem`, TMPDIR: join(folder, 'tmp') },
          timeout: 15_000,
        },
        (error, out, err) => done({ isDone: error === null, out, err }),
      ),
    );

  /** Whether the signature is good for what came, by the lines that the page shows. */
  function isSigned({ method, target, headers }: Came, kind: Kind): boolean {
    const parameters = headers['signature-input']?.replace(/^sig=/, '') ?? '';
    const names = [...(/^\((.*?)\)/.exec(parameters)?.[1] ?? '').matchAll(/"([^"]+)"/g)].map(([, name = '']) => name);
    const derived: Record<string, string> = { '@method': method, '@target-uri': `${url}${target}` };
    const lines = names.map((name) => `"${name}": ${derived[name] ?? headers[name]}`);
    const base = Buffer.from([...lines, `"@signature-params": ${parameters}`].join('\n'));
    const key: KeyObject = pairs[kind].publicKey;
    const signature = Buffer.from(/^sig=:(.*):$/.exec(headers['signature'] ?? '')?.[1] ?? '', 'base64');
    expect(names).toEqual(expect.arrayContaining(['@method', '@target-uri']));
    return verify(kind === 'ed25519' ? null : 'sha256', base, { key, dsaEncoding: 'ieee-p1363' }, signature);
  }

  test.each<[Signer, Kind]>([
    ['bash', 'ed25519'],
    ['bash', 'rsa'],
    ['Node', 'ed25519'],
    ['Node', 'rsa'],
    ['Node', 'ec'],
    ['Python', 'ed25519'],
    ['Python', 'rsa'],
  ])('%s signs with a key of %s', async (signer, kind) => {
    expect(await run([...signers[signer], 'POST', `${url}/a?b=1`, '{}'], { kind })).toMatchObject({ isDone: true });
    expect(came).toMatchObject([{ method: 'POST', target: '/a?b=1' }]);
    expect(came.every((one) => isSigned(one, kind))).toBe(true);
  });

  test.each<[Signer, Kind]>([
    ['bash', 'ec'],
    ['bash', 'rsa-pss'],
    ['Node', 'rsa-pss'],
    ['Python', 'ec'],
    ['Python', 'rsa-pss'],
  ])('%s refuses a key of %s and sends nothing', async (signer, kind) => {
    const ran = await run([...signers[signer], 'GET', `${url}/`], { kind });
    expect(ran).toMatchObject({ isDone: false, out: '' });
    expect(ran.err).toMatch(/no (private )?key of Ed25519/);
    expect(came).toEqual([]);
  });

  test('bash sends nothing and leaves no file behind if openssl does not sign', async () => {
    const real = execFileSync('bash', ['-c', 'command -v openssl'], { encoding: 'utf8' }).trim();
    mkdirSync(join(folder, 'bin'));
    const broken = `#!/bin/sh\n[ "$1" != pkeyutl ] || exit 1\nexec '${real}' "$@"\n`;
    writeFileSync(join(folder, 'bin', 'openssl'), broken, { mode: 0o755 });
    const ran = await run([...signers.bash, 'GET', `${url}/`], { PATH: `${join(folder, 'bin')}:${path}` });
    expect(ran).toMatchObject({ isDone: false, out: '' });
    expect(came).toEqual([]);
    expect(readdirSync(join(folder, 'tmp'))).toEqual([]);
  });

  test.each<Signer>(['bash', 'Node', 'Python'])('%s waits for no body after HEAD', async (signer) => {
    expect(await run([...signers[signer], 'HEAD', `${url}/a`])).toMatchObject({ isDone: true });
    expect(came).toMatchObject([{ method: 'HEAD', target: '/a' }]);
    expect(came.every((one) => isSigned(one, 'ed25519'))).toBe(true);
  });

  test.each<Signer>(['bash', 'Node', 'Python'])('%s shows its signature to no redirect', async (signer) => {
    redirectTo = `${url}/elsewhere`;
    await run([...signers[signer], 'GET', `${url}/a`]);
    expect(came).toMatchObject([{ target: '/a' }]);
  });

  test('Node runs through a symbolic link, and leaves the fragment out of what it signs', async () => {
    symlinkSync(join(folder, 'sign.mjs'), join(folder, 'linked.mjs'));
    const ran = await run([process.execPath, 'linked.mjs', 'GET', `${url}/a#b`]);
    expect(ran).toEqual({ isDone: true, out: '200 taken\n', err: '' });
    expect(came.map((one) => isSigned(one, 'ed25519'))).toEqual([true]);
  });

  test('Node’s can be imported, whatever stands in the arguments', async () => {
    const importing = "import { signedHeaders } from './sign.mjs'; console.log(typeof signedHeaders)";
    for (const args of [[], ['nowhere'], ['sign.sh']]) {
      const ran = await run([process.execPath, '--input-type=module', '-e', importing, '--', ...args]);
      expect(ran).toEqual({ isDone: true, out: 'function\n', err: '' });
    }
  });
});
