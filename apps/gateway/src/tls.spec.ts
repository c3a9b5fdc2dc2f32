import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { eventually, selfSignedCertificate } from '@portcullis/testing';
import { aGateway } from '../spec/gateway.js';
import { TlsFault, TlsIdentity } from './tls.js';

const folder = mkdtempSync(join(tmpdir(), 'gateway-tls-'));
afterAll(() => rmSync(folder, { recursive: true }));

function files(name: string, { cert, key }: { cert: string; key: string }) {
  const paths = { certPath: join(folder, `${name}.crt`), keyPath: join(folder, `${name}.key`) };
  writeFileSync(paths.certPath, cert);
  writeFileSync(paths.keyPath, key);
  return paths;
}

const nothing = (): void => undefined;

describe('a listener with a certificate', () => {
  const first = selfSignedCertificate();
  const second = selfSignedCertificate();
  const paths = files('served', first);
  const reported: string[] = [];
  let gateway: Awaited<ReturnType<typeof aGateway>>;
  beforeAll(async () => {
    gateway = await aGateway({ server: { tls: new TlsIdentity(paths, (line) => reported.push(line)) } });
  });
  afterAll(() => gateway.close());

  const ask = (ca: string) =>
    new Promise<number>((resolve, reject) => {
      const sent = request({ host: 'localhost', port: gateway.port, path: '/healthz', ca, agent: false });
      sent.once('response', (answer) => resolve(answer.resume().statusCode ?? 0)).once('error', reject);
      sent.end();
    });
  const shakeHands = async (options: object): Promise<TLSSocket> => {
    const socket = connect({ host: '127.0.0.1', port: gateway.port, rejectUnauthorized: false, ...options });
    await once(socket, 'secureConnect');
    return socket;
  };

  test('serves HTTP/1.1 over TLS 1.2 and 1.3, and nothing older', async () => {
    expect(await ask(first.cert)).toBe(200);
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = await shakeHands({ minVersion: version, maxVersion: version, ALPNProtocols: ['h2', 'http/1.1'] });
      expect([socket.getProtocol(), socket.alpnProtocol]).toEqual([version, 'http/1.1']);
      socket.destroy();
    }
    await expect(
      shakeHands({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' }),
    ).rejects.toThrow();
  });

  test('closes on who speaks in the clear, and goes on serving', async () => {
    const socket = connectPlain(gateway.port, '127.0.0.1');
    let got = '';
    socket.on('data', (part: Buffer) => (got += part.toString('latin1'))).on('error', nothing);
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'close');
    expect(got).not.toMatch(/HTTP/);
    expect(await ask(first.cert)).toBe(200);
  });

  test('takes up a renewed certificate by itself, keeps the old one when the new one is no good, and connections stay', async () => {
    const kept = await shakeHands({});
    writeFileSync(paths.keyPath, second.key);
    await eventually(() => reported.some((line) => line.includes('stays as it was')));
    expect(await ask(first.cert)).toBe(200);
    writeFileSync(`${paths.certPath}.new`, second.cert);
    renameSync(`${paths.certPath}.new`, paths.certPath);
    await eventually(() => reported.some((line) => line.includes('was renewed')));
    expect(await ask(second.cert)).toBe(200);
    await expect(ask(first.cert)).rejects.toThrow(/self.signed|certificate/i);
    kept.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const [answer] = (await once(kept, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
    expect(JSON.stringify(reported)).not.toContain(folder);
  });
});

const good = selfSignedCertificate();
test.each<[string, Partial<typeof good>, string]>([
  ['the key of another', { key: selfSignedCertificate().key }, 'PORTCULLIS_TLS_KEY is not the key of the certificate'],
  ['a certificate that is none', { cert: 'hello' }, 'PORTCULLIS_TLS_CERT is not a certificate'],
  ['the two in each other’s place', { cert: good.key, key: good.cert }, 'PORTCULLIS_TLS_CERT is not a certificate'],
  [
    'a key that is none',
    { key: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n' },
    'PORTCULLIS_TLS_KEY is not',
  ],
])('%s is a fault that says which setting it is, and no more', (_what, wrong, sentence) => {
  const make = () => new TlsIdentity(files('wrong', { ...good, ...wrong }), nothing);
  expect(make).toThrow(TlsFault);
  expect(make).toThrow(sentence);
  expect(make).not.toThrow(folder);
});

test.each<[string, Record<string, string>, RegExp]>([
  [
    'half a setting',
    { PORTCULLIS_TLS_CERT: files('alone', good).certPath },
    /PORTCULLIS_TLS_CERT and PORTCULLIS_TLS_KEY go/,
  ],
  [
    'no such file',
    { PORTCULLIS_TLS_CERT: '/nowhere', PORTCULLIS_TLS_KEY: '/nowhere' },
    /^PORTCULLIS_TLS_CERT names a file/,
  ],
  [
    'no such file, with workers',
    { PORTCULLIS_TLS_CERT: '/nowhere', PORTCULLIS_TLS_KEY: '/nowhere', PORTCULLIS_WORKERS: '2' },
    /^PORTCULLIS_TLS_CERT names a file/,
  ],
])(
  'the process ends with 78 and a sentence: %s',
  async (_what, env, sentence) => {
    const main = join(import.meta.dirname, '../dist/main.js');
    const child = spawn(process.execPath, [main], {
      env: { PATH: process.env['PATH'], NATS_URL: 'nats://gateway:x@127.0.0.1:1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (part: Buffer) => (said += part.toString()));
    const [code] = (await once(child, 'close')) as [number];
    expect([code, said]).toEqual([78, expect.stringMatching(sentence) as string]);
  },
  60_000,
);

test('a file that is not there is a fault', () => {
  const { certPath } = files('half', good);
  expect(() => new TlsIdentity({ certPath, keyPath: join(folder, 'nowhere') }, nothing)).toThrow(
    'PORTCULLIS_TLS_KEY names a file that cannot be read.',
  );
});
