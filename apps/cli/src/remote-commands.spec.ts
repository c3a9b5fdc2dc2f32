import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RecordingGateway, startRecordingGateway } from '../spec/recording-gateway.js';
import { type Ran, runCommand } from '../spec/run-command.js';

const token = 'ptc_0123456789abcdefghij';
const [keyId, accountId, tokenId] = ['key', 'sa', 'tok'].map((kind) => `${kind}_01J9Z3N8Q4W5X6Y7Z8A9B0C1D2`) as [
  string,
  string,
  string,
];
const receipt = { enforcers: 2, acknowledged: 1, fenced: 1, elapsed_ms: 12.4 };
const record = {
  id: keyId,
  name: 'ci',
  status: 'active',
  roles: ['read'],
  permissions: [],
  forms: ['bearer'],
  secrets: [],
};

let gateway: RecordingGateway;
let folder: string;
beforeAll(async () => {
  gateway = await startRecordingGateway();
});
afterAll(() => gateway.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-remote-'));
  gateway.came.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** As CI does: the credential and the address from the environment. */
const run = (args: readonly string[], more: Record<string, string> = {}, isTerminal = false): Promise<Ran> =>
  runCommand(
    args,
    { XDG_CONFIG_HOME: folder, PORTCULLIS_TOKEN: token, PORTCULLIS_URL: gateway.url, ...more },
    { isTerminal },
  );

describe('what a command asks for', () => {
  const create = ['api-keys', 'create', 'ci', '--output', 'json'];
  test.each<[string, readonly string[], string, string, unknown]>([
    ['whoami', ['whoami'], 'GET', '/v1/whoami', undefined],
    ['the least of a key', [...create, '--role', 'read'], 'POST', '/v1/api-keys', { name: 'ci', roles: ['read'] }],
    [
      'all of a key',
      [
        ...create,
        ...['--form', 's3,bearer', '--role', 'a, b', '--role', 'layer1:role:user:viewer', '--permission', 'x:view'],
        ...['--bucket', 'logs', '--network', '10.0.0.0/8', '--rate-limit', '100/1', '--description', 'd, e'],
        ...['--metadata', 'team=a=b', '--service-account', accountId, '--expires-in-days', '30'],
      ],
      'POST',
      '/v1/api-keys',
      {
        name: 'ci',
        forms: ['s3', 'bearer'],
        roles: ['a', 'b', 'layer1:role:user:viewer'],
        permissions: ['x:view'],
        buckets: ['logs'],
        networks: ['10.0.0.0/8'],
        rate_limit: { requests: 100, per_seconds: 1 },
        description: 'd, e',
        metadata: { team: 'a=b' },
        service_account_id: accountId,
        expires_in_days: 30,
      },
    ],
    [
      'a key without an end, for all buckets',
      [...create, '--permission', 'x:view', '--no-expiry', '--all-buckets'],
      'POST',
      '/v1/api-keys',
      { name: 'ci', permissions: ['x:view'], buckets: 'all', expires_in_days: null },
    ],
    [
      'a filtered list',
      [
        ...['api-keys', 'list', '--status', 'active', '--owner', accountId, '--role', 'read', '--unused-days', '90'],
        ...['--expiring-in-days', '14', '--search', 'a b&c', '--limit', '7', '--cursor', 'c+/='],
      ],
      'GET',
      `/v1/api-keys?status=active&owner=${accountId}&role=read&unused_days=90&expiring_in_days=14&q=a+b%26c&limit=7&cursor=c%2B%2F%3D`,
      undefined,
    ],
    ['one key', ['api-keys', 'show', keyId], 'GET', `/v1/api-keys/${keyId}`, undefined],
    [
      'an edit',
      ['api-keys', 'update', keyId, '--name', 'n', '--any-network', '--no-rate-limit', '--role', 'read'],
      'PATCH',
      `/v1/api-keys/${keyId}`,
      { name: 'n', roles: ['read'], networks: null, rate_limit: null },
    ],
    [
      'a rotation',
      ['api-keys', 'rotate', keyId, '--overlap-seconds', '0', '--output', 'json'],
      'POST',
      `/v1/api-keys/${keyId}/rotate`,
      { overlap_seconds: 0 },
    ],
    ['a revocation', ['api-keys', 'revoke', keyId], 'DELETE', `/v1/api-keys/${keyId}`, undefined],
    ['a stop', ['api-keys', 'disable', keyId], 'POST', `/v1/api-keys/${keyId}/disable`, undefined],
    ['a restart', ['api-keys', 'enable', keyId], 'POST', `/v1/api-keys/${keyId}/enable`, undefined],
    [
      'what was called',
      ['api-keys', 'requests', keyId, '--since', '2026-11-24T09:00:00+01:00', '--service-account', accountId],
      'GET',
      `/v1/api-keys/requests?api_key_id=${keyId}&service_account_id=${accountId}&since=2026-11-24T08%3A00%3A00.000Z&limit=50`,
      undefined,
    ],
    [
      'a service account',
      ['service-accounts', 'create', 'billing', '--role', 'read', '--description', 'nightly'],
      'POST',
      '/v1/service-accounts',
      { name: 'billing', roles: ['read'], description: 'nightly' },
    ],
    [
      'accounts',
      ['service-accounts', 'list', '--status', 'disabled'],
      'GET',
      '/v1/service-accounts?status=disabled&limit=50',
      undefined,
    ],
    [
      'an edit of an account, which is to have no role any more',
      ['service-accounts', 'update', accountId, '--name', 'n', '--role', '', '--permission', 'a:b,c:d'],
      'PATCH',
      `/v1/service-accounts/${accountId}`,
      { name: 'n', roles: [], permissions: ['a:b', 'c:d'] },
    ],
    ['one account', ['service-accounts', 'show', accountId], 'GET', `/v1/service-accounts/${accountId}`, undefined],
    [
      'an account’s stop',
      ['service-accounts', 'disable', accountId],
      'POST',
      `/v1/service-accounts/${accountId}/disable`,
      undefined,
    ],
    [
      'an account’s restart',
      ['service-accounts', 'enable', accountId],
      'POST',
      `/v1/service-accounts/${accountId}/enable`,
      undefined,
    ],
    [
      'an account’s end',
      ['service-accounts', 'delete', accountId],
      'DELETE',
      `/v1/service-accounts/${accountId}`,
      undefined,
    ],
    [
      'one role token',
      ['role-tokens', 'revoke', '--token-id', tokenId],
      'POST',
      '/v1/role-tokens/revoke',
      { token_id: tokenId },
    ],
    ['every role token', ['role-tokens', 'revoke', '--all'], 'POST', '/v1/role-tokens/revoke', { all: true }],
  ])('%s', async (_, args, method, url, body) => {
    gateway.answer(() => ({
      body: {
        ...record,
        token_id: null,
        credentials: { bearer_token: 's' },
        items: [],
        next_cursor: null,
        enforcement: receipt,
      },
    }));
    expect(await run(args)).toMatchObject({ code: 0, err: '' });
    expect(gateway.came).toEqual([{ method, url, body, headers: expect.anything() as unknown }]);
    expect(gateway.came[0]?.headers).toMatchObject({ authorization: `Bearer ${token}` });
    expect(gateway.came[0]?.headers['x-org-id']).toBeUndefined();
  });

  test('the organization and the idempotency key travel as headers', async () => {
    gateway.answer(() => ({ status: 201, body: { ...record, credentials: {} } }));
    await run([...create, '--role', 'read', '--organization', 'org_01J9', '--idempotency-key', 'k 1']);
    expect(gateway.came[0]?.headers).toMatchObject({ 'x-org-id': 'org_01J9', 'idempotency-key': 'k 1' });
  });

  test('keys to take over are hashed here, and whole ones stay here', async () => {
    const file = join(folder, 'keys.yaml');
    writeFileSync(file, '- { name: a, prefix: acme_, key: acme_secret, roles: [read] }\n- { name: b, sha256: abc }\n');
    gateway.answer(() => ({ status: 201, body: { items: [record], enforcement: receipt } }));
    expect(await run(['api-keys', 'import', file])).toMatchObject({ code: 0 });
    const sha256 = createHash('sha256').update('acme_secret').digest('hex');
    expect(gateway.came[0]?.body).toEqual({
      keys: [
        { name: 'a', prefix: 'acme_', roles: ['read'], sha256 },
        { name: 'b', sha256: 'abc' },
      ],
    });
    expect(JSON.stringify(gateway.came)).not.toContain('acme_secret');
  });

  test('a text is searched for keys, and a live one is exit code 1 unless it was revoked', async () => {
    const file = join(folder, 'build.log');
    writeFileSync(file, 'curl -H "Authorization: Bearer ptc_x"');
    const found = {
      ...record,
      live: true,
      owner: { kind: 'user', id: 'usr_1' },
      use: { requests: 3, last_request_at: null },
    };
    gateway.answer(() => ({ body: { items: [found], candidates: 1, unknown: 0, enforcement: null } }));
    const first = await run(['api-keys', 'leaks', file]);
    expect(first).toMatchObject({ code: 1, err: '' });
    expect(first.out).toMatch(/key_\w+ +ci +active +live +usr_1 +3/);
    gateway.answer(() => ({ body: { items: [{ ...found, status: 'revoked' }], enforcement: receipt } }));
    const second = await run(['api-keys', 'leaks', file, '--revoke', '--since', '2026-11-24T09:00:00Z']);
    expect(second).toMatchObject({ code: 0 });
    expect(second.out).toContain('In force everywhere');
    gateway.answer(() => ({ body: { items: [], enforcement: null } }));
    expect(await run(['api-keys', 'leaks', file])).toMatchObject({ code: 0, out: 'No key of yours is in it.\n' });
    expect(gateway.came.map(({ body }) => body)).toEqual([
      { text: 'curl -H "Authorization: Bearer ptc_x"' },
      { text: 'curl -H "Authorization: Bearer ptc_x"', revoke: true, since: '2026-11-24T09:00:00.000Z' },
      { text: 'curl -H "Authorization: Bearer ptc_x"' },
    ]);
  });
});

describe('lists', () => {
  /** 250 keys, in pages as they are asked for. */
  const pages = (): void =>
    gateway.answer(({ url }) => {
      const query = new URL(url, 'http://x').searchParams;
      const [from, limit] = [Number(query.get('cursor') ?? 0), Number(query.get('limit'))];
      const items = Array.from({ length: Math.min(limit, 250 - from) }, (_, at) => ({
        ...record,
        name: `k${from + at}`,
      }));
      return { body: { items, next_cursor: from + limit < 250 ? String(from + limit) : null } };
    });

  test.each([
    ['a page unless more is asked for', [], 50, '50', ['50']],
    ['as many as asked for, page by page', ['--limit', '230'], 230, '230', ['100', '100', '30']],
    ['all of them', ['--all'], 250, null, ['100', '100', '100']],
  ])('give %s', async (_, args, count, next, limits) => {
    pages();
    const { code, out } = await run(['api-keys', 'list', ...args, '--output', 'json']);
    expect(code).toBe(0);
    const page = JSON.parse(out) as { items: { name: string }[]; next_cursor: string | null };
    expect(new Set(page.items.map(({ name }) => name)).size).toBe(count);
    expect(page.next_cursor).toBe(next);
    expect(gateway.came.map(({ url }) => new URL(url, 'http://x').searchParams.get('limit'))).toEqual(limits);
  });

  test('say on standard error when there is more', async () => {
    pages();
    expect((await run(['api-keys', 'list'])).err).toMatch(/There are more: --all lists them, or --cursor 50/);
    expect((await run(['api-keys', 'list', '--all'])).err).toBe('');
  });

  test('end although a gateway answers the same cursor for ever', async () => {
    gateway.answer(() => ({ body: { items: [record], next_cursor: 'again' } }));
    expect(await run(['api-keys', 'list', '--all'])).toMatchObject({ code: 0 });
    expect(gateway.came).toHaveLength(2);
  });

  test('let no name write to the terminal what is not text', async () => {
    gateway.answer(() => ({
      body: { items: [{ ...record, name: 'a\u001b[2J\u009b1m\u202eb\nc' }], next_cursor: null },
    }));
    const { out } = await run(['api-keys', 'list']);
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(out.split('\n')).toHaveLength(3);
  });
});

describe('secrets', () => {
  const credentials = { bearer_token: 'ptc_very_secret', client_id: 'abc' };
  const create = ['api-keys', 'create', 'ci', '--role', 'read'];
  beforeEach(() => gateway.answer(() => ({ status: 201, body: { ...record, credentials } })));

  test('are shown on a terminal', async () => {
    const { code, out } = await run(create, {}, true);
    expect(code).toBe(0);
    expect(out).toMatch(/Shown this once:\nbearer_token +ptc_very_secret/);
  });

  test('of object storage are shown with the place that they are for', async () => {
    const access_key_id = 'AKIA0123456789ABCDEF';
    const s3 = { access_key_id, secret_access_key: 'very/secret', s3_endpoint: 'https://s3.example.com' };
    gateway.answer(() => ({ status: 201, body: { ...record, access_key_id, credentials: s3 } }));
    const { out } = await run([...create, '--form', 's3', '--bucket', 'reports'], {}, true);
    expect(out).toMatch(
      /Shown this once:\naccess_key_id +AKIA0123456789ABCDEF\nsecret_access_key +very\/secret\ns3_endpoint +https:\/\/s3\.example\.com\n/,
    );
    expect(out.split('very/secret')).toHaveLength(2);
  });

  test('are in the json that a program reads', async () => {
    expect(JSON.parse((await run([...create, '--output', 'json'])).out)).toMatchObject({ credentials });
  });

  test('go into no pipe as a table, and then nothing is asked for', async () => {
    expect(await run(create)).toMatchObject({ code: 2, out: '' });
    expect(gateway.came).toEqual([]);
  });

  test.each(['table', 'json', 'yaml'])('go into a new file of mode 0600 and nowhere else, with %s', async (output) => {
    const file = join(folder, 'secrets.json');
    const { code, out, err } = await run([...create, '--secrets-to', file, '--output', output], {}, true);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).not.toContain('ptc_very_secret');
    expect(out).toContain(file);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ id: keyId, ...credentials });
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('never go into a file that is there, and then nothing is asked for', async () => {
    const file = join(folder, 'secrets.json');
    writeFileSync(file, 'mine');
    const refused = await run([...create, '--secrets-to', file]);
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/is there already/);
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect(gateway.came).toEqual([]);
  });

  test('leave no empty file behind when the gateway says no', async () => {
    const file = join(folder, 'secrets.json');
    gateway.answer(() => ({ status: 403, body: { status: 403, code: 'forbidden', detail: 'No.' } }));
    expect((await run([...create, '--secrets-to', file])).code).toBe(1);
    expect(existsSync(file)).toBe(false);
  });

  test('are not shown a second time, and this is said', async () => {
    const file = join(folder, 'secrets.json');
    gateway.answer(() => ({ status: 201, body: { ...record, credentials: { secret_already_shown: true } } }));
    const { code, out } = await run([...create, '--idempotency-key', 'k', '--secrets-to', file]);
    expect(code).toBe(0);
    expect(out).toContain('was not written');
    expect(existsSync(file)).toBe(false);
  });
});

describe('what a revocation says', () => {
  test('the receipt, in a line', async () => {
    gateway.answer(() => ({ body: { ...record, status: 'revoked', enforcement: receipt } }));
    expect((await run(['api-keys', 'revoke', keyId])).out).toBe(
      `${keyId} (ci) is revoked. In force everywhere: 1 of 2 enforcers have acknowledged, 1 fenced off, in 12 ms.\n`,
    );
  });

  test('all of it to programs', async () => {
    gateway.answer(() => ({ body: { ...record, enforcement: receipt } }));
    const { out } = await run(['api-keys', 'revoke', keyId, '--output', 'yaml']);
    expect(out).toContain('elapsed_ms: 12.4');
  });
});

describe('a refusal', () => {
  test('says why, which fields, which permission and which request', async () => {
    gateway.answer(() => ({
      status: 403,
      headers: { 'Content-Type': 'application/problem+json', 'Retry-After': '7' },
      body: {
        status: 403,
        code: 'forbidden',
        detail: 'You may not\u001b[31m.',
        request_id: 'req_1',
        errors: [{ field: 'roles[0]', message: 'is unknown' }],
        required_permission: 'apikeys:revoke',
      },
    }));
    expect(await run(['api-keys', 'revoke', keyId])).toEqual({
      code: 1,
      out: '',
      err:
        'You may not\ufffd[31m.\n  roles[0]: is unknown\n  required_permission: apikeys:revoke\n  try again in 7 s\n' +
        '  403 forbidden, request_id req_1\n',
    });
  });

  test('of the credential names where it came from, and not the credential', async () => {
    gateway.answer(() => ({ status: 401, body: { status: 401, code: 'invalid_token', detail: 'It is not valid.' } }));
    const { err } = await run(['whoami']);
    expect(err).toContain('The credential is that of PORTCULLIS_TOKEN.');
    expect(err).not.toContain(token);
  });

  test.each<[string, { status?: number; headers?: Record<string, string>; body: unknown }, RegExp]>([
    ['of another server', { body: '<html>' }, /answered 200, and not as Portcullis does/],
    ['of a proxy before it', { status: 502, body: 'Bad gateway' }, /answered 502/],
    [
      'to follow elsewhere',
      { status: 307, headers: { Location: 'http://evil/' }, body: '' },
      /sends elsewhere, to http:\/\/evil\//,
    ],
  ])('%s is one sentence', async (_, answer, sentence) => {
    gateway.answer(() => answer);
    const { code, err } = await run(['whoami']);
    expect(code).toBe(1);
    expect(err).toMatch(sentence);
    expect(gateway.came).toHaveLength(1);
  });

  test('of nobody at that address is one sentence', async () => {
    const gone = await startRecordingGateway();
    await gone.close();
    const { code, err } = await run(['whoami', '--url', gone.url]);
    expect({ code, err }).toEqual({
      code: 1,
      err: `Nothing listens at ${gone.url}. Is the gateway running, and is that its address?\n`,
    });
  });
});

describe('a token goes', () => {
  test.each([
    ['in clear text to another machine', { PORTCULLIS_URL: 'http://gate.example.com' }, 1, /clear text/],
    [
      'to a name that only begins like this machine',
      { PORTCULLIS_URL: 'http://127.0.0.1.example.com' },
      1,
      /clear text/,
    ],
    ['to no address in particular', { PORTCULLIS_URL: '' }, 2, /say where it is to be sent/],
    ['to what is no address', { PORTCULLIS_URL: 'gate' }, 2, /no URL/],
    ['to a file', { PORTCULLIS_URL: 'file:///etc/passwd' }, 2, /begins with https/],
    ['beside another', { PORTCULLIS_URL: 'https://a:b@gate.example.com' }, 2, /no user/],
    ['if there are two', { PORTCULLIS_TOKEN_FILE: '/dev/null' }, 2, /both set/],
    ['if it is none', { PORTCULLIS_TOKEN: 'two words' }, 2, /holds no credential/],
  ])('never %s', async (_, env, code, sentence) => {
    const refused = await run(['whoami'], env);
    expect(refused).toMatchObject({ code, out: '' });
    expect(refused.err).toMatch(sentence);
    expect(refused.err).not.toMatch(/two words|ptc_|a:b@/);
    expect(gateway.came).toEqual([]);
  });

  test('where a file of a secret store has it', async () => {
    const file = join(folder, 'token');
    writeFileSync(file, 'ptc_from_file\n');
    gateway.answer(() => ({ body: record }));
    expect(await run(['whoami'], { PORTCULLIS_TOKEN: '', PORTCULLIS_TOKEN_FILE: file })).toMatchObject({ code: 0 });
    expect(gateway.came[0]?.headers.authorization).toBe('Bearer ptc_from_file');
  });
});

describe('a command line that is not understood is exit code 2, and nothing is asked for', () => {
  test.each<[string, readonly string[], RegExp]>([
    ['no id', ['api-keys', 'revoke'], /ID is missing/],
    ['an id of another kind', ['api-keys', 'revoke', accountId], /An id is key_/],
    ['an id that leaves the path', ['api-keys', 'revoke', 'key_/../../users'], /An id is key_/],
    ['a secret as an argument', ['role-tokens', 'revoke', 'eyJhbGciOiJkaXIi'], /takes no arguments/],
    ['two ids', ['api-keys', 'revoke', keyId, keyId], /It takes ID and no more/],
    ['a password as an option', ['login', '--password=hunter2'], /Unknown option '--password'/],
    ['a key that may do nothing', ['api-keys', 'create', 'ci', '--output', 'json'], /Say what it may do/],
    ['a rotation that does not say for how long', ['api-keys', 'rotate', keyId], /--overlap-seconds N/],
    ['too long an overlap', ['api-keys', 'rotate', keyId, '--overlap-seconds', '2592001'], /0 to 2592000/],
    ['a rate without a slash', ['api-keys', 'create', 'a', '--role', 'r', '--rate-limit', '100'], /--rate-limit/],
    ['an edit of nothing', ['api-keys', 'update', keyId], /Say what is to change/],
    ['an edit of nothing of an account', ['service-accounts', 'update', accountId], /Say what is to change/],
    ['both ends of a list', ['api-keys', 'list', '--all', '--limit', '3'], /not both/],
    ['a time that is none', ['api-keys', 'requests', '--since', 'yesterday'], /--since is a time/],
    ['which role token', ['role-tokens', 'revoke'], /Say which/],
    ['two ways to say which', ['role-tokens', 'revoke', '--all', '--token-id', tokenId], /Say which/],
    ['an output that is none', ['whoami', '--output', 'xml'], /table, json or yaml/],
    ['an organization that is none', ['whoami', '--organization', 'acme'], /--organization is an id/],
    ['a profile that is a path', ['whoami', '--profile', '../x'], /A profile has a name/],
  ])('%s', async (_, args, sentence) => {
    const refused = await run(args);
    expect(refused).toMatchObject({ code: 2, out: '' });
    expect(refused.err).toMatch(sentence);
    expect(refused.err).not.toMatch(/eyJ|hunter2/);
    expect(gateway.came).toEqual([]);
  });
});

describe('help', () => {
  test('of a group lists its commands', async () => {
    const { code, out } = await run(['api-keys', '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(/api-keys create +Issues a key/);
    expect(await run(['api-keys'])).toMatchObject({ code: 2, out: '', err: out });
    expect((await run(['api-keys', 'burn'])).err).toMatch(/^There is no command "api-keys burn"/);
  });

  test('of every command has an example', async () => {
    const groups = ['login', 'logout', 'whoami', 'api-keys', 'clients', 'service-accounts', 'role-tokens'];
    for (const group of groups) {
      const lines = (await run([group, '--help'])).out.split('\n');
      const names = lines.flatMap((line) => (line.startsWith(`  ${group} `) ? [line.trim().split(' ')[1] ?? ''] : []));
      for (const name of names) {
        const { out } = await run([group, name, '--help']);
        expect(out).toMatch(/Examples:\n {2}(\S.* \| |[A-Z]+=)?.*portcullis/);
      }
    }
  });

  test('and no name of JavaScript’s own is a command', async () => {
    expect(await run(['constructor'])).toMatchObject({ code: 2 });
  });
});
