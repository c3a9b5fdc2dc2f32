import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RecordingGateway, startRecordingGateway } from '../../spec/recording-gateway.js';
import { runCommand } from '../../spec/run-command.js';

let gateway: RecordingGateway;
let folder: string;
beforeAll(async () => {
  gateway = await startRecordingGateway();
});
afterAll(() => gateway.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-audit-'));
  gateway.came.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = (args: readonly string[], url = gateway.url) =>
  runCommand(['audit', ...args], {
    XDG_CONFIG_HOME: folder,
    PORTCULLIS_TOKEN: 'ptc_0123456789abcdefghij',
    PORTCULLIS_URL: url,
  });
const file = (): string => join(folder, 'export');

describe('audit export', () => {
  test('fetches the checkpoint before the export, and writes both with the keys', async () => {
    gateway.answer(({ url }) => ({
      body: url.includes('checkpoint')
        ? 'a note\n'
        : url.includes('keys')
          ? { origin: 'o', keys: [] }
          : '{"leaf_index":0}\n',
    }));
    expect(await run(['export', file(), '--from', '0', '--since', '2026-01-01'])).toEqual({
      code: 0,
      out: '',
      err: '',
    });
    expect(gateway.came.map(({ url }) => url.split('?')[0])).toEqual([
      '/v1/audit/checkpoint',
      '/v1/audit/log-keys',
      '/v1/audit/export',
    ]);
    expect(gateway.came[2]?.url).toContain('from=0&since=2026-01-01T00%3A00%3A00.000Z');
    expect(readFileSync(file(), 'utf8')).toBe('{"leaf_index":0}\n');
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(readFileSync(`${file()}.checkpoint`, 'utf8')).toBe('a note\n');
  });

  test('that breaks off is refused, and leaves no file that looks whole', async () => {
    const server: Server = createServer((request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      if (!request.url?.includes('export')) return response.end('{}');
      return response.write('{"leaf_index":0}\n', () => request.socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const ran = await run(['export', file()], `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.close();
    expect([ran.code, ran.out, existsSync(file()), existsSync(`${file()}.part`)]).toEqual([1, '', false, false]);
  });

  test('that is refused says why', async () => {
    const detail = 'to: must be at most 3, the size of the log.';
    gateway.answer(({ url }) =>
      url.includes('export') ? { status: 400, body: { status: 400, code: 'invalid_request', detail } } : { body: {} },
    );
    const ran = await run(['export', file(), '--to', '4']);
    expect([ran.code, ran.out]).toEqual([1, '']);
    expect(ran.err).toContain(detail);
    expect((await run(['export', '--to', 'x'])).code).toBe(2);
  });
});

test('audit tail shows each event, and goes on behind the last one after the stream has ended', async () => {
  const event = (action: string) =>
    JSON.stringify({
      time: '2026-02-01T00:00:00Z',
      action,
      outcome: 'success',
      actor: { id: 'usr_1' },
      resource: { id: 'key_1' },
    });
  gateway.answer(({ headers }) => ({
    headers: { 'Content-Type': 'text/event-stream' },
    body:
      headers['last-event-id'] === undefined
        ? `: hello\nid: 6\n\nid: 7\ndata: ${event('api-key.created')}\n\n`
        : `id: 9\ndata: ${event('api-key.revoked\u001b[31m')}\n\n`,
  }));
  const ran = await run(['tail', '--limit', '2']);
  expect(ran.code).toBe(0);
  expect(ran.out).toMatch(/^2026-02-01 00:00Z {2}api-key\.created {2}success {2}usr_1 {2}key_1\n/);
  expect(ran.out).not.toContain('\u001b');
  expect(gateway.came.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '7']);
});

test('audit tail ends when it is refused', async () => {
  gateway.answer(() => ({ status: 401, body: { status: 401, code: 'invalid_token', detail: 'No.' } }));
  expect(await run(['tail'])).toMatchObject({ code: 1, out: '' });
});

test('audit erase-subject wants to be told twice', async () => {
  gateway.answer(() => ({ body: { erased: 2 } }));
  expect((await run(['erase-subject', 'usr_1'])).code).toBe(2);
  expect(gateway.came).toEqual([]);
  expect((await run(['erase-subject', 'usr_1', '--yes'])).out).toBe('2 events were erased.\n');
  expect(gateway.came).toMatchObject([{ method: 'POST', url: '/v1/audit/erasures', body: { subject: 'usr_1' } }]);
});
