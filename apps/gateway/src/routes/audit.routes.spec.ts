import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { Audit, newId, type Operation, Refusal } from '@portcullis/contracts';
import { mintApiKey } from '@portcullis/credentials';
import { aGateway } from '../../spec/gateway.js';
import { send as sendTo, type Sent } from '../../spec/http-client.js';
import { bare, held, permissions } from '../../spec/services.js';

let gateway: Awaited<ReturnType<typeof aGateway>>;
/** What `audit` answers, and what it was asked. */
let answering: (operation: Operation, request: Record<string, unknown>) => unknown;
const asked: Record<string, unknown>[] = [];
beforeAll(async () => {
  permissions.push('audit:view', 'audit:export', 'audit:manage');
  gateway = await aGateway();
  const { routes } = gateway.parts;
  const others = routes.ask.bind(routes);
  Object.assign(routes, {
    ask: async (operation: Operation, request: Record<string, unknown>, ...rest: [readonly string[], never]) => {
      if (!operation.subject.startsWith('audit.')) return others(operation, request, ...rest);
      asked.push(request);
      return operation.reply.parse(await answering(operation, request));
    },
  });
});
beforeEach(() => (asked.length = 0));
afterAll(() => gateway.close());

const send = (method: string, path: string, sent: Omit<Sent, 'port'> = {}) =>
  sendTo(method, path, { key: held, ...sent, port: gateway.port });
/** An answer whose body is read by the spec. */
async function opened(path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const outgoing = httpRequest({
    port: gateway.port,
    path,
    agent: false,
    headers: { Authorization: `Bearer ${held.text.reveal()}`, ...headers },
  });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return response;
}

const leaf = (leaf_index: number) => ({ leaf_index, leaf_hash: 'x'.repeat(44) });

describe('the checkpoint', () => {
  test('is text as it was signed', async () => {
    answering = () => ({ checkpoint: 'log.example/audit\n1\nroot\n\n— log.example/audit sig\n' });
    const got = await send('GET', '/v1/audit/checkpoint');
    expect([got.status, got.text]).toEqual([200, 'log.example/audit\n1\nroot\n\n— log.example/audit sig\n']);
    expect(got.headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  });

  test('takes no parameters, and needs a permission', async () => {
    expect(await send('GET', '/v1/audit/checkpoint?size=4')).toMatchObject({
      status: 400,
      json: { errors: [{ field: 'size' }] },
    });
    expect(await send('GET', '/v1/audit/checkpoint', { key: bare })).toMatchObject({ status: 403 });
  });
});

describe('an export', () => {
  test('is asked for page by page, and is one line an index', async () => {
    answering = (_operation, { from = 0 }) => ({
      lines: [leaf(Number(from)), leaf(Number(from) + 1)],
      next: Number(from) < 4 ? Number(from) + 2 : null,
      to: 6,
    });
    const got = await send('GET', '/v1/audit/export?to=6');
    expect(got.status).toBe(200);
    expect(got.headers['content-type']).toBe('application/x-ndjson');
    expect(got.text.endsWith('\n')).toBe(true);
    const lines = got.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toEqual([0, 1, 2, 3, 4, 5].map(leaf));
    // Only the first is the caller's question, and is written down.
    expect(asked).toEqual([{ to: 6 }, { from: 2, to: 6, continued: true }, { from: 4, to: 6, continued: true }]);
  });

  test('of nothing is an empty body', async () => {
    answering = () => ({ lines: [], next: null, to: 0 });
    expect(await send('GET', '/v1/audit/export')).toMatchObject({ status: 200, text: '' });
  });

  test.each([
    ['?from=-1', 'from'],
    ['?from=1e3', 'from'],
    ['?to=x', 'to'],
    ['?since=yesterday', 'since'],
    ['?continued=true', 'continued'],
    ['?form=1', 'form'],
  ])('%s is a bad request', async (query, field) => {
    const got = await send('GET', `/v1/audit/export${query}`);
    expect(got).toMatchObject({ status: 400, json: { code: 'invalid_request' } });
    expect(JSON.stringify(got.json?.errors)).toContain(field);
    expect(asked).toEqual([]);
  });

  test('which the service refuses is refused before anything is written', async () => {
    answering = () => {
      throw new Refusal('invalid_request', 'to: must be at most 3, the size of the log.');
    };
    expect(await send('GET', '/v1/audit/export?to=4')).toMatchObject({
      status: 400,
      json: { code: 'invalid_request' },
    });
    answering = () => {
      throw new Refusal('unavailable', 'Away.', { retryAfterSeconds: 2 });
    };
    expect((await send('GET', '/v1/audit/export')).headers['retry-after']).toBe('2');
  });

  test('that cannot be finished is cut, not ended: who reads can tell', async () => {
    answering = (_operation, { from }) => {
      if (from !== undefined) throw new Refusal('unavailable', 'Away.');
      return { lines: [leaf(0)], next: 1, to: 2 };
    };
    const response = await opened('/v1/audit/export');
    const cut = new Promise((resolve) => response.once('error', resolve));
    response.resume();
    expect(await cut).toMatchObject({ code: 'ECONNRESET' });
    expect(response.complete).toBe(false);
  });

  test('waits for a client that does not read: no page is asked for that nobody takes', async () => {
    const page = Array.from({ length: 2_000 }, (_, at) => ({ ...leaf(at), salt: 'x'.repeat(200) }));
    answering = () => ({ lines: page, next: 1, to: 1_000_000 });
    const response = await opened('/v1/audit/export');
    response.pause();
    const settledAt = async (): Promise<number> => {
      for (let before = -1; ;) {
        await new Promise((resolve) => setTimeout(resolve, 300));
        if (asked.length === before) return before;
        before = asked.length;
      }
    };
    // What the sockets of both sides hold, some megabytes of 0.6 MB pages, and then no more.
    expect(await settledAt()).toBeLessThan(40);
    response.destroy();
    const after = await settledAt();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(asked.length).toBe(after);
  }, 30_000);

  test('needs its permission, and HEAD says what GET would without a body', async () => {
    answering = () => ({ lines: [leaf(0)], next: 1, to: 5 });
    expect(await send('GET', '/v1/audit/export', { key: bare })).toMatchObject({ status: 403 });
    const got = await send('HEAD', '/v1/audit/export');
    expect([got.status, got.text, asked.length]).toEqual([200, '', 1]);
  });
});

describe('the stream', () => {
  const anEvent = (text: string) => ({
    id: newId('evt', new Date()),
    time: new Date().toISOString(),
    organization_id: null,
    service: 'api-key',
    action: 'api-key.created',
    outcome: 'success',
    actor: { kind: 'system', id: null, credential_id: null },
    resource: { kind: 'api-key', id: null },
    request_id: null,
    client_ip: null,
    reason: null,
    count: 1,
    details: { text },
  });

  test('gives each event its index as id, goes on from Last-Event-ID, and never breaks a line', async () => {
    const kept = anEvent('line\nbreak\r\nand id: 9');
    answering = (_operation, { after = 41 }) =>
      after === 41 ? { events: [{ leaf_index: 44, event: kept }], after: 50 } : { events: [], after };
    const response = await opened('/v1/audit/stream', { 'Last-Event-ID': '41' });
    expect(response.headers).toMatchObject({ 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    let text = '';
    for await (const chunk of response) {
      text += String(chunk);
      if (text.includes('data: ')) break;
    }
    expect(text).toContain(`id: 44\ndata: ${JSON.stringify(kept)}\n\n`);
    expect(asked[0]).toEqual({ after: 41 });
  });

  test.each(['x', '1.5', '-2', '1e3', '9'.repeat(40), '1, 2'])('refuses %j as Last-Event-ID', async (id) => {
    const got = await send('GET', '/v1/audit/stream', { headers: { 'Last-Event-ID': id } });
    expect(got).toMatchObject({ status: 400, json: { errors: [{ field: 'Last-Event-ID' }] } });
  });

  test('ends when its reader has gone: nobody is asked any more', async () => {
    answering = (_operation, { after = 1 }) => ({ events: [], after });
    const response = await opened('/v1/audit/stream');
    await once(response, 'data');
    response.destroy();
    const asking = async (): Promise<boolean> => {
      const before = asked.length;
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      return asked.length > before;
    };
    while (await asking());
    expect(await asking()).toBe(false);
  }, 20_000);

  test('needs a permission', async () => {
    expect(await send('GET', '/v1/audit/stream', { key: bare })).toMatchObject({ status: 403 });
    expect(await send('GET', '/v1/audit/stream', { key: mintApiKey('ptc') })).toMatchObject({ status: 401 });
  });
});

test('the log’s operations are routes with the fields of their contracts', async () => {
  answering = (operation) =>
    operation.subject === Audit.consistency.subject ? { from: 1, to: 2, hashes: [] } : { erased: 2 };
  expect((await send('GET', '/v1/audit/consistency?from=1&to=2')).json).toEqual({ from: 1, to: 2, hashes: [] });
  expect(await send('GET', '/v1/audit/consistency?from=1')).toMatchObject({
    status: 400,
    json: { errors: [{ field: 'to' }] },
  });
  expect(await send('GET', '/v1/audit/consistency?from=0&to=1')).toMatchObject({
    status: 400,
    json: { errors: [{ field: 'from' }] },
  });
  expect((await send('POST', '/v1/audit/erasures', { body: '{"subject":"usr_1"}' })).json).toEqual({ erased: 2 });
});
