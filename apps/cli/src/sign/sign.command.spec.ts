import { execFile, execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  checkSignature,
  chooseSignature,
  originOf,
  parseSignatures,
  type PublicKey,
  publicKeyFromSpki,
  SignatureError,
  signedRequest,
  verifySignature,
} from '@portcullis/credentials';
import { type Ran, runCommand } from '../../spec/run-command.js';

const keyid = '9f1b2c3d-4e5f-4a6b-8c7d-0e1f2a3b4c5d';
const portcullis = resolve(import.meta.dirname, '../../bin/portcullis.mjs');

const keys = {
  ed25519: generateKeyPairSync('ed25519'),
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
};
let folder: string;
const written = (name: string, text: string | Buffer, mode = 0o600): string => {
  const path = join(folder, name);
  writeFileSync(path, text, { mode });
  chmodSync(path, mode);
  return path;
};
const pem = (key: KeyObject, type: 'pkcs8' | 'pkcs1' | 'sec1' = 'pkcs8'): string =>
  key.export({ type: type, format: 'pem' }) as string;
const registered = ({ publicKey }: { publicKey: KeyObject }): PublicKey =>
  publicKeyFromSpki(publicKey.export({ type: 'spki', format: 'der' }));

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-sign-'));
  written('ed.pem', pem(keys.ed25519.privateKey));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: string[]): Promise<Ran> =>
  runCommand(['sign', '--client-id', keyid, '--key', join(folder, 'ed.pem'), ...args], {});

interface Sent {
  method: string;
  target: string;
  rawHeaders: string[];
  body: Buffer;
}

/** What a gateway would say: null if it takes the request, else which rule it breaks. */
function verdict({ method, target, rawHeaders, body }: Sent, publicUrl: string, key: PublicKey): string | null {
  try {
    const request = signedRequest(originOf(publicUrl), { method, target, rawHeaders });
    const signature = chooseSignature(parseSignatures(rawHeaders), (one) => one === keyid);
    const { base, digest } = checkSignature(request, signature, new Date());
    verifySignature(signature, base, key);
    return digest?.checker().update(body).matches() === false ? 'bad_digest' : null;
  } catch (error) {
    if (error instanceof SignatureError) return `${error.code} ${error.component}`;
    throw error;
  }
}

describe('what is printed for curl', () => {
  const came: Sent[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { method = '', url: target = '', rawHeaders } = request;
      came.push({ method, target, rawHeaders, body: Buffer.concat(chunks) });
      response.end('taken');
    })();
  });
  let url: string;
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());
  beforeEach(() => (came.length = 0));

  /** As the help says: the command in a shell, its output through eval. */
  const shell = (args: string, variables: Record<string, string> = {}): Promise<string> =>
    new Promise((done, fail) => {
      execFile(
        '/bin/sh',
        ['-c', `eval "curl -sS $("$NODE" "$PORTCULLIS" sign --client-id "$ID" --key "$KEY" ${args})"`],
        {
          env: {
            PATH: process.env['PATH'] ?? '',
            NODE: process.execPath,
            PORTCULLIS: portcullis,
            ID: keyid,
            KEY: join(folder, 'ed.pem'),
            URL: url,
            ...variables,
          },
          cwd: folder,
          timeout: 60_000,
        },
        (error, out, err) => (error ? fail(new Error(err)) : done(out)),
      );
    });

  const nasty = `{"it's": "$(touch pwned) \`id\` \\"\\\\ ; rm -rf . \n new line"}`;
  test.each<[string, string, Record<string, string>, string, string, string]>([
    [
      'a target of every kind',
      `GET "$URL/a/../b%20c?x=[1-3]&y=(a),b;c*&z='%27'!"`,
      {},
      'GET',
      "/a/../b%20c?x=[1-3]&y=(a),b;c*&z='%27'!",
      '',
    ],
    ['an empty header', 'GET --header "X-A:" "$URL/"', {}, 'GET', '/', ''],
    ['no path', 'GET "$URL?x=1"', {}, 'GET', '/?x=1', ''],
    ['HEAD', 'HEAD "$URL/v1/payments"', {}, 'HEAD', '/v1/payments', ''],
    [
      'a body that a shell would run',
      'POST --data "$BODY" "$URL/v1/payments"',
      { BODY: nasty },
      'POST',
      '/v1/payments',
      nasty,
    ],
    [
      'a body that curl would read as a file',
      'PUT --data "$BODY" "$URL/"',
      { BODY: '&@ed.pem' },
      'PUT',
      '/',
      '&@ed.pem',
    ],
    ['an empty body', `POST --data '' "$URL/"`, {}, 'POST', '/', ''],
    [
      'headers',
      `DELETE --header "X-Org-ID: org_1" --header "Idempotency-Key: it's \\$HOME" "$URL/"`,
      {},
      'DELETE',
      '/',
      '',
    ],
  ])('sends what was signed: %s', async (_, args, variables, method, target, body) => {
    await shell(args, variables);
    expect(came).toMatchObject([{ method, target }]);
    const [sent] = came as [Sent];
    expect(sent.body.toString()).toBe(body);
    expect(verdict(sent, url, registered(keys.ed25519))).toBeNull();
  });

  test('a file’s bytes are sent as they are, and a body on standard input too', async () => {
    const bytes = Buffer.from([0, 1, 0xff, 10, 13, 0]);
    written("it's a body.bin", bytes);
    await shell(`POST --data "@it's a body.bin" --header 'Content-Type: application/octet-stream' "$URL/"`);
    await shell(`POST --data @- "$URL/" <<'EOF'\n{"a": 1}\nEOF\n`);
    expect(came.map(({ body }) => body)).toEqual([bytes, Buffer.from('{"a": 1}\n')]);
    for (const sent of came) expect(verdict(sent, url, registered(keys.ed25519))).toBeNull();
  });

  test('headers alone go into curl by its own option', async () => {
    const { out } = await run('--format', 'headers', '--header', 'X-Org-ID: org_1', 'GET', `${url}/v1/payments`);
    written('headers.txt', out);
    await new Promise((done) =>
      execFile('curl', ['-sS', '--header', `@${join(folder, 'headers.txt')}`, `${url}/v1/payments`], done),
    );
    expect(came).toHaveLength(1);
    expect(verdict(came[0] as Sent, url, registered(keys.ed25519))).toBeNull();
  });
});

describe('a signature', () => {
  interface Told {
    method: string;
    url: string;
    headers: Record<string, string | string[]>;
    base: string;
  }
  const json = async (...args: string[]): Promise<Told> => {
    const ran = await run('--format', 'json', ...args);
    expect(ran).toMatchObject({ code: 0, err: '' });
    return JSON.parse(ran.out) as Told;
  };

  test('covers all that is given, the URL as it is written, and is never made twice', async () => {
    const args = ['POST', '--data', '{}', '--header', 'X-Two: 2', 'https://GATE.example:443/v1/payments?a=%20'];
    const [one, other] = [await json(...args), await json(...args)];
    expect(one.base.split('\n').slice(0, -1)).toEqual([
      '"@method": POST',
      '"@target-uri": https://gate.example/v1/payments?a=%20',
      '"x-two": 2',
      '"content-type": application/json',
      `"content-digest": ${String(one.headers['Content-Digest'])}`,
    ]);
    expect(one.base).toContain(`;keyid="${keyid}";alg="ed25519"`);
    expect(one.headers['Signature']).not.toBe(other.headers['Signature']);
  });

  test.each<[string, () => string, PublicKey, string[]]>([
    ['PKCS#8', () => pem(keys.rsa.privateKey), registered(keys.rsa), []],
    ['PKCS#1', () => pem(keys.rsa.privateKey, 'pkcs1'), registered(keys.rsa), ['--algorithm', 'rsa-pss-sha512']],
    ['SEC1', () => pem(keys.ec.privateKey, 'sec1'), registered(keys.ec), []],
    [
      'SEC1 behind the parameters that openssl writes before it',
      () =>
        `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${pem(keys.ec.privateKey, 'sec1')}`,
      registered(keys.ec),
      [],
    ],
  ])('is made with a key in %s', async (_, text, key, args) => {
    const told = await json('--key', written('other.pem', text()), ...args, 'GET', 'https://gate.example/');
    const sent = { method: 'GET', target: '/', rawHeaders: Object.entries(told.headers).flat(2), body: Buffer.of() };
    expect(verdict(sent, 'https://gate.example', key)).toBeNull();
  });

  test('is made with a key that anyone can read too, and this is said', async () => {
    const ran = await run(
      '--key',
      written('open.pem', pem(keys.ed25519.privateKey), 0o644),
      'GET',
      'https://gate.example/',
    );
    expect(ran).toMatchObject({ code: 0, err: `Anyone can read ${folder}/open.pem: chmod 600 ${folder}/open.pem\n` });
  });
});

describe('a key that cannot sign is refused, and nothing of it is repeated:', () => {
  const encrypted = () =>
    keys.rsa.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }) as string;
  test.each<[string, () => string | Buffer, RegExp]>([
    ['a public one', () => keys.rsa.publicKey.export({ type: 'spki', format: 'pem' }), /is the public half/],
    ['an encrypted one', encrypted, /is encrypted/],
    [
      'OpenSSH’s form',
      () => '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n',
      /OpenSSH/,
    ],
    ['no PEM', () => 'hunter2', /no private key in PEM/],
    ['a damaged one', () => pem(keys.rsa.privateKey).replace(/\n[^\n]+\n/, '\nMIIhunter2\n'), /is damaged/],
    ['a weak one', () => pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey), /2048/],
    ['another curve', () => pem(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey), /./],
  ])('%s', async (_, text, sentence) => {
    const ran = await run('--key', written('bad.pem', text()), 'GET', 'https://gate.example/');
    expect(ran).toMatchObject({ code: 1, out: '' });
    expect(ran.err).toMatch(sentence);
    expect(ran.err).not.toMatch(/hunter2|MII|Unexpected| {4}at /);
  });

  test('none', async () => {
    expect(await run('--key', join(folder, 'none.pem'), 'GET', 'https://gate.example/')).toMatchObject({
      code: 1,
      err: `${folder}/none.pem cannot be read (ENOENT).\n`,
    });
  });
});

describe('a command line that is not understood is exit code 2:', () => {
  const url = 'https://gate.example/';
  test.each<[string, readonly string[], RegExp]>([
    ['no URL', ['GET'], /URL/],
    ['a URL that is a path', ['GET', '/v1/payments'], /URL is whole/],
    ['a URL that would be encoded', ['GET', `${url}a b`], /%20/],
    ['a URL with a fragment', ['GET', `${url}#a`], /what follows #/],
    ['a URL with a user', ['GET', 'https://a:hunter2@gate.example/'], /has no user/],
    ['a small method', ['get', url], /capitals/],
    ['no header', ['--header', 'hunter2', 'GET', url], /'Name: value'/],
    ['a header over two lines', ['--header', 'X-A: hunter2\r\nX-B: 2', 'GET', url], /X-A has a character/],
    ['a signature', ['--header', 'signature: hunter2', 'GET', url], /Signature is made here/],
    ['the client’s other id', ['--client-id', 'cli_01J9', 'GET', url], /client_id, a UUID/],
    ['an algorithm', ['--algorithm', 'hmac-sha256', 'GET', url], /--algorithm is one of/],
    ['a format', ['--format', 'xml', 'GET', url], /curl, headers or json/],
    ['HEAD with a body, which curl does not send', ['HEAD', '--data', 'hunter2', url], /curl sends no body with HEAD/],
    [
      'an empty header on a line, which curl leaves out',
      ['--format', 'headers', '--header', 'X-A:', 'GET', url],
      /X-A is empty.*--format curl/,
    ],
    ['a word more', ['GET', url, 'hunter2'], /METHOD and URL and no more/],
  ])('%s', async (_, args, sentence) => {
    const ran = await run(...args);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toMatch(sentence);
    expect(ran.err).not.toContain('hunter2');
  });

  test.each([
    [['--key', 'x', 'GET', url], /--client-id ID is missing/],
    [['--client-id', keyid, 'GET', url], /--key FILE is missing/],
  ])('%j', async (args, sentence) => {
    const ran = await runCommand(['sign', ...args], {});
    expect(ran.code).toBe(2);
    expect(ran.err).toMatch(sentence);
  });

  test('a body that no shell can carry says what to do', () => {
    written('bytes.bin', Buffer.from([0xff]));
    const out = execFileSync('/bin/sh', [
      '-c',
      `"$0" "$1" sign --client-id ${keyid} --key "$2" POST --data @- ${url} < "$3" 2>&1 || echo "exit $?"`,
      ...[process.execPath, portcullis, join(folder, 'ed.pem'), join(folder, 'bytes.bin')],
    ]);
    expect(out.toString()).toBe(
      'This body is no text, and cannot be an argument: put it in a file, --data @FILE.\nexit 1\n',
    );
  });
});

test('a body that is too long for an argument is refused, and taken from a file', async () => {
  const url = 'https://gate.example/';
  expect(await run('POST', '--data', 'a'.repeat(100_000), url)).toMatchObject({ code: 0, err: '' });
  expect(await run('POST', '--data', 'a'.repeat(100_001), url)).toEqual({
    code: 1,
    out: '',
    err: 'This body is larger than 100000 bytes, and cannot be an argument: put it in a file, --data @FILE.\n',
  });
  const long = written('long.txt', 'a'.repeat(200_000));
  expect(await run('POST', '--data', `@${long}`, url)).toMatchObject({ code: 0, err: '' });
});

test('--help teaches the one line that works', async () => {
  const { code, out } = await runCommand(['sign', '--help'], {});
  expect(code).toBe(0);
  expect(out).toContain('eval "curl $(portcullis sign …)"');
});
