import { existsSync, readFileSync } from 'node:fs';
import { type IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:net';
import { jest } from '@jest/globals';
import { normalisePath } from '@portcullis/policy';
import { mintApiKey } from '@portcullis/credentials';
import { aGateway } from '../spec/gateway.js';
import { answersIn, listen, type RawAnswer, talk } from '../spec/http-client.js';
import { bare, held } from '../spec/services.js';
import { strictUpstream } from '../spec/strict-upstream.js';

// Thousands of connections: a busy machine takes its time.
jest.setTimeout(90_000);

/** Lists of scanners, parsers' fixtures and URL data. They are in a folder beside the checkout, which a clone may not have. */
const vectors = new URL('../../../../shared/vectors/', import.meta.url);
const given = existsSync(new URL('seclists-403/paths.txt', vectors));
const linesOf = (name: string): string[] =>
  given
    ? readFileSync(new URL(name, vectors), 'latin1')
        .split('\n')
        .filter((line) => line !== '')
    : [];

const authorization = (key: ReturnType<typeof mintApiKey>): string => `Authorization: Bearer ${key.text.reveal()}\r\n`;
const nobody = { none: '', unknown: authorization(mintApiKey('ptc')), powerless: authorization(bare) };
const host = 'Host: gate.example\r\n';
const ask = (target: string, headers = '', method = 'GET'): string =>
  `${method} ${target} HTTP/1.1\r\n${host}${headers}Connection: close\r\n\r\n`;

/** Sends each on a connection of its own, some at a time, and answers what came back for each. */
async function sendAll(port: number, texts: readonly string[]): Promise<RawAnswer[][]> {
  const answers: RawAnswer[][] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < texts.length; at = next++) {
      const text = texts[at] ?? '';
      answers[at] = answersIn(await talk(port, text), { toHead: text.startsWith('HEAD ') });
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  return answers;
}

function expectProblems(texts: readonly string[], answers: readonly RawAnswer[][]): void {
  const odd = texts.filter((_, at) => {
    const [answer, ...more] = answers[at] ?? [];
    const isProblem =
      /\r\ncontent-type: application\/problem\+json; charset=utf-8\r\n/i.test(answer?.head ?? '') &&
      (JSON.parse(answer?.body || '{}') as { status?: number }).status === answer?.status;
    const isHead = texts[at]?.startsWith('HEAD ');
    return more.length > 0 || !answer || answer.status < 400 || answer.status > 499 || !(isProblem || isHead);
  });
  expect(odd).toEqual([]);
}

const describeGiven = given ? describe : describe.skip;

describeGiven('what scanners send past a door (needs ../shared/vectors)', () => {
  let gateway: Awaited<ReturnType<typeof aGateway>>;
  const routes = ['{ match: "GET /admin", permission: counterparties:view, upstream: books }'];
  beforeAll(async () => (gateway = await aGateway({ routes })));
  beforeEach(() => (gateway.seen.reached.length = 0));
  afterEach(() => expect(gateway.seen.reported).toEqual([]));
  afterAll(() => gateway?.close());

  const paths = linesOf('seclists-403/paths.txt');
  const middles = linesOf('nomore403-bypass-payloads/midpaths');
  const ends = linesOf('nomore403-bypass-payloads/endpaths');
  const ended = ends.flatMap((payload) => [`/admin${payload}`, `/admin/${payload}`]);
  const targets = [
    '/admin',
    ...paths,
    ...middles.flatMap((payload) => [`/${payload}admin`, `/${payload}/admin`, `/public/${payload}/admin`]),
    ...ended,
  ];

  test.each(Object.keys(nobody) as (keyof typeof nobody)[])(
    'no spelling of a protected path passes with a credential that is %s, and each is answered with a problem',
    async (which) => {
      expect(targets.length).toBeGreaterThan(700);
      const spelled =
        which === 'none' ? targets.filter((target) => !target.startsWith('/public/')) : [...paths, ...ended];
      const texts = spelled.map((target) => ask(target, nobody[which]));
      expectProblems(texts, await sendAll(gateway.port, texts));
      expect(gateway.seen.reached).toEqual([]);
    },
  );

  test('under a public path nothing is reached that an upstream could read as another', async () => {
    const texts = targets.filter((target) => target.startsWith('/public/')).map((target) => ask(target));
    await sendAll(gateway.port, texts);
    expect(gateway.seen.reached.length).toBeGreaterThan(0);
    for (const reached of gateway.seen.reached) {
      const path = decodeURIComponent(reached.slice('GET '.length).split('?')[0] ?? '');
      expect(new URL(path, 'http://upstream.test').pathname).toMatch(/^\/public(?:\/|$)/);
      expect(path).not.toMatch(/\/\/|;|\\|(?:^|\/)\.\.?(?:\/|$)/);
    }
  });

  test('with the permission only the very path passes', async () => {
    const texts = targets
      .filter((target) => !target.startsWith('/public/'))
      .map((target) => ask(target, authorization(held)));
    await sendAll(gateway.port, texts);
    expect(gateway.seen.reached.filter((reached) => !/^GET \/admin(?:\?|$)/.test(reached))).toEqual([]);
    expect(gateway.seen.reached).toContain('GET /admin');
  });

  test('no listed method passes, known or not', async () => {
    const methods = [...linesOf('nomore403-bypass-payloads/httpmethods'), 'get', 'Get', 'XGET', 'GET/admin', 'PRI'];
    for (const headers of Object.values(nobody)) {
      const texts = methods.map((method) => ask('/admin', headers, method));
      expectProblems(texts, await sendAll(gateway.port, texts));
    }
    expect(gateway.seen.reached).toEqual([]);
    const texts = methods.map((method) => ask('/admin', authorization(held), method));
    await sendAll(gateway.port, texts);
    expect(new Set(gateway.seen.reached)).toEqual(new Set(['GET /admin', 'HEAD /admin']));
  });

  test('no listed header passes, whatever address or path it names', async () => {
    const names = linesOf('nomore403-bypass-payloads/headers');
    const values = [...linesOf('nomore403-bypass-payloads/ips'), '/admin', 'http://127.0.0.1/admin', 'for=127.0.0.1'];
    const lines = [
      ...names.flatMap((name) => values.map((value) => `${name}: ${value}\r\n`)),
      ...linesOf('nomore403-bypass-payloads/simpleheaders').map((line) => `${line.replace(' ', ': ')}\r\n`),
    ];
    expect(lines.length).toBeGreaterThan(600);
    const texts = lines.map((line, at) => ask(['/admin', '/v1/api-keys', '/nothing'][at % 3] ?? '', line));
    expectProblems(texts, await sendAll(gateway.port, texts));
    expect(gateway.seen.reached).toEqual([]);
  });

  test('no listed header reaches an upstream, save those that say nothing of who calls or what for', async () => {
    const harmless = /^(?:host|origin|referr?er|x-referrer|x-wap-profile|content-type)$/i;
    const lines = [
      ...linesOf('nomore403-bypass-payloads/headers').map((name) => `${name}: 203.0.113.7`),
      ...linesOf('nomore403-bypass-payloads/simpleheaders').map((line) => line.replace(' ', ': ')),
    ].filter((line) => !harmless.test(line.split(':')[0] ?? ''));
    for (const line of lines) {
      Object.assign(gateway.seen, { upstream: undefined });
      await talk(gateway.port, ask('/public/x', `${line}\r\n`));
      const headers: IncomingHttpHeaders = headersSeen(gateway) ?? { 'x-forwarded-for': '127.0.0.1' };
      expect([line, headers['x-forwarded-for']]).toEqual([line, '127.0.0.1']);
      const [name = '', value = ''] = line.split(': ');
      expect([line, headers[name.toLowerCase()] === value]).toEqual([line, false]);
    }
  });
});

describeGiven('URL data as request targets (needs ../shared/vectors)', () => {
  let gateway: Awaited<ReturnType<typeof aGateway>>;
  const routes = ['{ match: "GET /**", permission: counterparties:view, upstream: books }'];
  beforeAll(async () => (gateway = await aGateway({ routes })));
  beforeEach(() => (gateway.seen.reached.length = 0));
  afterAll(() => gateway?.close());

  const inputs = given
    ? (
        JSON.parse(readFileSync(new URL('wpt-urltestdata/urltestdata.json', vectors), 'utf8')) as (
          { input: string } | string
        )[]
      )
        .flatMap((one) => (typeof one === 'string' ? [] : [one.input]))
        .flatMap((input) => [input, `/a/${input}`])
        .map((target) => Buffer.from(target).toString('latin1'))
    : [];

  test('each is answered, and without a credential with a problem', async () => {
    const texts = inputs.filter((target) => !target.startsWith('/a/')).map((target) => ask(target));
    expect(texts.length).toBeGreaterThan(800);
    expectProblems(texts, await sendAll(gateway.port, texts));
    expect(gateway.seen.reached).toEqual([]);
    expect(gateway.seen.reported).toEqual([]);
  });

  test('what passes with the permission is what was sent, read one way', async () => {
    const answers = await sendAll(
      gateway.port,
      inputs.map((target) => ask(target, authorization(held))),
    );
    expect(answers.flat().filter(({ status }) => status >= 500)).toEqual([]);
    const readable = inputs.flatMap((target) => {
      const read = normalisePath(target.replace(/ +$/, '')); // before the version more than one space is as good as one
      return read.ok ? [`GET ${read.path}${read.query === null ? '' : `?${read.query}`}`] : [];
    });
    const own = /^GET \/(?:docs|healthz|metrics|readyz|openapi\.json)$/;
    expect(gateway.seen.reached.filter((reached) => !readable.includes(reached) && !own.test(reached))).toEqual([]);
    expect(gateway.seen.reached.length).toBeGreaterThan(100);
  });
});

describe('requests inside requests', () => {
  let gateway: Awaited<ReturnType<typeof aGateway>>;
  const upstream = strictUpstream();
  const canary = ask('/protected/canary');
  beforeAll(async () => {
    gateway = await aGateway({
      upstreamPort: await listen(upstream.server),
      routes: [
        '{ match: "* /protected/**", permission: counterparties:manage, upstream: books }',
        '{ match: "* /**", public: true, upstream: books }',
      ],
      // What waits for more of a request that is over is told so soon.
      server: { limits: { headersMilliseconds: 400, requestMilliseconds: 800, checkMilliseconds: 50 } },
    });
  });
  afterAll(async () => {
    await gateway.close();
    upstream.server.close();
  });

  /** Everything is answered in order, nothing more is answered than was asked, and the canary dies at the door. */
  async function expectNoSmuggling(texts: readonly string[]): Promise<RawAnswer[][]> {
    upstream.received.length = 0;
    const answers = await sendAll(gateway.port, texts);
    expect(upstream.faults).toEqual([]);
    expect(upstream.received.map(({ line }) => line).filter((line) => / \/protected/.test(line))).toEqual([]);
    expect(answers.flat().filter(({ status }) => status !== 207 && !(status >= 400 && status < 500))).toEqual([]);
    // Of what reached the upstream, each was answered, unless the fault lay behind its headers.
    const passed = answers.flat().filter(({ status }) => status === 207).length;
    expect(upstream.received.length).toBeGreaterThanOrEqual(passed);
    const most = texts.map((text, at) => [(answers[at] ?? []).length <= text.split(/HTTP\/\d/).length, text]);
    expect(most.filter(([holds]) => !holds)).toEqual([]);
    expect(gateway.seen.reported).toEqual([]);
    return answers;
  }

  (given ? test : test.skip)(
    'no parser fixture carries a request past the door (needs ../shared/vectors)',
    async () => {
      const files =
        'connection content-length finish invalid lenient-header-value-relaxed lenient-headers lenient-version method'
          .concat(' pausing pipelining sample transfer-encoding uri')
          .split(' ');
      const fixtures = files.flatMap((name) => fixturesOf(`llhttp-smuggling/request/${name}.md`));
      expect(fixtures.length).toBeGreaterThan(150);
      const texts = fixtures.flatMap((fixture) => [`${fixture}${canary}`, `${withHost(fixture)}${canary}`]);
      const answers = await expectNoSmuggling(texts);
      const unanswered = texts.filter((_, at) => (answers[at] ?? []).length === 0);
      expect(unanswered).toEqual([]);
      expect(upstream.received.length).toBeGreaterThan(20);
    },
    60_000,
  );

  const post = (headers: string, body: string): string => `POST /a HTTP/1.1\r\n${host}${headers}\r\n${body}`;
  const inChunks = `0\r\n\r\n${canary}`;
  const inLength = `Content-Length: ${canary.length}\r\n`;
  test.each<[string, string, number[]]>([
    ['a length and chunks', post(`${inLength}Transfer-Encoding: chunked\r\n`, inChunks), [400]],
    ['chunks and a length', post(`Transfer-Encoding: chunked\r\nContent-Length: 4\r\n`, inChunks), [400]],
    ['a coding before chunked', post(`Transfer-Encoding: gzip, chunked\r\n`, inChunks), [400, 401]],
    ['a coding after chunked', post(`Transfer-Encoding: chunked, identity\r\n`, inChunks), [400]],
    ['a coding named twice', post(`Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n`, inChunks), [400]],
    ['an unknown coding', post(`Transfer-Encoding: xchunked\r\n`, inChunks), [400]],
    ['a coding with a tab', post(`Transfer-Encoding:\tchunked\r\n`, inChunks), [207, 401]],
    ['a coding with a vertical tab', post(`Transfer-Encoding: \x0bchunked\r\n`, inChunks), [400]],
    ['a coding on a folded line', post(`Transfer-Encoding:\r\n chunked\r\n`, inChunks), [400]],
    ['a coding behind a space', post(`Transfer-Encoding : chunked\r\n`, inChunks), [400]],
    ['an underscore coding', post(`Transfer_Encoding: chunked\r\n`, canary), [400, 401]],
    ['an underscore length', post(`Content_Length: ${canary.length}\r\n`, canary), [400, 401]],
    ['two lengths', post(`Content-Length: 0\r\n${inLength}`, canary), [400]],
    ['a length in a list', post(`Content-Length: 0, ${canary.length}\r\n`, canary), [400]],
    ['a length with a sign', post(`Content-Length: +${canary.length}\r\n`, canary), [400]],
    ['a length in hex', post(`Content-Length: 0x10\r\n`, canary), [400]],
    ['a chunk size with a sign', post(`Transfer-Encoding: chunked\r\n`, `+0\r\n\r\n${canary}`), [400]],
    ['a chunk size in 0x', post(`Transfer-Encoding: chunked\r\n`, `0x0\r\n\r\n${canary}`), [400]],
    [
      'a chunk that is longer than it says',
      post(`Transfer-Encoding: chunked\r\n`, `1\r\nab\r\n0\r\n\r\n${canary}`),
      [400],
    ],
    ['a bare LF behind a chunk size', post(`Transfer-Encoding: chunked\r\n`, `0\n\n${canary}`), [400]],
    ['a bare LF behind a header', `POST /a HTTP/1.1\r\n${host}X: y\nContent-Length: 5\r\n\r\n${canary}`, [400]],
    ['a bare CR in a header', post(`X: y\rTransfer-Encoding: chunked\r\n`, inChunks), [400]],
    ['HTTP/1.0 with chunks', `POST /a HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n${inChunks}`, [400]],
    ['two hosts', `GET /a HTTP/1.1\r\n${host}Host: other.example\r\n\r\n${canary}`, [400, 401]],
    ['a host that is none', `GET /a HTTP/1.1\r\nHost: a b/@c\r\n\r\n${canary}`, [400, 401]],
    ['an absolute target', `GET http://gate.example/a HTTP/1.1\r\n${host}\r\n${canary}`, [400, 401]],
    ['a body of GET', `GET /a HTTP/1.1\r\n${host}${inLength}\r\n${canary}${canary}`, [207, 401]],
    [
      'an upgrade that is none',
      `GET /a HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n${canary}`,
      [207],
    ],
    ['an expectation of something else', post(`Expect: 200-ok\r\n`, canary), [400, 401]],
  ])('%s', async (_what, text, statuses) => {
    const [answers] = await expectNoSmuggling([text]);
    expect(answers?.map(({ status }) => status)).toEqual(statuses);
  });

  test('chunk extensions do not travel on', async () => {
    const text = post(`Transfer-Encoding: chunked\r\n`, `2;a="b"\r\nhi\r\n0;c\r\n\r\n${canary}`);
    await expectNoSmuggling([text]);
    expect(upstream.received.map(({ body }) => body)).toEqual(['hi']);
  });

  test('a fault behind a request is no second answer to it', async () => {
    const answers = await expectNoSmuggling([
      `POST /protected/x HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\nzz\r\n${canary}`,
      `GET /a HTTP/1.1\r\n${host}\r\nno HTTP at all\r\n\r\n`,
    ]);
    expect(answers.map((some) => some.length)).toEqual([1, 1]);
    expect(answers[1]?.[0]?.status).toBe(207);
  });

  test('an answer that the upstream did not owe is given to nobody', async () => {
    const forward = ask('/a').replace('Connection: close\r\n', '');
    const eager = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () =>
        socket.write(
          'HTTP/1.1 207 Owed\r\nContent-Length: 4\r\n\r\nowedHTTP/1.1 299 Not\r\nContent-Length: 3\r\n\r\nnot',
        ),
      );
    });
    const other = await aGateway({
      upstreamPort: await listen(eager),
      routes: ['{ match: "* /**", public: true, upstream: books }'],
    });
    for (let n = 0; n < 5; n++) {
      expect(answersIn(await talk(other.port, ask('/a'))).map(({ status }) => status)).toEqual([207]);
    }
    const both = answersIn(await talk(other.port, `${forward}${ask('/b')}`));
    expect(both.map(({ status }) => status)).toEqual([207, 207]);
    await other.close();
    eager.close();
  });
});

/** The requests of a Markdown file of llhttp's tests, in their notation. */
function fixturesOf(name: string): string[] {
  return [...readFileSync(new URL(name, vectors), 'utf8').matchAll(/```http\n([\s\S]*?)\n?```/g)].map(([, text = '']) =>
    text
      .replaceAll(/\\\n/g, '')
      .replaceAll('\n', '\r\n')
      .replaceAll('\\r', '\r')
      .replaceAll('\\n', '\n')
      .replaceAll('\\t', '\t')
      .replaceAll('\\f', '\f')
      .replaceAll(/\\x([0-9a-fA-F]{1,2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
  );
}

/** Most fixtures name no host, so that they would be refused for that alone. */
const withHost = (fixture: string): string =>
  /^host:/im.test(fixture) ? fixture : fixture.replace(/^(.*?\r\n)/, `$1${host}`);

/** What the upstream was sent, read anew: it is set while the answer is awaited. */
const headersSeen = ({ seen }: Awaited<ReturnType<typeof aGateway>>): IncomingHttpHeaders | undefined =>
  seen.upstream?.headers;
