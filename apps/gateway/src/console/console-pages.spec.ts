import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { aGateway } from '../../spec/gateway.js';
import { responseHeaders } from '../proxy/headers.js';

const folder = mkdtempSync(join(tmpdir(), 'console-spec-'));
const page = '<!doctype html><script type="module" src="/console/assets/index-Bx3_a-Zq.js"></script>';
const script = `export const text = '${'the console '.repeat(400)}';`;

let gateway: Awaited<ReturnType<typeof aGateway>>;
beforeAll(async () => {
  const dist = join(folder, 'dist');
  mkdirSync(join(dist, 'assets'), { recursive: true });
  writeFileSync(join(folder, 'secret.txt'), 'outside');
  writeFileSync(join(dist, 'index.html'), page);
  writeFileSync(join(dist, 'favicon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  writeFileSync(join(dist, 'assets/index-Bx3_a-Zq.js'), script);
  writeFileSync(join(dist, 'assets/logo.png'), Buffer.alloc(2000, 1));
  symlinkSync(join(folder, 'secret.txt'), join(dist, 'linked.txt'));
  gateway = await aGateway({ consoleDirectory: dist });
});
afterAll(async () => {
  await gateway.close();
  rmSync(folder, { recursive: true });
});

interface Got {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

function ask(path: string, headers: Record<string, string> = {}, method = 'GET', port = gateway.port): Promise<Got> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ port, method, path, agent: false, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

const asset = '/console/assets/index-Bx3_a-Zq.js';

test.each(['/console/', '/console/clients', '/console/keys/key_01J9Z3', '/console/index.html', '/console/?from=docs'])(
  '%s is the page, asked for anew each time',
  async (path) => {
    const got = await ask(path);
    expect([got.status, got.body.toString()]).toEqual([200, page]);
    expect(got.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'content-length': String(page.length),
    });
  },
);

test('/console leads to the page', async () => {
  const got = await ask('/console');
  expect([got.status, got.headers.location, got.body.length]).toEqual([302, '/console/', 0]);
});

test('an asset with a digest in its name is kept for a year, others are asked for', async () => {
  expect((await ask(asset)).headers).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
  });
  expect((await ask('/console/assets/logo.png')).headers).toMatchObject({
    'content-type': 'image/png',
    'cache-control': 'no-cache',
  });
  expect((await ask('/console/favicon.svg')).headers['content-type']).toBe('image/svg+xml; charset=utf-8');
});

test.each<[string, string | undefined]>([
  ['gzip, deflate, br', 'br'],
  ['gzip, deflate', 'gzip'],
  ['br;q=0.5, gzip;q=0.8', 'gzip'],
  ['br;q=0, gzip', 'gzip'],
  ['*', 'br'],
  ['*;q=0', undefined],
  ['identity', undefined],
  ['x, ;q=, br;q=none', undefined],
  ['', undefined],
])('a client that takes %j gets %j', async (accepted, encoding) => {
  const got = await ask(asset, { 'Accept-Encoding': accepted });
  expect([got.headers['content-encoding'], got.headers.vary]).toEqual([encoding, 'Accept-Encoding']);
  const plain =
    encoding === 'br' ? brotliDecompressSync(got.body) : encoding === 'gzip' ? gunzipSync(got.body) : got.body;
  expect(plain.toString()).toBe(script);
});

test('what is small or compressed already is sent as it is', async () => {
  for (const path of ['/console/favicon.svg', '/console/assets/logo.png']) {
    const { headers } = await ask(path, { 'Accept-Encoding': 'br' });
    expect([headers['content-encoding'], headers.vary]).toEqual([undefined, undefined]);
  }
});

test('a file that the client has is not sent again, in the encoding that it has', async () => {
  const plain = (await ask(asset)).headers.etag ?? '';
  const brotli = (await ask(asset, { 'Accept-Encoding': 'br' })).headers.etag ?? '';
  expect(brotli).not.toBe(plain);
  for (const known of [plain, `W/${plain}`, `"x", ${plain}`, '*']) {
    const got = await ask(asset, { 'If-None-Match': known });
    expect([known, got.status, got.headers.etag, got.body.length]).toEqual([known, 304, plain, 0]);
  }
  expect((await ask(asset, { 'If-None-Match': plain, 'Accept-Encoding': 'br' })).status).toBe(200);
  expect((await ask(asset, { 'If-None-Match': brotli, 'Accept-Encoding': 'br' })).headers.vary).toBe('Accept-Encoding');
});

test('HEAD is GET without the body', async () => {
  const got = await ask(asset, {}, 'HEAD');
  expect([got.status, got.headers['content-length'], got.body.length]).toEqual([200, String(script.length), 0]);
});

test.each([
  '/console/assets/index-gone-AbCdEfGh.js',
  '/console/assets/gone',
  '/console/assets/',
  '/console/gone.css',
  '/console/people/ada@example.com',
  '/console/linked.txt',
  '/console/__proto__.js',
])('%s is 404: no page where a file was meant', async (path) => {
  const got = await ask(path);
  expect([got.status, got.headers['content-type']]).toEqual([404, 'application/problem+json; charset=utf-8']);
  expect(got.headers['cache-control']).toBe('no-store');
});

test.each([
  '/console/../secret.txt',
  '/console/%2e%2e/secret.txt',
  '/console/..%2fsecret.txt',
  '/console/assets/..%5c..%5csecret.txt',
  '/console//secret.txt',
  '/console/%252e%252e/secret.txt',
  '/console/./index.html',
])('%s leads nowhere', async (path) => {
  expect((await ask(path)).status).toBe(400);
});

test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s of a page is 405', async (method) => {
  const got = await ask('/console/clients', {}, method);
  expect([got.status, got.headers.allow]).toEqual([405, 'GET, HEAD']);
});

test.each(['/console/', '/console', asset, '/console/gone.css'])('%s is sent under the whole policy', async (path) => {
  const { headers } = await ask(path);
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': expect.stringContaining('camera=()') as unknown,
  });
  const policy = String(headers['content-security-policy']);
  expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
  for (const rule of ["default-src 'self'", "base-uri 'none'", "frame-ancestors 'none'", "object-src 'none'"])
    expect(policy).toContain(rule);
});

test('nobody is asked who they are, and a credential that is no good breaks nothing', async () => {
  expect((await ask('/console/', { Authorization: 'Bearer ptc_gone' })).status).toBe(200);
});

test('a console that was not built says how to build it', async () => {
  const bare = await aGateway();
  try {
    for (const path of ['/console', '/console/', asset]) {
      const got = await ask(path, {}, 'GET', bare.port);
      expect([path, got.status]).toEqual([path, 404]);
      expect(got.body.toString()).toContain('npm run build');
    }
  } finally {
    await bare.close();
  }
});

test('an upstream cannot put a session of its choice into the browser', () => {
  const answered = [
    'Set-Cookie',
    'theme=dark',
    'Set-Cookie',
    '__Secure-portcullis-session=planted; Path=/console/session',
  ];
  const headers = responseHeaders(answered, 200, { requestId: 'req_1', identity: undefined, answerHeaders: undefined });
  expect(headers.join('\n')).toContain('theme=dark');
  expect(headers.join('\n')).not.toContain('planted');
});
