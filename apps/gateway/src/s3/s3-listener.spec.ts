import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { eventually, selfSignedCertificate } from '@portcullis/testing';
import { listen } from '../../spec/http-client.js';
import { Wire } from '../../spec/s3-raw.js';
import { TlsIdentity } from '../tls.js';
import { createS3Server } from './s3-listener.js';

const door = { take: (_request: unknown, response: { end(text: string): void }) => response.end('taken') } as never;

test('all listeners of one certificate take its renewal up, whichever sees it first', async () => {
  const home = mkdtempSync(join(tmpdir(), 's3-listener-spec-'));
  const paths = { certPath: join(home, 'cert.pem'), keyPath: join(home, 'key.pem') };
  const write = ({ cert, key }: { cert: string; key: string }): void => {
    writeFileSync(paths.keyPath, key);
    writeFileSync(paths.certPath, cert);
  };
  write(selfSignedCertificate());
  const tls = new TlsIdentity(paths, () => undefined);
  const servers = [createS3Server(door, { tls }), createS3Server(door, { tls })];
  const ports = await Promise.all(servers.map(listen));
  const fingerprints = async (): Promise<string[]> => {
    const all = ports.map(async (port) => {
      const socket = connect({ port, rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const { fingerprint256 } = socket.getPeerCertificate();
      socket.destroy();
      return fingerprint256;
    });
    return Promise.all(all);
  };
  const [before] = await fingerprints();
  expect(await fingerprints()).toEqual([before, before]);
  write(selfSignedCertificate());
  await eventually(async () => (await fingerprints()).every((each) => each !== before));
  for (const server of servers) server.close();
});

describe('what the HTTP parser refuses is answered in XML, and the connection ends', () => {
  const server = createS3Server(door, { limits: { headersMilliseconds: 300, checkMilliseconds: 50 } });
  beforeAll(() => listen(server));
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test.each([
    ['no HTTP', 'nonsense\r\n\r\n', 'BadRequest'],
    ['two lengths', 'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 'BadRequest'],
    [
      'a length and chunks',
      'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      'BadRequest',
    ],
    [
      'too many headers',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`,
      'RequestHeaderSectionTooLarge',
    ],
    ['headers that do not end', 'GET / HTTP/1.1\r\nHost: x\r\n', 'RequestTimeout'],
    ['a tunnel', 'CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n', 'MethodNotAllowed'],
  ])('%s', async (_what, text, code) => {
    const wire = new Wire((server.address() as AddressInfo).port);
    wire.write(text);
    const answer = await wire.answer();
    expect(answer?.code).toBe(code);
    expect(answer?.head).toMatch(/\r\nConnection: close\r\n/);
    expect(await wire.answer()).toBeUndefined();
    wire.end();
  });
});
