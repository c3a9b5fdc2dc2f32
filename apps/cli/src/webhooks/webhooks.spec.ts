import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RecordingGateway, startRecordingGateway } from '../../spec/recording-gateway.js';
import { type Ran, runCommand } from '../../spec/run-command.js';

const id = 'whk_01J9Z3N8Q4W5X6Y7Z8A9B0C1D2';
const eventId = 'evt_01J9Z3N8Q4W5X6Y7Z8A9B0C1D2';
const secret = 'whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=';
const url = 'https://siem.example/in';
const record = {
  id,
  name: 'siem',
  description: null,
  url,
  actions: null,
  subjects: null,
  status: 'active',
  disabled_reason: null,
  created_at: '2026-11-28T12:00:00.000Z',
  created_by: 'usr_1',
  failing_since: '2026-11-28T12:00:00.000Z',
  delivered_at: null,
  pending: 3,
  dead_letters: 2,
  secrets: [{ created_at: '2026-11-28T12:00:00.000Z', expires_at: null }],
};

let gateway: RecordingGateway;
let folder: string;
beforeAll(async () => {
  gateway = await startRecordingGateway();
});
afterAll(() => gateway.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-webhooks-'));
  gateway.came.length = 0;
  gateway.answer(() => ({ body: record }));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (args: readonly string[], isTerminal = false): Promise<Ran> =>
  runCommand(
    ['webhooks', ...args],
    { XDG_CONFIG_HOME: folder, PORTCULLIS_TOKEN: 'ptc_0123456789abcdefghij', PORTCULLIS_URL: gateway.url },
    { isTerminal },
  );

describe('what a command asks for', () => {
  const path = `/v1/audit/webhooks/${id}`;
  test.each<[string, string[], string, string, unknown]>([
    [
      'the least of a webhook',
      ['create', 'siem', '--to', url, '--output', 'json'],
      'POST',
      '/v1/audit/webhooks',
      { name: 'siem', url },
    ],
    [
      'all of a webhook',
      [
        ...['create', 'siem', '--to', url, '--output', 'json', '--description', 'd'],
        ...['--action', 'api-key.*, client.revoked', '--action', 'bucket.*', '--subject', 'key_1'],
      ],
      'POST',
      '/v1/audit/webhooks',
      {
        name: 'siem',
        url,
        description: 'd',
        actions: ['api-key.*', 'client.revoked', 'bucket.*'],
        subjects: ['key_1'],
      },
    ],
    ['the list', ['list', '--limit', '7'], 'GET', '/v1/audit/webhooks?limit=7', undefined],
    ['one', ['show', id], 'GET', path, undefined],
    [
      'an edit',
      ['update', id, '--name', 'n', '--to', url, '--any-action', '--subject', 'client'],
      'PATCH',
      path,
      { name: 'n', url, actions: null, subjects: ['client'] },
    ],
    ['an empty description', ['update', id, '--description', ''], 'PATCH', path, { description: null }],
    ['a rotation', ['rotate', id, '--output', 'json'], 'POST', `${path}/rotate`, { overlap_seconds: 86_400 }],
    ['a stop', ['disable', id], 'PATCH', path, { enabled: false }],
    ['a restart', ['enable', id], 'PATCH', path, { enabled: true }],
    ['what was given up', ['dead-letters', id], 'GET', `${path}/dead-letters?limit=50`, undefined],
    ['all of it again', ['replay', id], 'POST', `${path}/replay`, {}],
    [
      'some of it again',
      ['replay', id, '--event', `${eventId},evt_2`],
      'POST',
      `${path}/replay`,
      { event_ids: [eventId, 'evt_2'] },
    ],
    ['an end', ['delete', id], 'DELETE', path, undefined],
  ])('%s', async (_, args, method, target, body) => {
    gateway.answer(() => ({ body: { ...record, secret, replayed: 1, items: [], next_cursor: null } }));
    expect(await run(args)).toMatchObject({ code: 0, err: '' });
    expect(gateway.came).toMatchObject([{ method, url: target }]);
    expect(gateway.came[0]?.body).toEqual(body);
  });
});

describe('the secret', () => {
  beforeEach(() => gateway.answer(() => ({ body: { ...record, secret } })));

  test.each([
    ['create', 'siem', '--to', url],
    ['rotate', id],
  ])('of %s is shown on a terminal, and asked for where nobody would see it by nobody', async (...args) => {
    expect((await run(args, true)).out).toMatch(new RegExp(`Shown this once:\\nsecret +${secret}`));
    gateway.came.length = 0;
    expect((await run(args)).code).toBe(2);
    expect(gateway.came).toEqual([]);
  });

  test('goes into a file of its owner alone, and nowhere else', async () => {
    const file = join(folder, 'secret.json');
    const ran = await run(['create', 'siem', '--to', url, '--secrets-to', file]);
    expect([ran.code, ran.out.includes(secret)]).toEqual([0, false]);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ id, secret });
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('was in the first answer, where a repeat has none', async () => {
    gateway.answer(() => ({ body: record }));
    const ran = await run(['create', 'siem', '--to', url, '--idempotency-key', 'k'], true);
    expect(ran.out).toContain('are not shown again');
    expect(gateway.came[0]?.headers['idempotency-key']).toBe('k');
  });
});

test('the list says how each does', async () => {
  gateway.answer(() => ({ body: { items: [record], next_cursor: null } }));
  expect((await run(['list'])).out).toMatch(new RegExp(`${id} +siem +active +failing +3 +2 +- +${url}`));
});

test.each([
  [['create', 'siem']],
  [['update', id]],
  [['update', id, '--action', 'a', '--any-action']],
  [['update', id, '--subject', 'a', '--any-subject']],
  [['rotate', id, '--overlap-seconds', '604801']],
  [['show', 'key_1']],
])('%j is not understood', async (args) => {
  expect((await run(args)).code).toBe(2);
  expect(gateway.came).toEqual([]);
});
