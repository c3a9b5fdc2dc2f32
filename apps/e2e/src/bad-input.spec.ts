import { administrator, Client, type HttpAnswer } from './client.js';
import { type RawAnswer, sendRaw } from './raw.js';
import { filesWith } from './secret-sweep.js';
import { type Stack, startStack } from './stack.js';

/** Stands in every secret that is sent here; it must come back nowhere. */
const canary = 'canary-5f2d77';

type Expected = readonly [status: number, code: string, field?: string];

interface BodyRoute {
  /** Well-formed; its secrets hold the canary. */
  good: Record<string, unknown>;
  /** A field that takes text. */
  text: string;
  /** Changes to `good`, and the refusal that each gets. */
  wrong: [change: Record<string, unknown>, ...Expected][];
}

const bad = (change: Record<string, unknown>, field = Object.keys(change)[0] as string): BodyRoute['wrong'][number] => [
  change,
  400,
  'invalid_request',
  field,
];

const bodyRoutes: Record<string, BodyRoute> = {
  '/v1/login': {
    good: { email: 'nobody@example.com', password: `${canary}-password` },
    text: 'email',
    wrong: [
      bad({ email: '' }),
      bad({ password: '' }),
      bad({ email: 'a\u001b[2Jb' }),
      bad({ password: `${canary}${'x'.repeat(4096)}` }),
    ],
  },
  '/v1/authenticate': {
    good: { client_id: 'z'.repeat(22), client_secret: `${canary}-secret` },
    text: 'client_id',
    wrong: [
      bad({ client_id: '' }),
      bad({ client_secret: '' }),
      bad({ client_id: 'a\nb' }),
      bad({ client_secret: `${canary}${'x'.repeat(256)}` }),
    ],
  },
  '/v1/reauthenticate': {
    good: { refresh_token: `${canary}.is.no-token` },
    text: 'refresh_token',
    wrong: [bad({ refresh_token: '' }), bad({ refresh_token: [canary] })],
  },
  '/v1/api-keys': {
    good: { name: 'never made', permissions: ['counterparties:view'] },
    text: 'name',
    wrong: [
      bad({ name: '   ' }),
      bad({ name: 'n'.repeat(81) }),
      bad({ name: 'a\u0085b' }),
      bad({ description: 'd'.repeat(501) }),
      bad({ forms: [] }),
      bad({ forms: ['bearer', 'bearer'] }),
      bad({ forms: ['telegram'] }, 'forms.0'),
      bad({ forms: 'bearer' }),
      bad({ roles: [1] }, 'roles.0'),
      bad({ roles: Array.from({ length: 65 }, () => 'observer') }),
      bad({ permissions: ['p'.repeat(129)] }, 'permissions.0'),
      bad({ buckets: 'some' }),
      bad({ service_account_id: 'usr_01JD3ZQ4V8Y5K2M7N9P0R1S2T3' }),
      bad({ networks: [] }),
      bad({ networks: Array.from({ length: 101 }, () => '10.0.0.0/8') }),
      bad({ rate_limit: { requests: 0, per_seconds: 1 } }, 'rate_limit.requests'),
      bad({ rate_limit: { requests: 1, per_seconds: 1, per_hour: 1 } }, 'rate_limit.per_hour'),
      bad({ expires_in_days: 0 }),
      bad({ expires_in_days: 366 }),
      bad({ expires_in_days: 1.5 }),
      bad({ expires_in_days: '90' }),
      bad({ expires_in_days: -1 }),
      bad({ metadata: [] }),
      bad({ metadata: { note: 'm'.repeat(4097) } }),
      bad({ organization_id: 'org_01JD3ZQ4V8Y5K2M7N9P0R1S2T3' }),
    ],
  },
};

describe('whatever is sent is answered with the right refusal', () => {
  let stack: Stack;
  let anyone: Client;
  let admin: Client;
  let bearer: string;
  const answers: string[] = [];

  beforeAll(async () => {
    stack = await startStack();
    anyone = new Client(stack.url);
    admin = await administrator(stack);
    const key = await admin.post('/v1/api-keys', {
      name: 'all that these stories need',
      permissions: ['apikeys:manage', 'apikeys:view', 'audit:view', 'counterparties:view'],
    });
    bearer = key.json.credentials.bearer_token as string;
    admin = anyone.as(bearer);
  }, 150_000);
  afterAll(async () => {
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
  }, 60_000);

  const expectRefusal = (answer: HttpAnswer | RawAnswer, [status, code, field]: Expected) => {
    answers.push(answer.text);
    expect(answer.text.length).toBeLessThan(8_192);
    expect({ status: answer.status, ...answer.json }).toMatchObject({
      status,
      code,
      request_id: expect.any(String) as string,
    });
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.headers['x-request-id']).toBe(answer.json.request_id);
    if (status === 401) expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm=/);
    if (field !== undefined)
      expect((answer.json.errors as { field: string }[]).map((error) => error.field)).toContain(field);
  };

  describe.each(Object.entries(bodyRoutes))('POST %s', (path, { good, text, wrong }) => {
    const json = { 'Content-Type': 'application/json' };
    const client = () => (path === '/v1/api-keys' ? admin : anyone);
    const sendBody = (body: string | Buffer, headers: Record<string, string> = json) =>
      client().send('POST', path, body, headers);
    const fields = Object.keys(good);
    const first = fields[0] as string;
    const whole = JSON.stringify(good);

    test.each<[string, () => string | Buffer, Expected]>([
      [
        'a field that nobody knows',
        () => JSON.stringify({ ...good, expires_in_dayz: 1 }),
        [400, 'invalid_request', 'expires_in_dayz'],
      ],
      ['a NUL in a text, escaped', () => JSON.stringify({ ...good, [text]: 'a\0b' }), [400, 'invalid_request', text]],
      [
        'a NUL in a text, as it is',
        () => JSON.stringify({ ...good, [text]: 'a?b' }).replace('?', '\0'),
        [400, 'invalid_request'],
      ],
      ['a NUL after the end', () => `${whole}\0`, [400, 'invalid_request']],
      [
        'half a surrogate pair',
        () => whole.replace('{', `{"${first}x":"\\ud800",`),
        [400, 'invalid_request', `${first}x`],
      ],
      [
        'bytes that are no UTF-8',
        () => Buffer.concat([Buffer.from(`{"${text}":"`), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
        [400, 'invalid_request'],
      ],
      ['UTF-16', () => Buffer.from(whole, 'utf16le'), [400, 'invalid_request']],
      ['a byte order mark', () => `\ufeff${whole}`, [400, 'invalid_request']],
      ['a name twice', () => whole.replace('{', `{"${first}":"first",`), [400, 'invalid_request', first]],
      [
        '__proto__',
        () => whole.replace('{', '{"__proto__":{"roles":["owner"]},'),
        [400, 'invalid_request', '__proto__'],
      ],
      ['constructor', () => whole.replace('{', '{"constructor":{},'), [400, 'invalid_request', 'constructor']],
      ['too deep nesting', () => `{"${first}":${'['.repeat(5_000)}${']'.repeat(5_000)}}`, [400, 'invalid_request']],
      ['a very long field name', () => JSON.stringify({ ['n'.repeat(100_000)]: 1 }), [400, 'invalid_request']],
      [
        'a hundred thousand unknown fields',
        () => `{${Array.from({ length: 100_000 }, (_, n) => `"${n}":1`).join(',')}}`,
        [400, 'invalid_request'],
      ],
      ['a long name twice', () => `{"${'n'.repeat(100_000)}":1,"${'n'.repeat(100_000)}":2}`, [400, 'invalid_request']],
      ['JSON cut short', () => whole.slice(0, -2), [400, 'invalid_request']],
      ['two JSON texts', () => `${whole}${whole}`, [400, 'invalid_request']],
      ['a number too large', () => whole.replace('{', `{"${first}y":1e400,`), [400, 'invalid_request']],
      ['an array', () => `[${whole}]`, [400, 'invalid_request', '(body)']],
      ['null', () => 'null', [400, 'invalid_request', '(body)']],
      ['a string', () => '"text"', [400, 'invalid_request', '(body)']],
      ['no field', () => '{}', [400, 'invalid_request', first]],
      ['nothing', () => '', [400, 'invalid_request', first]],
      ['blanks', () => '   ', [400, 'invalid_request']],
    ])('%s', async (_, body, expected) => expectRefusal(await sendBody(body()), expected));

    test.each(Object.keys(good))('another type or null for %s is 400 and named', async (field) => {
      for (const value of [42, true, null, { $ne: '' }, { sealed: 'x' }]) {
        expectRefusal(await sendBody(JSON.stringify({ ...good, [field]: value })), [400, 'invalid_request', field]);
      }
    });

    test('an over-long text is 400 and named', async () => {
      expectRefusal(await sendBody(JSON.stringify({ ...good, [text]: 'x'.repeat(20_000) })), [
        400,
        'invalid_request',
        text,
      ]);
    });

    test.each(wrong)('%j is refused with %s %s and the field named', async (change, ...expected) => {
      expectRefusal(await sendBody(JSON.stringify({ ...good, ...change })), expected);
    });

    test.each<[string, Record<string, string>]>([
      ['no content type', {}],
      ['a form', { 'Content-Type': 'application/x-www-form-urlencoded' }],
      ['plain text', { 'Content-Type': 'text/plain' }],
      ['another charset', { 'Content-Type': 'application/json; charset=utf-16' }],
      ['two types in one', { 'Content-Type': 'application/json, text/plain' }],
      ['gzip', { ...json, 'Content-Encoding': 'gzip' }],
      ['deflate and identity', { ...json, 'Content-Encoding': 'deflate, identity' }],
    ])('%s is 415', async (_, headers) =>
      expectRefusal(await sendBody(whole, headers), [415, 'unsupported_media_type']),
    );

    test('a byte more than 1 MiB is 413, announced or not', async () => {
      const body = Buffer.alloc(1_048_577, ' ');
      expectRefusal(await sendBody(body), [413, 'too_large']);
      const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bearer}\r\nContent-Type: application/json\r\n`;
      const chunk = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]);
      expectRefusal(await sendRaw(stack.url, `${head}Transfer-Encoding: chunked\r\n\r\n`, chunk), [413, 'too_large']);
    });

    test('fields in the query, and a body twice encoded, are refused', async () => {
      const query = await client().send('POST', `${path}?${first}=x`, whole, json);
      expectRefusal(query, [400, 'invalid_request', first]);
      expectRefusal(await sendBody(JSON.stringify(whole)), [400, 'invalid_request', '(body)']);
    });
  });

  test.each<[string, string]>([
    ['/v1/api-keys?limit=0', 'limit'],
    ['/v1/api-keys?limit=101', 'limit'],
    ['/v1/api-keys?limit=-1', 'limit'],
    ['/v1/api-keys?limit=1e1', 'limit'],
    ['/v1/api-keys?limit=', 'limit'],
    ['/v1/api-keys?limit=5&limit=6', 'limit'],
    ['/v1/api-keys?limit=99999999999999999999', 'limit'],
    ['/v1/api-keys?limit[]=5', 'limit[]'],
    ['/v1/api-keys?nope=1', 'nope'],
    ['/v1/api-keys?__proto__=1', '__proto__'],
    ['/v1/api-keys?status=gone', 'status'],
    ['/v1/api-keys?status=active&status=revoked', 'status'],
    ['/v1/api-keys?owner=%00', 'owner'],
    ['/v1/api-keys?role=a%00b', 'role'],
    ['/v1/api-keys?role=', 'role'],
    ['/v1/api-keys?q=%00', 'q'],
    ['/v1/api-keys?q=%ff', 'q'],
    ['/v1/api-keys?q=%zz', 'q'],
    ['/v1/api-keys?q=%ed%a0%80', 'q'],
    [`/v1/api-keys?q=${'q'.repeat(101)}`, 'q'],
    [`/v1/api-keys?owner=${'o'.repeat(65)}`, 'owner'],
    [`/v1/api-keys?cursor=${'c'.repeat(1025)}`, 'cursor'],
    ['/v1/audit/events?limit=ten', 'limit'],
    ['/v1/audit/events?actor=%00', 'actor'],
    ['/v1/audit/events?resource=%00', 'resource'],
    ['/v1/audit/events?request_id=%00', 'request_id'],
    ['/v1/audit/events?action=api-key.stolen', 'action'],
    ['/v1/audit/events?outcome=maybe', 'outcome'],
    ['/v1/audit/events?since=yesterday', 'since'],
    ['/v1/audit/events?since=2026-02-30T00:00:00Z', 'since'],
    ['/v1/audit/events?since=2026-01-01T00:00:00%2B99:00', 'since'],
    ['/v1/audit/events?since=0000-01-01T00:00:00Z', 'since'],
    ['/v1/audit/events?until=2026-01-01', 'until'],
    ['/v1/audit/events?since=2026-01-01T00:00:00Z&since=2027-01-01T00:00:00Z', 'since'],
  ])('GET %s is 400 and names %s', async (target, field) => {
    expectRefusal(await admin.get(target), [400, 'invalid_request', field]);
  });

  test('a cursor that was not given out for this very list is invalid_cursor', async () => {
    const list = '/v1/audit/events?limit=1';
    const { next_cursor } = (await admin.get(list)).json as { next_cursor: string };
    expect((await admin.get(`${list}&cursor=${next_cursor}`)).status).toBe(200);
    const turned = `${next_cursor.slice(0, -1)}${next_cursor.endsWith('A') ? 'B' : 'A'}`;
    for (const target of [
      ...['', 'x', '%00', 'x'.repeat(1024), turned, `${next_cursor}=`, `${next_cursor}A`].map(
        (cursor) => `${list}&cursor=${cursor}`,
      ),
      `${list}&action=api-key.created&cursor=${next_cursor}`,
      `/v1/api-keys?cursor=${next_cursor}`,
    ]) {
      expectRefusal(await admin.get(target), [400, 'invalid_cursor']);
    }
  });

  test.each([
    'x',
    "'%20or%20'1'='1",
    '%00',
    '%ff',
    'key_',
    `key_${'0'.repeat(26)}`,
    'k'.repeat(65),
    'k'.repeat(4000),
    '__proto__',
    '*',
    '%E2%80%AE',
  ])('the id %s is of no key and no event', async (id) => {
    for (const answer of [await admin.get(`/v1/api-keys/${id}`), await admin.get(`/v1/audit/events/${id}`)]) {
      expectRefusal(
        answer,
        ['%00', '%ff', '%E2%80%AE'].includes(id) && answer.status === 400
          ? [400, 'invalid_request']
          : [404, 'not_found'],
      );
    }
  });

  test('of no secret that was sent here a trace is in an answer, a log or on the terminal', () => {
    expect(answers.length).toBeGreaterThan(200);
    expect(answers.filter((text) => text.includes(canary))).toEqual([]);
    expect(filesWith(stack.data, [canary])).toEqual([]);
    expect(stack.output()).not.toContain(canary);
  });
});
